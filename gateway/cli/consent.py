"""`oncegate consent list|show|receipt|verify`: consents as they stand, in the words of others, and to keep."""

import sys
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.progress import Progress

from field_registry import Subject
from gateway.app import make_receipt_keys, make_sequencer
from gateway.audit.entries import rfc3339
from gateway.cli.common import (
    FOUND_FAULTS,
    WRONG_USE,
    AsJson,
    State,
    command,
    fail,
    guarded,
    out,
    print_json,
    print_lines,
    print_table,
    runtime_of,
)
from gateway.cli.subjects import SubjectFile, SubjectText, any_subject
from gateway.consents.exporting import events_of
from gateway.consents.exports import as_dpv, as_rar
from gateway.consents.receipt_check import Checked, check_receipt
from gateway.consents.receipts import receipt_of
from gateway.consents.service import view
from gateway.errors import Gone
from gateway.identities.persons import refs_of
from gateway.records import StoredConsent
from gateway.runtime import Runtime
from policies import ConsentState

_AT_ONCE = 200

group = typer.Typer(help="Consents: list, show, receipt, verify.", no_args_is_help=True)


class ShowAs(StrEnum):
    """How a consent is shown."""

    text = "text"
    json = "json"
    dpv = "dpv"
    rar = "rar"


@group.command("list")
@command
async def list_(
    state: State = None,
    in_state: Annotated[
        ConsentState | None, typer.Option("--in-state", help="Only those that stand so now.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="Only those for that purpose.")] = None,
    subject: SubjectText = None,
    subject_file: SubjectFile = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="Id to begin after.")] = "",
    as_json: AsJson = False,
) -> None:
    """Consents, oldest first; those of one subject, in one state, for one purpose."""
    named = any_subject(subject, subject_file)
    async with runtime_of(state) as runtime:
        refs = None if named is None else await _refs_of(named, runtime)
        seen: list[dict[str, Any]] = []
        with Progress(disable=not sys.stderr.isatty(), transient=True) as progress:
            task = progress.add_task("consents looked at", total=None)
            async for stored in _stored(refs, cursor, runtime):
                progress.advance(task)
                consent = _seen(stored, runtime)
                if in_state in (None, consent["state"]) and purpose in (None, consent["purpose"]):
                    seen.append(consent)
                if len(seen) == limit:
                    break
    _print_list(seen, limit, as_json=as_json)


def _seen(stored: StoredConsent, runtime: Runtime) -> dict[str, Any]:
    """The consent; of one whose subject was erased, what is left of it."""
    try:
        return view(stored, runtime)
    except Gone:
        agreed, standing = stored.consent, stored.consent.standing
        return {
            "id": agreed.id,
            "state": standing.state.value,
            "erased": True,
            "purpose": agreed.purpose,
            "form": agreed.form,
            "items": [],
            "uses_left": standing.uses_left,
            "expires_at": rfc3339(standing.expires_at),
        }


def _print_list(seen: list[dict[str, Any]], limit: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"consents": seen, "next_cursor": seen[-1]["id"] if len(seen) == limit else None})
        return
    rows = [
        (c["id"], c["state"], c["purpose"], c["form"], len(c["items"]), c["uses_left"], c["expires_at"])
        for c in seen
    ]
    print_table("consents", ("id", "state", "purpose", "form", "items", "uses left", "expires"), rows)


async def _refs_of(subject: Subject, runtime: Runtime) -> tuple[str, ...]:
    """The references of that subject's documents; none for somebody never heard of."""
    ref = await runtime.store.subjects.find(runtime.subjects.key_of(subject))
    return () if ref is None else await refs_of(ref, runtime)


async def _stored(refs: Sequence[str] | None, after: str, runtime: Runtime) -> AsyncIterator[StoredConsent]:
    """Every consent, or every one about a subject, by id."""
    consents = runtime.store.consents
    while True:
        if refs is None:
            page = await consents.listing(after=after, limit=_AT_ONCE)
        else:
            pages = [await consents.of_subject(ref, after=after, limit=_AT_ONCE) for ref in refs]
            page = sorted((each for some in pages for each in some), key=lambda each: each.consent.id)[
                :_AT_ONCE
            ]
        for stored in page:
            yield stored
        if len(page) < _AT_ONCE:
            return
        after = page[-1].consent.id


