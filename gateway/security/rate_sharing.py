"""Workers that lend one another what a caller has left, through an account all of them can reach.

A caller whose connections all end at one worker would have that worker's share only. So a worker whose caller comes
short says so, and the others give what they can spare. Nobody waits for the account: it is settled ten times a second
in the background. While it cannot be reached, each worker goes on with its own share: slower, never more permissive.
"""

from collections.abc import Sequence

from gateway.errors import CacheUnavailable
from gateway.ports import RateAccount
from gateway.security.rate_limits import RateLimits

EVERY_SECONDS = 0.1


class RateSharing:
    """One worker's dealings with the account. `settle` is to be called ten times a second."""

    def __init__(self, limits: RateLimits, account: RateAccount) -> None:
        self._limits, self._account = limits, account
        self._wished: Sequence[str] = ()

    async def settle(self) -> None:
        """Give what others lack, take what is lacked here. Raises nothing: without the account nothing is lent."""
        limits = self._limits
        if not limits.lends:
            return
        # In this order: who is short here gives nothing away.
        given = limits.spare(self._wished)
        wanted = limits.wants()
        asked_at = limits.now()
        most = max(1, int(limits.per_second * EVERY_SECONDS * 2))
        try:
            taken, self._wished = await self._account.settle(given, wanted, most=most)
        except CacheUnavailable:
            self._wished = ()  # what was given is lost, which can only make it slower
            return
        limits.borrow(taken, asked_at)
