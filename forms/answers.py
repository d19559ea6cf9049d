"""Answers: what the person typed, brought to one shape, whichever of the two the caller sends.

Callers send answers dotted ({"spouse.name": ..., "children.0.name": ...}), nested ({"spouse": {"name": ...},
"children": [{"name": ...}]}) or mixed. Inside, answers are flat: slot path → value, holding only paths the form has
and only real answers: null, "", white space, [] and {} are none. Nothing here fails: what cannot be used becomes a
finding, because a field-level problem must never become a request-level failure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from forms.definition import Form, Group
from forms.findings import Finding, pointer_of

MAX_DEPTH: Final = 8
MAX_LEAVES: Final = 5_000
MAX_ROW_INDEX: Final = 999
MAX_CHOICES: Final = 200
MAX_FINDINGS: Final = 50
"""Bounds on what one request may make us walk through; a real form stays far below each."""

_QUOTABLE = re.compile(r"(?!.*\d{4})[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_INDEX = re.compile(r"0|[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class Answers:
    """The usable answers and what is to be said about the others.

    `values`: slot path → value, never blank. `findings`: unknown paths, wrong shapes, too much of it; in the order
    met, but `too_many` first.
    """

    values: Mapping[str, object]
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        """The numbers only: answers never stand in a traceback."""
        return f"Answers({len(self.values)} answered, {len(self.findings)} findings)"


_NO_ANSWERS = Answers({})


def flatten(form: Form, answers: Mapping[str, object]) -> Answers:
    """The answers by slot path. The first of two answers for one slot wins."""
    if not answers:
        return _NO_ANSWERS
    columns = {field.path for field in form.fields if field.group}
    slots = {field.path for field in form.fields} - columns
    groups = {group.path: group for group in form.groups}
    values: dict[str, object] = {}
    findings: list[Finding] = []
    for number, (path, value) in enumerate(_walk("", answers, groups, 0)):
        if number >= MAX_LEAVES:
            findings.insert(0, Finding("", "too_many", f"only the first {MAX_LEAVES} answers were read"))
            break
        code = _fault_of(path, value, slots, columns, groups)
        if code:
            findings.append(Finding(_quote(path), code, _DETAILS[code]))
        elif not is_blank(value):
            values.setdefault(path, value)
    return Answers(values, tuple(findings[:MAX_FINDINGS]))


def given_twice(form: Form, answers: Mapping[str, object]) -> Iterator[Finding]:
    """A finding for every field that is answered more than once, dotted and nested: nobody knows which was meant."""
    groups = {group.path: group for group in form.groups}
    seen: set[str] = set()
    for number, (path, value) in enumerate(_walk("", answers, groups, 0)):
        if number >= MAX_LEAVES:
            return
        if path in seen and not is_blank(value):
            yield Finding(_quote(path), "given_twice", "one field takes one answer; it stands here twice")
        seen.add(path)


def nest(form: Form, values: Mapping[str, object]) -> dict[str, Any]:
    """Flat answers as the form's JSON Schema expects them: objects for dotted paths, arrays for groups.

    Rows keep their order and close up: a gap in the numbering leaves no empty row.
    """
    groups = {group.path for group in form.groups}
    document: dict[str, Any] = {}
    for group in groups:
        rows = typed_rows(group, values)
        if rows:
            _put(document, group, [dict(rows[index]) for index in sorted(rows)])
    for path, value in values.items():
        if not any(path.startswith(f"{group}.") for group in groups):
            _put(document, path, value)
    return document


def is_blank(value: object) -> bool:
    """Whether this is no answer: null, empty or white text, an empty list or object. `False` and 0 are answers."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, list | tuple | Mapping) and not value)


def typed_rows(group: str, values: Mapping[str, object]) -> dict[int, dict[str, object]]:
    """The rows of a group that the person typed something in: row number as sent → leaf → value, in order."""
    prefix = f"{group}."
    rows: dict[int, dict[str, object]] = {}
    for path, value in values.items():
        if path.startswith(prefix):
            index, _, leaf = path[len(prefix) :].partition(".")
            if leaf and _INDEX.fullmatch(index) and not is_blank(value):
                rows.setdefault(int(index), {})[leaf] = value
    return dict(sorted(rows.items()))


def next_row(rows: Iterable[int]) -> int:
    """The number of the first row after the typed ones: of the row that is still blank."""
    return max(rows, default=-1) + 1


def _walk(prefix: str, node: object, groups: Mapping[str, Group], depth: int) -> Iterator[tuple[str, object]]:
    """Every leaf with its dotted path. A list is walked into only where the form has a group."""
    entries: Iterable[tuple[object, object]]
    if isinstance(node, Mapping) and depth < MAX_DEPTH:
        entries = node.items()
    elif isinstance(node, list | tuple) and prefix in groups and depth < MAX_DEPTH:
        entries = enumerate(node)
    else:
        yield prefix, node
        return
    for key, value in entries:
        yield from _walk(f"{prefix}.{key}" if prefix else str(key), value, groups, depth + 1)


_DETAILS: Final = {
    "unknown_path": "the form has no such field; see its `fields` for the paths it has",
    "too_deep": f"answers may nest {MAX_DEPTH} deep at most",
    "row_number": f"rows are numbered from 0 to {MAX_ROW_INDEX}, in decimal",
    "not_an_answer": "a field takes text, a number, a boolean, or a list of these",
}


def _fault_of(
    path: str, value: object, slots: set[str], columns: set[str], groups: Mapping[str, Group]
) -> str | None:
    if is_blank(value):
        return None  # says nothing, so there is nothing to say about it
    if isinstance(value, Mapping):
        return "too_deep"
    if path not in slots:
        row = _row_path(path, groups)
        if row is None or row[1] not in columns:
            return "unknown_path"
        if not _INDEX.fullmatch(row[0]):
            return "row_number"
    return None if _is_answer(value) else "not_an_answer"


def _row_path(path: str, groups: Mapping[str, Group]) -> tuple[str, str] | None:
    """The row number as sent and the row-less path of a slot in a group."""
    for group in groups:
        if path.startswith(f"{group}."):
            index, _, leaf = path[len(group) + 1 :].partition(".")
            return index, f"{group}.{leaf}" if leaf else group
    return None


def _is_answer(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= MAX_CHOICES and not any(
            isinstance(each, list | tuple | Mapping) for each in value
        )
    return True


def _quote(path: str) -> str:
    """The pointer of a path the caller made up, unless it might itself be somebody's data."""
    return pointer_of(path) if _QUOTABLE.fullmatch(path) else ""


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        below: object = document.setdefault(parent, {})
        if not isinstance(below, dict):
            return  # a leaf that is also a prefix: `check_forms` refuses such a form
        document = below
    document[leaf] = value
