"""Checks of a form's layout: every cell names something, every row fills the grid, and every field has its place."""

from collections.abc import Iterator

from field_registry import Registry
from field_registry.items import Datatype
from field_registry.located import Where, did_you_mean
from forms.definition import Field, FieldKind, Form
from forms.layout import Cell, Layout, Row, fits, placed
from forms.print_cells import choices_of
from forms.remarks import Remark, warning

_SAYS_ITSELF = frozenset({FieldKind.signature, FieldKind.consent_box, FieldKind.display, FieldKind.upload})
"""Kinds that print their label themselves."""


def check_layout(form: Form, registry: Registry) -> Iterator[Remark]:
    """Everything wrong with the layout; nothing for a form without one."""
    if form.layout is None:
        return
    unfit: list[tuple[int, str]] = []
    fits(form.layout, lambda number, why: unfit.append((number, why)))
    for number, why in unfit:
        yield Remark(("layout", "rows", number), "layout_row", f"this row does not fit the grid: {why}")
    seen: set[str] = set()
    for number, row in enumerate(form.layout.rows):
        for place, cell in enumerate(row):
            where: Where = ("layout", "rows", number, place)
            yield from _names(form, cell, where)
            yield from _twice(cell, seen, where)
            yield from _group(form, cell, row, where)
            yield from _choices(form, cell, registry, where)
            yield from _label(form, cell, row, where)
    missing = [path for path in _wanted(form) if path not in placed(form.layout)]
    if missing:
        message = f"{', '.join(missing)}: no place in the layout; printed below it in a table of their own"
        yield warning(("layout", "rows"), "layout_incomplete", message)


def _wanted(form: Form) -> list[str]:
    """Every field by its path, and instead of its columns every group."""
    return list(dict.fromkeys(field.group or field.path for field in form.fields))


def _names(form: Form, cell: Cell, where: Where) -> Iterator[Remark]:
    """A cell holds one thing, and that is in the form."""
    if sum(bool(each) for each in (cell.text and not cell.group, cell.label, cell.field, cell.group)) > 1:
        yield Remark(where, "layout_cell", "a cell holds one of text, label, field and group; make two cells")
    fields = [field.path for field in form.fields if field.group is None]
    groups = [group.path for group in form.groups]
    for path, known in ((cell.label, fields), (cell.field, fields), (cell.group, groups)):
        if path is not None and path not in known:
            yield Remark(where, "unknown_field", f"{path!r} is not in this form.{did_you_mean(path, known)}")


def _twice(cell: Cell, seen: set[str], where: Where) -> Iterator[Remark]:
    shown = cell.field or cell.group
    if shown is not None and shown in seen:
        yield Remark(where, "layout_twice", f"{shown!r} already has its place; keep one")
    seen |= {shown} if shown else set()


def _group(form: Form, cell: Cell, row: Row, where: Where) -> Iterator[Remark]:
    """The rows of a group have all columns of the grid, and a width for each of their own."""
    if cell.group is None:
        if cell.widths:
            yield Remark(
                where, "layout_widths", "only a group has columns of its own; leave `widths` out here"
            )
        return
    assert form.layout is not None  # the caller looked
    if not _alone(cell, row, form.layout):
        message = f"the rows of {cell.group!r} need a row of the layout for themselves, over all columns"
        yield Remark(where, "layout_group", message)
    columns = [each.leaf for each in form.fields if each.group == cell.group]
    if cell.widths and len(cell.widths) != len(columns):
        message = (
            f"{len(cell.widths)} widths for {len(columns)} columns ({', '.join(columns)}); give one for each"
        )
        yield Remark(where, "layout_widths", message)


def _alone(cell: Cell, row: Row, layout: Layout) -> bool:
    return len(row) == 1 and cell.colspan == len(layout.widths) and cell.rowspan == 1


def _choices(form: Form, cell: Cell, registry: Registry, where: Where) -> Iterator[Remark]:
    """Every box can be ticked, and no two say the same."""
    if not cell.choices:
        return
    field = form.field(cell.field) if cell.field else None
    if field is None:
        yield Remark(where, "layout_choices", "boxes are for a field; name it, or leave `choices` out")
        return
    words = [word for _, word in cell.choices]
    if len(set(words)) < len(words):
        yield Remark(where, "layout_choices", "two boxes say the same; which was ticked could not be told")
    may_be = _values(field, registry)
    never = [value for value, _ in cell.choices if may_be is not None and value not in may_be]
    if never:
        hint = did_you_mean(never[0], list(may_be or ()))
        message = f"{', '.join(never)}: {field.path!r} is never shown so, and the box never ticked.{hint}"
        yield Remark(where, "layout_choices", message)


def _values(field: Field, registry: Registry) -> list[str] | None:
    """What a field may be shown as; None when anything."""
    item = registry.items.get(field.item) if field.item else None
    if item is not None and item.datatype is Datatype.boolean:
        return ["是", "否"]
    if item is not None and item.datatype is Datatype.code:
        codes = registry.code_lists.get(item.code_list or "")
        return None if codes is None else list(codes.names.values())
    own = [value for value, _ in choices_of(field)]
    return own or None


def _label(form: Form, cell: Cell, row: Row, where: Where) -> Iterator[Remark]:
    """What stands in a cell can be told: its label stands somewhere, or one that says the same in its row."""
    field = form.field(cell.field) if cell.field else None
    assert form.layout is not None  # the caller looked
    if field is None or field.kind in _SAYS_ITSELF or cell.centred:
        return
    labels = {each.label for line in form.layout.rows for each in line}
    beside = {named.label for each in row if each.label and (named := form.field(each.label)) is not None}
    if field.path not in labels and field.label not in beside:
        message = f"nothing says what {field.path!r} is; put `{{label: {field.path}}}` before it"
        yield warning(where, "layout_unlabelled", message)
