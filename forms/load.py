"""Directory → forms. The only module of the package that reads files; every fault names file, line and remedy.

One YAML file holds one version of one form. Its shape is `schema/form.schema.json`; whether its names mean anything in
a registry is `forms.check`'s question.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

from field_registry.errors import Fault, FaultsFound
from field_registry.located import Located, Where, did_you_mean, read_yaml
from field_registry.shape import schema_faults
from forms.definition import Form
from forms.document import from_document
from forms.errors import BadForm


@dataclass(frozen=True, slots=True)
class LoadedForms:
    """Forms and, for those that came from files, where everything in them stands.

    `places`: (form id, version) → its file. Forms from elsewhere have none; faults then name the form instead.
    `faults`: what could not be read; empty after `load_forms`.
    """

    forms: tuple[Form, ...]
    places: Mapping[tuple[str, int], Located] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def fault(self, form: Form, where: Where, code: str, message: str, severity: str = "error") -> Fault:
        """A fault about what stands at that place of a form's document, e.g. `("fields", 3, "item")`."""
        place = self.places.get((form.id, form.version))
        if place is None:
            return Fault(f"{form.id}@{form.version}", 0, code, message, severity)
        return place.fault(where, code, message, severity)


def load_forms(directory: Path) -> LoadedForms:
    """All forms of a directory's `*.yaml`, by id and version; raises `FaultsFound` with everything that is wrong."""
    loaded = read_forms(directory)
    if loaded.faults:
        raise FaultsFound(loaded.faults)
    return loaded


def read_forms(directory: Path) -> LoadedForms:
    """What can be read of a directory, with every fault that kept the rest from being read."""
    loaded: dict[tuple[str, int], tuple[Form, Located]] = {}
    faults: list[Fault] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            form, located = _load(path)
        except FaultsFound as found:
            faults.extend(found.faults)
            continue
        first = loaded.setdefault((form.id, form.version), (form, located))
        if first[1] is not located:
            message = f"version {form.version} of form {form.id!r} already stands in {first[1].file}; raise the version"
            faults.append(located.fault(("version",), "duplicate_form", message))
    if not directory.is_dir():
        faults.append(Fault(directory.name, 0, "no_directory", "there is no such directory of forms"))
    return LoadedForms(
        tuple(loaded[key][0] for key in sorted(loaded)),
        {key: located for key, (_, located) in loaded.items()},
        tuple(faults),
    )


def _load(path: Path) -> tuple[Form, Located]:
    located = read_yaml(path)
    faults = _shape_faults(located)
    if faults:
        raise FaultsFound(faults)
    assert isinstance(located.data, dict)  # the schema says so
    try:
        return from_document(located.data), located
    except BadForm as error:  # the schema is stricter than the definition, so this is belt and braces
        raise FaultsFound((located.fault((), "bad_form", str(error)),)) from error


def _shape_faults(located: Located) -> tuple[Fault, ...]:
    """Every fault of shape, in the order of the file. A key misspelt is one fault: it is not missing as well."""
    found = list(schema_faults(located, (), located.data, *form_schema()))
    misspelt = [(path[:-1], path[-1]) for path, fault in found if fault.code == "unknown_key"]

    def is_meant(path: list[str | int]) -> bool:
        return any(
            path[:-1] == parent and did_you_mean(str(key), [str(path[-1])]) for parent, key in misspelt
        )

    faults = [fault for path, fault in found if fault.code != "missing_key" or not is_meant(path)]
    return tuple(sorted(faults, key=lambda fault: fault.line))


@cache
def form_schema() -> tuple[Mapping[str, Any], Draft202012Validator]:
    """The JSON Schema of a form file, as shipped, and its validator."""
    text = resources.files("forms").joinpath("schema/form.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    return schema, Draft202012Validator(schema, validate_formats=True)
