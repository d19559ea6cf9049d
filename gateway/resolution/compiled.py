"""A form compiled against one registry, one policy and one day: everything about it that no request changes.

Built once per combination and kept in process, so that a warm resolve reads nothing from the database for form,
mapping and policy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from field_registry import Binding, CodeList, Item, Missing, OutcomeCode, Registry, Source, Tier
from field_registry.errors import NotNormal
from field_registry.normalise import apply_transform, is_blank, normaliser_for
from forms.bind import Line, RowsLine, bind, bind_rows
from forms.definition import Form
from forms.validate import Validator, schema_of
from forms.visibility import Visibility, compile_visibility
from policies import Policy, Rules

Columns = tuple[tuple[Item, Binding], ...]
Reader = Callable[[object], object]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """One item of one role that the form can use, and the sources that may be asked for it, in order of trust.

    `paths`: the fields it would fill; it is asked for only while one of them is shown and not yet typed.
    `rows`: for a repeating group, its line; None otherwise.
    """

    role: str
    item: Item
    paths: tuple[str, ...]
    bindings: tuple[Binding, ...]
    rows: RowsLine | None = None

    def columns(self, source_id: str, visible: Mapping[str, bool | None]) -> Columns:
        """The shown columns that source gives of a repeating item; empty for any other."""
        return self.rows.columns_shown(source_id, visible) if self.rows is not None else ()


@dataclass(frozen=True, slots=True, eq=False)
class CompiledForm:
    """A form version ready to be resolved.

    `rows_of`: path of a repeating group → role and item its rows come by. `readers`: (item id, source id) → what makes
    a raw value the item's normal one; raises `NotNormal`.
    """

    form: Form
    registry: Registry
    rules: Rules
    policy_version: int
    lines: tuple[Line, ...]
    visibility: Visibility
    wanted: tuple[Wanted, ...]
    rows_of: Mapping[str, tuple[str, str]]
    readers: Mapping[tuple[str, str], Reader]
    validator: Validator
    tiers: Mapping[str, Tier]

    def code_list_of(self, item: Item) -> CodeList | None:
        """The code list of an item, if it has one."""
        return self.registry.code_lists.get(item.code_list) if item.code_list else None

    def source(self, source_id: str) -> Source:
        """The source of that id."""
        return self.registry.sources[source_id]


def compile_form(form: Form, registry: Registry, policy: Policy, on: date) -> CompiledForm:
    """The form bound to that registry and policy, for that day."""
    lines = bind(form, registry, on)
    wanted = (*_wanted_items(lines), *_wanted_rows(bind_rows(form, registry, on)))
    return CompiledForm(
        form=form,
        registry=registry,
        rules=policy.rules,
        policy_version=policy.version,
        lines=lines,
        visibility=compile_visibility(form),
        wanted=wanted,
        rows_of={group.path: (group.role, group.item or "") for group in form.groups},
        readers=_readers(wanted, registry),
        validator=Validator(form.schema or schema_of(form, registry)),
        tiers={source.id: source.tier for source in registry.sources.values()},
    )


def _wanted_items(lines: tuple[Line, ...]) -> list[Wanted]:
    paths: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.group is None and line.item is not None and line.outcome is None:
            paths.setdefault((line.field.role, line.item.id), []).append(line)
    return [
        Wanted(role, of[0].item, tuple(line.path for line in of), of[0].bindings)
        for (role, _), of in paths.items()
        if of[0].item is not None
    ]


def _wanted_rows(groups: tuple[RowsLine, ...]) -> list[Wanted]:
    return [Wanted(rows.group.role, rows.item, _paths_of(rows), rows.bindings, rows) for rows in groups]


def _paths_of(rows: RowsLine) -> tuple[str, ...]:
    return tuple(path for paths in rows.paths.values() for path in paths)


def _readers(wanted: tuple[Wanted, ...], registry: Registry) -> dict[tuple[str, str], Reader]:
    readers: dict[tuple[str, str], Reader] = {}
    for want in wanted:
        for binding in want.bindings:
            key = want.item.id, binding.source
            if want.rows is None:
                readers[key] = _reader(want.item, binding, registry)
            else:
                columns = want.rows.columns[binding.source]
                readers[key] = _rows_reader(
                    {item.id: _reader(item, column, registry) for item, column in columns}
                )
    return readers


def _reader(item: Item, binding: Binding, registry: Registry) -> Reader:
    code_list = registry.code_lists.get(item.code_list) if item.code_list else None
    normalise: Callable[[Any], object] = normaliser_for(item, code_list)
    transform = binding.transform
    if transform is None:
        return normalise
    return lambda raw: normalise(apply_transform(raw, transform))


def _rows_reader(columns: Mapping[str, Reader]) -> Reader:
    """A reader of a repeating item: a cell that is not valid spoils itself, not its row and not its neighbours."""

    def cell(raw: object, read: Reader) -> object:
        if is_blank(raw):
            return None
        try:
            return read(raw)
        except NotNormal:
            return Missing(OutcomeCode.invalid_value)

    def read_rows(raw: object) -> object:
        if not isinstance(raw, list) or not all(isinstance(row, Mapping) for row in raw):
            raise NotNormal("expected a list of rows")
        return [{item: cell(row.get(item), read) for item, read in columns.items()} for row in raw]

    return read_rows
