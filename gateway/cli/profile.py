"""`oncegate profile list|delete|items`: records of persons and organisations, without their values."""

from datetime import timedelta
from typing import Annotated

import typer

from field_registry import Subject
from gateway.audit.entries import rfc3339
from gateway.cli.common import (
    AsJson,
    State,
    command,
    fail,
    out,
    print_json,
    print_table,
    progress,
    runtime_of,
)
from gateway.cli.subjects import subject_of
from gateway.profiles.keepable import kept_for, refusal_to_keep
from gateway.profiles.service import Shown, delete_from_profile, show_profile
from gateway.profiles.telling import as_document
from gateway.runtime import Runtime

group = typer.Typer(help="Profiles 一人一档/一企一档: what is kept for the next form.", no_args_is_help=True)

SubjectFile = Annotated[
    typer.FileText,
    typer.Option(encoding="utf-8", help="A file with KIND:ID, - for standard input: no trace in the shell."),
]
_AT_ONCE = 500
_CALLER = "oncegate"


@group.command("list")
@command
async def list_(subject_file: SubjectFile, state: State = None, as_json: AsJson = False) -> None:
    """What is kept of a person or organisation: items, purposes and times, no values. Asking is logged."""
    about = subject_of(subject_file.read().strip())
    async with runtime_of(state) as runtime:
        ref = await _ref_of(about, runtime)
        shown = await _everything(ref, runtime) if ref else []
        told = [as_document(each, runtime.library.published) for each in shown]
    for each in told:
        del each["value"], each["display"]
    if as_json:
        print_json({"subject": ref, "values": told})
        return
    rows = [
        (
            each["item"],
            each["name"],
            each["purpose"]["name"] if each["purpose"] else "本人直接留存",
            each["given_at"][:10],
            each["expires_at"][:10],
            each["differs_from"]["source"]["name"] if each["differs_from"] else None,
        )
        for each in told
    ]
    print_table("profile", ("item", "name", "given for", "given", "until", "differs from"), rows)


@group.command("delete")
@command
async def delete(
    item: Annotated[str, typer.Argument(help="Id of the item.")],
    subject_file: SubjectFile,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Delete what is kept of one item, as its subject asked at a desk; logged."""
    about = subject_of(subject_file.read().strip())
    async with runtime_of(state) as runtime:
        ref = await _ref_of(about, runtime)
        if ref is None:
            fail("Nothing is kept of that subject.")
        deleted_at = await delete_from_profile(ref, item, runtime, caller=_CALLER)
    if as_json:
        print_json({"subject": ref, "item": item, "deleted_at": rfc3339(deleted_at)})
    else:
        out.print(f"{item} is kept no more.", markup=False)


@group.command("items")
@command
async def items(
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days back to count.")] = 365,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Items that may be kept, for how long, and how often each was collected."""
    async with runtime_of(state) as runtime:
        now, published = runtime.clock(), runtime.library.published
        counted = await runtime.store.profiles.collected(now - timedelta(days=days), now)
        default = runtime.settings.profile_kept
        rows = [
            (
                item.id,
                item.name,
                kept_for(item, published.registry, published.day, default).days,
                counted.get(item.id, 0),
            )
            for item in published.registry.items.values()
            if refusal_to_keep(item, published.registry, published.day) is None
        ]
    if as_json:
        keys = ("item", "name", "kept_days", "collected")
        print_json({"days": days, "items": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        print_table(f"kept for the next form, {days} days", ("item", "name", "days kept", "collected"), rows)
    if not rows:
        progress.print("No item is bound to a profile source, so nothing is kept.")


async def _ref_of(about: Subject, runtime: Runtime) -> str | None:
    return await runtime.store.subjects.find(runtime.subjects.key_of(about))


async def _everything(ref: str, runtime: Runtime) -> list[Shown]:
    found: list[Shown] = []
    while True:
        after = found[-1].kept.id if found else ""
        page = await show_profile(
            ref, runtime, caller=_CALLER, cursor=after, limit=_AT_ONCE, with_values=False
        )
        found += page
        if len(page) < _AT_ONCE:
            return found
