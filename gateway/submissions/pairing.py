"""Pairing: which row that came back is which row that was offered. Pure.

Rows are told apart by their group's identity column, as it is normally written: so re-ordering rows is no edit, and to
give one row's locked value to another is. A row whose identity was changed is still the same row when at least half of
what else was offered in it came back; otherwise it is a new row, and the offered one was taken out.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.submissions.compare import Normal, Sheet, same
from gateway.submissions.offered import Offer

Sent = Mapping[str, Normal]
Row = Mapping[str, Offer]


@dataclass(frozen=True, slots=True)
class Pair:
    """One row. `sent`: its number as it came back, None if it did not; `offered`: as it was answered, None if new."""

    sent: int | None
    offered: int | None


def pair_rows(
    sent: Mapping[int, Sent],
    offered: Mapping[int, Row],
    *,
    identity: str,
    key_of: Callable[[object], Hashable | None],
    typed_keys: Mapping[str, Any],
    sheets: Mapping[str, Sheet],
) -> Sequence[Pair]:
    """Every sent row in its order, then the offered rows that did not come back.

    `identity`: leaf of the identity column. `typed_keys`: row as offered → what the person had typed there before.
    """
    keys = {
        number: key_of(_identity(row, identity, typed_keys.get(str(number))))
        for number, row in offered.items()
    }
    free = dict.fromkeys(offered)
    found: dict[int, int] = {}
    for number, cells in sent.items():
        key = key_of(cells[identity].value) if identity in cells else None
        match = next((each for each in free if key is not None and keys[each] == key), None)
        if match is not None:
            found[number] = match
            del free[match]
    for number, cells in sent.items():
        if number not in found:
            match = _most_alike(number, cells, {each: offered[each] for each in free}, identity, sheets)
            if match is not None:
                found[number] = match
                del free[match]
    return (*(Pair(number, found.get(number)) for number in sent), *(Pair(None, each) for each in free))


def _identity(row: Row, identity: str, typed: object) -> object:
    offer = row.get(identity)
    return typed if offer is None or offer.tier is None else offer.value


def _most_alike(
    number: int, cells: Sent, offered: Mapping[int, Row], identity: str, sheets: Mapping[str, Sheet]
) -> int | None:
    """The offered row of which most came back, at least half; of equals the one at the same place."""
    best: tuple[float, bool, int] | None = None
    for other, row in offered.items():
        rank = (_likeness(cells, row, identity, sheets), other == number, -other)
        if best is None or rank > best:
            best = rank
    if best is None or best[0] < 0.5:
        return None
    return -best[2]


def _likeness(cells: Sent, row: Row, identity: str, sheets: Mapping[str, Sheet]) -> float:
    """Share of a row's offered cells, its identity aside, that came back as they were.

    A row of which nothing else was offered, or is known any more, is like any that takes its place.
    """
    shown = {leaf: offer for leaf, offer in row.items() if leaf != identity and offer.value is not None}
    if not shown:
        return 0.5
    alike = sum(
        leaf in cells and same(cells[leaf], sheets[leaf].normal(offer.value)) for leaf, offer in shown.items()
    )
    return alike / len(shown)
