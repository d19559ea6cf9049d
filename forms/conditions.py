"""Conditions as data, compiled once into predicates that know the difference between no and not yet.

A condition is one of
    {field: path, equals: v} · {field: path, in: [v, ...]} · {field: path, present: true|false}
    {all: [condition, ...]} · {any: [condition, ...]} · {not: condition}
and says True, False, or None: unknown, because an answer it needs is missing (Kleene's three-valued logic, so
`any` is True as soon as one branch is).

How values compare: text after NFKC and without surrounding spaces; apart from that strictly, so the code "1" is not
the number 1. The text "true" or "false" equals the boolean, since a page without script can only send text; "1", "on"
and "yes" do not. A list (several choices) equals a value when one of its choices does. `present` is never unknown.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from forms.answers import is_blank
from forms.definition import Condition
from forms.errors import BadCondition

Predicate = Callable[[Mapping[str, object]], bool | None]
"""A compiled condition: flat answers in; True, False, or None for unknown out."""

MAX_DEPTH: Final = 12
"""How deep conditions may nest; far beyond any form a person could follow."""

HIDDEN: Final = object()
"""Stands in answers where a field is hidden: whatever was typed there does not count, so every test is unknown."""


def compile_condition(condition: Condition) -> Predicate:
    """A predicate over flat answers (slot path → value) that says what the condition says; raises `BadCondition`."""
    return _compile(condition, 0)


def fields_named(condition: Condition) -> frozenset[str]:
    """The paths of the fields a condition depends on."""
    return frozenset(leaf["field"] for leaf in leaves_of(condition))


def leaves_of(condition: Condition) -> Iterator[Mapping[str, Any]]:
    """The tests of single fields within a condition, left to right."""
    if "field" in condition:
        yield condition
    for word in ("all", "any"):
        for part in condition.get(word, ()):
            yield from leaves_of(part)
    if "not" in condition:
        yield from leaves_of(condition["not"])


def _compile(condition: object, depth: int) -> Predicate:
    if depth > MAX_DEPTH:
        raise BadCondition(f"conditions nest deeper than {MAX_DEPTH}; split the question")
    if not isinstance(condition, Mapping):
        raise BadCondition(_VOCABULARY + "this is none")
    words = set(condition)
    if words in ({"all"}, {"any"}) and _is_list(condition[min(words)]):
        parts = tuple(_compile(part, depth + 1) for part in condition[min(words)])
        return _all(parts) if "all" in words else _any(parts)
    if words == {"not"} and isinstance(condition["not"], Mapping):
        return _not(_compile(condition["not"], depth + 1))
    if "field" in words and isinstance(condition["field"], str):
        if words == {"field", "equals"} and condition["equals"] is not None:
            return _test(condition["field"], frozenset({_key(condition["equals"])}))
        if words == {"field", "in"} and _is_list(condition["in"]):
            return _test(condition["field"], frozenset(_key(each) for each in condition["in"]))
        if words == {"field", "present"} and isinstance(condition["present"], bool):
            return _present(condition["field"], condition["present"])
    raise BadCondition(f"{_VOCABULARY}this one has {', '.join(sorted(map(str, words))) or 'nothing'}")


_VOCABULARY: Final = (
    "a condition is {field, equals}, {field, in: [..]}, {field, present: true|false}, "
    "{all: [..]}, {any: [..]} or {not: ..}; "
)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _all(parts: tuple[Predicate, ...]) -> Predicate:
    def judge(answers: Mapping[str, object]) -> bool | None:
        verdicts = [part(answers) for part in parts]
        return False if False in verdicts else None if None in verdicts else True

    return judge


def _any(parts: tuple[Predicate, ...]) -> Predicate:
    def judge(answers: Mapping[str, object]) -> bool | None:
        verdicts = [part(answers) for part in parts]
        return True if True in verdicts else None if None in verdicts else False

    return judge


def _not(part: Predicate) -> Predicate:
    def judge(answers: Mapping[str, object]) -> bool | None:
        verdict = part(answers)
        return None if verdict is None else not verdict

    return judge


def _present(path: str, wanted: bool) -> Predicate:
    def judge(answers: Mapping[str, object]) -> bool | None:
        value = answers.get(path)
        return None if value is HIDDEN else is_blank(value) is not wanted

    return judge


def _test(path: str, wanted: frozenset[tuple[str, object]]) -> Predicate:
    def judge(answers: Mapping[str, object]) -> bool | None:
        value = answers.get(path)
        if value is HIDDEN or is_blank(value):
            return None
        if isinstance(value, list | tuple):
            return any(_key(each) in wanted for each in value)
        return _key(value) in wanted

    return judge


def _key(value: object) -> tuple[str, object]:
    """What a value is compared by. Tagged with its type, for in Python True == 1."""
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int | float):
        return "number", value
    if not isinstance(value, str):
        return "other", repr(type(value))
    text = unicodedata.normalize("NFKC", value).strip()
    return ("boolean", text == "true") if text in ("true", "false") else ("text", text)
