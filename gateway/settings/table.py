"""The settings as a table, for `oncegate` and the documentation: made from the fields, so it cannot lag behind them."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from gateway.settings.model import PREFIX, Settings


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as documentation shows it. `default` is text; a default that depends on others is described."""

    name: str
    variable: str
    type: str
    default: str
    help: str


def settings_table() -> tuple[SettingRow, ...]:
    """Every setting, in the order of the model."""
    schema = Settings.model_json_schema()
    return tuple(
        SettingRow(
            name=name,
            variable=variable_of(name),
            type=_type_of(schema["properties"][name], schema.get("$defs", {})),
            default=_default_of(field),
            help=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    )


def variable_of(name: str) -> str:
    """The environment variable that sets it."""
    return PREFIX + name.upper()


def _default_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "shown" in extra:
        return str(extra["shown"])
    if field.default is None:
        return "none"
    value = to_jsonable_python(field.default)
    return value if isinstance(value, str) else json.dumps(value)


def _type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _type_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if "anyOf" in schema:
        kinds = [_type_of(part, definitions) for part in schema["anyOf"]]
        return " | ".join(kind for kind in kinds if kind != "null")
    if schema["type"] == "string" and "format" in schema:
        return str(schema["format"])
    return {"array": "JSON list", "object": "JSON object"}.get(schema["type"], str(schema["type"]))
