"""Profile values in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.records import Entry, ProfileDifference, ProfileEnd, ProfileValue
from gateway.store.memory_identities import alike
from gateway.store.memory_tables import MemoryTables, page, require_zones
from gateway.store.refusals import already_recorded

Ended = tuple[datetime, ProfileEnd]


class MemoryProfiles:
    """`gateway.ports.Profiles` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def held(self, keys: Sequence[str], now: datetime) -> Mapping[str, Sequence[ProfileValue]]:
        """See `gateway.ports.Profiles.held`."""
        refs = {key: self._tables.subjects[key] for key in keys if key in self._tables.subjects}
        found: dict[str, Sequence[ProfileValue]] = {}
        for key, ref in refs.items():
            newest = {value.item: value for value in self._standing(ref, now)}
            if newest:
                found[key] = list(newest.values())
        return found

    async def of_subject(self, ref: str, now: datetime, *, after: str, limit: int) -> Sequence[ProfileValue]:
        """See `gateway.ports.Profiles.of_subject`."""
        theirs = {value.id: value for value in self._standing(ref, now)}
        return [theirs[value_id] for value_id in page(theirs, after, limit)]

    async def put(self, value: ProfileValue) -> None:
        """See `gateway.ports.Profiles.put`."""
        keep_values(self._tables, [value])

    async def delete(self, ref: str, item: str, entry: Entry) -> bool:
        """See `gateway.ports.Profiles.delete`."""
        require_zones(entry)
        theirs = _of_item(self._tables, ref, item)
        if theirs:
            end_values(self._tables, theirs, entry.at, ProfileEnd.deleted)
            self._tables.log(entry)
        return bool(theirs)

    async def purge(self, now: datetime, before: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Profiles.purge`."""
        tables = self._tables
        require_zones(now, before)
        over = [value for value in _values(tables) if value.expires_at <= now]
        end_values(tables, over, now, ProfileEnd.expired)
        if over:
            tables.log(entry(len(over)))
        for value_id in [each for each, (at, _) in tables.profile_ends.items() if at < before]:
            del tables.profile_values[value_id], tables.profile_ends[value_id]
        return len(over)

    async def collected(self, since: datetime, until: datetime) -> Mapping[str, int]:
        """See `gateway.ports.Profiles.collected`."""
        require_zones(since, until)
        counted: dict[str, int] = {}
        for value in sorted(self._tables.profile_values.values(), key=lambda value: value.item):
            if since <= value.given_at < until:
                counted[value.item] = counted.get(value.item, 0) + 1
        return counted

    def _standing(self, ref: str, now: datetime) -> list[ProfileValue]:
        """In order of id."""
        require_zones(now)
        refs, wrapped = alike(self._tables, ref), self._tables.wrapped
        theirs = [
            replace(value, wrapped_key=wrapped.get(value.subject_ref))
            for value in _values(self._tables)
            if value.subject_ref in refs and value.expires_at > now
        ]
        return sorted(theirs, key=lambda value: value.id)


def check_values(tables: MemoryTables, values: Sequence[ProfileValue]) -> None:
    """Nothing, or why these cannot be kept; for whoever writes them with other things."""
    for value in values:
        tables.admit(tables.profile_values, value.id, value, *filter(None, [value.told]))
        if tables.is_erased(value.subject_ref) or value.subject_ref not in tables.subjects.values():
            raise already_recorded()


def keep_values(tables: MemoryTables, values: Sequence[ProfileValue]) -> None:
    """As `gateway.store.profiles.insert_profile_values`."""
    check_values(tables, values)
    for value in values:
        before = _of_item(tables, value.subject_ref, value.item)
        end_values(tables, before, value.given_at, ProfileEnd.superseded)
        tables.profile_values[value.id] = replace(value, told=None)
        if value.told is not None:
            tables.log(value.told)


def end_values(tables: MemoryTables, values: Iterable[ProfileValue], at: datetime, how: ProfileEnd) -> None:
    """Empty values that stand."""
    for value in values:
        tables.profile_values[value.id] = replace(value, sealed=b"", differs_from=None, differs_at=None)
        tables.profile_ends[value.id] = (at, how)


def empty_profile(tables: MemoryTables, ref: str, at: datetime) -> None:
    """As `gateway.store.profiles.empty_profile`."""
    theirs = [value for value in _values(tables) if value.subject_ref == ref]
    end_values(tables, theirs, at, ProfileEnd.erased)


def note_differences(tables: MemoryTables, differences: Sequence[ProfileDifference]) -> None:
    """As `gateway.store.profiles.note_differences`."""
    for each in differences:
        for value in _of_item(tables, each.subject_ref, each.item):
            if each.differs and value.differs_from != each.source:
                noted = replace(value, differs_from=each.source, differs_at=each.at)
            elif not each.differs:
                noted = replace(value, differs_from=None, differs_at=None)
            else:
                continue
            tables.profile_values[value.id] = noted


def _values(tables: MemoryTables) -> list[ProfileValue]:
    """Those that stand."""
    ended = tables.profile_ends
    return [value for value in tables.profile_values.values() if value.id not in ended]


def _of_item(tables: MemoryTables, ref: str, item: str) -> list[ProfileValue]:
    """What stands of that item of that subject, whichever of its documents it was given under."""
    refs = alike(tables, ref)
    return [value for value in _values(tables) if value.subject_ref in refs and value.item == item]
