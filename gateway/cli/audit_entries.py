"""`oncegate audit entries` and `trace`: the log searched, opened and followed back from a printed form."""

import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.progress import Progress

from field_registry import OutcomeCode
from gateway.app import make_sequencer
from gateway.audit.looking import LookUp
from gateway.audit.noting import ITSELF
from gateway.audit.search import look_up
from gateway.audit.telling import Told
from gateway.audit.unsealing import unseal_entry
from gateway.cli.common import WRONG_USE, AsJson, State, command, fail, out, print_json, runtime_of
from gateway.cli.subjects import SubjectFile, SubjectText, any_subject
from gateway.errors import Unavailable
from gateway.records import Entry, EntryKind
from gateway.reports.trace import trace_of
from gateway.runtime import Runtime

_AT_ONCE = 500

Text = Annotated[str | None, typer.Option()]


@command
async def entries(
    state: State = None,
    subject: SubjectText = None,
    subject_file: SubjectFile = None,
    officer: Annotated[str | None, typer.Option(help="The caller's own number of whoever worked.")] = None,
    case: Annotated[str | None, typer.Option(help="Case number.")] = None,
    request: Annotated[str | None, typer.Option(help="Only those of a resolution or consent.")] = None,
    kind: Annotated[str | None, typer.Option(help="intent, outcome, consent.given …")] = None,
    caller: Annotated[str | None, typer.Option(help="Client id.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-21T02:03:04Z or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Before that time.")] = None,
    form: Text = None,
    item: Text = None,
    source: Text = None,
    outcome: Annotated[str | None, typer.Option(help="Outcome code of any field.")] = None,
    department: Text = None,
    ground: Annotated[str | None, typer.Option(help="A consent id or a duty's code.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="What the page before gave.")] = "",
    target: Annotated[
        Path | None, typer.Option("--out", help="Write every match to this file, one JSON document a line.")
    ] = None,
    opened: Annotated[str | None, typer.Option("--open", help="Open the private part of that entry.")] = None,
    reason: Annotated[str, typer.Option(help="Why it is opened; sealed in the log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Entries without their private part: references, codes and times. The look is an entry too."""
    about = any_subject(subject, subject_file)
    wanted = LookUp(
        subject=about,
        officer=officer,
        case=case,
        request=request,
        kind=None if kind is None else _kind(kind),
        caller=caller,
        since=_instant(since),
        until=_instant(until),
        told=Told(form, item, source, _outcome(outcome), department, ground),
    )
    async with runtime_of(state) as runtime:
        if about is not None:
            with suppress(Unavailable):  # one that cannot be extended can still be read
                await make_sequencer(runtime).run()  # what has no place yet is found by no person
        if opened is not None:
            await _open(opened, reason, runtime)
        elif target is not None:
            await _write(target, wanted, runtime, as_json=as_json)
        else:
            await _print(wanted, runtime, limit=limit, cursor=cursor, as_json=as_json)


@command
async def trace(
    reference: Annotated[str, typer.Argument(help="A receipt (rcp_…) or resolution (res_…) id.")],
    reason: Annotated[str, typer.Option(help="Open who worked, on which case, for this reason.")] = "",
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """From a printed form to the persons, officer, grounds, mapping version, sources and times behind it."""
    async with runtime_of(state) as runtime:
        told = await trace_of(reference, runtime, caller=ITSELF)
        if reason:
            unsealed = await unseal_entry(told["officer"]["sealed_in"], reason, runtime, caller=ITSELF)
            told["officer"] |= {name: unsealed.private.get(name) for name in ("actor", "case")}
    if as_json:
        print_json(told)
        return
    asks, fields = told.pop("asks"), told.pop("fields")
    for name, value in told.items():
        out.print(f"{name}: {_plain(value)}", markup=False, highlight=False, soft_wrap=True)
    for line in (*asks, *fields):
        out.print(f"  {_plain(line)}", markup=False, highlight=False, soft_wrap=True)


async def _open(entry: str, reason: str, runtime: Runtime) -> None:
    if len(reason) < _LEAST_REASON:
        fail("Say why with --reason; it is kept in the log.", WRONG_USE)
    unsealed = await unseal_entry(entry, reason, runtime, caller=ITSELF)
    print_json({"entry": unsealed.entry, "private": unsealed.private, "opening": unsealed.opening})


_LEAST_REASON = 3


async def _write(target: Path, wanted: LookUp, runtime: Runtime, *, as_json: bool) -> None:
    """Every match into a file, page by page: a long log never stands in memory as a whole."""
    count = 0
    with target.open("wb") as file, Progress(disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("entries", total=None)
        async for entry in _every(wanted, runtime):
            file.write(entry.leaf + b"\n")
            count += 1
            progress.update(task, completed=count)
    if as_json:
        print_json({"entries": count, "file": str(target)})
    else:
        out.print(f"{count} entries are in {target}.", markup=False, highlight=False)


async def _every(wanted: LookUp, runtime: Runtime) -> AsyncIterator[Entry]:
    cursor: str | None = ""
    while cursor is not None:
        found = await look_up(wanted, runtime, caller=ITSELF, limit=_AT_ONCE, cursor=cursor)
        for entry in found.entries:
            yield entry
        cursor = found.cursor


async def _print(wanted: LookUp, runtime: Runtime, *, limit: int, cursor: str, as_json: bool) -> None:
    """One page; where the search had to stop before it was full it goes on until it is, or nothing is left."""
    found = await look_up(wanted, runtime, caller=ITSELF, limit=limit, cursor=cursor)
    shown = list(found.entries)
    while found.cursor is not None and len(shown) < limit:
        found = await look_up(wanted, runtime, caller=ITSELF, limit=limit - len(shown), cursor=found.cursor)
        shown += found.entries
    leaves: list[dict[str, Any]] = [orjson.loads(entry.leaf) for entry in shown]
    if as_json:
        print_json({"entries": leaves, "next_cursor": found.cursor})
        return
    for leaf in leaves:
        head = f"{leaf.pop('at')} {leaf.pop('kind')} {leaf.pop('id')}"
        out.print(head, orjson.dumps(leaf).decode(), markup=False, highlight=False, soft_wrap=True)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _instant(text: str | None) -> datetime | None:
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901  (refused just below)
    if moment is not None and moment.tzinfo is None:
        fail("A time is written like 2026-11-21T02:03:04Z.", WRONG_USE)
    return moment


def _kind(text: str) -> EntryKind:
    try:
        return EntryKind(text)
    except ValueError:
        fail("There is no such kind of entry; gateway/audit/README.md lists them.", WRONG_USE)


def _outcome(text: str | None) -> str | None:
    if text is not None and text not in {code.value for code in OutcomeCode}:
        fail("There is no such outcome code; gateway/README.md lists them.", WRONG_USE)
    return text
