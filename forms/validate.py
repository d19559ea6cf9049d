"""Validation: a JSON Schema 2020-12 for every form, and findings that never repeat an answer.

The hot path is jsonschema-rs; `tests/property/test_forms_validate.py` holds it to what `jsonschema` says. Patterns run
on a linear-time engine and a schema may not reach outside itself: a form's author can harm neither speed nor network.
"""

from collections.abc import Mapping
from typing import Any, Final

import jsonschema_rs

from field_registry import Item, Registry
from field_registry.items import Datatype
from forms.definition import Field, FieldKind, Form
from forms.errors import BadSchema
from forms.findings import Finding

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

MAX_ENUM: Final = 60
"""Code lists up to this size are written out as an enum; longer ones (districts: 3,000) only as a pattern."""

_USCC = "^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"
"""GB 32100: 18 characters, without I, O, S, V, Z."""

_ANY_ANSWER: Final[Mapping[str, Any]] = {"type": ["string", "number", "boolean", "array"]}
_LEAF_OF_KIND: Final[Mapping[FieldKind, Mapping[str, Any]]] = {FieldKind.consent_box: {"type": "boolean"}}


def schema_of(form: Form, registry: Registry) -> dict[str, Any]:
    """The form's own JSON Schema, or one made of its fields when it has none.

    Describes nested answers (`forms.answers.nest`). Display text has no place in it; `required` names only what must be
    answered whatever else is. Other properties are allowed: `flatten` reports them more kindly.
    """
    if form.schema:
        return dict(form.schema)
    root = _object(title=form.name)
    for group in form.groups:
        rows = {"type": "array", "title": group.label, "maxItems": group.max_rows, "items": _object()}
        _place(root, group.path.split("."), rows, required=False)
    for field in form.fields:
        if field.kind is FieldKind.display:
            continue
        required = field.required and field.visible_when is None and not field.office_use
        owner = form.group(field.group) if field.group else None
        parent = root if owner is None else _rows_of(root, owner.path)
        path = field.path if owner is None else field.leaf
        _place(parent, path.split("."), _leaf(field, registry), required=required)
    return {"$schema": DIALECT, "$id": f"urn:oncegate:form:{form.id}:{form.version}", **root}


