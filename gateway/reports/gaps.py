"""Gaps: what to do next, and what the backfill rate (M4) gains by it. Pure; the order of applications never matters.

A slot that was not filled needs one thing done, or several: it counts only when all of them are. What is proposed is
chosen one step after the other by what it gains on top of the steps before (greedy), so the gains of a list add up to
what the whole list gives; they are never added up from what each would give alone.

What a step gives is expected from what was seen: where there was a value, how often a source that answered had it and
the person kept it; of items seen fewer than `ENOUGH` times, the same of all items together. Slots that the person left
blank promise nothing: most of them have no value that any register could hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from field_registry.outcomes import FixedBy, OutcomeCode
from gateway.reports.gap_causes import Cause, Fix, FixKind, Needs
from gateway.reports.gap_tally import Seen, Tally
from gateway.reports.rates import Rate

ENOUGH = 10
"""Answers seen of an item before its own rates are believed."""

_WHOLE = 10_000
_DIVISIBLE = 60  # by as many things as a slot can need, so that ranks stay whole numbers
_KNOWS_THE_ITEM = frozenset({FixKind.second_source, FixKind.mend})
"""A further source is taken to hold it, and data put right to be there: what is expected is then at most so much."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One reason why slots were not filled. `share`: of all eligible slots. `done`: it was put right since."""

    outcome: OutcomeCode
    source: str | None
    fixed_by: FixedBy
    share: Rate
    done: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next, and what it brings. `fixes`: to be done together; more than one where one alone brings nothing.

    `gain`: of M4, on top of the steps before; `alone`: were it done first; `m4`: after it. All are shares of 1.
    `slots`, `forms`, `applications`: that it opens and no step before did. `expected`: of what the gain was expected,
    kept of answered; None when nothing was seen. `at_most`: the gain is a bound, see `_KNOWS_THE_ITEM`.
    """

    fixes: tuple[Fix, ...]
    gain: Fraction
    alone: Fraction
    m4: Fraction
    slots: int
    forms: tuple[str, ...]
    applications: int
    expected: Rate | None
    at_most: bool


def gaps_of(tally: Tally) -> list[Gap]:
    """Every reason, the most frequent first."""
    eligible = tally.total.eligible
    gaps = [
        Gap(outcome, source, Cause(outcome, source).fixed_by, Rate(slots, eligible), done)
        for (outcome, source, done), slots in tally.total.causes.items()
    ]
    return sorted(gaps, key=lambda gap: (-gap.share.numerator, gap.outcome, gap.source or "", gap.done))


def steps_of(tally: Tally, limit: int) -> list[Step]:
    """At most so many steps, each the one that gains most per thing to do on top of those before."""
    board = _Board(tally)
    steps: list[Step] = []
    while len(steps) < limit:
        best = board.best()
        if best is None:
            break
        steps.append(board.take(best))
    return steps


@dataclass(slots=True)
class _Weight:
    """What slots with the same needs bring: their number, and in ten-thousandths how many are kept more."""

    slots: int = 0
    kept: int = 0


class _Board:
    """What is open, what is chosen, and how M4 would stand. Whole numbers only, so that no order changes a sum."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._weights = _weights(tally)
        self._open = set(self._weights)
        self._by_fix: dict[Fix, list[Needs]] = {}
        for needs in self._weights:
            for fix in needs:
                self._by_fix.setdefault(fix, []).append(needs)
        self._chosen: set[Fix] = set()
        self._kept = tally.total.supplied * _WHOLE
        self._ranks: dict[Needs, tuple[int, list[Fix]]] = {}
        self._rank(self._weights)

    def best(self) -> Needs | None:
        """The open needs whose steps gain most each; None when no step gains anything."""
        return min(self._ranks, key=self._ranks.__getitem__) if self._ranks else None

    def _rank(self, changed: Iterable[Needs]) -> None:
        """Judge these anew: what they bring per thing to do, then by name."""
        for needs in changed:
            brings = self._brings(self._opened(needs)) if needs in self._open else 0
            self._ranks.pop(needs, None)
            if brings:
                self._ranks[needs] = -brings * _DIVISIBLE // len(needs - self._chosen), sorted(needs)

    def take(self, needs: Needs) -> Step:
        """Choose what is still missing of these needs; what that brings."""
        opened, fixes = self._opened(needs), tuple(sorted(needs - self._chosen))
        brings = self._brings(opened)
        self._kept += brings
        self._chosen |= needs
        self._open -= opened
        self._rank(self._beside(fixes))
        return Step(
            fixes=fixes,
            gain=self._share(brings),
            alone=self._share(self._brings(self._served(frozenset(fixes)))),
            m4=self._share(self._kept),
            slots=sum(self._weights[each].slots for each in opened),
            forms=tuple(sorted({form for form, each, _ in self._tally.open if each in opened})),
            applications=self._tally.applications(opened),
            expected=_expected(self._tally, fixes),
            at_most=any(fix.kind in _KNOWS_THE_ITEM for fix in fixes),
        )

    def _opened(self, needs: Needs) -> set[Needs]:
        """What would be filled, that is not yet, were these needs met."""
        done = self._chosen | needs
        missing = needs - self._chosen
        return {each for fix in missing for each in self._by_fix[fix] if each in self._open and each <= done}

    def _beside(self, fixes: Iterable[Fix]) -> set[Needs]:
        """Every needs whose rank may depend on those being chosen: that share a fix with one that wants one of them."""
        wanting = {needs for fix in fixes for needs in self._by_fix[fix]}
        return {needs for each in wanting for fix in each for needs in self._by_fix[fix]}

    def _served(self, fixes: frozenset[Fix]) -> set[Needs]:
        """What would be filled by these alone."""
        return {each for fix in fixes for each in self._by_fix[fix] if each <= fixes}

    def _brings(self, opened: set[Needs]) -> int:
        return sum(self._weights[each].kept for each in opened)

    def _share(self, kept: int) -> Fraction:
        return share_of(kept, self._tally.total.answered * _WHOLE)


def share_of(kept: int, answered: int) -> Fraction:
    """That share; 0 when nothing could be counted."""
    return Fraction(kept, answered) if answered else Fraction(0)


def _weights(tally: Tally) -> dict[Needs, _Weight]:
    weights: dict[Needs, _Weight] = {}
    for (_, needs, item), slots in tally.open.items():
        weight = weights.setdefault(needs, _Weight())
        weight.slots += slots
        weight.kept += slots * _chance(tally.seen, needs, item)
    return weights


def _chance(seen: Mapping[str, Seen], needs: Needs, item: str) -> int:
    """In ten-thousandths: that such a slot is filled and kept."""
    known = _believed(seen, item)
    if known is None:
        return _WHOLE
    if any(fix.kind in _KNOWS_THE_ITEM for fix in needs):
        return _part(known.kept, known.filled)
    return _part(known.kept, known.answers)


def _part(count: int, of: int) -> int:
    return (count * _WHOLE + of // 2) // of if of else _WHOLE


def _believed(seen: Mapping[str, Seen], item: str) -> Seen | None:
    """The item's own rates if enough was seen of it, else those of all; None when nothing was."""
    own = seen.get(item)
    return own if own is not None and own.answers >= ENOUGH else seen.get("")


def _expected(tally: Tally, fixes: Iterable[Fix]) -> Rate | None:
    items = {item for _, needs, item in tally.open if not needs.isdisjoint(fixes)}
    known = _believed(tally.seen, items.pop() if len(items) == 1 else "")
    return None if known is None else known.rate
