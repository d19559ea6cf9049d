"""A form compiled against one registry, one policy and one day: everything about it that no request changes.

Built once per combination and kept in process, so that a warm resolve reads nothing from the database for form,
mapping and policy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from field_registry import Binding, CodeList, Item, Missing, OutcomeCode, Registry, Source, Tier
from field_registry.display import SHOWN_AS_IS
from field_registry.errors import NotNormal
from field_registry.items import Sensitivity
from field_registry.normalise import apply_transform, is_blank, normaliser_for
from forms.bind import Line, RowsLine, bind, bind_rows
from forms.definition import Form
from forms.validate import Validator, schema_of
from forms.visibility import Visibility, compile_visibility
from gateway.profiles.keepable import is_profile
from policies import Policy, Rules
from policies.scope import ItemScopes

Columns = tuple[tuple[Item, Binding], ...]
Reader = Callable[[object], object]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """One item of one role that the form can use, and the sources that may be asked for it, in order of trust.

    `paths`: the fields it would fill; it is asked for only while one of them is shown and not yet typed.
    `key`: role and item id. `sources`, `readers`: in the order of `bindings`; a reader makes a raw value the item's
    normal one, None when it is blank, and raises `NotNormal`. `rows`: for a repeating group, its line; None otherwise.
    """

    key: tuple[str, str]
    role: str
    item: Item
    paths: tuple[str, ...]
    bindings: tuple[Binding, ...]
    sources: tuple[Source, ...]
    readers: tuple[Reader, ...]
    rows: RowsLine | None = None

    def columns(self, source_id: str, visible: Mapping[str, bool | None]) -> Columns:
        """The shown columns that source gives of a repeating item; empty for any other."""
        return self.rows.columns_shown(source_id, visible) if self.rows is not None else ()


@dataclass(frozen=True, slots=True, eq=False)
class CompiledForm:
    """A form version ready to be resolved.

    `key_of`: field path → role and item its value comes by; for a column, those of its group's rows.
    `shown_as_is`: items whose text is what a person is shown. `is_sensitive`: whether any item it asks for is
    (PIPL art. 28). `scopes`: what older consents are compared with.
    `askings`: kinds of subjects → what is asked about them while nothing is typed; kept by `asking_of`, not to be read.
    `kept`: what other rooms made of it once, each under a name of its own.
    """

    form: Form
    registry: Registry
    rules: Rules
    policy_version: int
    lines: tuple[Line, ...]
    visibility: Visibility
    wanted: tuple[Wanted, ...]
    key_of: Mapping[str, tuple[str, str]]
    validator: Validator
    tiers: Mapping[str, Tier]
    shown_as_is: frozenset[str]
    is_sensitive: bool
    scopes: ItemScopes
    askings: dict[object, Any] = field(default_factory=dict, repr=False)
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def code_list_of(self, item: Item) -> CodeList | None:
        """The code list of an item, if it has one."""
        return self.registry.code_lists.get(item.code_list) if item.code_list else None

    def is_profile(self, source_id: str) -> bool:
        """Whether that source is the record of what people typed before."""
        return is_profile(self.registry.sources[source_id])

    def source(self, source_id: str) -> Source:
        """The source of that id."""
        return self.registry.sources[source_id]


def compile_form(form: Form, registry: Registry, policy: Policy, on: date) -> CompiledForm:
    """The form bound to that registry and policy, for that day."""
    lines = bind(form, registry, on)
    wanted = (*_wanted_items(lines, registry), *_wanted_rows(bind_rows(form, registry, on), registry))
    return CompiledForm(
        form=form,
        registry=registry,
        rules=policy.rules,
        policy_version=policy.version,
        lines=lines,
        visibility=compile_visibility(form),
        wanted=wanted,
        key_of={line.path: _key_of(line) for line in lines},
        validator=Validator(form.schema or schema_of(form, registry)),
        shown_as_is=frozenset(want.item.id for want in wanted if want.item.datatype in SHOWN_AS_IS),
        is_sensitive=any(want.item.sensitivity is Sensitivity.sensitive for want in wanted),
        scopes=ItemScopes(registry, on),
        tiers={source.id: source.tier for source in registry.sources.values()},
    )


def _wanted_items(lines: tuple[Line, ...], registry: Registry) -> list[Wanted]:
    by_key: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.group is None and line.item is not None and line.outcome is None:
            by_key.setdefault((line.field.role, line.item.id), []).append(line)
    return [_wanted_item(key, of, registry) for key, of in by_key.items()]


def _wanted_item(key: tuple[str, str], lines: list[Line], registry: Registry) -> Wanted:
    item = registry.items[key[1]]
    bindings = _askable(lines[0].bindings, registry)
    return Wanted(
        key=key,
        role=key[0],
        item=item,
        paths=tuple(line.path for line in lines),
        bindings=bindings,
        sources=tuple(registry.sources[binding.source] for binding in bindings),
        readers=tuple(_reader(item, binding, registry) for binding in bindings),
    )


def _wanted_rows(groups: tuple[RowsLine, ...], registry: Registry) -> list[Wanted]:
    return [_wanted_group(rows, _askable(rows.bindings, registry), registry) for rows in groups]


def _wanted_group(rows: RowsLine, bindings: tuple[Binding, ...], registry: Registry) -> Wanted:
    return Wanted(
        key=(rows.group.role, rows.item.id),
        role=rows.group.role,
        item=rows.item,
        paths=tuple(path for paths in rows.paths.values() for path in paths),
        bindings=bindings,
        sources=tuple(registry.sources[binding.source] for binding in bindings),
        readers=tuple(_reader_of_rows(rows, binding.source, registry) for binding in bindings),
        rows=rows,
    )


def _askable(bindings: tuple[Binding, ...], registry: Registry) -> tuple[Binding, ...]:
    """The bindings whose source exists; `check` refuses others, but a stored registry must not fail a form."""
    return tuple(binding for binding in bindings if binding.source in registry.sources)


def _key_of(line: Line) -> tuple[str, str]:
    if line.group is not None:
        return line.group.role, line.group.item or ""
    return line.field.role, line.field.item or ""


def _reader_of_rows(rows: RowsLine, source: str, registry: Registry) -> Reader:
    return _rows_reader({item.id: _reader(item, column, registry) for item, column in rows.columns[source]})


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
        if is_blank(raw):  # no rows are no value: the next source may know of some
            return None
        if not isinstance(raw, list) or not all(isinstance(row, Mapping) for row in raw):
            raise NotNormal("expected a list of rows")
        return [{item: cell(row.get(item), read) for item, read in columns.items()} for row in raw]

    return read_rows
