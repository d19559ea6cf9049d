"""The kinds of connector there are: the built-in ones in one table, others by entry point `oncegate.connectors`.

An entry point names a module or object with `name`, `config_schema` and `build` (see `connectors.protocol.Kind`).
A stranger's kind cannot take a built-in's name.
"""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from connectors.errors import BadConfiguration
from connectors.load import load_schema
from connectors.protocol import Connector, Environment, Kind
from connectors.substitution import fill_places
from field_registry import Source

ENTRY_POINTS = "oncegate.connectors"

_BUILT_IN = {
    "http_json": "connectors.kinds.http_json",
    "sql": "connectors.kinds.sql",
    "file": "connectors.kinds.file",
    "sandbox": "connectors.kinds.sandbox",
    "profile": "connectors.kinds.profile",
}
# Modules are imported when a source first needs them: the database library alone takes longer than all the rest.


def names() -> tuple[str, ...]:
    """The name of every kind, built-in first; imports none."""
    return (*_BUILT_IN, *(name for name in _strangers() if name not in _BUILT_IN))


def kinds() -> Mapping[str, Kind]:
    """Every kind by name, built-in first."""
    return {name: kind_of(name) for name in names()}


@cache
def kind_of(name: str) -> Kind:
    """The kind of that name; raises `BadConfiguration` with the nearest name."""
    if name in _BUILT_IN:
        return cast(Kind, import_module(_BUILT_IN[name]))
    stranger = _strangers().get(name)
    if stranger is not None:
        return cast(Kind, stranger.load())
    near = difflib.get_close_matches(name, names(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadConfiguration(f"connector: no kind is named {name!r}. Known: {', '.join(names())}.{hint}")


def config_schemas() -> dict[str, dict[str, object]]:
    """Kind name → JSON Schema of `Source.config`, as `field_registry.check` wants it."""
    return {name: load_schema(name) if name in _BUILT_IN else kind_of(name).config_schema for name in names()}


@cache
def _strangers() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def build_connector(source: Source, environment: Environment) -> Connector:
    """The connector a source is configured for, opening nothing.

    Places are filled in first, then the configuration is checked against the kind's schema; raises
    `BadConfiguration`, which names the source and the key.
    """
    try:
        kind = kind_of(source.connector)
    except BadConfiguration as error:
        raise BadConfiguration(f"source {source.id!r}: {error}") from None
    return build_connector_of(kind, source, environment)


def build_connector_of(kind: Kind, source: Source, environment: Environment) -> Connector:
    """The same for a kind at hand, listed or not: how the conformance suite builds."""
    try:
        config = fill_places(source.config, environment.places)
        _check(kind.config_schema, config)
        return kind.build(replace(source, config=config), environment)
    except BadConfiguration as error:
        raise BadConfiguration(f"source {source.id!r}: {error}") from None


def _check(schema: dict[str, object], config: object) -> None:
    error = best_match(Draft202012Validator(schema).iter_errors(config))
    if error is not None:
        raise BadConfiguration(_sentence(error))


def _sentence(error: ValidationError) -> str:
    """Where and what, in one line; a configuration as a whole is never quoted."""
    place = "config" + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path
    )
    if error.validator in ("required", "additionalProperties", "enum", "const", "dependentRequired"):
        return f"{place}: {error.message}"
    return f"{place}: must satisfy {error.validator}: {error.validator_value!r}"[:300]
