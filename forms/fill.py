"""Filling: what sources said and what the person typed become exactly one outcome per slot.

Promises: every slot has one outcome; what the person typed is never replaced; a hidden field and an outcome that is
not `filled` or `filled_stale` carry no value; rows of either side are never lost in silence. Nothing here judges
grounds or reads clocks: what may not be shown was never handed in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from msgspec import Struct
from msgspec.structs import replace

from field_registry import Missing, OutcomeCode, Value
from forms.answers import is_blank, next_row, typed_rows
from forms.bind import Line
from forms.definition import Group
from forms.findings import Finding, pointer_of
from forms.outcomes import FieldOutcome
from forms.rows import MatchedRows, Row, identity_key, match_rows

Found = Mapping[tuple[str, str], Value | Missing]
"""What is known per (role, item id) after all sources were combined. For a repeating item the value is a list of rows,
each item id → normalised cell, `Missing`, or None (empty at the source)."""

_CHINA = timezone(timedelta(hours=8))
"""Registers date their records by the calendar on the wall; China has known no other offset since 1991."""

_FILLED, _STALE = (
    OutcomeCode.filled,
    OutcomeCode.filled_stale,
)  # looking a member up costs more than comparing
_NOT_ASKED = Missing(OutcomeCode.source_error, "not_asked")
_EMPTY = Missing(OutcomeCode.empty_at_source)
_ROW_NOT_MATCHED = Missing(OutcomeCode.not_found, "row_not_matched")


class Filled(Struct, frozen=True):
    """The outcomes in form order (a group's slots row by row, where its first column stands) and what to say beside."""

    outcomes: tuple[FieldOutcome, ...]
    findings: tuple[Finding, ...] = ()


def fill(
    lines: Sequence[Line],
    found: Found,
    *,
    visible: Mapping[str, bool | None],
    answers: Mapping[str, object],
    now: datetime,
) -> Filled:
    """One outcome per slot of these lines.

    `visible`: from `visible_paths`; a path it does not hold counts as not known, hence hidden. `answers`: flat, by slot
    path. `now`: aware. An item that was due but is not in `found` is a `source_error`: saying so beats guessing.
    """
    today = now.astimezone(_CHINA).date()
    outcomes: list[FieldOutcome] = []
    findings: list[Finding] = []
    groups: set[str] = set()
    for line in lines:
        path = line.path
        if line.is_plain and visible.get(path) is True and path not in answers:
            answer = found.get(line.key, _NOT_ASKED)
            # Nearly every slot that is filled: a text that does not age. Spared the call and its questions.
            if type(answer) is Value and type(value := answer.value) is str and value and not value.isspace():
                outcomes.append(
                    FieldOutcome(path, line.field, _FILLED, value, answer.provenance, "", False, True, True)
                )
            else:
                outcomes.append(_offer(line, path, answer, today))
        elif line.group is None:
            outcomes.append(_rest(line, found, visible, answers, today))
        elif line.group.path not in groups:
            groups.add(line.group.path)
            columns = [each for each in lines if each.group is line.group]
            filling = _GroupFilling(line.group, columns, found, visible, answers, today)
            filled = filling.filled()
            outcomes.extend(filled.outcomes)
            findings.extend(filled.findings)
    return Filled(tuple(outcomes), tuple(findings))


def _rest(
    line: Line,
    found: Found,
    visible: Mapping[str, bool | None],
    answers: Mapping[str, object],
    today: date,
) -> FieldOutcome:
    """The outcome of a slot that is hidden, static or typed in."""
    path = line.path
    shown = visible.get(path)
    if line.outcome is OutcomeCode.office_use:
        return line.if_static
    if shown is not True:
        hidden = line.if_unknown if shown is None else line.if_hidden
        return hidden if is_blank(answers.get(path)) else replace(hidden, answered=True, answer_path=path)
    if path in answers and not is_blank(answers[path]):
        return line.if_answered
    if line.outcome is not None or line.item is None:
        return line.if_static
    return _offer(line, path, found.get(line.key, _NOT_ASKED), today)


def _offer(
    line: Line, path: str, answer: Value | Missing, today: date, row: int | None = None
) -> FieldOutcome:
    """The outcome of a visible slot that nobody typed in; input fields with an item only, hence eligible."""
    if isinstance(answer, Value) and is_blank(answer.value):
        answer = _EMPTY
    if isinstance(answer, Missing):
        return FieldOutcome(
            path, line.field, answer.reason, None, None, answer.detail, False, True, bool(line.bindings), row
        )
    is_stale = line.freshness is not None and _age(answer, today) > line.freshness
    code = _STALE if is_stale else _FILLED
    return FieldOutcome(path, line.field, code, answer.value, answer.provenance, "", False, True, True, row)


def _age(value: Value, today: date) -> timedelta:
    """By the day the register recorded it, else by the day we asked."""
    provenance = value.provenance
    as_of = provenance.recorded_at or provenance.retrieved_at.astimezone(_CHINA).date()
    return today - as_of


@dataclass(frozen=True, slots=True, eq=False)
class _GroupFilling:
    """One repeating group being filled."""

    group: Group
    columns: Sequence[Line]
    found: Found
    visible: Mapping[str, bool | None]
    answers: Mapping[str, object]
    today: date

    def filled(self) -> Filled:
        """One outcome per column and row; one blank row when neither side has any."""
        typed = typed_rows(self.group.path, self.answers)
        answer = self._rows_found()
        matched = self._matched(typed, answer)
        blank = next_row(typed)
        outcomes = [
            self._slot(line, row, answer, number, seen_as=blank if row.typed is None else row.typed)
            for number, row in enumerate(matched.rows or (Row(None, None),))
            for line in self.columns
        ]
        return Filled(tuple(outcomes), tuple(self._findings(matched)))

    def _findings(self, matched: MatchedRows) -> Iterator[Finding]:
        if matched.dropped:
            room = self.group.max_rows
            detail = f"{matched.dropped} more rows are on record than the {room} this form has room for"
            yield Finding(pointer_of(self.group.path), "too_many_rows", detail)

    def _rows_found(self) -> Value | Missing:
        if self.group.item is None:
            return Missing(OutcomeCode.no_binding)
        return self.found.get((self.group.role, self.group.item), _NOT_ASKED)

    def _matched(self, typed: Mapping[int, Mapping[str, object]], answer: Value | Missing) -> MatchedRows:
        identity = next((line for line in self.columns if line.field.leaf == self.group.identity_key), None)
        item_id = identity.field.item if identity is not None else None
        key = identity_key(identity.item if identity is not None else None)
        # Rows of a group that is not shown must not even be counted.
        shown = any(self.visible.get(line.path) is True for line in self.columns)
        rows = answer.value if isinstance(answer, Value) and shown else []
        return match_rows(
            rows if isinstance(rows, list) else [],
            {number: key(cells.get(self.group.identity_key)) for number, cells in typed.items()},
            key_of=lambda cells: key(cells.get(item_id or "")),
            max_rows=self.group.max_rows,
        )

    def _slot(
        self, line: Line, row: Row, answer: Value | Missing, number: int, *, seen_as: int
    ) -> FieldOutcome:
        leaf = line.field.leaf
        path = f"{self.group.path}.{number}.{leaf}"
        typed_path = f"{self.group.path}.{seen_as}.{leaf}"
        answered = row.typed is not None and not is_blank(self.answers.get(typed_path))
        answer_path = typed_path if answered else None
        shown = self.visible.get(typed_path, self.visible.get(line.path))
        if line.outcome is OutcomeCode.office_use:
            return replace(line.if_static, path=path, row=number)
        if shown is not True:
            hidden = line.if_unknown if shown is None else line.if_hidden
            return replace(hidden, path=path, row=number, answered=answered, answer_path=answer_path)
        if answered:
            return replace(line.if_answered, path=path, row=number, answer_path=answer_path)
        if line.outcome is not None or line.item is None:
            return replace(line.if_static, path=path, row=number)
        return _offer(line, path, self._cell(line, row, answer), self.today, number)

    def _cell(self, line: Line, row: Row, answer: Value | Missing) -> Value | Missing:
        """What is known of one cell: a word about the column goes before one about the rows."""
        item_id = line.item.id if line.item is not None else ""
        about_column = self.found.get((self.group.role, item_id))
        if isinstance(about_column, Missing):
            return about_column
        if isinstance(answer, Missing):
            return answer
        if row.cells is None:
            return _EMPTY if row.typed is None else _ROW_NOT_MATCHED
        if all(binding.source != answer.provenance.source for binding in line.bindings):
            return Missing(OutcomeCode.no_binding, "not_in_rows_source")
        cell = row.cells.get(item_id)
        return cell if isinstance(cell, Missing) else Value(cell, answer.provenance)