@group.command("show")
@command
async def show(
    consent: Annotated[str, typer.Argument(help="Consent id.")],
    state: State = None,
    show_as: Annotated[
        ShowAs, typer.Option("--as", help="text, json, dpv (ISO/IEC TS 27560, JSON-LD) or rar (RFC 9396).")
    ] = ShowAs.text,
    as_json: AsJson = False,
) -> None:
    """One consent: what was agreed, how it stands now, and what happened to it."""
    async with runtime_of(state) as runtime:
        told = view(await _found(consent, runtime), runtime)
        events = await events_of(consent, runtime)
        settings = runtime.settings
    if show_as is ShowAs.dpv:
        print_json(as_dpv(told, events, issuer=settings.issuer, base=settings.public_url))
    elif show_as is ShowAs.rar:
        print_json(as_rar(told, base=settings.public_url))
    elif as_json or show_as is ShowAs.json:
        print_json({**told, "events": events})
    else:
        _print_text(told, events)


def _print_text(told: dict[str, Any], events: list[dict[str, Any]]) -> None:
    print_lines(told)
    rows = [(event["at"], event["state"], event["actor"], event["entry"]) for event in events]
    print_table("events", ("at", "state", "by", "entry"), rows)


async def _found(consent: str, runtime: Runtime) -> StoredConsent:
    stored = (await runtime.store.consents.read((consent,))).get(consent)
    if stored is None:
        fail("There is no such consent; `oncegate consent list` shows them.")
    return stored


@group.command("receipt")
@command
async def receipt(
    consent: Annotated[str, typer.Argument(help="Consent id.")],
    target: Annotated[Path, typer.Option("--out", help="File to write.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """The signed receipt of a consent, with the proof that the log holds it, as one file to keep."""
    async with runtime_of(state) as runtime:
        sequencer = make_sequencer(runtime)
        told = view(await _found(consent, runtime), runtime)
        await sequencer.run()  # an entry that has no place yet cannot be proven
        keys = make_receipt_keys(runtime.settings)
        made = await receipt_of(told, runtime, keys=keys, log_keys=sequencer.keys)
    target.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    kept = {"file": str(target), "log_key": made["verifier_key"], "receipt_key": made["receipt_key"]["kid"]}
    if as_json:
        print_json(kept)
        return
    out.print(f"The receipt is in {target}. Check it, offline and for ever, with:", markup=False)
    out.print(f"oncegate consent verify {target} --key {made['verifier_key']}", markup=False, soft_wrap=True)


@group.command("verify")
@guarded
def verify(
    file: Annotated[Path, typer.Argument(help="A receipt file.")],
    key: Annotated[str | None, typer.Option(help="Verifier key of the log that you have kept.")] = None,
    receipt_key: Annotated[
        Path | None, typer.Option(help="JWK or JWK Set of the receipts that you have kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt offline: its signature, its entry, its place in the log. Exit 0 sound, 1 not."""
    try:
        content = file.read_bytes()
        kept = None if receipt_key is None else _keys_of(receipt_key.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        fail(f"The file cannot be read: {getattr(error, 'strerror', None) or 'it is not JSON'}.", WRONG_USE)
    found = _best(content, key, kept)
    if as_json:
        claims = found.claims or {}
        shown = {name: claims.get(name) for name in ("jti", "entry", "iat", "log")}
        print_json({"sound": not found.faults, "faults": found.faults, **shown, "log_size": found.log_size})
    else:
        _print_verdict(found, is_kept=key is not None and kept is not None)
    if found.faults:
        raise typer.Exit(FOUND_FAULTS)


def _keys_of(content: bytes) -> list[dict[str, Any]]:
    document = orjson.loads(content)
    keys = document.get("keys", [document]) if isinstance(document, dict) else []
    if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys) or not keys:
        fail("--receipt-key wants a JWK, or a JWK Set as /v1/receipts/keys gives it.", WRONG_USE)
    return keys


def _best(content: bytes, log_key: str | None, keys: list[dict[str, Any]] | None) -> Checked:
    """What was found with whichever key fits; with the last one where none does."""
    candidates: list[dict[str, Any] | None] = [*keys] if keys else [None]
    found = [check_receipt(content, log_key=log_key, receipt_key=key) for key in candidates]
    return next((each for each in found if each.claims is not None), found[-1])


def _print_verdict(found: Checked, *, is_kept: bool) -> None:
    for fault in found.faults:
        out.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)
    if found.faults or found.claims is None:
        return
    size = found.log_size
    out.print(
        f"Sound: consent {found.claims['jti']} was signed and is entry {found.claims['entry']} "
        f"under a checkpoint of {size} entries.",
        markup=False,
        soft_wrap=True,
    )
    if not is_kept:
        out.print(
            "The keys came with the file: compare them with those you have from /v1/audit/key and "
            "/v1/receipts/keys, or give your own with --key and --receipt-key.",
            markup=False,
            soft_wrap=True,
        )
