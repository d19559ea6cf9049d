"""A form: what a matter asks, as one immutable version made of fields. Nothing here knows how fields get filled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from field_registry import SubjectKind
from forms.layout import Layout

Condition = Mapping[str, Any]
"""A visibility condition as data; see `forms.visibility` for its closed vocabulary."""


class FieldKind(StrEnum):
    """What a field takes. Only `input` is eligible for the rates (contract, section 3)."""

    input = "input"
    display = "display"
    signature = "signature"
    consent_box = "consent_box"
    captcha = "captcha"
    upload = "upload"
    constant = "constant"
    default = "default"
    calculated = "calculated"


@dataclass(frozen=True, slots=True)
class Field:
    """One leaf input of a form.

    `path`: dotted and unique, e.g. "applicant.name"; a column of a group is "children.name" (its slots are
    "children.0.name", "children.1.name" ...). `role`: whose data it is. `item`: the registry item, None when there is
    none. `visible_when`: None is always visible. `schema`: extra JSON Schema keywords for this leaf.
    `locked`: whether a value of tier A or B may be changed by the person (None: it is locked).
    """

    path: str
    label: str
    role: str = "applicant"
    item: str | None = None
    kind: FieldKind = FieldKind.input
    label_en: str = ""
    section: str = ""
    required: bool = False
    office_use: bool = False
    visible_when: Condition | None = None
    group: str | None = None
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    locked: bool | None = None
    hint: str = ""

    @property
    def may_be_eligible(self) -> bool:
        """Whether its slots count in the rates when they are visible."""
        return self.kind is FieldKind.input and not self.office_use

    @property
    def leaf(self) -> str:
        """The last part of the path: the key inside its group or section."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group: children, shareholders, vehicles. Its fields name it in `Field.group`.

    `item`: the repeating item its rows come from; None when rows are only typed. `identity_key`: the leaf name of the
    column that tells rows apart ("id_no"), by which the person's rows and the source's are matched.
    A group without rows keeps one blank row, so that every leaf has an outcome.
    """

    path: str
    label: str
    role: str
    identity_key: str
    item: str | None = None
    max_rows: int = 20
    label_en: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A party of the form and the kinds of subject that can stand for it.

    `identity_field`: a field whose answer names the subject when the request does not (choosing the plate brings the
    vehicle); None when only the request can.
    """

    name: str
    label: str
    kinds: frozenset[SubjectKind]
    required: bool = True
    label_en: str = ""
    identity_field: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """A paper that the matter wants handed in beside the form, e.g. 居民身份证.

    `items`: what the matter reads from it, as items of the registry; `uncatalogued`: what it reads besides that no
    item stands for, in words. `role`: whose paper it is. `required`: whether the matter cannot be handled without it.
    """

    id: str
    name: str
    items: tuple[str, ...] = ()
    role: str = "applicant"
    name_en: str = ""
    required: bool = True
    uncatalogued: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One immutable version of a form.

    `purpose`: the purpose code that consents and rules name. `schema`: JSON Schema 2020-12 of the answers as a whole
    (nested objects for dotted paths, arrays for groups). `matter`: code of the 事项. `department`: who asks.
    `layout`: how it looks on paper; None is a table made of its sections.
    """

    id: str
    version: int
    name: str
    matter: str
    purpose: str
    department: str
    fields: tuple[Field, ...]
    roles: tuple[Role, ...]
    groups: tuple[Group, ...] = ()
    materials: tuple[Material, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    name_en: str = ""
    effective_from: str | None = None
    notes: str = ""
    layout: Layout | None = None

    def role(self, name: str) -> Role | None:
        """The role of that name, or None."""
        return next((role for role in self.roles if role.name == name), None)

    def group(self, path: str) -> Group | None:
        """The repeating group of that path, or None."""
        return next((group for group in self.groups if group.path == path), None)

    def field(self, path: str) -> Field | None:
        """The field of that (row-less) path, or None."""
        return next((each for each in self.fields if each.path == path), None)
