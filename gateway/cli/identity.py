"""`oncegate identity link|list|unlink`: which documents are of one subject. Numbers come in files, not as arguments."""

from datetime import datetime
from typing import Annotated, Any

import orjson
import typer

from field_registry import Subject
from gateway.audit.entries import rfc3339
from gateway.audit.noting import ITSELF
from gateway.cli.common import (
    WRONG_USE,
    AsJson,
    State,
    command,
    fail,
    out,
    print_json,
    print_records,
    runtime_of,
)
from gateway.cli.subjects import any_subject, payload_of
from gateway.errors import GatewayError
from gateway.identities.commands import EvidenceKind, LinkEvidence, LinkIdentities, Presence
from gateway.identities.keeping import state_of
from gateway.identities.persons import refs_of
from gateway.identities.service import link_identities, unlink
from gateway.records import Caller, CallerRole, IdentityLink
from gateway.runtime import Runtime

group = typer.Typer(help="Linked documents 两证互认: link, list, unlink.", no_args_is_help=True)

NumberFile = Annotated[
    typer.FileText, typer.Option(encoding="utf-8", help="A file with KIND:ID, - for standard input.")
]
_EVIDENCE = '{"kind": "new_names_old", "reference": "…", "checked_by": "…", "presence": "in_person"}'


@group.callback()
def _group() -> None:
    """Linked documents 两证互认: link, list, unlink."""


@group.command()
@command
async def link(
    subject_file: NumberFile,
    other_file: NumberFile,
    evidence_file: Annotated[
        typer.FileText,
        typer.Option(encoding="utf-8", help=f"JSON: {_EVIDENCE}; checked_at when it was not now."),
    ],
    department: Annotated[str, typer.Option(help="Whose desk checked it; that desk may end the link.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Let the document in --other-file count as one subject with that in --subject-file; evidence is kept sealed."""
    subject, other = payload_of(subject_file.read()), payload_of(other_file.read())
    shown = _document(evidence_file.read())
    caller = Caller(ITSELF, department, frozenset({CallerRole.consent_desk.value}))
    async with runtime_of(state) as runtime:
        evidence = _evidence(shown, runtime.clock())
        try:
            made = await link_identities(LinkIdentities(subject, other, evidence), caller, runtime)
        except GatewayError as error:
            fail(" ".join([error.detail, *(each["detail"] for each in error.errors)]))
    if as_json:
        print_json(made)
    else:
        out.print(f"{made['id']}: {made['other']['ref']} is of {made['subject']['ref']}.", markup=False)


@group.command("list")
@command
async def list_(
    subject_file: Annotated[
        typer.FileText | None, typer.Option(encoding="utf-8", help="Only links of the subject in that file.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="Id to begin after.")] = "",
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Links and claims, ended ones too, oldest first; by reference, without evidence."""
    about = any_subject(None, subject_file)
    async with runtime_of(state) as runtime:
        found = await _found(about, cursor, limit, runtime)
    rows = [_row(each) for each in found]
    columns = ("id", "state", "kind", "subject", "other", "department", "recorded_at", "ended_at")
    print_records("links", rows, columns, as_json=as_json)


@group.command("unlink")
@command
async def unlink_(
    link_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the link, idl_…")],
    reason: Annotated[str, typer.Option(help="Why; kept sealed. Name nobody by number.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Part two documents again, or end a claim; each keeps what was recorded under it."""
    async with runtime_of(state) as runtime:
        ended = await unlink(link_id, reason, ITSELF, runtime)
    if as_json:
        print_json(_row(ended))
    else:
        out.print(
            f"{ended.id} has ended: {ended.from_ref} and {ended.to_ref} are two subjects.", markup=False
        )


async def _found(about: Subject | None, after: str, limit: int, runtime: Runtime) -> list[IdentityLink]:
    identities = runtime.store.identities
    if about is None:
        return [*await identities.listing(after=after, limit=limit)]
    ref = await runtime.store.subjects.find(runtime.subjects.key_of(about))
    refs = () if ref is None else await refs_of(ref, runtime)
    found = {
        each.id: each for one in refs for each in await identities.of_subject(one, after=after, limit=limit)
    }
    return [found[each] for each in sorted(found)][:limit]


def _row(link: IdentityLink) -> dict[str, Any]:
    return {
        "id": link.id,
        "state": state_of(link),
        "kind": link.kind,
        "subject": link.to_ref,
        "other": link.from_ref,
        "department": link.department,
        "recorded_at": rfc3339(link.at),
        "ended_at": None if link.ended_at is None else rfc3339(link.ended_at),
    }


def _document(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or not all(isinstance(each, str) for each in document.values()):
        fail(f"The evidence is one JSON object of texts: {_EVIDENCE}", WRONG_USE)
    return document


def _evidence(shown: dict[str, Any], now: datetime) -> LinkEvidence:
    """What the file says; ends the command where something is missing or not a word of ours."""
    try:
        at = datetime.fromisoformat(shown["checked_at"]) if "checked_at" in shown else now
        made = LinkEvidence(
            EvidenceKind(shown["kind"]),
            shown["reference"],
            shown["checked_by"],
            at,
            Presence(shown["presence"]),
        )
    except (KeyError, ValueError):
        kinds, presences = ", ".join(EvidenceKind), ", ".join(Presence)
        fail(f"Of the evidence kind is one of: {kinds}; presence one of: {presences}. {_EVIDENCE}", WRONG_USE)
    if at.tzinfo is None or not (made.reference.strip() and made.checked_by.strip()):
        fail(
            "Say by which paper and by whom it was checked; checked_at has an offset, e.g. …+08:00.",
            WRONG_USE,
        )
    return made
