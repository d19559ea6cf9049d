"""Lints of source configurations: by the schema of their connector kind, and whether answers can be told apart."""

from collections.abc import Iterator, Mapping

import jsonschema_rs

from field_registry.errors import Fault
from field_registry.load import Place
from field_registry.located import did_you_mean
from field_registry.outcomes import Tier
from field_registry.shape import explained, schema_node
from field_registry.sources import Source

_NEEDS_NO_ECHO = frozenset({"sandbox", "profile"})
"""Kinds that make their answers from the question itself; a profile opens by the asked subject's key alone."""
_PROFILE = "profile"


def config_faults(
    source: Source, place: Place, schemas: Mapping[str, Mapping[str, object]] | None
) -> Iterator[Fault]:
    """What is wrong with one source's configuration; `schemas` None leaves its shape unchecked."""
    if schemas is not None:
        yield from _shape_faults(source, place, schemas)
    if source.connector == _PROFILE and source.tier is not Tier.C:
        message = (
            f"source {source.id!r} is a profile, so what it says was typed by people: its values are of tier C, not "
            f"{source.tier}; set tier: C"
        )
        yield Fault(place.file, place.line_of("tier"), "profile_tier", message)
    if (
        source.connector not in _NEEDS_NO_ECHO
        and not _has_echo(source.config)
        and not _says_why(source.config)
    ):
        message = (
            f"source {source.id!r} does not say where its answer repeats the subject's identifier (echo), so that "
            "an answer about somebody else cannot be detected; add echo to its config, or, when the source repeats "
            'none, say so and why: no_echo: "..."'
        )
        yield Fault(place.file, place.line_of("config"), "no_echo", message)


def _shape_faults(
    source: Source, place: Place, schemas: Mapping[str, Mapping[str, object]]
) -> Iterator[Fault]:
    schema = schemas.get(source.connector)
    if schema is None:
        hint = did_you_mean(source.connector, schemas)
        message = f"source {source.id!r} uses connector {source.connector!r}, which does not exist."
        known = ", ".join(sorted(schemas))
        yield Fault(
            place.file, place.line_of("connector"), "unknown_connector", f"{message} Known: {known}.{hint}"
        )
        return
    validator = jsonschema_rs.Draft202012Validator(dict(schema))
    for error in validator.iter_errors(dict(source.config)):
        node = schema_node(schema, error.schema_path[:-1])
        for key, code, message in explained(error, node):
            path = [*error.instance_path, *([key] if key is not None else [])]
            name = ".".join(str(step) for step in path) or "config"
            line = place.line_of("config", *path)
            yield Fault(place.file, line, f"config_{code}", f"source {source.id!r}, config {name}: {message}")


def _has_echo(config: object) -> bool:
    if isinstance(config, Mapping):
        return bool(config.get("echo")) or any(_has_echo(part) for part in config.values())
    return False


def _says_why(config: Mapping[str, object]) -> bool:
    reason = config.get("no_echo")
    return isinstance(reason, str) and bool(reason.strip())
