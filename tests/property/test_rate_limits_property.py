"""The promise of rate limits: over any period T all workers together let at most limit·T + burst requests through."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CacheUnavailable
from gateway.security.rate_limits import RateLimits
from gateway.security.rate_sharing import RateSharing

PER_SECOND, BURST = 100.0, 120
STEP = 0.02


class Account:
    """A shared account that forgets on time, and can be lost on the way there or on the way back."""

    def __init__(self, time):
        self._time, self._tokens, self._wishes = time, {}, {}
        self.trouble = ""

    async def settle(self, given, wanted, *, most):
        if self.trouble == "lost":
            raise CacheUnavailable("cache_unavailable", "gone")
        taken = {}
        for who, tokens in given.items():
            self._tokens[who] = (min(most, self._left(who) + tokens), self._time[0] + 0.2)
        for who, tokens in wanted.items():
            taken[who] = min(tokens, self._left(who))
            self._tokens[who] = (self._left(who) - taken[who], self._time[0] + 0.2)
            self._wishes[who] = self._time[0] + 0.5
        if self.trouble == "answer lost":
            raise CacheUnavailable("cache_unavailable", "gone")
        return taken, [who for who, until in self._wishes.items() if until > self._time[0]]

    async def close(self):
        pass

    def _left(self, who):
        tokens, until = self._tokens.get(who, (0, 0.0))
        return tokens if until > self._time[0] else 0


STEPS = st.tuples(
    st.lists(st.sampled_from([0, 0, 1, 5, 40, 200]), min_size=3, max_size=3),  # requests at each worker
    st.sets(st.integers(0, 2)),  # which workers settle
    st.sampled_from(["", "", "", "lost", "answer lost"]),
)


@given(st.lists(STEPS, min_size=1, max_size=60))
def test_no_period_ever_sees_more_than_the_limit_and_the_burst(steps):
    """Whoever asks where, whoever settles when, and whatever is lost on the way."""
    time = [1_000.0]
    account = Account(time)
    workers = [
        RateLimits(PER_SECOND, BURST, workers=3, lends=True, monotonic=lambda: time[0]) for _ in range(3)
    ]
    sharing = [RateSharing(worker, account) for worker in workers]
    passed = []
    for demand, settling, trouble in steps:
        time[0] += STEP
        account.trouble = trouble
        passed.append(
            sum(not workers[at].take("hall") for at, number in enumerate(demand) for _ in range(number))
        )
        for worker in settling:
            asyncio.run(sharing[worker].settle())

    for begin in range(len(passed)):
        for end in range(begin, len(passed)):
            period = (end - begin) * STEP
            assert sum(passed[begin : end + 1]) <= PER_SECOND * period + BURST + 1e-6
