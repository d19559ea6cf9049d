"""Checking forms against a registry: every name means something, every path is one path, nothing asks for too much.

Each check is a small generator of remarks about one form; `check_forms` gives each its file and line. An error keeps a
form from being published, a warning does not.
"""

from collections.abc import Callable, Iterator

from field_registry import Registry
from field_registry.errors import Fault
from field_registry.located import did_you_mean
from forms.check_conditions import check_conditions
from forms.check_items import check_groups, check_items
from forms.check_layout import check_layout
from forms.check_materials import check_materials
from forms.definition import FieldKind, Form
from forms.errors import BadSchema
from forms.load import LoadedForms
from forms.once_only import HeldItems
from forms.remarks import Remark, warning
from forms.validate import Validator, schema_of


def check_forms(loaded: LoadedForms, registry: Registry) -> tuple[Fault, ...]:
    """Every fault of these forms in this registry, form by form; empty when all can be published."""
    held = HeldItems.of(registry)
    faults: list[Fault] = []
    for form in loaded.forms:
        for check in _CHECKS:
            faults.extend(_placed(loaded, form, check(form, registry)))
        faults.extend(_placed(loaded, form, _once_only(form, held)))
    return tuple(faults)


def _placed(loaded: LoadedForms, form: Form, remarks: Iterator[Remark]) -> Iterator[Fault]:
    for each in remarks:
        yield loaded.fault(form, each.where, each.code, each.message, each.severity)


def _roles(form: Form, _: Registry) -> Iterator[Remark]:
    names = [role.name for role in form.roles]
    declared = f"declared: {', '.join(names)}."
    for number, field in enumerate(form.fields):
        if field.role not in names:
            hint = did_you_mean(field.role, names)
            message = (
                f"field {field.path!r} is about role {field.role!r}, which is not declared; {declared}{hint}"
            )
            yield Remark(("fields", number, "role"), "unknown_role", message)
    for number, group in enumerate(form.groups):
        if group.role not in names:
            hint = did_you_mean(group.role, names)
            message = (
                f"group {group.path!r} is about role {group.role!r}, which is not declared; {declared}{hint}"
            )
            yield Remark(("groups", number, "role"), "unknown_role", message)
    for number, role in enumerate(form.roles):
        if role.name in names[:number]:
            yield Remark(
                ("roles", number, "name"), "duplicate_role", f"role {role.name!r} is declared twice; keep one"
            )
        named = form.field(role.identity_field) if role.identity_field else None
        if role.identity_field and (named is None or named.group is not None):
            hint = did_you_mean(role.identity_field, [each.path for each in form.fields])
            message = f"role {role.name!r} is named by {role.identity_field!r}, which is no single field here.{hint}"
            yield Remark(("roles", number, "identity_field"), "unknown_field", message)


def _paths(form: Form, _: Registry) -> Iterator[Remark]:
    paths = [field.path for field in form.fields]
    groups = {group.path for group in form.groups}
    prefixes = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "."} | groups
    for number, field in enumerate(form.fields):
        where = ("fields", number, "path")
        if field.path in paths[:number]:
            yield Remark(
                where, "duplicate_path", f"path {field.path!r} stands twice; each field needs its own"
            )
        if field.path in prefixes:
            message = f"{field.path!r} is a field, and other paths go on below it; rename one of them"
            yield Remark(where, "path_clash", message)
    for number, group in enumerate(form.groups):
        if group.path in [each.path for each in form.groups[:number]]:
            yield Remark(
                ("groups", number, "path"), "duplicate_path", f"group {group.path!r} stands twice; keep one"
            )


def _requirements(form: Form, _: Registry) -> Iterator[Remark]:
    for number, field in enumerate(form.fields):
        if field.required and field.office_use:
            message = (
                f"{field.path!r} is required of the applicant and for the office only; drop one of the two"
            )
            yield Remark(("fields", number, "required"), "required_office_use", message)
        if field.required and field.kind is FieldKind.display:
            message = f"{field.path!r} is display text and cannot be required"
            yield Remark(("fields", number, "required"), "required_display", message)


def _schema(form: Form, registry: Registry) -> Iterator[Remark]:
    try:
        Validator(schema_of(form, registry))
    except BadSchema as error:
        yield Remark(("schema",) if form.schema else ("fields",), "bad_schema", str(error))


def _once_only(form: Form, held: HeldItems) -> Iterator[Remark]:
    for number, field in enumerate(form.fields):
        item = held.item_for(form, field)
        if item is not None:
            message = (
                f"{field.path!r} is typed by hand, but field_registry holds this: {item.id} ({item.name}) "
                f"of {item.department}. Add `item: {item.id}` (国务院令第716号 art. 7)"
            )
            yield warning(("fields", number, "label"), "once_only", message)


_CHECKS: tuple[Callable[[Form, Registry], Iterator[Remark]], ...] = (
    _roles,
    _paths,
    check_items,
    check_groups,
    check_materials,
    check_conditions,
    check_layout,
    _requirements,
    _schema,
)
