"""Searching the log in memory, under the contract of the SQL one."""

from collections.abc import Sequence

from gateway.records import Entry, EntryFilter, EntryKind, Scanned
from gateway.store.entry_search import is_indexed, texts_of
from gateway.store.memory_tables import MemoryTables
from gateway.store.memory_tree import entries_by_position
from gateway.store.refusals import is_id


class MemoryEntrySearch:
    """`gateway.ports.EntrySearch` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def entry(self, entry_id: str) -> Entry | None:
        """See `gateway.ports.EntrySearch.entry`."""
        return self._tables.entries.get(entry_id)

    async def scan(
        self, wanted: EntryFilter, *, after: str, upto: str | None, most: int, limit: int
    ) -> Scanned:
        """See `gateway.ports.EntrySearch.scan`."""
        if not all(map(is_id, (after, upto or "", *texts_of(wanted)))):
            return Scanned((), None)
        entries = self._tables.entries
        stretch = sorted(each for each in entries if after < each and (upto is None or each <= upto))
        if not is_indexed(wanted):
            stretch = stretch[:most]
        found = [entries[each] for each in stretch if _matches(entries[each], wanted)]
        if len(found) >= limit:
            return Scanned(found[:limit], found[limit - 1].id)
        is_cut = not is_indexed(wanted) and len(stretch) == most
        return Scanned(found, stretch[-1] if is_cut else None)

    async def of_requests(self, requests: Sequence[str], kinds: Sequence[EntryKind]) -> Sequence[Entry]:
        """See `gateway.ports.EntrySearch.of_requests`."""
        entries = sorted(self._tables.entries.values(), key=lambda entry: entry.id)
        return [each for each in entries if each.request in requests and each.kind in kinds]

    async def about(
        self, subject_ref: str, *, beyond: int | None, limit: int, newest_first: bool = False
    ) -> Sequence[tuple[int, Entry]]:
        """See `gateway.ports.EntrySearch.about`."""
        tables = self._tables
        theirs = sorted((at for ref, at in tables.about if ref == subject_ref), reverse=newest_first)
        if beyond is not None:
            theirs = [at for at in theirs if (at < beyond if newest_first else at > beyond)]
        standing = entries_by_position(tables)
        return [(at, tables.entries[standing[at]]) for at in theirs[:limit]]

    async def count_about(self, subject_ref: str, *others: str) -> int:
        """See `gateway.ports.EntrySearch.count_about`."""
        return len({at for ref, at in self._tables.about if ref in (subject_ref, *others)})


def _matches(entry: Entry, wanted: EntryFilter) -> bool:
    return (
        wanted.request in (None, entry.request)
        and wanted.kind in (None, entry.kind)
        and wanted.caller in (None, entry.caller)
        and wanted.actor_key in (None, entry.actor_key)
        and wanted.case_key in (None, entry.case_key)
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
        and all(told in entry.leaf for told in wanted.telling)
    )
