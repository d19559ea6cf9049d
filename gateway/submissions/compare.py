"""Comparing: whether what a person handed in is what was offered, whatever way either is written. Pure.

Values are compared as their item's datatype spells them: a date typed as 1973.1.21, full-width digits, spaces, a
15-digit resident ID, 男 for 1 are no edits. What cannot be read as its datatype is compared folded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from field_registry import Item, Registry, SubjectKind
from field_registry.codes import fold
from field_registry.dates import normal_date
from field_registry.errors import NotNormal
from field_registry.items import Datatype
from field_registry.normalise import Normaliser, normaliser_for
from forms.answers import is_blank
from forms.bind import Line
from forms.definition import Field, Form, Group
from forms.once_only import HeldItems
from gateway.resolution.compiled import CompiledForm

_STRICT = frozenset(
    {Datatype.code, Datatype.date, Datatype.datetime, Datatype.amount, Datatype.integer, Datatype.boolean}
)
"""Datatypes that a person can always write rightly. Names and numbers of documents come in more shapes than are known:
what cannot be read of those is said, and never keeps anybody from handing a form in."""
_OWN_IDENTITY = frozenset({"name", "id_no", "uscc"})


@dataclass(frozen=True, slots=True)
class Normal:
    """One value, normal if it can be read as its datatype. `problem`: why it cannot, without the value; else ""."""

    value: Any = field(repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One field of a form as a submission sees it.

    `item`: its own, or None; `named`: the one that the once-only check names for a field without. `mapped`: it has a
    published binding. `identity`: it tells who the role's subject is. `role`: of a column, its group's. `is_strict`:
    what cannot be read as its datatype is refused.
    """

    field: Field
    group: Group | None
    role: str
    item: Item | None
    named: Item | None
    mapped: bool
    identity: bool
    is_strict: bool
    normalise: Normaliser | None

    @property
    def counted_item(self) -> str | None:
        """The item that its slots are counted under."""
        item = self.item or self.named
        return None if item is None else item.id

    def normal(self, raw: object) -> Normal:
        """A value in the one form in which values are compared, shown and kept; None when it is blank."""
        if is_blank(raw):
            return Normal(None)
        if self.normalise is None:
            return Normal(raw)
        try:
            value = self.normalise(raw)
        except NotNormal as problem:
            return Normal(raw, str(problem))
        return Normal(raw, "says nothing") if value is None else Normal(value)


def sheets_of(compiled: CompiledForm) -> Mapping[str, Sheet]:
    """Field path → its sheet, in form order; made once per compiled form."""
    kept: Mapping[str, Sheet] | None = compiled.kept.get("sheets")
    if kept is None:
        held = _held_items(compiled.registry)
        kept = {line.path: _sheet(line, compiled.form, compiled.registry, held) for line in compiled.lines}
        compiled.kept["sheets"] = kept
    return kept


@lru_cache(maxsize=2)
def _held_items(registry: Registry) -> HeldItems:
    """Twenty thousand items take a while to index: once per published registry, not once per form."""
    return HeldItems.of(registry)


def same(one: Normal, other: Normal) -> bool:
    """Whether two values mean the same: equal as normal values, or else equal folded."""
    return one.value == other.value or folded(one.value) == folded(other.value)


def folded(value: object) -> object:
    """A value reduced to what tells it from others: case, width and white space do not.

    >>> folded(" Ａ1 "), folded(["b", 2])
    ('a1', ('b', '2'))
    """
    if isinstance(value, list | tuple):
        return tuple(folded(each) for each in value)
    return "" if value is None else fold(str(value))


def _sheet(line: Line, form: Form, registry: Registry, held: HeldItems) -> Sheet:
    field_, item = line.field, line.item
    role = line.group.role if line.group is not None else field_.role
    of_role = form.role(role)
    return Sheet(
        field=field_,
        group=line.group,
        role=role,
        item=item,
        named=held.item_for(form, field_),
        mapped=field_.may_be_eligible and bool(line.bindings),
        identity=item is not None and of_role is not None and _is_identity(item, of_role.kinds),
        is_strict=item is not None and item.datatype in _STRICT,
        normalise=_normaliser(field_, item, registry),
    )


def _is_identity(item: Item, kinds: frozenset[SubjectKind]) -> bool:
    """Name and number of the role's own subject: person.name, not org.legal_rep_name and not a child's."""
    return item.within is None and item.kind in kinds and item.id.rpartition(".")[2] in _OWN_IDENTITY


def _normaliser(field_: Field, item: Item | None, registry: Registry) -> Normaliser | None:
    if item is not None:
        return normaliser_for(item, registry.code_lists.get(item.code_list or ""))
    return normal_date if field_.schema.get("format") == "date" else None
