"""A form as plain data and back: what files hold, the store keeps and the wire carries. Nothing is lost on the way.

Keys whose value is the default are left out, so a document reads like a hand-written file and equal forms make equal
documents.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from field_registry import SubjectKind
from forms.definition import Field, FieldKind, Form, Group, Material, Role
from forms.errors import BadForm
from forms.layout import Layout, from_data, to_data

T = TypeVar("T", Field, Group, Role, Material, Form)
Choice = TypeVar("Choice", FieldKind, SubjectKind)


def to_document(form: Form) -> dict[str, Any]:
    """The form as JSON-ready data, in the order of its definition."""
    return _encode(form)


def from_document(document: Mapping[str, Any]) -> Form:
    """The form a document describes; raises `BadForm` with the place of the first thing that cannot be read."""
    parts = dict(document)
    parts["roles"] = _each(parts, "roles", _role)
    parts["groups"] = _each(parts, "groups", _group)
    parts["fields"] = _each(parts, "fields", _field)
    parts["materials"] = _each(parts, "materials", _material)
    if parts.get("layout") is not None:
        parts["layout"] = from_data(parts["layout"], "/layout")
    return _make(Form, parts, "")


def _encode(part: Field | Group | Role | Material | Form) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for each in fields(part):
        value = getattr(part, each.name)
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        if value != default or (each.default is MISSING and each.default_factory is MISSING):
            document[each.name] = _plain(value)
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, Field | Group | Role | Material):
        return _encode(value)
    if isinstance(value, Layout):
        return to_data(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, FieldKind | SubjectKind):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _each(
    document: Mapping[str, Any], key: str, make: Callable[[Mapping[str, Any], str], T]
) -> tuple[T, ...]:
    entries = document.get(key, [])
    if not isinstance(entries, Iterable) or isinstance(entries, str | Mapping):
        raise BadForm(f"/{key}", "a list is expected here")
    made = []
    for number, entry in enumerate(entries):
        pointer = f"/{key}/{number}"
        if not isinstance(entry, Mapping):
            raise BadForm(pointer, "a mapping is expected here")
        made.append(make(entry, pointer))
    return tuple(made)


def _role(entry: Mapping[str, Any], pointer: str) -> Role:
    kinds = frozenset(_choice(SubjectKind, kind, f"{pointer}/kinds") for kind in entry.get("kinds", ()))
    return _make(Role, {**entry, "kinds": kinds}, pointer)


def _group(entry: Mapping[str, Any], pointer: str) -> Group:
    return _make(Group, entry, pointer)


def _material(entry: Mapping[str, Any], pointer: str) -> Material:
    items = entry.get("items", ())
    if not isinstance(items, list | tuple) or not all(isinstance(each, str) for each in items):
        raise BadForm(f"{pointer}/items", "a list of item ids is expected here")
    return _make(Material, {**entry, "items": tuple(items)}, pointer)


def _field(entry: Mapping[str, Any], pointer: str) -> Field:
    if "kind" in entry:
        entry = {**entry, "kind": _choice(FieldKind, entry["kind"], f"{pointer}/kind")}
    return _make(Field, entry, pointer)


def _choice(enum: type[Choice], value: Any, pointer: str) -> Choice:
    try:
        return enum(value)
    except ValueError as error:
        raise BadForm(pointer, f"must be one of {', '.join(each.value for each in enum)}") from error


def _make(kind: type[T], parts: Mapping[str, Any], pointer: str) -> T:
    known, required = _keys(kind)
    for key in parts:
        if key not in known:
            raise BadForm(f"{pointer}/{key}", f"no such key here; known are {', '.join(known)}")
    for key in required:
        if key not in parts:
            raise BadForm(pointer, f"the key {key!r} is missing")
    return kind(**parts)


def _keys(kind: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys a part may have, and those it must have."""
    known = fields(kind)
    required = [each for each in known if each.default is MISSING and each.default_factory is MISSING]
    return tuple(each.name for each in known), tuple(each.name for each in required)
