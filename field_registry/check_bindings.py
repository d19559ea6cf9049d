"""Lints of bindings: each alone (does it lead somewhere, does it fit), and all of one item (one number, one source)."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from field_registry.bindings import Binding, Transform
from field_registry.errors import Fault
from field_registry.items import Datatype, Item
from field_registry.load import Loaded, Place
from field_registry.located import did_you_mean
from field_registry.outcomes import Tier
from field_registry.registry import Registry
from field_registry.sources import Source

_NUMBERS = frozenset({Datatype.amount, Datatype.integer})
_DATES = frozenset({Datatype.date, Datatype.datetime})
_CODED = frozenset({Datatype.code, Datatype.boolean, Datatype.text})
_ORIGINAL = frozenset({Tier.A, Tier.B})


def binding_faults(loaded: Loaded) -> Iterator[Fault]:
    """What is wrong with each binding taken alone."""
    for binding in loaded.registry.bindings:
        place = _place(loaded, binding)
        item, source = loaded.registry.items.get(binding.item), loaded.registry.sources.get(binding.source)
        if source is None and ("source", binding.source) not in loaded.broken:
            yield _unknown(place, binding, "source", binding.source, loaded.registry.sources)
        if item is None and ("item", binding.item) not in loaded.broken:
            yield _unknown(place, binding, "item", binding.item, loaded.registry.items)
        if binding.effective_from and binding.effective_to and binding.effective_from >= binding.effective_to:
            message = (
                f"{binding.item} is bound from {binding.effective_from} until {binding.effective_to}: never"
            )
            yield _at(
                place,
                "empty_period",
                f"{message}; effective_to is the first day it no longer holds",
                "effective_to",
            )
        if item is not None and binding.transform is not None:
            yield from _transform_faults(loaded.registry, item, binding, binding.transform, place)
        if item is not None and source is not None:
            yield from _fit_faults(loaded, item, source, binding, place)


def item_binding_faults(loaded: Loaded) -> Iterator[Fault]:
    """What is wrong with the bindings of each item taken together: exactly one is authoritative at any time."""
    by_item: dict[str, list[Binding]] = {item: [] for item in loaded.registry.items}
    for binding in loaded.registry.bindings:
        by_item.setdefault(binding.item, []).append(binding)
    for item_id, bindings in by_item.items():
        if (
            "binding",
            item_id,
        ) in loaded.broken:  # one of them cannot be read: nothing is known about the whole
            continue
        if not bindings:
            place = loaded.places.get(("item", item_id), Place("registry", 0))
            message = (
                f"item {item_id!r} is bound to no source; fields that need it stay to be typed (no_binding)"
            )
            yield Fault(place.file, place.line, "unbound", message, "warning")
        elif all(binding.rank != 1 for binding in bindings):
            message = f"{item_id} has no authoritative binding: none of its {len(bindings)} has rank 1"
            yield _at(
                _place(loaded, bindings[0]), "no_authority", f"{message}; give one of them rank 1", "rank"
            )
        for first, second in combinations(bindings, 2):
            if first.overlaps(second):
                yield from _pair_faults(loaded, *_in_file_order(loaded, first, second))


def _pair_faults(loaded: Loaded, first: Binding, second: Binding) -> Iterator[Fault]:
    place, other = _place(loaded, second), _place(loaded, first)
    if first.rank == second.rank == 1:
        message = f"{second.item} has two authoritative bindings, to {first.source!r} ({other.file}:{other.line}) and "
        remedy = f"{second.source!r}; one register is the authority: give the other rank 2, or end one before"
        yield _at(place, "two_authorities", message + remedy, "rank")
    elif first.rank == second.rank:
        message = (
            f"{second.item} has two bindings of rank {second.rank} (the other: {other.file}:{other.line})"
        )
        yield _at(place, "duplicate_rank", f"{message}; give each its own", "rank")
    yield from _tier_faults(loaded, first, second)


def _tier_faults(loaded: Loaded, first: Binding, second: Binding) -> Iterator[Fault]:
    higher, lower = (first, second) if first.rank < second.rank else (second, first)
    sources = loaded.registry.sources
    above, below = sources.get(higher.source), sources.get(lower.source)
    if above is None or below is None or higher.rank == lower.rank:
        return
    if above.tier not in _ORIGINAL and below.tier in _ORIGINAL:
        message = f"{higher.item}: {above.id!r} (tier {above.tier}) is ranked before {below.id!r} (tier {below.tier})"
        remedy = "tiers C, D and E never outrank A and B: exchange the ranks"
        yield _at(_place(loaded, higher), "tier_outranks", f"{message}; {remedy}", "rank")


def _fit_faults(
    loaded: Loaded, item: Item, source: Source, binding: Binding, place: Place
) -> Iterator[Fault]:
    if item.kind not in source.kinds:
        kinds = ", ".join(sorted(source.kinds))
        message = f"{item.id} is of a {item.kind}, but source {source.id!r} holds {kinds}"
        yield _at(
            place, "kind_clash", f"{message}; bind it elsewhere or add the kind to the source", "source"
        )
    if source.connector == "profile" and binding.attribute != item.id:
        message = (
            f"{item.id} is bound to the record {source.id!r} as {binding.attribute!r}, where nothing ever is"
        )
        yield _at(place, "profile_attribute", f"{message}; a record keeps items by their id", "attribute")
    rows = loaded.registry.items.get(item.within or "")
    if rows is None or rows.datatype is not Datatype.rows or ("binding", rows.id) in loaded.broken:
        return
    whole = [other.source for other in loaded.registry.bindings if other.item == rows.id]
    if binding.source not in whole:
        message = f"column {item.id} is bound to {source.id!r}, but its rows {item.within} are not"
        yield _at(
            place, "column_without_rows", f"{message}; bind {item.within} to {source.id!r} too", "source"
        )


def _transform_faults(
    registry: Registry, item: Item, binding: Binding, transform: Transform, place: Place
) -> Iterator[Fault]:
    fits = (
        ("multiply", transform.multiply, _NUMBERS, "an amount or integer"),
        ("date_format", transform.date_format, _DATES, "a date or datetime"),
        ("codes", transform.codes, _CODED, "a code, boolean or text"),
    )
    for key, given, datatypes, words in fits:
        if given and item.datatype not in datatypes:
            message = f"{item.id} is a {item.datatype}, but its binding to {binding.source!r} has `{key}`"
            yield _at(
                place, "type_clash", f"{message}, which needs {words}; change one of them", "transform", key
            )
    if transform.part and not transform.separator:
        message = f"{item.id}: `part` without `separator` does nothing; say what separates the parts"
        yield _at(place, "part_unused", message, "transform", "part", severity="warning")
    codes = registry.code_lists.get(item.code_list or "")
    if codes is None or item.datatype is not Datatype.code:
        return
    for own, code in transform.codes.items():
        if code not in codes.names and code not in codes.retired:
            hint = did_you_mean(code, codes.names)
            message = (
                f"{item.id}: {binding.source!r} code {own!r} is translated to {code!r}, which code list "
            )
            remedy = f"{codes.id!r} lacks; use one of its codes or add it to codes/{codes.id}.csv.{hint}"
            yield _at(place, "unknown_code", message + remedy, "transform", "codes", own)


def _unknown(place: Place, binding: Binding, what: str, name: str, known: Mapping[str, object]) -> Fault:
    hint = did_you_mean(name, known)
    if what == "item":
        message = f"a binding to {binding.source!r} is for item {name!r}, which is not defined.{hint}"
        return _at(place, "unknown_item", message, "item")
    some = ", ".join(sorted(known)[:12]) or "none"
    message = f"{binding.item} is bound to source {name!r}, which is not defined. Defined: {some}.{hint}"
    return _at(place, "unknown_source", message, "source")


def _in_file_order(loaded: Loaded, *bindings: Binding) -> list[Binding]:
    def where(binding: Binding) -> tuple[str, int]:
        place = _place(loaded, binding)
        return place.file, place.line

    return sorted(bindings, key=where)


def _place(loaded: Loaded, binding: Binding) -> Place:
    return loaded.places.get(("binding", binding.key), Place("registry", 0))


def _at(place: Place, code: str, message: str, *keys: str | int, severity: str = "error") -> Fault:
    return Fault(place.file, place.line_of(*keys), code, message, severity)