class Validator:
    """One JSON Schema, compiled; may be shared by all requests. Raises `BadSchema` when it cannot be."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._compiled = jsonschema_rs.Draft202012Validator(
                dict(schema),
                validate_formats=True,
                offline=True,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise BadSchema(f"not a usable JSON Schema 2020-12: {_first_line(error)}") from error

    def errors(self, answers: Mapping[str, Any], *, complete: bool = True) -> list[Finding]:
        """What is wrong with these nested answers, in the order of the schema; empty when nothing is.

        `complete=False` is for answers still being given: what is merely missing is not reported.
        """
        findings = (_finding(error) for error in self._compiled.iter_errors(dict(answers)))
        return [each for each in findings if complete or each.code != "required"]


def _object(**keywords: Any) -> dict[str, Any]:
    return {"type": "object", **keywords, "properties": {}}


def _place(parent: dict[str, Any], path: list[str], schema: Mapping[str, Any], *, required: bool) -> None:
    """Puts a schema at a path below an object, making the objects on the way.

    Of two paths that clash the first stays: `check_forms` refuses such a form, and describing one must not fail.
    """
    for step in path[:-1]:
        below = parent["properties"].setdefault(step, _object())
        if "properties" not in below:
            return
        _require(parent, step, required)
        parent = below
    parent["properties"].setdefault(path[-1], schema)
    _require(parent, path[-1], required)


def _require(parent: dict[str, Any], name: str, required: bool) -> None:
    if required and name not in parent.setdefault("required", []):
        parent["required"].append(name)


def _rows_of(root: dict[str, Any], group: str) -> dict[str, Any]:
    node: dict[str, Any] = root
    for step in group.split("."):
        node = node["properties"].get(step, _object())
    items: dict[str, Any] = node.get("items", _object())
    return items


def _leaf(field: Field, registry: Registry) -> dict[str, Any]:
    item = registry.items.get(field.item or "")
    schema: dict[str, Any] = {"title": field.label}
    if field.hint:
        schema["description"] = field.hint
    if field.kind is FieldKind.input:
        schema.update(
            _of_item(item, registry)
            if item is not None
            else {"type": ["string", "number", "boolean", "array"]}
        )
    schema.update(_LEAF_OF_KIND.get(field.kind, {}))
    schema.update(field.schema)
    return schema


def _of_item(item: Item, registry: Registry) -> dict[str, Any]:
    """What a normalised value of an item looks like."""
    if item.datatype is Datatype.code:
        return _of_code(item, registry)
    schema = dict(_SHAPES.get(item.datatype, {"type": "string"}))
    if item.datatype is Datatype.amount:
        fraction = rf"(\.[0-9]{{1,{item.scale}}})?" if item.scale else ""
        schema["pattern"] = rf"^-?[0-9]{{1,18}}{fraction}$"
    if schema["type"] == "string" and item.max_length:
        schema["maxLength"] = item.max_length
    return schema


_SHAPES: Final[Mapping[Datatype, Mapping[str, Any]]] = {
    Datatype.uscc: {"type": "string", "pattern": _USCC},
    Datatype.date: {"type": "string", "format": "date"},
    Datatype.datetime: {"type": "string", "format": "date-time"},
    Datatype.amount: {"type": "string"},
    Datatype.integer: {"type": "integer"},
    Datatype.boolean: {"type": "boolean"},
    Datatype.rows: {"type": "array"},
}


def _of_code(item: Item, registry: Registry) -> dict[str, Any]:
    codes = registry.code_lists.get(item.code_list or "")
    if codes is None or len(codes.names) > MAX_ENUM:
        return {"type": "string", "pattern": "^[0-9A-Za-z._-]{1,32}$"}
    return {"type": "string", "enum": list(codes.names)}


_SENTENCES: Final[Mapping[str, str]] = {
    "required": "an answer is missing here",
    "type": "the answer has the wrong type",
    "enum": "the answer is not one of the choices",
    "const": "the answer is not the one allowed",
    "format": "the answer is not written as it should be",
    "pattern": "the answer is not written as it should be",
    "maxLength": "the answer is too long",
    "minLength": "the answer is too short",
    "maximum": "the number is too large",
    "minimum": "the number is too small",
    "maxItems": "there are too many rows",
    "minItems": "there are too few rows",
    "uniqueItems": "an entry stands here twice",
}


def _finding(error: jsonschema_rs.ValidationError) -> Finding:
    """A finding in our words: the library's message quotes the instance, which must not leave here."""
    code, kind = error.kind.name, error.kind
    where = [str(step) for step in error.instance_path]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        where.append(str(kind.property))
    sentence = _SENTENCES.get(code, f"the answers break the rule {code!r}")
    return Finding(_pointer(where), code, sentence + _wanted(kind))


def _wanted(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """What the form's schema asks for, in brackets; "" where that would say no more, or too much to read."""
    match kind:
        case jsonschema_rs.ValidationErrorKind.Format():
            return f" (format: {kind.format})"
        case jsonschema_rs.ValidationErrorKind.Type():
            return f" (type: {', '.join(kind.types)})"
        case jsonschema_rs.ValidationErrorKind.Enum() if len(kind.options) <= _MOST_CHOICES:
            return f" (choices: {', '.join(str(each) for each in kind.options)})"
        case jsonschema_rs.ValidationErrorKind.Pattern() if len(kind.pattern) <= _LONGEST_PATTERN:
            return f" (pattern: {kind.pattern})"
    return f" (limit: {kind.limit})" if isinstance(kind, _LIMITED) else ""


_MOST_CHOICES, _LONGEST_PATTERN = 15, 60
_LIMITED = (
    jsonschema_rs.ValidationErrorKind.MaxLength,
    jsonschema_rs.ValidationErrorKind.MinLength,
    jsonschema_rs.ValidationErrorKind.Maximum,
    jsonschema_rs.ValidationErrorKind.Minimum,
    jsonschema_rs.ValidationErrorKind.MaxItems,
    jsonschema_rs.ValidationErrorKind.MinItems,
)


def _pointer(steps: list[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
