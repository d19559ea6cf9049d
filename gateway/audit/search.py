"""Looking through the log for an auditor: by person, officer, case, item, outcome …; and the look itself noted.

By person, officer or case an index leads to intents, and each brings its resolution along: outcome and re-readings.
Anything else is looked for in order of time. Every call looks at so much and no more, and says where to go on.

A look-up is an entry, committed before anything is shown. Paging on through the same search is the same look-up: the
cursor names its entry and is authenticated. After an hour it is noted anew.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from gateway.audit.about import documents_of, entries_about
from gateway.audit.cursors import Position, Turn, foreign_cursor
from gateway.audit.entries import finding_key
from gateway.audit.looking import LookUp, note_search
from gateway.records import Entry, EntryFilter, EntryKind
from gateway.runtime import Runtime

_AT_ONCE = 5_000
_MOST = 20_000
_SECONDS = 1.0
_DRIVERS = 200
_WITH_THEIR_INTENT = (EntryKind.outcome, EntryKind.reread)
_RESOLUTION = (EntryKind.intent, *_WITH_THEIR_INTENT)
# An id begins with the time it was made; what is written later than that (an intent that lost its outcome is closed a
# day later at most) must not be missed.
_LATE = timedelta(days=3)
_EARLY = timedelta(minutes=5)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FoundEntries:
    """One page. `cursor`: where to go on; None when everything has been looked through."""

    entries: Sequence[Entry]
    cursor: str | None


async def look_up(
    wanted: LookUp, runtime: Runtime, *, caller: str, limit: int, cursor: str = ""
) -> FoundEntries:
    """Entries that match, oldest first, those of one resolution together; at most `limit` of them.

    The look-up itself is an entry of `caller`, durable when this returns. Raises `NotValid` for a cursor of another
    search, `StoreUnavailable`, `Unavailable`.
    """
    turn = Turn.of(cursor, _digest(wanted, caller), runtime)
    ref = await _ref_of(wanted, runtime)
    shown, position = await _page(wanted, ref, turn.position, limit, runtime)
    if not turn.is_noted:
        turn = turn.noted(await note_search(wanted, ref, len(shown), runtime, caller=caller), runtime.clock())
    return FoundEntries(shown, None if position is None else turn.at(position, runtime))


def _digest(wanted: LookUp, caller: str) -> bytes:
    """What a cursor is bound to: this search by this caller."""
    about = wanted.subject
    person = about and (about.kind, about.id_type, about.id_no, about.issuer)
    return repr((caller, wanted, person, wanted.officer, wanted.case)).encode()


async def _ref_of(wanted: LookUp, runtime: Runtime) -> str | None:
    if wanted.subject is None:
        return None
    return await runtime.store.subjects.find(runtime.subjects.key_of(wanted.subject))


async def _page(
    wanted: LookUp, ref: str | None, begin: Position, limit: int, runtime: Runtime
) -> tuple[list[Entry], Position | None]:
    """What is shown, and where to go on."""
    shown: list[Entry] = []
    skip, reached = begin.skip, begin
    if wanted.subject is not None and ref is None:
        return shown, None
    async for after, group in _groups(wanted, ref, begin.after, runtime):
        rest = group[skip:]
        room = limit - len(shown)
        shown += rest[:room]
        if len(rest) > room:
            return shown, Position(reached.after, skip + room)
        if after is None:
            return shown, None
        reached, skip = Position(after), 0
        if not group and len(shown) == limit:
            break
    return shown, reached


Group = tuple[str | None, Sequence[Entry]]
"""Where to go on after it (None at the end), and entries that are shown together."""


async def _groups(wanted: LookUp, ref: str | None, after: str, runtime: Runtime) -> AsyncIterator[Group]:
    """What matches, until a call has looked at enough."""
    until, looked_at = asyncio.get_running_loop().time() + _SECONDS, 0
    while looked_at < _MOST and asyncio.get_running_loop().time() < until:
        if ref is not None:
            drivers, following = await _about(ref, after, runtime)
            looked_at += _DRIVERS
        else:
            drivers, following = await _stretch(wanted, after, runtime)
            looked_at += _AT_ONCE
        for position, group in await _resolutions(wanted, drivers, runtime):
            yield position, group
        yield following, ()
        if following is None:
            return
        after = following


async def _about(ref: str, after: str, runtime: Runtime) -> tuple[list[tuple[str, Entry]], str | None]:
    if after.startswith("aud_"):  # an id says nothing of the place where a person's entries go on
        raise foreign_cursor()
    beyond = int(after) if after else None
    refs = await documents_of(ref, runtime)
    rows = await entries_about(refs, runtime, beyond=beyond, limit=_DRIVERS)
    # What came of an intent, and readings again, come with it.
    drivers = [(str(at), entry) for at, entry in rows if entry.kind not in _WITH_THEIR_INTENT]
    return drivers, str(rows[-1][0]) if len(rows) == _DRIVERS else None


async def _stretch(
    wanted: LookUp, after: str, runtime: Runtime
) -> tuple[list[tuple[str, Entry]], str | None]:
    begin, end = after, None
    if wanted.since is not None:
        begin = max(after, runtime.new_reference("aud", max(wanted.since, _FIRST) - _LATE))
    if wanted.until is not None:
        end = runtime.new_reference("aud", max(min(wanted.until, _LAST), _FIRST) + _EARLY)
    scanned = await runtime.store.search.scan(
        _filter(wanted, runtime), after=begin, upto=end, most=_AT_ONCE, limit=_DRIVERS
    )
    return [(entry.id, entry) for entry in scanned.entries], scanned.after


def _filter(wanted: LookUp, runtime: Runtime) -> EntryFilter:
    """What the database can sift. Where whole resolutions are looked for it gives their intents."""
    if wanted.officer is not None or wanted.case is not None:
        return EntryFilter(
            request=wanted.request,
            actor_key=wanted.officer and finding_key("actor", wanted.officer, runtime.fingerprint),
            case_key=wanted.case and finding_key("case", wanted.case, runtime.fingerprint),
        )
    if wanted.told.needs_whole:
        return EntryFilter(wanted.request, EntryKind.intent, telling=wanted.told.sieve())
    own = (wanted.request, wanted.kind, wanted.caller, wanted.since, wanted.until)
    return EntryFilter(*own, telling=wanted.told.sieve())


async def _resolutions(
    wanted: LookUp, drivers: Sequence[tuple[str, Entry]], runtime: Runtime
) -> list[tuple[str, list[Entry]]]:
    """Each driver with the rest of its resolution where that is looked for, and of these what is shown."""
    is_whole = wanted.subject or wanted.officer or wanted.case or wanted.told.needs_whole
    requests = [entry.request for _, entry in drivers if entry.kind is EntryKind.intent and entry.request]
    together: dict[str, list[Entry]] = {}
    if is_whole and requests:
        for entry in await runtime.store.search.of_requests(requests, _RESOLUTION):
            together.setdefault(str(entry.request), []).append(entry)
    found = []
    for position, driver in drivers:
        of_intent = together.get(str(driver.request)) if driver.kind is EntryKind.intent else None
        group = of_intent or [driver]
        if wanted.told.is_told_by(orjson.loads(entry.leaf) for entry in group):
            found.append((position, [entry for entry in group if _is_shown(entry, wanted)]))
    return found


def _is_shown(entry: Entry, wanted: LookUp) -> bool:
    return (
        wanted.request in (None, entry.request)
        and wanted.kind in (None, entry.kind)
        and wanted.caller in (None, entry.caller)
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
    )
