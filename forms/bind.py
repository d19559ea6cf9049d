"""Binding a form to one registry version: per field its item, the bindings in force, and what never changes.

Done once per form version, registry version and day, and kept: filling then only looks things up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from field_registry import Binding, Item, OutcomeCode, Registry
from forms.definition import Field, FieldKind, Form, Group
from forms.outcomes import FieldOutcome

ALREADY_ANSWERED = "already_answered"
"""The reason of a slot that was not asked about because the person had typed something."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One field of a form, bound.

    `item`: None when the field names none or one the registry does not hold; `freshness`: the item's, None for what
    does not age. `bindings`: in force on the day,
    authoritative first; for a column of a group those of sources that also give the group's rows, in the order of
    trust of the rows. `outcome`: set when no source can ever change it: `office_use`, or `no_binding` for fields
    without item or binding and for kinds that take no data (those are not eligible, so that no rate counts them).
    `if_hidden`, `if_unknown`, `if_answered`, `if_static`: the outcomes of a slot outside groups, made in advance.
    `path`: the field's; a column's is without row number. `key`: role and item id (of a column, its own). `is_plain`:
    outside groups, and some source can give its item, which does not age: nearly every field.
    """

    path: str
    key: tuple[str, str]
    field: Field
    item: Item | None
    freshness: timedelta | None
    bindings: tuple[Binding, ...]
    outcome: OutcomeCode | None
    group: Group | None
    if_hidden: FieldOutcome
    if_unknown: FieldOutcome
    if_answered: FieldOutcome
    if_static: FieldOutcome
    is_plain: bool


@dataclass(frozen=True, slots=True, eq=False)
class RowsLine:
    """A repeating group that can be asked for: one ask brings all its rows.

    `bindings`: of the rows, authoritative first. `columns`: source id → the columns that source binds, in form order,
    each item once; office-use columns are left out. `paths`: item id → the columns' field paths.
    """

    group: Group
    item: Item
    bindings: tuple[Binding, ...]
    columns: Mapping[str, tuple[tuple[Item, Binding], ...]]
    paths: Mapping[str, tuple[str, ...]]

    def columns_shown(
        self, source: str, visible: Mapping[str, bool | None]
    ) -> tuple[tuple[Item, Binding], ...]:
        """The columns to ask that source for, as `Ask.columns` wants them; empty when nothing of the group is shown."""
        return tuple(
            column
            for column in self.columns.get(source, ())
            if any(visible.get(path) is True for path in self.paths[column[0].id])
        )


def bind(form: Form, registry: Registry, on: date) -> tuple[Line, ...]:
    """One line per field, in form order."""
    groups = {group.path: group for group in form.groups}
    rows = {path: _bindings_of(group.item, registry, on) for path, group in groups.items()}
    lines = []
    for field in form.fields:
        group = groups.get(field.group or "")
        item = registry.items.get(field.item or "")
        if group is None:
            bindings = () if item is None or item.within is not None else registry.bindings_of(item.id, on)
        else:
            bindings = _column_bindings(item, rows[group.path], group, registry, on)
        lines.append(_line(field, item, bindings, group))
    return tuple(lines)


def bind_rows(form: Form, registry: Registry, on: date) -> tuple[RowsLine, ...]:
    """One line per group whose rows some source can give, in form order; what plans make their asks of."""
    lines = [line for line in bind(form, registry, on) if line.group is not None and line.outcome is None]
    return tuple(
        _rows_line(
            group, registry.items[group.item], bindings, [line for line in lines if line.group is group]
        )
        for group in form.groups
        if group.item is not None and (bindings := _bindings_of(group.item, registry, on))
    )


def _rows_line(group: Group, item: Item, bindings: tuple[Binding, ...], lines: list[Line]) -> RowsLine:
    paths: dict[str, tuple[str, ...]] = {}
    columns: dict[str, dict[str, tuple[Item, Binding]]] = {binding.source: {} for binding in bindings}
    for line in lines:
        assert line.item is not None  # a line without item has a static outcome
        paths[line.item.id] = (*paths.get(line.item.id, ()), line.path)
        for binding in line.bindings:
            columns[binding.source].setdefault(line.item.id, (line.item, binding))
    by_source = {source: tuple(each.values()) for source, each in columns.items()}
    return RowsLine(group, item, bindings, by_source, paths)


def _bindings_of(item_id: str | None, registry: Registry, on: date) -> tuple[Binding, ...]:
    return registry.bindings_of(item_id, on) if item_id and item_id in registry.items else ()


def _column_bindings(
    item: Item | None, rows: tuple[Binding, ...], group: Group, registry: Registry, on: date
) -> tuple[Binding, ...]:
    """A cell can only come with its row: so from the same source, and trusted as the row is."""
    if item is None or group.item is None or item.within != group.item:
        return ()
    by_source: dict[str, Binding] = {}
    for binding in registry.bindings_of(item.id, on):
        by_source.setdefault(binding.source, binding)
    return tuple(by_source[row.source] for row in rows if row.source in by_source)


def _line(field: Field, item: Item | None, bindings: tuple[Binding, ...], group: Group | None) -> Line:
    outcome = _static_outcome(field, bindings)
    eligible = field.may_be_eligible
    mapped = eligible and bool(bindings)
    answered = OutcomeCode.no_ground if bindings else OutcomeCode.no_binding

    def resting(code: OutcomeCode, reason: str = "") -> FieldOutcome:
        return FieldOutcome(field.path, field, code, reason=reason)

    return Line(
        path=field.path,
        key=(field.role, item.id if item is not None else ""),
        field=field,
        item=item,
        freshness=None if item is None else item.freshness,
        bindings=bindings,
        outcome=outcome,
        group=group,
        if_hidden=resting(OutcomeCode.skipped_hidden),
        if_unknown=resting(OutcomeCode.skipped_hidden, "unanswered_condition"),
        if_answered=FieldOutcome(
            path=field.path,
            field=field,
            outcome=answered,
            reason=ALREADY_ANSWERED,
            answered=True,
            eligible=eligible,
            mapped=mapped,
            answer_path=field.path,
        ),
        if_static=FieldOutcome(
            field.path, field, outcome or OutcomeCode.no_binding, eligible=eligible, mapped=mapped
        ),
        is_plain=group is None and outcome is None and item is not None and item.freshness is None,
    )


def _static_outcome(field: Field, bindings: tuple[Binding, ...]) -> OutcomeCode | None:
    if field.office_use:
        return OutcomeCode.office_use
    # Display text, signatures, uploads ... take no data. The closed list has no code of their own; `no_binding` is the
    # least wrong, and `eligible` keeps them out of every rate.
    if field.kind is not FieldKind.input or not bindings:
        return OutcomeCode.no_binding
    return None
