"""`oncegate resolve`: fill one form from the command line, through the same pipeline, gates and log as the API."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from gateway.cli.common import (
    WRONG_USE,
    AsJson,
    State,
    command,
    fail,
    out,
    print_json,
    print_table,
    runtime_of,
)
from gateway.records import Actor, Caller, CallerRole
from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.pipeline import resolve as resolve_form

_KEYS = {
    "person": ("id_type", "id_no"),
    "organisation": ("uscc",),
    "vehicle": ("plate_number",),
    "project": ("project_code",),
}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(resolve)


@command
async def resolve(
    form: Annotated[str, typer.Argument(help="Form id, or id@version.")],
    subject: Annotated[
        list[str] | None,
        typer.Option(
            help="ROLE=person:111:NUMBER, ROLE=organisation:USCC, ROLE=vehicle:PLATE; @FILE reads JSON."
        ),
    ] = None,
    consent: Annotated[list[str] | None, typer.Option(help="Consent id; may be repeated.")] = None,
    department: Annotated[str, typer.Option(help="The receiving department.")] = "政务服务",
    actor: Annotated[str, typer.Option(help="Who works, by your own name for them.")] = "command-line",
    patience_ms: Annotated[int, typer.Option(min=1, max=60_000)] = 3_000,
    masked: Annotated[bool, typer.Option(help="Show values masked.")] = False,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Fill a form and print every field with its outcome."""
    form_id, _, version = form.partition("@")
    wanted = ResolveCommand(
        form_id=form_id,
        version=_version(version),
        caller=Caller("command-line", department, frozenset({CallerRole.renderer.value})),
        actor=Actor("clerk", actor),
        patience_seconds=patience_ms / 1000,
        subjects=_subjects(subject or []),
        consents=tuple(consent or ()),
        delivery=Delivery.masked if masked else Delivery.values,
    )
    async with runtime_of(state, with_sources=True) as runtime:
        answer = orjson.loads((await resolve_form(wanted, runtime)).body)
    if as_json:
        print_json(answer)
    else:
        print_answer(answer)


def print_answer(
    answer: dict[str, Any], *, title: str | None = None, labels: dict[str, str] | None = None
) -> None:
    """One filled form as a table: field, value as delivered, source, tier, outcome, reason."""
    rows = []
    for path, field in answer["fields"].items():
        filled = field["outcome"].startswith("filled")
        source = field["source"]["name"] if field["source"] else None
        reason = None if filled else field["message"]
        shown = field["display"] if filled else None
        rows.append(
            ((labels or {}).get(path, path), shown, source, field.get("tier"), field["outcome"], reason)
        )
    print_table(
        title or f"{answer['form']['id']} v{answer['form']['version']}",
        ("field", "value", "source", "tier", "outcome", "reason"),
        rows,
    )
    counts = answer["counts"]
    out.print(
        f"{counts['filled']} of {counts['eligible']} eligible fields filled; receipt {answer['receipt']['id']}"
    )


def _version(text: str) -> int | None:
    if text and not text.isdigit():
        fail("A form is named id or id@version, e.g. vehicle-annual-review@3.", WRONG_USE)
    return int(text) if text else None


def _subjects(given: list[str]) -> dict[str, dict[str, Any]]:
    subjects: dict[str, dict[str, Any]] = {}
    for text in given:
        if text.startswith("@"):
            subjects.update(orjson.loads(Path(text[1:]).read_bytes()))
            continue
        role, _, rest = text.partition("=")
        kind, *parts = rest.split(":")
        keys = _KEYS.get(kind, ())
        if not role or len(parts) not in {1, len(keys)} or not keys:
            fail(
                "A subject is ROLE=person:111:NUMBER, ROLE=organisation:USCC or ROLE=vehicle:PLATE.",
                WRONG_USE,
            )
        if kind == "person" and len(parts) == 1:
            parts = ["111", *parts]
        subjects[role] = {"kind": kind, **dict(zip(keys, parts, strict=True))}
    return subjects
