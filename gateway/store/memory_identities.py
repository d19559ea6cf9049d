"""Linked identities in memory: how a document stands is found anew from the links each time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from gateway.audit.entries import subjects_of
from gateway.identities.groups import Standing, standings
from gateway.records import Entry, EntryKind, IdentityLink, LinkedDocument, LinkVerdict
from gateway.store.identities import documents_of, to_write
from gateway.store.linked import NOTHING_LINKED, Disputed, Linked, shared
from gateway.store.memory_tables import IdentityDocument, MemoryTables, empty, page, require_zones
from gateway.store.refusals import already_recorded

_OF_A_RESOLUTION = frozenset({EntryKind.intent, EntryKind.outcome})


class MemoryIdentities:
    """`gateway.ports.Identities` in memory."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    async def link(
        self, made: IdentityLink, documents: Mapping[str, bytes], entry: Entry, *, claim: Entry | None
    ) -> LinkVerdict:
        """See `gateway.ports.Identities.link`."""
        tables = self._tables
        links = [each for each in tables.links.values() if each.ended_at is None]
        written, verdict = to_write(made, links, claim)
        if written is None:
            return verdict
        told = claim if claim is not None and written.is_claim else entry
        tables.admit(tables.links, made.id, made, told)
        if any(tables.is_erased(ref) or ref not in tables.first_seen for ref in (made.from_ref, made.to_ref)):
            raise already_recorded()
        touched = _connected(links, (made.from_ref, made.to_ref))
        tables.links[made.id] = replace(written, wrapped_keys={})
        for ref, sealed in documents.items():
            tables.identity_documents.setdefault(ref, IdentityDocument(ref, sealed))
        if written.is_claim:
            _empty_drafts(tables, documents_of(touched))
        tables.log(told)
        return verdict

    async def read(self, link_id: str) -> IdentityLink | None:
        """See `gateway.ports.Identities.read`."""
        return self._read(link_id) if link_id in self._tables.links else None

    async def of_subject(self, ref: str, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """See `gateway.ports.Identities.of_subject`."""
        theirs = (each.id for each in self._tables.links.values() if ref in (each.from_ref, each.to_ref))
        return [self._read(each) for each in page(theirs, after, limit)]

    async def listing(self, *, after: str, limit: int) -> Sequence[IdentityLink]:
        """See `gateway.ports.Identities.listing`."""
        return [self._read(each) for each in page(self._tables.links, after, limit)]

    async def end(self, link_id: str, at: datetime, entry: Entry) -> bool:
        """See `gateway.ports.Identities.end`."""
        tables = self._tables
        found = tables.links.get(link_id)
        if found is None or found.ended_at is not None:
            return False
        require_zones(at)
        tables.admit({}, None, entry)
        touched = documents_of(_connected(tables.links.values(), (found.from_ref, found.to_ref)))
        tables.links[link_id] = replace(found, ended_at=at, ended_entry=entry.id)
        _forget_documents(tables)
        _empty_drafts(tables, touched)
        tables.log(entry)
        return True

    async def alike(self, ref: str) -> tuple[str, ...]:
        """See `gateway.ports.Identities.alike`."""
        return alike(self._tables, ref)

    def _read(self, link_id: str) -> IdentityLink:
        link, wrapped = self._tables.links[link_id], self._tables.wrapped
        keys = {ref: wrapped[ref] for ref in (link.from_ref, link.to_ref) if ref in wrapped}
        return replace(link, wrapped_keys=keys)


def alike(tables: MemoryTables, ref: str) -> tuple[str, ...]:
    """That document and those it counts as one subject with, oldest first."""
    now = _standings(tables)
    group = now[ref].linked_to if ref in now else None
    return (ref,) if group is None else tuple(sorted(each for each in now if now[each].linked_to == group))


def contested(tables: MemoryTables) -> frozenset[str]:
    """The documents that two subjects claim."""
    return frozenset(ref for ref, standing in _standings(tables).items() if standing.is_contested)


def linked_documents(tables: MemoryTables, disputed: Disputed) -> Linked:
    """Every linked document, as a gate sees it; what one disputes is disputed by all of its subject."""
    if not tables.links:
        return NOTHING_LINKED
    now, keys = _standings(tables), {ref: key for key, ref in tables.subjects.items()}
    groups: dict[str, list[LinkedDocument]] = {}
    for ref, standing in sorted(now.items()):
        if standing.linked_to is not None:
            kept = tables.identity_documents[ref]
            groups.setdefault(standing.linked_to, []).append(
                LinkedDocument(ref, keys[ref], tables.wrapped.get(ref), kept.sealed, standing.is_contested)
            )
    return shared(groups.values(), disputed)


def end_by_erasure(tables: MemoryTables, refs: Collection[str], at: datetime, entry_id: str) -> None:
    """End every link of these documents, and empty what was said of them."""
    for link in [each for each in tables.links.values() if {each.from_ref, each.to_ref} & set(refs)]:
        ended = link if link.ended_at is not None else replace(link, ended_at=at, ended_entry=entry_id)
        tables.links[link.id] = replace(ended, sealed=None)
    _forget_documents(tables)


def _standings(tables: MemoryTables) -> dict[str, Standing]:
    links = tables.links.values()
    return standings(documents_of(list(links)), links)


def _connected(links: Collection[IdentityLink], refs: Collection[str]) -> list[IdentityLink]:
    """The standing links that touch these documents, at however many removes."""
    known, found = set(refs), list[IdentityLink]()
    while True:
        found = [each for each in links if each.ended_at is None and {each.from_ref, each.to_ref} & known]
        if documents_of(found) <= known:
            return found
        known |= documents_of(found)


def _forget_documents(tables: MemoryTables) -> None:
    named = documents_of([each for each in tables.links.values() if each.ended_at is None])
    for ref in [each for each in tables.identity_documents if each not in named]:
        del tables.identity_documents[ref]


def _empty_drafts(tables: MemoryTables, refs: Collection[str]) -> None:
    about = set(_answers_about(tables, refs))
    empty(tables.drafts, lambda draft: draft.id in about)


def _answers_about(tables: MemoryTables, refs: Collection[str]) -> Iterator[str | None]:
    for entry in tables.entries.values():
        if entry.kind in _OF_A_RESOLUTION and not subjects_of(orjson.loads(entry.leaf)).isdisjoint(refs):
            yield entry.request
