"""Which items may be kept in the record, and for how long: what the registry says, read for one item. Pure.

A data admin opens an item for the record by binding it to a source of kind `profile`, which a second person reviews; an
item without such a binding could never be offered again, so keeping it would serve nothing (PIPL art. 6). What no
binding can open: items not shared, what tells who somebody is (that is proved each time, never remembered), and rows.
"""

from datetime import date, timedelta

from field_registry import Binding, Item, Registry, Source
from field_registry.items import Datatype, ShareAttribute
from field_registry.located import parse_duration
from field_registry.words import Word
from policies.retention import PERIODS

PROFILE_KIND = "profile"
"""The connector kind of the record."""
_IDENTIFIERS = frozenset({Datatype.id_no, Datatype.uscc})


class KeepRefusal(Word):
    """Why a value cannot be kept for next time."""

    not_shared = "not_shared"
    identity = "identity"
    rows = "rows"
    not_bound = "not_bound"


REMEDIES: dict[KeepRefusal, str] = {
    KeepRefusal.not_shared: "This item is not shared between forms, so it cannot be kept for the next one.",
    KeepRefusal.identity: "What tells who somebody is has to be proved each time and is not kept.",
    KeepRefusal.rows: "Rows of a repeating group are not kept; only single fields are.",
    KeepRefusal.not_bound: "No record keeps this item. A data admin opens it by binding it to a profile source.",
}
"""What to say about each."""


def refusal_to_keep(item: Item, registry: Registry, on: date) -> KeepRefusal | None:
    """Why a value of this item may not be kept; None when it may."""
    if item.share is ShareAttribute.none:
        return KeepRefusal.not_shared
    if item.datatype in _IDENTIFIERS:
        return KeepRefusal.identity
    if item.datatype is Datatype.rows or item.within is not None:
        return KeepRefusal.rows
    return None if profile_binding(item.id, registry, on) is not None else KeepRefusal.not_bound


def kept_for(item: Item, registry: Registry, on: date, default: timedelta) -> timedelta:
    """How long a value of this item is kept: as its profile source says, else `default`."""
    binding = profile_binding(item.id, registry, on)
    said = None if binding is None else registry.sources[binding.source].config.get("kept", {}).get(item.id)
    return default if said is None else min(parse_duration(said), PERIODS["profile"].length)


def profile_binding(item_id: str, registry: Registry, on: date) -> Binding | None:
    """The binding by which the record answers for that item on that day."""
    bindings = registry.bindings_of(item_id, on)
    return next((each for each in bindings if is_profile(registry.sources.get(each.source))), None)


def is_profile(source: Source | None) -> bool:
    """Whether that source is the record."""
    return source is not None and source.connector == PROFILE_KIND
