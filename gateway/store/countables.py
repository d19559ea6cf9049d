"""From rows of snapshots to what each of them counts: itself, less the one before it."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.records import Countable
from gateway.reports.periods import day_of


def countables_of(keys: Sequence[tuple[str, int]], rows: Iterable[Any]) -> list[Countable]:
    """What the snapshots of those keys count, in order. `rows`: every snapshot of their applications.

    A snapshot counts on the day of its application's first one: what is corrected later was handed in then.
    """
    by_key = {(row.submission_id, row.number): row for row in rows}
    found = []
    for submission_id, number in keys:
        first = by_key[submission_id, 1]
        found.append(_countable(1, first, by_key[submission_id, number]))
        if number > 1:
            found.append(_countable(-1, first, by_key[submission_id, number - 1]))
    return found


def _countable(sign: int, first: Any, row: Any) -> Countable:
    return Countable(
        sign=sign,
        on=day_of(first.at),
        form=row.form,
        matter=row.matter,
        department=row.department,
        segment=row.segment,
        definition=row.definition,
        baseline=row.baseline,
        is_test=row.is_test,
        facts=zlib.decompress(row.slots),
    )
