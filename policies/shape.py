"""The shape of a policy document: its JSON Schema, and what breaks it in sentences that teach."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from field_registry.located import Where, did_you_mean

_SCHEMA = Path(__file__).parent / "schema" / "policy.schema.json"
_PATTERNS = {
    "items": 'an item is an exact id ("person.name"), a domain ("person.*") or "*"',
    "code": "a purpose code is lower-case letters, digits, dots and hyphens",
    "id": "a rule id is letters, digits, dots, hyphens and underscores",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way in which a document breaks the schema. `where`: the path to what is wrong."""

    where: Where
    code: str
    message: str


def flaws_of(document: object) -> tuple[Flaw, ...]:
    """Everything in which a document (without version) breaks `policy.schema.json`, entry by entry."""
    errors = sorted(_validator().iter_errors(document), key=_position)
    return tuple(flaw for error in errors for flaw in _flaws(error))


def _position(error: ValidationError) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in error.absolute_path]


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))


def _flaws(error: ValidationError) -> Iterator[Flaw]:
    where: Where = tuple(error.absolute_path)
    kind, limit = str(error.validator), cast("Any", error.validator_value)
    instance = cast("Any", error.instance)
    if kind == "additionalProperties":
        known = list(cast("Any", error.schema)["properties"])
        for key in sorted(set(instance) - set(known)):
            hint = did_you_mean(key, known)
            yield Flaw((*where, key), "unknown_key", f"unknown key {key!r}.{hint} Known: {', '.join(known)}")
    elif kind == "required":
        for key in (key for key in limit if key not in instance):
            yield Flaw(where, "missing_key", _missing(key))
    elif kind == "enum":
        hint = did_you_mean(str(instance), limit)
        yield Flaw(where, "unknown_word", f"{instance!r} is not one of {', '.join(limit)}.{hint}")
    elif kind == "not":
        message = "'ground' does not belong to a forbid; only a permit has a ground"
        yield Flaw((*where, "ground"), "bad_value", message)
    else:
        keys = [step for step in where if isinstance(step, str)]
        yield Flaw(where, "bad_value", _bad_value(kind, limit, keys[-1] if keys else "", instance))


def _missing(key: str) -> str:
    if key == "ground":
        return "a permit must state its ground, e.g. `ground: {kind: consent}`"
    return f"{key!r} is missing; add it"


def _bad_value(kind: str, limit: Any, key: str, instance: object) -> str:
    if kind == "pattern":
        return f"{instance!r} cannot be used: {_PATTERNS.get(key, 'it must match ' + str(limit))}"
    if kind == "minItems":
        return f"{key!r} is an empty list, which would never match; leave the key out to match any"
    if kind == "minLength":
        return f"{key!r} is empty; write something"
    shapes = {"array": "a list", "object": "a mapping", "string": 'text (quote numbers: "12")'}
    return f"{repr(key) if key else 'the file'} must be {shapes.get(str(limit), str(limit))}"
