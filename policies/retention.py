"""Retention: how long each kind of record is kept, at least or at most, and by which rule.

Years and half-years are counted in days of the longest calendar stretch, so that no leap year makes a kept record
shorter-lived than the law wants.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from policies.errors import BadPeriod

_THREE_YEARS = timedelta(days=3 * 365 + 1)
_SIX_MONTHS = timedelta(days=184)


class Bound(StrEnum):
    """In which direction a period may be changed by configuration."""

    at_least = "at_least"
    """Evidence: may be kept longer, never shorter."""
    at_most = "at_most"
    """Personal values: may be kept shorter, never longer."""


@dataclass(frozen=True, slots=True)
class Period:
    """How long one kind of record is kept.."""

    name: str
    length: timedelta
    bound: Bound
    citation: str

    def ends(self, since: datetime) -> datetime:
        """When a record begun at `since` is due to be purged."""
        return since + self.length

    def is_over(self, since: datetime, now: datetime) -> bool:
        """Whether a record begun at `since` is due. Exclusive: due at the end itself."""
        return now >= self.ends(since)


def _table(*periods: Period) -> Mapping[str, Period]:
    return MappingProxyType({period.name: period for period in periods})


PERIODS = _table(
    Period("drafts", timedelta(hours=24), Bound.at_most, "个人信息保护法 第19条"),
    Period("consents", _THREE_YEARS, Bound.at_least, "网络数据安全管理条例 第12条"),
    Period("log", _THREE_YEARS, Bound.at_least, "个人信息保护法 第56条"),
    Period("profile", _THREE_YEARS, Bound.at_most, "个人信息保护法 第19条"),
    Period("network_logs", _SIX_MONTHS, Bound.at_least, "网络安全法 第21条"),
)
"""Every retention period by name, at the length the law or the design asks for."""


def periods_with(lengths: Mapping[str, timedelta]) -> Mapping[str, Period]:
    """`PERIODS` with some lengths set by configuration; raises `BadPeriod` where the bound forbids it."""
    unknown = sorted(set(lengths) - set(PERIODS))
    if unknown:
        raise BadPeriod(f"no retention period {unknown[0]!r}. There are: {', '.join(PERIODS)}.")
    return _table(*(_with_length(period, lengths.get(name)) for name, period in PERIODS.items()))


class ErasureReason(StrEnum):
    """Why everything kept about a subject is to be erased (个人信息保护法 第47条)."""

    person_request = "person_request"
    """The person asks for it, or has withdrawn what they agreed to."""
    retention_over = "retention_over"
    """Its time is over; waits like a request, so that saying so cannot make it true."""
    court_order = "court_order"
    unlawful = "unlawful"
    """It should never have been processed."""


_AT_ONCE = frozenset({ErasureReason.court_order, ErasureReason.unlawful})


def held_until(
    newest: datetime, reason: ErasureReason, now: datetime, periods: Mapping[str, Period] = PERIODS
) -> datetime | None:
    """Until when the law keeps a subject's records from being erased for that reason; None when nothing holds them.

    `newest`: when the newest of those records was made. A court order and unlawful processing go before. Exclusive: at
    that time itself the subject may be erased.
    """
    until = max(periods[name].ends(newest) for name in ("consents", "log"))
    return None if reason in _AT_ONCE or now >= until else until


def _with_length(period: Period, length: timedelta | None) -> Period:
    if length is None:
        return period
    too_short = length < period.length if period.bound is Bound.at_least else length <= timedelta(0)
    too_long = period.bound is Bound.at_most and length > period.length
    if too_short or too_long:
        bound = period.bound.replace("_", " ")
        raise BadPeriod(f"{period.name}: kept {bound} {period.length} ({period.citation}), not {length}")
    return replace(period, length=length)
