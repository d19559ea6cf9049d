"""Profile values in SQL: 一人一档/一企一档.

A value stands until it is superseded, deleted, expires or its subject is erased; then its cell is emptied, and what is
left counts that the item was collected once more. Whoever adds one waits at its subject's row for an erasure under way
and is then refused, as `gateway.store.subjects` says. Documents that are linked into one subject have one record: each
value stays with the document it was given under, and is found by all of them as long as they are linked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)

from gateway.records import Entry, ProfileDifference, ProfileEnd, ProfileValue
from gateway.store.bulk import among, insert_rows
from gateway.store.database import Database
from gateway.store.log import write_entries
from gateway.store.profile_tables import profile_value
from gateway.store.refusals import already_recorded, is_id
from gateway.store.tables import subject

_PORTION = 5_000
_c = profile_value.c
_STANDS = _c.ended_at.is_(None)
_COLUMNS = (
    *(_c.id, _c.subject_ref, _c.item, _c.given_at, _c.expires_at, _c.purpose, _c.form),
    *(_c.submission_id, _c.entry_id, _c.sealed, _c.differs_from, _c.differs_at),
)
_NAMES = tuple(column.name for column in _COLUMNS)
_ME, _OTHER = subject.alias("me"), subject.alias("other")
_OFFERED = and_(_STANDS, _c.expires_at > bindparam("now"))
_HELD = union_all(  # two look-ups by index; joining by either of two columns is none
    select(*_COLUMNS, _ME.c.wrapped_key, _ME.c.key)
    .join_from(profile_value, _ME, _ME.c.ref == _c.subject_ref)
    .where(among(_ME.c.key, "keys"), _OFFERED),
    select(*_COLUMNS, _OTHER.c.wrapped_key, _ME.c.key)
    .join_from(_ME, _OTHER, and_(_OTHER.c.linked_to == _ME.c.linked_to, _OTHER.c.ref != _ME.c.ref))
    .join(profile_value, _c.subject_ref == _OTHER.c.ref)
    .where(among(_ME.c.key, "keys"), _OFFERED),
).order_by("id")
_ALIKE = or_(
    _c.subject_ref == bindparam("ref"),
    _c.subject_ref.in_(
        select(_OTHER.c.ref)
        .join_from(_ME, _OTHER, _OTHER.c.linked_to == _ME.c.linked_to)
        .where(_ME.c.ref == bindparam("ref"))
    ),
)
_THEIRS: Select[Any] = (
    select(*_COLUMNS, subject.c.wrapped_key, subject.c.key)
    .join_from(profile_value, subject, subject.c.ref == _c.subject_ref)
    .where(_ALIKE, _OFFERED, _c.id > bindparam("after"))
    .order_by(_c.id)
)
_LOCK = (
    select(subject.c.erased_at)
    .where(among(subject.c.ref, "refs"))
    .order_by(subject.c.ref)
    .with_for_update(key_share=True)
)
_OF_ITEM = (_ALIKE, _c.item == bindparam("of"), _STANDS)
_END = (
    update(profile_value)
    .where(*_OF_ITEM)
    .values(sealed=b"", ended_at=bindparam("at"), ended=bindparam("how"), differs_from=None, differs_at=None)
)
_NEWS = or_(_c.differs_from.is_(None), _c.differs_from != bindparam("source"))
_DIFFERS = (
    update(profile_value)
    .where(*_OF_ITEM, _NEWS)
    .values(differs_from=bindparam("source"), differs_at=bindparam("at"))
)
_AGREES = (
    update(profile_value)
    .where(*_OF_ITEM, _c.differs_from.is_not(None))
    .values(differs_from=None, differs_at=None)
)


class SqlProfiles:
    """`gateway.ports.Profiles` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self, keys: Sequence[str], now: datetime) -> Mapping[str, Sequence[ProfileValue]]:
        """See `gateway.ports.Profiles.held`."""
        wanted = {"keys": list(keys), "now": now}
        rows = await self._database.read(lambda connection: connection.execute(_HELD, wanted).all())
        newest = {(row[-1], row[2]): row for row in rows}  # in order of id: of several the newest stays
        found: dict[str, list[ProfileValue]] = {}
        for (key, _), row in newest.items():
            found.setdefault(key, []).append(_value(row))
        return found

    async def of_subject(self, ref: str, now: datetime, *, after: str, limit: int) -> Sequence[ProfileValue]:
        """See `gateway.ports.Profiles.of_subject`."""
        if not is_id(ref) or not is_id(after):
            return []
        wanted = {"ref": ref, "after": after, "now": now}
        page = _THEIRS.limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(page, wanted).all())
        return [_value(row) for row in rows]

    async def put(self, value: ProfileValue) -> None:
        """See `gateway.ports.Profiles.put`."""
        await self._database.write(lambda connection: insert_profile_values(connection, [value]))

    async def delete(self, ref: str, item: str, entry: Entry) -> bool:
        """See `gateway.ports.Profiles.delete`."""

        def work(connection: Connection) -> bool:
            ended = connection.execute(_END, _ending(ref, item, entry.at, ProfileEnd.deleted)).rowcount > 0
            if ended:
                write_entries(connection, [entry])
            return ended

        return await self._database.write(work) if is_id(ref) and is_id(item) else False

    async def purge(self, now: datetime, before: datetime, entry: Callable[[int], Entry]) -> int:
        """See `gateway.ports.Profiles.purge`. Over `_PORTION` values it takes several transactions."""
        total = 0
        while (done := await self._database.write(lambda held: _purge(held, now, before, entry))) == _PORTION:
            total += done
        return total + done

    async def collected(self, since: datetime, until: datetime) -> Mapping[str, int]:
        """See `gateway.ports.Profiles.collected`."""
        counted = (
            select(_c.item, func.count())
            .where(_c.given_at >= since, _c.given_at < until)
            .group_by(_c.item)
            .order_by(_c.item)
        )
        rows = await self._database.read(lambda connection: connection.execute(counted).all())
        return {row[0]: row[1] for row in rows}


