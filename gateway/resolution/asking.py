"""What a form asks of which sources, whoever it is about: made once per kind of request and shared by all of them.

Pure. Two people of the same kind who have typed nothing yet are asked about in the same way; only what was typed or
hidden makes a request one of its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.protocol import Reply
from field_registry import Ask, Missing, OutcomeCode, Source, Subject
from field_registry.subjects import ID_TYPE_OF_KIND
from gateway.resolution.compiled import CompiledForm, Reader, Wanted

Key = tuple[str, str]
"""Role and item id: what an answer is known by."""

Documents = Mapping[str, tuple[Subject, ...]]
"""Role → documents of its subject that a source may be asked by, the best first; only of those that have several."""

Replies = Sequence[Sequence[Reply | None]]
"""Per call, in order, what came of each of its asks; None where it was not asked."""

UNBOUND = Missing(OutcomeCode.identity_unbound, "no_subject")
_NOT_APPLICABLE = Missing(OutcomeCode.not_applicable)
_NO_OTHERS: Documents = {}
MOST_OTHERS = 2
"""Further documents that a source is asked by, one after the other, where it knows nobody by those before."""
_TAKEN_BY_ALL = frozenset(ID_TYPE_OF_KIND.values())
_MOST_KEPT = 64  # of one form: its roles times the kinds of documents that people come with


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The asks of one role that go to one source together.

    `places`: where they stand in `Asking.asks`. `asks`, `readers`, `items`: these asks, what reads the answer to each
    and what they ask for, in the same order. `under`: another document of the role's subject that the source is
    asked by; None is the one that the request names. `others`: further ones that it understands, to be asked by should
    it know nobody by the first.
    """

    source: str
    role: str
    places: tuple[int, ...]
    asks: tuple[Ask, ...]
    readers: tuple[Reader, ...]
    items: tuple[str, ...]
    under: Subject | None = None
    others: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """What is to be asked, at most once per source and key.

    `keys`: of each ask. `calls`: every ask stands in exactly one. `place_of`: where the first ask for a key stands.
    `rival_keys`: those that several sources are asked for. `unasked`: why a key, or one of its sources, cannot be
    asked.
    """

    asks: tuple[Ask, ...]
    keys: tuple[Key, ...]
    calls: tuple[Call, ...]
    place_of: Mapping[Key, int]
    rival_keys: frozenset[Key]
    unasked: Mapping[Key, Missing]


def asking_of(
    compiled: CompiledForm,
    subjects: Mapping[str, Subject],
    visible: Mapping[str, bool | None],
    answers: Mapping[str, object],
) -> Asking:
    """What to ask for these subjects of roles, given what is shown and what was typed."""
    if answers:
        return _asking(compiled, subjects, visible, answers)
    kinds = tuple(
        (subject.kind, subject.id_type, not subject.issuer) if (subject := subjects.get(role.name)) else None
        for role in compiled.form.roles
    )
    kept: Asking | None = compiled.askings.get(kinds)
    if kept is None:
        if len(compiled.askings) >= _MOST_KEPT:
            compiled.askings.clear()
        kept = compiled.askings[kinds] = _asking(compiled, subjects, visible, answers)
    return kept


def asking_under(
    compiled: CompiledForm,
    subjects: Mapping[str, Subject],
    visible: Mapping[str, bool | None],
    answers: Mapping[str, object],
    documents: Documents,
) -> Asking:
    """The same for subjects of which some are known by several documents; it names them and is not to be kept."""
    return _asking(compiled, subjects, visible, answers, documents)


def _asking(
    compiled: CompiledForm,
    subjects: Mapping[str, Subject],
    visible: Mapping[str, bool | None],
    answers: Mapping[str, object],
    documents: Documents = _NO_OTHERS,
) -> Asking:
    asks: list[Ask] = []
    readers: list[Reader] = []
    unasked: dict[Key, Missing] = {}
    under: dict[tuple[str, str], Subject] = {}
    others: dict[tuple[str, str], tuple[Subject, ...]] = {}
    for want in _wanted(compiled, visible, answers):
        subject = subjects.get(want.role)
        if subject is None:
            unasked[want.key] = UNBOUND
            continue
        for binding, source, reader in zip(want.bindings, want.sources, want.readers, strict=True):
            columns = want.columns(binding.source, visible)
            by = _document(source, subject, documents.get(want.role))
            if by is None:
                unasked[want.key] = _NOT_APPLICABLE
            elif columns or want.rows is None:
                asks.append(Ask(want.item, binding, want.role, columns))
                readers.append(reader)
                if by is not subject:
                    under[source.id, want.role] = by
                if documents:
                    others[source.id, want.role] = _others(source, by, documents.get(want.role, ()))
    keys = [(ask.role, ask.item.id) for ask in asks]
    place_of: dict[Key, int] = {}
    for place, key in enumerate(keys):
        place_of.setdefault(key, place)
    rivals = frozenset(key for key, count in Counter(keys).items() if count > 1)
    calls = _calls(asks, readers, under, others)
    return Asking(tuple(asks), tuple(keys), calls, place_of, rivals, unasked)


def _wanted(
    compiled: CompiledForm, visible: Mapping[str, bool | None], answers: Mapping[str, object]
) -> Sequence[Wanted]:
    """What some field that is shown and still empty can use."""
    return [
        want
        for want in compiled.wanted
        if any(visible.get(path) and path not in answers for path in want.paths)
    ]


def _document(source: Source, subject: Subject, others: Sequence[Subject] | None) -> Subject | None:
    """The document to ask that source by; None when it knows no such."""
    if others is None:
        return subject if _can_answer(source, subject) else None
    found = next((each for each in others if _can_answer(source, each)), None)
    return subject if found == subject else found


def _others(source: Source, first: Subject, documents: Sequence[Subject]) -> tuple[Subject, ...]:
    """The documents to ask by after the first, as many as are worth the time."""
    rest = [each for each in documents if each != first and _can_answer(source, each)]
    return tuple(rest[:MOST_OTHERS])


def _can_answer(source: Source, subject: Subject) -> bool:
    if subject.issuer and not source.by_issuer:
        return False  # it would answer by the number alone, whichever country was named
    is_known = subject.id_type in _TAKEN_BY_ALL or subject.id_type in source.id_types
    return is_known and subject.kind in source.kinds


def _calls(
    asks: Sequence[Ask],
    readers: Sequence[Reader],
    under: Mapping[tuple[str, str], Subject],
    others: Mapping[tuple[str, str], tuple[Subject, ...]],
) -> tuple[Call, ...]:
    together: dict[tuple[str, str], list[int]] = {}
    for place, ask in enumerate(asks):
        together.setdefault((ask.binding.source, ask.role), []).append(place)
    return tuple(
        Call(
            source,
            role,
            tuple(places),
            tuple(asks[place] for place in places),
            tuple(readers[place] for place in places),
            tuple(asks[place].item.id for place in places),
            under.get((source, role)),
            others.get((source, role), ()),
        )
        for (source, role), places in together.items()
    )
