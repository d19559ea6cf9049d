"""Checks of a form's layout: every cell names something, every row fills the grid, and every field has its place."""

from collections.abc import Iterator

from field_registry import Registry
from field_registry.located import did_you_mean
from forms.definition import Form
from forms.layout import Cell, Layout, fits, placed
from forms.remarks import Remark, warning


def check_layout(form: Form, _: Registry) -> Iterator[Remark]:
    """Everything wrong with the layout; nothing for a form without one."""
    if form.layout is None:
        return
    yield from _cells(form, form.layout)
    unfit: list[tuple[int, str]] = []
    fits(form.layout, lambda number, why: unfit.append((number, why)))
    for number, why in unfit:
        yield Remark(("layout", "rows", number), "layout_row", f"this row does not fit the grid: {why}")
    missing = [path for path in _wanted(form) if path not in placed(form.layout)]
    if missing:
        message = f"{', '.join(missing)}: no place in the layout; printed below it in a table of their own"
        yield warning(("layout", "rows"), "layout_incomplete", message)


def _wanted(form: Form) -> list[str]:
    """Every field by its path, and instead of its columns every group."""
    return list(dict.fromkeys(field.group or field.path for field in form.fields))


def _cells(form: Form, layout: Layout) -> Iterator[Remark]:
    fields = [field.path for field in form.fields if field.group is None]
    groups = [group.path for group in form.groups]
    seen: set[str] = set()
    for number, row in enumerate(layout.rows):
        for place, cell in enumerate(row):
            where = ("layout", "rows", number, place)
            if sum(bool(each) for each in (cell.text, cell.label, cell.field, cell.group)) > 1:
                yield Remark(
                    where, "layout_cell", "a cell holds one of text, label, field and group; make two cells"
                )
            for path, known in ((cell.label, fields), (cell.field, fields), (cell.group, groups)):
                if path is not None and path not in known:
                    yield Remark(
                        where, "unknown_field", f"{path!r} is not in this form.{did_you_mean(path, known)}"
                    )
            shown = cell.field or cell.group
            if shown is not None and shown in seen:
                yield Remark(where, "layout_twice", f"{shown!r} already has its place; keep one")
            seen |= {shown} if shown else set()
            if cell.group is not None and not _alone(cell, row, layout):
                message = (
                    f"the rows of {cell.group!r} need a row of the layout for themselves, over all columns"
                )
                yield Remark(where, "layout_group", message)


def _alone(cell: Cell, row: tuple[Cell, ...], layout: Layout) -> bool:
    return len(row) == 1 and cell.colspan == len(layout.widths) and cell.rowspan == 1
