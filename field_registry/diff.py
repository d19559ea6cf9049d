"""What differs between two versions of a registry, and which items each difference touches (its blast radius)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from field_registry.bindings import Binding
from field_registry.codes import CodeList
from field_registry.document import binding_entry, code_list_entry, item_entry, source_entry
from field_registry.registry import Registry

T = TypeVar("T")
What = Literal["added", "removed", "changed"]
_PAIRS = frozenset({"names", "aliases", "retired", "origins"})


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute of a part, before and after; None where it was or is absent. Nested keys are dotted."""

    name: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Change:
    """One part that differs.

    `kind`: "item", "source", "binding" or "code_list". `id`: the part's id; a binding's is `Binding.key`, of the new
    version where there is one. `touched`: ids of the items whose values it can change, sorted.
    """

    kind: str
    id: str
    what: What
    attributes: tuple[AttributeChange, ...] = ()
    touched: tuple[str, ...] = ()


def diff(old: Registry, new: Registry) -> tuple[Change, ...]:
    """Every difference from `old` to `new`, by kind and then id; empty when both say the same.

    The order of parts is not compared, except of the codes in a list. A binding moved to another attribute of the
    same source is one change, not a removal and an addition.
    """
    return (
        *_compare("item", old.items, new.items, item_entry, _items_of_item(old, new)),
        *_compare("source", old.sources, new.sources, source_entry, _items_of_source(old, new)),
        *_compare(
            "binding", *_paired_bindings(old, new), binding_entry, lambda key: {key.partition(" <- ")[0]}
        ),
        *_compare("code_list", old.code_lists, new.code_lists, _codes_entry, _items_of_codes(old, new)),
    )


def describe(change: Change) -> str:
    """The change as one line for people: `item person.name changed: freshness 365d → 30d (touches 1 item)`."""
    line = f"{change.kind.replace('_', ' ')} {change.id} {change.what}"
    if change.attributes:
        line += ": " + ", ".join(
            f"{part.name} {_shown(part.old)} → {_shown(part.new)}" for part in change.attributes
        )
    count = len(change.touched)
    return f"{line} (touches {count} item{'' if count == 1 else 's'})"


def _compare(
    kind: str,
    old: Mapping[str, T],
    new: Mapping[str, T],
    entry: Callable[[T], dict[str, Any]],
    touched: Callable[[str], set[str]],
) -> Iterator[Change]:
    for part_id in sorted({*old, *new}):
        before, after = old.get(part_id), new.get(part_id)
        items = tuple(sorted(touched(part_id)))
        if before is None or after is None:
            yield Change(kind, part_id, "added" if before is None else "removed", touched=items)
            continue
        attributes = tuple(_attribute_changes("", entry(before), entry(after)))
        if attributes:
            yield Change(kind, part_id, "changed", attributes, items)


def _attribute_changes(prefix: str, old: object, new: object) -> Iterator[AttributeChange]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _attribute_changes(f"{prefix}.{key}" if prefix else key, old.get(key), new.get(key))
    elif old != new:
        yield AttributeChange(prefix, old, new)


def _codes_entry(codes: CodeList) -> dict[str, Any]:
    entry = code_list_entry(codes)
    order = [pair[0] for pair in entry["names"]]
    return {key: dict(value) if key in _PAIRS else value for key, value in entry.items()} | {"order": order}


def _paired_bindings(old: Registry, new: Registry) -> tuple[dict[str, Binding], dict[str, Binding]]:
    """Both versions' bindings by key; one that only moved within its source goes by its new key in both."""
    before, after = ({binding.key: binding for binding in registry.bindings} for registry in (old, new))
    moved: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, (ours, theirs) in enumerate(((before, after), (after, before))):
        for key in ours.keys() - theirs.keys():
            moved[ours[key].item, ours[key].source][side].append(key)
    for gone, come in moved.values():
        if len(gone) == len(come) == 1:
            before[come[0]] = before.pop(gone[0])
    return before, after


def _items_of_item(old: Registry, new: Registry) -> Callable[[str], set[str]]:
    def touched(item_id: str) -> set[str]:
        return {item_id, *(column.id for registry in (old, new) for column in registry.columns_of(item_id))}

    return touched


def _items_of_source(old: Registry, new: Registry) -> Callable[[str], set[str]]:
    by_source: dict[str, set[str]] = defaultdict(set)
    for binding in (*old.bindings, *new.bindings):
        by_source[binding.source].add(binding.item)
    return lambda source_id: by_source.get(source_id, set())


def _items_of_codes(old: Registry, new: Registry) -> Callable[[str], set[str]]:
    by_list: dict[str, set[str]] = defaultdict(set)
    for item in (*old.items.values(), *new.items.values()):
        by_list[item.code_list or ""].add(item.id)
    return lambda list_id: by_list.get(list_id, set())


def _shown(value: object) -> str:
    text = "nothing" if value is None or value == "" else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
