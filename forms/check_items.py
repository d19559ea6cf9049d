"""Checks of the items a form names (they exist, may be shared, are about whom the form asks) and of its groups."""

from collections.abc import Iterator, Mapping

from field_registry import Item, Registry
from field_registry.items import Datatype, ShareAttribute
from field_registry.located import Where, did_you_mean
from forms.definition import Field, FieldKind, Form, Group
from forms.remarks import Remark, warning


def check_items(form: Form, registry: Registry) -> Iterator[Remark]:
    """Everything wrong with the items that fields name."""
    for number, field in enumerate(form.fields):
        if field.item is None:
            continue
        where = ("fields", number, "item")
        item = registry.items.get(field.item)
        if item is None:
            hint = did_you_mean(field.item, registry.items)
            yield Remark(where, "unknown_item", f"no item {field.item!r} in the registry.{hint}")
            continue
        yield from _share(field.path, item, where)
        yield from _use_of_item(form, field, item, where)


def _share(path: str, item: Item, where: Where) -> Iterator[Remark]:
    if item.share is ShareAttribute.none:
        cited = f" ({item.share_citation})" if item.share_citation else ""
        message = (
            f"{path!r} asks for {item.id}, which is not shared with anybody{cited}; "
            "a form asking an item it may not have: take the item off and let the person fill it in"
        )
        yield Remark(where, "item_not_shared", message)


def _use_of_item(form: Form, field: Field, item: Item, where: Where) -> Iterator[Remark]:
    if field.office_use:
        yield warning(
            where, "office_use_item", f"{field.path!r} is for the office and never filled; take the item off"
        )
    elif field.kind is not FieldKind.input:
        yield warning(
            where, "item_not_taken", f"{field.path!r} is {field.kind} and never filled; take the item off"
        )
    if item.datatype is Datatype.rows:
        message = f"{item.id} holds rows; name it in a group, and its columns in the group's fields"
        yield Remark(where, "rows_in_field", message)
    if field.group is not None:
        return  # whether a column belongs to its group is the groups' check
    if item.within is not None:
        message = f"{item.id} is a column of {item.within}; it can only be asked in a group with that item"
        yield Remark(where, "column_outside_group", message)
    yield from _kind(form, field.role, item, where)


def check_groups(form: Form, registry: Registry) -> Iterator[Remark]:
    """Everything wrong with repeating groups, their columns and their rows."""
    paths = {group.path for group in form.groups}
    for number, field in enumerate(form.fields):
        yield from _membership(field, number, paths)
        yield from _column(form, field, number, registry)
    for number, group in enumerate(form.groups):
        columns = {field.leaf: field for field in form.fields if field.group == group.path}
        yield from _identity(group, number, columns)
        if group.item is not None:
            yield from _rows(form, group, number, registry)


def _membership(field: Field, number: int, groups: set[str]) -> Iterator[Remark]:
    where = ("fields", number, "path")
    owner = next((path for path in sorted(groups) if field.path.startswith(f"{path}.")), None)
    if field.group is None and owner is not None:
        message = f"{field.path!r} stands below group {owner!r} without being in it; add `group: {owner}`"
        yield Remark(where, "column_path", message)
    elif field.group is not None and field.group not in groups:
        hint = did_you_mean(field.group, groups)
        message = f"field {field.path!r} is in group {field.group!r}, which is not declared.{hint}"
        yield Remark(("fields", number, "group"), "unknown_group", message)
    elif field.group is not None and field.path != f"{field.group}.{field.leaf}":
        message = f"a column's path is its group's and one name: {field.group}.{field.leaf}, not {field.path}"
        yield Remark(where, "column_path", message)


def _column(form: Form, field: Field, number: int, registry: Registry) -> Iterator[Remark]:
    group = form.group(field.group) if field.group else None
    item = registry.items.get(field.item or "")
    if group is None or item is None or (group.item is not None and item.within == group.item):
        return
    rows = registry.items.get(group.item or "")
    if group.item is not None and (rows is None or rows.datatype is not Datatype.rows):
        return  # the group's item is the fault, and told as such
    known = ", ".join(each.id for each in registry.columns_of(group.item or "")) or "none"
    message = f"{item.id} is no column of {group.item or 'a group without item'}; columns there are: {known}"
    yield Remark(("fields", number, "item"), "column_not_within", message)


def _identity(group: Group, number: int, columns: Mapping[str, Field]) -> Iterator[Remark]:
    where = ("groups", number, "identity_key")
    identity = columns.get(group.identity_key)
    if identity is None:
        hint = did_you_mean(group.identity_key, columns)
        message = (
            f"rows of {group.path!r} are told apart by {group.identity_key!r}, which is no column.{hint}"
        )
        yield Remark(where, "no_identity_key", message)
    elif identity.item is None and group.item is not None:
        message = f"{identity.path!r} has no item, so rows typed and rows on record can never be matched"
        yield warning(where, "identity_without_item", message)


def _rows(form: Form, group: Group, number: int, registry: Registry) -> Iterator[Remark]:
    where = ("groups", number, "item")
    item = registry.items.get(group.item or "")
    if item is None:
        hint = did_you_mean(group.item or "", registry.items)
        yield Remark(where, "unknown_item", f"no item {group.item!r} in the registry.{hint}")
        return
    if item.datatype is not Datatype.rows:
        message = f"{item.id} holds a {item.datatype}; a group needs an item whose datatype is rows"
        yield Remark(where, "not_rows", message)
    yield from _share(group.path, item, where)
    yield from _kind(form, group.role, item, where)


def _kind(form: Form, role_name: str, item: Item, where: Where) -> Iterator[Remark]:
    role = form.role(role_name)
    if role is not None and item.kind not in role.kinds:
        kinds = " or ".join(sorted(role.kinds))
        message = (
            f"{item.id} is of kind {item.kind}, but role {role.name!r} is {kinds}; use another role or item"
        )
        yield Remark(where, "wrong_kind", message)
