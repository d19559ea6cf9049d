"""Visibility: which fields of a form are shown, given the answers so far.

A field is visible only when its condition (`forms.conditions`) is True: behind an open question nothing is shown and,
what matters more, nothing is fetched. An answer to a field that is itself hidden does not count, so what depends on a
hidden field is hidden too.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from forms.answers import next_row, typed_rows
from forms.conditions import HIDDEN, Predicate, compile_condition, fields_named
from forms.definition import Field, Form

__all__ = [
    "Visibility",
    "compile_condition",
    "compile_visibility",
    "cycle_in",
    "fields_named",
    "visible_paths",
]


def visible_paths(form: Form, answers: Mapping[str, object]) -> dict[str, bool | None]:
    """Per field path: shown (True), hidden (False), or not known yet (None, which is hidden too).

    Compiles the form each time; on the hot path keep `compile_visibility(form)` and call `of`.
    """
    return compile_visibility(form).of(answers)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One conditional field, to be judged after those it names."""

    path: str
    leaf: str
    names: tuple[str, ...]
    test: Predicate


@dataclass(frozen=True, slots=True, eq=False)
class Visibility:
    """The visibility conditions of one form, compiled and put in the order in which they can be judged."""

    _start: Mapping[str, bool | None]
    _steps: tuple[_Step, ...]
    _row_steps: Mapping[str, tuple[_Step, ...]]
    _columns: Mapping[str, tuple[tuple[str, str], ...]]

    def of(self, answers: Mapping[str, object]) -> dict[str, bool | None]:
        """Per field path whether it is shown; see `visible_paths`.

        A column whose condition names a column of its own row is judged row by row: then there is also an entry per
        slot ("children.0.school"), one for each typed row and one for the next, still blank row. Its row-less entry
        says whether any of those is shown.
        """
        seen = dict(self._start)
        if not self._steps and not self._row_steps:
            return seen
        known = dict(answers)
        known.update((path, HIDDEN) for path, shown in self._start.items() if shown is not True)
        for step in self._steps:
            _judge(step, known, seen)
        for group in self._row_steps:
            self._judge_rows(group, known, seen)
        return seen

    def _judge_rows(self, group: str, known: dict[str, object], seen: dict[str, bool | None]) -> None:
        rows = typed_rows(group, known)
        steps = self._row_steps[group]
        blank = next_row(rows)
        verdicts: dict[str, list[bool | None]] = {step.path: [] for step in steps}
        for index in (*rows, blank):
            row = dict(known)
            cells = rows.get(index, {})
            row.update((path, cells[leaf]) for path, leaf in self._columns[group] if leaf in cells)
            row.update((path, HIDDEN) for path, _ in self._columns[group] if seen.get(path, True) is not True)
            shown = dict(seen)
            for step in steps:
                _judge(step, row, shown)
                verdicts[step.path].append(shown[step.path])
                seen[f"{group}.{index}.{step.leaf}"] = shown[step.path]
        for path, each in verdicts.items():
            seen[path] = True if True in each else each[-1]


def compile_visibility(form: Form) -> Visibility:
    """The visibility of a form, ready to be asked often. Fields in a cycle of conditions are never shown."""
    conditional = {field.path: field for field in form.fields if field.visible_when is not None}
    order = _in_order(conditional)
    steps = [_step(conditional[path]) for path in order]
    in_rows = {step.path for step in steps if _depends_on_row(conditional[step.path], form, conditional)}
    row_steps: dict[str, list[_Step]] = {}
    for step in steps:
        group = conditional[step.path].group
        if step.path in in_rows and group is not None:
            row_steps.setdefault(group, []).append(step)
    stuck = conditional.keys() - set(order)
    return Visibility(
        # What is conditional starts as shown too: its step comes before any other that looks at it.
        _start={field.path: None if field.path in stuck else True for field in form.fields},
        _steps=tuple(step for step in steps if step.path not in in_rows),
        _row_steps={group: tuple(each) for group, each in row_steps.items()},
        _columns={
            g.path: tuple((f.path, f.leaf) for f in form.fields if f.group == g.path) for g in form.groups
        },
    )


def cycle_in(form: Form) -> tuple[str, ...]:
    """The paths of fields that can never be judged since their conditions go round in a circle; empty if none do."""
    conditional = {field.path: field for field in form.fields if field.visible_when is not None}
    order = set(_in_order(conditional))
    return tuple(path for path in conditional if path not in order)


def _in_order(conditional: Mapping[str, Field]) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for path, field in conditional.items():
        sorter.add(path, *(fields_named(field.visible_when or {}) & conditional.keys()))
    order: list[str] = []
    with suppress(CycleError):  # after which graphlib still hands out every node that no cycle blocks
        sorter.prepare()
    while ready := sorter.get_ready():
        order.extend(ready)
        sorter.done(*ready)
    return order


def _step(field: Field) -> _Step:
    condition = field.visible_when or {}
    return _Step(field.path, field.leaf, tuple(sorted(fields_named(condition))), compile_condition(condition))


def _depends_on_row(field: Field, form: Form, conditional: Mapping[str, Field]) -> bool:
    if field.group is None:
        return False
    siblings = {each.path for each in form.fields if each.group == field.group}
    return bool(fields_named(conditional[field.path].visible_when or {}) & siblings)


def _judge(step: _Step, known: dict[str, object], seen: dict[str, bool | None]) -> None:
    shown = step.test(known)
    if shown is None and all(seen.get(name, True) is False for name in step.names):
        shown = False  # everything it depends on is hidden, and so is it
    seen[step.path] = shown
    if shown is not True:
        known[step.path] = HIDDEN
