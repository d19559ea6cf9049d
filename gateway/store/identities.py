"""Linked identities in SQL: links, the documents kept because of them, and `subject.linked_to`, made from both.

Changes follow one another: whoever makes one first takes the lock that all others wait for. Links are made at counters,
some in an hour; nobody who reads waits for them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.identities.groups import standings, verdict_on
from gateway.records import Entry, IdentityLink, LinkVerdict
from gateway.store.bulk import among
from gateway.store.database import Database
from gateway.store.drafts_about import answers_about, empty_answers
from gateway.store.gates import require_not_erased
from gateway.store.identity_tables import identity_document, identity_link
from gateway.store.log import write_entries
from gateway.store.refusals import is_id
from gateway.store.tables import subject

_l, _d, _s = identity_link.c, identity_document.c, subject.c
_LINKS: Select[Any] = select(identity_link).order_by(_l.id)
_TOUCHING = _LINKS.where(
    _l.ended_at.is_(None), or_(among(_l.from_ref, "from_refs"), among(_l.to_ref, "to_refs"))
)
_ME, _OTHER = subject.alias("me"), subject.alias("other")
_ALIKE = (
    select(_OTHER.c.ref)
    .join_from(_ME, _OTHER, _OTHER.c.linked_to == _ME.c.linked_to)
    .where(_ME.c.ref == bindparam("of"))
    .order_by(_OTHER.c.ref)
)
_KEYS = select(_s.ref, _s.wrapped_key).where(among(_s.ref, "refs"), _s.wrapped_key.is_not(None))
_STAND = (
    update(subject)
    .where(_s.ref == bindparam("of"), _s.linked_to.is_distinct_from(bindparam("to")))
    .values(linked_to=bindparam("to"))
)
_CONTEST = (
    update(identity_document)
    .where(_d.subject_ref == bindparam("of"))
    .values(is_contested=bindparam("claimed"))
)
_FORGET = delete(identity_document).where(among(_d.subject_ref, "refs"))
# Any two writers of links exclude one another; readers, and whoever refers to a row, do not wait.
_ALONE = text("LOCK TABLE identity_link IN SHARE ROW EXCLUSIVE MODE")


class SqlIdentities:
    """`gateway.ports.Identities` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def link(
        self, made: IdentityLink, documents: Mapping[str, bytes], entry: Entry, *, claim: Entry | None
    ) -> LinkVerdict:
        """See `gateway.ports.Identities.link`."""

        def work(connection: Connection) -> LinkVerdict:
            let_nobody_link(connection)
            links = standing_links(connection, (made.from_ref, made.to_ref))
            written, verdict = to_write(made, links, claim)
            if written is None:
                return verdict
            connection.execute(insert(identity_link), _row(written))
            for ref in (made.from_ref, made.to_ref):
                require_not_erased(connection, ref)
            _keep(connection, documents)
            make_stand(connection, [*links, written])
            if written.is_claim:  # what was answered on the strength of that document may be another's
                _empty_drafts(connection, documents_of(links), made.at)
            write_entries(connection, [entry if claim is None or not written.is_claim else claim])
            return verdict

        return await self._database.write(work)

    async def read(self, link_id: str) -> IdentityLink | None:
        """See `gateway.ports.Identities.read`."""
        found = await self._page(_LINKS.where(_l.id == link_id)) if is_id(link_id) else ()
        return found[0] if found else None

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """See `gateway.ports.Identities.of_subject`."""
        if not is_id(ref) or not is_id(after):
            return []
        theirs = or_(_l.from_ref == ref, _l.to_ref == ref)
        return await self._page(_LINKS.where(theirs, _l.id > after).limit(limit))

    async def listing(self, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """See `gateway.ports.Identities.listing`."""
        return await self._page(_LINKS.where(_l.id > after).limit(limit)) if is_id(after) else []

    async def end(self, link_id: str, at: datetime, entry: Entry) -> bool:
        """See `gateway.ports.Identities.end`."""
        ended = (
            update(identity_link)
            .where(_l.id == link_id, _l.ended_at.is_(None))
            .values(ended_at=at, ended_entry=entry.id)
            .returning(_l.from_ref, _l.to_ref)
        )

        def work(connection: Connection) -> bool:
            let_nobody_link(connection)
            found = connection.execute(select(_l.from_ref, _l.to_ref).where(_l.id == link_id)).first()
            links = standing_links(connection, found) if found is not None else []
            if connection.execute(ended).first() is None:
                return False
            make_stand(
                connection, [replace(each, ended_at=at) if each.id == link_id else each for each in links]
            )
            _empty_drafts(connection, documents_of(links), at)
            write_entries(connection, [entry])
            return True

        return await self._database.write(work) if is_id(link_id) else False

    async def alike(self, ref: str) -> tuple[str, ...]:
        """See `gateway.ports.Identities.alike`."""
        if not is_id(ref):
            return (ref,)
        return await self._database.read(lambda connection: alike(connection, ref))

    async def _page(self, query: Select[Any]) -> Sequence[IdentityLink]:
        def work(connection: Connection) -> Sequence[IdentityLink]:
            rows = connection.execute(query).all()
            refs = sorted({ref for row in rows for ref in (row.from_ref, row.to_ref)})
            keys = {row[0]: row[1] for row in connection.execute(_KEYS, {"refs": refs})} if refs else {}
            return [_link(row, keys) for row in rows]

        return await self._database.read(work)


def to_write(
    made: IdentityLink, links: Collection[IdentityLink], claim: Entry | None
) -> tuple[IdentityLink | None, LinkVerdict]:
    """What is written of a link that somebody makes, if anything; for every store.

    A document that is somebody else's is claimed where `claim` tells of that, once for the same two documents.
    """
    verdict = verdict_on(made, links)
    if verdict is LinkVerdict.linked:
        return made, verdict
    is_theirs = any(made.from_ref in (each.from_ref, each.to_ref) for each in links)
    is_said = any(each.is_claim and _pair(each) == _pair(made) for each in links)
    if claim is None or verdict is LinkVerdict.already or not is_theirs or is_said:
        return None, verdict
    return replace(made, is_claim=True, entry_id=claim.id), LinkVerdict.claimed


def _pair(link: IdentityLink) -> tuple[str, str]:
    return link.from_ref, link.to_ref


def documents_of(links: Collection[IdentityLink]) -> set[str]:
    """The documents that these links name."""
    return {ref for link in links for ref in _pair(link)}


def let_nobody_link(connection: Connection) -> None:
    """Until this transaction ends, no other one links, unlinks or erases."""
    if connection.dialect.name != "sqlite":  # which lets one writer in at a time anyway
        connection.execute(_ALONE)


def alike(connection: Connection, ref: str) -> tuple[str, ...]:
    """That document and those it counts as one subject with, oldest first."""
    return tuple(connection.scalars(_ALIKE, {"of": ref})) or (ref,)


def standing_links(connection: Connection, refs: Collection[str]) -> list[IdentityLink]:
    """Every standing link that touches these documents, or what they are linked with at however many removes."""
    known, links = set(refs), []
    while True:
        rows = connection.execute(_TOUCHING, {"from_refs": sorted(known), "to_refs": sorted(known)}).all()
        links = [_link(row, {}) for row in rows]
        reached = documents_of(links)
        if reached <= known:
            return links
        known |= reached


def make_stand(connection: Connection, links: Collection[IdentityLink]) -> None:
    """Write how the documents of these links stand now, and let go of those that no standing link names."""
    refs = documents_of(links)
    named = documents_of([link for link in links if link.ended_at is None])
    now = standings(refs, links)
    connection.execute(_STAND, [{"of": ref, "to": now[ref].linked_to} for ref in sorted(refs)])
    connection.execute(_CONTEST, [{"of": ref, "claimed": now[ref].is_contested} for ref in sorted(refs)])
    if refs - named:
        connection.execute(_FORGET, {"refs": sorted(refs - named)})


def end_by_erasure(connection: Connection, refs: Collection[str], at: datetime, entry_id: str) -> None:
    """End every link of these documents, and empty what was said of them; the others stand without them."""
    links = standing_links(connection, refs)
    theirs = or_(among(_l.from_ref, "from_refs"), among(_l.to_ref, "to_refs"))
    of = {"from_refs": sorted(refs), "to_refs": sorted(refs)}
    connection.execute(update(identity_link).where(theirs).values(sealed=None), of)
    connection.execute(
        update(identity_link).where(theirs, _l.ended_at.is_(None)).values(ended_at=at, ended_entry=entry_id),
        of,
    )
    gone = [replace(each, ended_at=at) if set(_pair(each)) & set(refs) else each for each in links]
    if gone:
        make_stand(connection, gone)


def _empty_drafts(connection: Connection, refs: Collection[str], at: datetime) -> None:
    empty_answers(connection, {each for ref in refs for each in answers_about(connection, ref, at)})


def _keep(connection: Connection, documents: Mapping[str, bytes]) -> None:
    dialect: Callable[..., Any] = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert
    kept = dialect(identity_document).on_conflict_do_nothing(index_elements=["subject_ref"])
    rows = [{"subject_ref": ref, "sealed": cell, "is_contested": False} for ref, cell in documents.items()]
    if rows:
        connection.execute(kept, sorted(rows, key=lambda row: str(row["subject_ref"])))


def _row(link: IdentityLink) -> dict[str, Any]:
    return {column.name: getattr(link, column.name) for column in identity_link.columns}


def _link(row: Row[Any], keys: Mapping[str, bytes]) -> IdentityLink:
    theirs = {ref: keys[ref] for ref in (row.from_ref, row.to_ref) if ref in keys}
    return IdentityLink(**row._asdict(), wrapped_keys=theirs)
