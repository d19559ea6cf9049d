"""Documents linked into one subject, as a gate reads them: one statement more, and only where there are any."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Select, select

from gateway.records import LinkedDocument
from gateway.store.bulk import among
from gateway.store.disputes import of_column
from gateway.store.identity_tables import identity_document
from gateway.store.tables import subject

Linked = Mapping[str, tuple[LinkedDocument, ...]]
"""Blind index → every document of that subject, as in `gateway.records.GateView`."""

NOTHING_LINKED: Linked = {}

Disputed = dict[str, dict[str, str]]
"""Reference → item → the open dispute about it."""

_s, _d = subject.c, identity_document.c
_LINKED: Select[Any] = (
    select(_s.linked_to, _s.ref, _s.key, _s.wrapped_key, _d.sealed, _d.is_contested, _s.disputed)
    .join_from(subject, identity_document, _d.subject_ref == _s.ref)
    .where(among(_s.linked_to, "groups"))
    .order_by(_s.ref)
)
_CONTESTED = select(_d.subject_ref).where(among(_d.subject_ref, "refs"), _d.is_contested)


def linked_documents(connection: Connection, groups: Collection[str], disputed: Disputed) -> Linked:
    """The documents of these groups (`subject.linked_to`). What one of them disputes is disputed by all of it."""
    rows = connection.execute(_LINKED, {"groups": sorted(groups)}).all()
    by_group: dict[str, list[LinkedDocument]] = {}
    for group, *columns, text in rows:
        by_group.setdefault(group, []).append(LinkedDocument(*columns))
        if text is not None:
            disputed.setdefault(columns[0], of_column(text))
    return shared(by_group.values(), disputed)


def shared(groups: Collection[Collection[LinkedDocument]], disputed: Disputed) -> Linked:
    """By blind index; and in `disputed` every document of a group with what any of them disputes."""
    linked: dict[str, tuple[LinkedDocument, ...]] = {}
    for group in groups:
        documents = tuple(group)
        linked.update((each.key, documents) for each in documents)
        theirs = {item: dispute for each in documents for item, dispute in disputed.get(each.ref, {}).items()}
        if theirs:
            disputed.update((each.ref, theirs) for each in documents)
    return linked


def contested_among(connection: Connection, refs: Collection[str]) -> frozenset[str]:
    """Those of these documents that two subjects claim."""
    return frozenset(connection.scalars(_CONTESTED, {"refs": sorted(refs)}))
