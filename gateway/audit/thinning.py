"""Which checkpoints are kept: every one of the last day, and of each earlier hour the last.

A busy log signs five a second. A proof or a receipt carries its checkpoint itself, so what is dropped is missed by
nobody; what is kept shows that each hour's log extends the one before. Of each hour the last per set of signers stays:
where a key was replaced, and where a witness cosigned, both sides can still be shown.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.audit.note import signers_of
from gateway.ports import TreeLog

KEPT_WHOLE = timedelta(days=1)
_AT_ONCE = 5_000


class Kept(NamedTuple):
    """A checkpoint that is kept. `signers`: who signed it, by name and key id."""

    size: int
    at: datetime
    signers: frozenset[str]


def superseded(checkpoints: Iterable[Kept]) -> list[int]:
    """The sizes of those that need not be kept: a later one of the same hour has the same signers. In order of size.

    >>> hour = datetime(2026, 1, 1, 5)
    >>> superseded([Kept(size, hour, frozenset({"log"})) for size in (3, 7, 9)])
    [3, 7]
    """
    last: dict[tuple[datetime, frozenset[str]], int] = {}
    over: list[int] = []
    for size, at, signers in checkpoints:
        hour = (at.replace(minute=0, second=0, microsecond=0), signers)
        if hour in last:
            over.append(last[hour])
        last[hour] = size
    return over


class Thinning:
    """Thins the checkpoints of every tree, a portion at a time, and passes over what it has been through before."""

    def __init__(self, log: TreeLog) -> None:
        self._log = log
        self._through: dict[int, int] = {}

    async def run(self, now: datetime) -> int:
        """How many were dropped. Raises `StoreUnavailable`."""
        return sum([await self._thin(head.shard, now - KEPT_WHOLE) for head in await self._log.shards()])

    async def _thin(self, shard: int, before: datetime) -> int:
        dropped = 0
        while True:
            after = self._through.get(shard, -1)
            rows = await self._log.signed_before(before, shard=shard, after=after, limit=_AT_ONCE)
            over = superseded(Kept(size, at, signers_of(note)) for size, at, note in rows)
            dropped += await self._log.drop_checkpoints(shard, over) if over else 0
            if len(rows) < _AT_ONCE:
                return dropped
            self._through[shard] = _begin_of_last_hour(rows, after)


def _begin_of_last_hour(rows: Sequence[tuple[int, datetime, str]], after: int) -> int:
    """The size after which the next portion begins: the last hour of this one may go on in it.

    An hour that fills a portion by itself is not begun again, or there would be no end.
    """
    hour = rows[-1][1].replace(minute=0, second=0, microsecond=0)
    earlier = [size for size, at, _ in rows if at < hour]
    return earlier[-1] if earlier else rows[-2][0]
