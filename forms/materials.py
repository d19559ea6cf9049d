"""Materials: the papers that a matter wants handed in beside the form, and whether the registry makes one needless.

A paper need not be handed in (免提交) when everything the matter reads from it can be had from the register that is
entitled to say it. What no item stands for keeps it from being exempt; a form says so rather than leaving it out.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from field_registry import Item, Registry, Tier
from field_registry.items import ShareAttribute
from forms.definition import Form, Material

_AUTHORITATIVE = frozenset({Tier.A, Tier.B})


class Obstacle(StrEnum):
    """What keeps one part of a paper from being had by sharing."""

    not_in_catalogue = "not_in_catalogue"
    """No item stands for it."""
    not_shared = "not_shared"
    """Its share attribute is 不予共享."""
    not_connected = "not_connected"
    """No source is bound to it on that day."""
    not_authoritative = "not_authoritative"
    """Only sources that are not entitled to say it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One part of a paper that cannot be had. `what`: the item's id, or the form's own words for what has none."""

    what: str
    obstacle: Obstacle
    item: Item | None = None


def missing_of(material: Material, registry: Registry, on: date) -> tuple[Missing, ...]:
    """What of a paper cannot be had by sharing on that day; empty when it need not be handed in."""
    found = [_missing(item_id, registry, on) for item_id in material.items]
    if material.uncatalogued or not material.items:
        found.append(Missing(material.uncatalogued or material.name, Obstacle.not_in_catalogue))
    return tuple(each for each in found if each is not None)


def paths_of(material: Material, form: Form) -> dict[str, tuple[str, ...]]:
    """Item of the paper → the fields of the form that ask for it, of the same party; without those nothing asks for."""
    paths: dict[str, tuple[str, ...]] = {}
    groups = {group.path: group.role for group in form.groups}
    for field in form.fields:
        role = groups.get(field.group or "", field.role)
        if field.item in material.items and role == material.role and field.may_be_eligible:
            paths[field.item] = (*paths.get(field.item, ()), field.path)
    return paths


def _missing(item_id: str, registry: Registry, on: date) -> Missing | None:
    item = registry.items.get(item_id)
    if item is None:
        return Missing(item_id, Obstacle.not_in_catalogue)
    if item.share is ShareAttribute.none:
        return Missing(item_id, Obstacle.not_shared, item)
    obstacle = _unbound(item_id, registry, on)
    if obstacle is None and item.within is not None:
        obstacle = _unbound(item.within, registry, on)  # a cell comes with its row, or not at all
    return None if obstacle is None else Missing(item_id, obstacle, item)


def _unbound(item_id: str, registry: Registry, on: date) -> Obstacle | None:
    bindings = registry.bindings_of(item_id, on)
    if not bindings:
        return Obstacle.not_connected
    source = registry.sources.get(bindings[0].source)
    is_entitled = bindings[0].rank == 1 and source is not None and source.tier in _AUTHORITATIVE
    return None if is_entitled else Obstacle.not_authoritative
