"""Checks of visibility conditions: they can be read, name fields that can answer them, and do not go in circles."""

from collections.abc import Iterator, Mapping

from field_registry import Registry
from field_registry.items import Datatype
from field_registry.located import did_you_mean
from forms.conditions import compile_condition, fields_named, leaves_of
from forms.definition import Condition, Field, Form
from forms.errors import BadCondition
from forms.remarks import Remark
from forms.visibility import cycle_in


def check_conditions(form: Form, registry: Registry) -> Iterator[Remark]:
    """Everything wrong with the conditions of a form."""
    readable = True
    fields = {field.path: field for field in form.fields}
    for number, field in enumerate(form.fields):
        if field.visible_when is None:
            continue
        try:
            compile_condition(field.visible_when)
        except BadCondition as error:
            readable = False
            yield Remark(("fields", number, "visible_when"), "bad_condition", str(error))
            continue
        for code, message in _faults(field, field.visible_when, fields, registry):
            yield Remark(("fields", number, "visible_when"), code, message)
    if readable and (circle := cycle_in(form)):
        number = next(index for index, field in enumerate(form.fields) if field.path in circle)
        message = f"these are shown only when one another is, so never: {', '.join(circle)}; break the circle"
        yield Remark(("fields", number, "visible_when"), "condition_cycle", message)


def _faults(
    field: Field, condition: Condition, fields: Mapping[str, Field], registry: Registry
) -> Iterator[tuple[str, str]]:
    for path in sorted(fields_named(condition)):
        named = fields.get(path)
        if named is None:
            yield (
                "unknown_field",
                f"the condition names {path!r}, which is no field here.{did_you_mean(path, fields)}",
            )
        elif named.group is not None and named.group != field.group:
            yield "other_row", f"{path!r} has many rows; only a column of the same group can depend on it"
        elif named.office_use:
            yield "never_answered", f"{path!r} is for the office, so {field.path!r} would never be shown"
    for leaf in leaves_of(condition):
        wrong = _wrong_type(leaf, fields, registry)
        if wrong:
            yield "condition_type", wrong


def _wrong_type(leaf: Condition, fields: Mapping[str, Field], registry: Registry) -> str | None:
    """A comparison that can never hold, because the field's item is of another type than the value."""
    named = fields.get(leaf["field"])
    item = registry.items.get(named.item or "") if named is not None else None
    if item is None or "present" in leaf:
        return None
    wanted = leaf["in"] if "in" in leaf else [leaf["equals"]]
    expected = _TYPES.get(item.datatype, str)
    for value in wanted:
        if not _is_of(value, expected):
            hint = " (codes are text: quote them)" if item.datatype is Datatype.code else ""
            return f"{leaf['field']!r} holds a {item.datatype}, so it is never equal to {value!r}{hint}"
        codes = registry.code_lists.get(item.code_list or "")
        if codes is not None and value not in codes.names:
            return f"{leaf['field']!r} is never {value!r}, which is no code of {codes.id}"
    return None


_TYPES: Mapping[Datatype, type] = {Datatype.boolean: bool, Datatype.integer: int}


def _is_of(value: object, expected: type) -> bool:
    if expected is bool:
        return isinstance(value, bool) or value in ("true", "false")
    return isinstance(value, expected) and not isinstance(value, bool)
