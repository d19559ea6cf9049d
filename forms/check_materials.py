"""Checks of the papers a form wants: they are told apart, are somebody's, and say things the registry knows of."""

from collections.abc import Iterator

from field_registry import Registry
from field_registry.located import did_you_mean
from forms.definition import Form, Material
from forms.remarks import Remark, warning


def check_materials(form: Form, registry: Registry) -> Iterator[Remark]:
    """Everything wrong with the materials of a form."""
    ids = [each.id for each in form.materials]
    for number, material in enumerate(form.materials):
        if material.id in ids[:number]:
            message = f"material {material.id!r} stands twice; give each paper its own id"
            yield Remark(("materials", number, "id"), "duplicate_material", message)
        yield from _party(form, material, number)
        yield from _content(form, material, number, registry)


def _party(form: Form, material: Material, number: int) -> Iterator[Remark]:
    names = [role.name for role in form.roles]
    if material.role not in names:
        message = (
            f"material {material.id!r} is a paper of role {material.role!r}, which is not declared; "
            f"declared: {', '.join(names)}.{did_you_mean(material.role, names)}"
        )
        yield Remark(("materials", number, "role"), "unknown_role", message)


def _content(form: Form, material: Material, number: int, registry: Registry) -> Iterator[Remark]:
    where = ("materials", number, "items")
    if not material.items and not material.uncatalogued:
        message = (
            f"nobody knows what material {material.id!r} says; list its items, or write under `uncatalogued` what "
            "no item stands for"
        )
        yield warning(("materials", number), "material_without_content", message)
    role = form.role(material.role)
    for place, item_id in enumerate(material.items):
        item = registry.items.get(item_id)
        if item is None:
            hint = did_you_mean(item_id, registry.items)
            message = f"material {material.id!r} says {item_id!r}, which is no item of the registry.{hint}"
            yield Remark((*where, place), "unknown_item", message)
        elif role is not None and item.kind not in role.kinds:
            kinds = " or ".join(sorted(role.kinds))
            message = f"{item_id} is of kind {item.kind}, but role {role.name!r} is {kinds}; use another role or item"
            yield Remark((*where, place), "wrong_kind", message)