def insert_profile_values(connection: Connection, values: Sequence[ProfileValue]) -> None:
    """Keep values with the entries that tell it, each in the place of what stood of its subject and item before.

    Raises `Conflict` for a subject that was erased meanwhile.
    """
    if not values:
        return
    lock_subjects(connection, {value.subject_ref for value in values})
    # In one order everywhere: no two that supersede the same values wait in a circle.
    for value in sorted(values, key=lambda value: (value.subject_ref, value.item, value.id)):
        superseded = _ending(value.subject_ref, value.item, value.given_at, ProfileEnd.superseded)
        connection.execute(_END, superseded)
        insert_rows(connection, profile_value, [_row(value)])
    write_entries(connection, [value.told for value in values if value.told is not None])


def lock_subjects(connection: Connection, refs: Collection[str]) -> None:
    """Wait for whoever writes about these subjects, and make others wait; raises `Conflict` where one was erased.

    Before anything else that an erasure writes too, so that neither waits for the other in a circle.
    """
    if any(row[0] is not None for row in connection.execute(_LOCK, {"refs": sorted(refs)})):
        raise already_recorded()


def note_differences(connection: Connection, differences: Sequence[ProfileDifference]) -> None:
    """Note beside the values that stand where a register said something else, or does so no more."""
    for each in sorted(differences, key=lambda each: (each.subject_ref, each.item)):
        found = {"ref": each.subject_ref, "of": each.item}
        if each.differs:
            connection.execute(_DIFFERS, {**found, "source": each.source, "at": each.at})
        else:
            connection.execute(_AGREES, found)


def empty_profile(connection: Connection, ref: str, at: datetime) -> None:
    """End every value of a subject that is erased."""
    theirs: Update = update(profile_value).where(_c.subject_ref == ref, _STANDS)
    connection.execute(theirs.values(**_ended(at, ProfileEnd.erased)))


def _purge(connection: Connection, now: datetime, before: datetime, entry: Callable[[int], Entry]) -> int:
    over = (
        select(_c.id).where(_STANDS, _c.expires_at <= now).limit(_PORTION).with_for_update(skip_locked=True)
    )
    expired = update(profile_value).where(_c.id.in_(over)).values(**_ended(now, ProfileEnd.expired))
    purged = connection.execute(expired).rowcount
    if purged:
        write_entries(connection, [entry(purged)])
    forgotten = select(_c.id).where(_c.given_at < before, _c.ended_at < before).limit(_PORTION)
    connection.execute(delete(profile_value).where(_c.id.in_(forgotten)))
    return purged


def _ended(at: datetime, how: ProfileEnd) -> dict[str, Any]:
    return {"sealed": b"", "ended_at": at, "ended": how.value, "differs_from": None, "differs_at": None}


def _ending(ref: str, item: str, at: datetime, how: ProfileEnd) -> dict[str, Any]:
    return {"ref": ref, "of": item, "at": at, "how": how.value}


def _value(row: Sequence[Any]) -> ProfileValue:
    columns = dict(zip(_NAMES, row, strict=False))
    return ProfileValue(**columns, wrapped_key=row[len(_NAMES)])


def _row(value: ProfileValue) -> dict[str, Any]:
    return {
        "id": value.id,
        "subject_ref": value.subject_ref,
        "item": value.item,
        "given_at": value.given_at,
        "expires_at": value.expires_at,
        "purpose": value.purpose,
        "form": value.form,
        "submission_id": value.submission_id,
        "entry_id": value.entry_id,
        "sealed": value.sealed,
    }
