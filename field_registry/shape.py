"""The shape of registry files, by schema/registry.schema.json, with faults that name the key and the remedy."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import jsonschema_rs

from field_registry.errors import Fault
from field_registry.located import Located, did_you_mean

Found = tuple[str, int, Mapping[str, Any], bool]

_TYPE_WORDS = {
    "string": 'text (put it in quotes, e.g. "01")',
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "null": "nothing",
}


def registry_shape(located: Located) -> tuple[list[Found], list[Fault]]:
    """The entries of one file as (section, index, entry, is whole), and every fault of their shape.

    Keys with a fault are left out of an entry; one that then lacks a required key is not whole.
    """
    schema, validator = _registry_schema()
    data = located.data
    if not isinstance(data, dict):
        message = "expected a mapping with the keys items, sources, bindings or code_lists"
        return [], [located.fault((), "wrong_type", message)]
    faults: list[Fault] = []
    bad: dict[tuple[object, ...], set[str]] = {}
    for path, fault in schema_faults(located, (), data, schema, validator):
        faults.append(fault)
        bad.setdefault(tuple(path[:2]), set()).add(str(path[2]) if len(path) > 2 else "")
    return list(_entries(data, schema, bad)), faults


def schema_faults(
    located: Located,
    at: tuple[str | int, ...],
    instance: object,
    schema: Mapping[str, Any],
    validator: jsonschema_rs.Draft202012Validator,
) -> Iterator[tuple[list[str | int], Fault]]:
    """Every way `instance`, which stands at `at` of a file, breaks the schema: the path inside it and the fault."""
    for error in validator.iter_errors(instance):
        path = list(error.instance_path)
        node = schema_node(schema, error.schema_path[:-1])
        for key, code, message in explained(error, node):
            where = [*path, key] if key is not None else path
            yield where, located.fault((*at, *where), code, f"{_named(instance, where)}: {message}")


def explained(
    error: jsonschema_rs.ValidationError, node: Mapping[str, Any]
) -> Iterable[tuple[str | None, str, str]]:
    """What one schema error means, as (key below the path or None, stable code, sentence)."""
    match error.kind.name:
        case "additionalProperties":
            known = list(node.get("properties", ()))
            for key in error.kind.as_dict()["unexpected"]:
                yield key, "unknown_key", f"no such key. Known: {', '.join(known)}.{did_you_mean(key, known)}"
        case "required":
            key = error.kind.as_dict()["property"]
            yield key, "missing_key", f"this key is required; add `{key}: ...`"
        case "enum":
            options = [str(option) for option in node["enum"]]
            given = did_you_mean(str(error.instance), options)
            yield None, "bad_value", f"not one of: {', '.join(options)}.{given}"
        case "type":
            types = node["type"] if isinstance(node["type"], list) else [node["type"]]
            words = " or ".join(_TYPE_WORDS[name] for name in types if name != "null" or len(types) == 1)
            yield None, "wrong_type", f"expected {words}"
        case _:
            yield None, node.get("x-code", "bad_value"), node.get("x-hint", error.message)


@lru_cache(maxsize=1)
def _registry_schema() -> tuple[dict[str, Any], jsonschema_rs.Draft202012Validator]:
    text = (
        resources.files("field_registry").joinpath("schema/registry.schema.json").read_text(encoding="utf-8")
    )
    schema = json.loads(text)
    return schema, jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _entries(
    data: Mapping[str, Any], schema: Mapping[str, Any], bad: Mapping[tuple[object, ...], set[str]]
) -> Iterator[Found]:
    for section, entries in data.items():
        if section not in schema["properties"] or not isinstance(entries, list):
            continue
        required = schema["$defs"][section.removesuffix("s")]["required"]
        for index, entry in enumerate(entries):
            wrong = bad.get((section, index), set())
            if not isinstance(entry, dict):
                continue
            kept = {key: value for key, value in entry.items() if key not in wrong} if wrong else entry
            whole = "" not in wrong and all(key in kept for key in required)
            yield section, index, kept if whole else entry, whole


def schema_node(schema: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    """The part of a schema that a validator's path leads to, through its local references."""
    node: Any = schema
    for step in path:
        if step == "$ref":
            node = schema_node(schema, node["$ref"].removeprefix("#/").split("/"))
        else:
            node = node[step if isinstance(node, Mapping) else int(step)]
    return node if isinstance(node, Mapping) else {}


def _named(instance: object, path: Sequence[str | int]) -> str:
    """What stands at the path, for the sentence: `item 'person.name': scale`, `bindings[3]`, `answer.echo`."""
    if len(path) < 2 or not isinstance(instance, Mapping) or not isinstance(path[1], int):
        return ".".join(str(step) for step in path) or "this"
    section, index = str(path[0]), path[1]
    entry = instance[section][index]
    owner = f"{section}[{index}]"
    if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
        owner = f"{section.removesuffix('s').replace('_', ' ')} {entry['id']!r}"
    return ": ".join(filter(None, (owner, ".".join(str(step) for step in path[2:]))))
