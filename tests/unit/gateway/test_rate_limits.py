"""How often a caller may call: exact in one worker, and never more than the limit over several, whatever the account does."""

import asyncio
from contextlib import suppress

import pytest

from gateway.errors import CacheUnavailable, TooMany
from gateway.security.attempts import FailedAttempts, claimed_by
from gateway.security.rate_limits import RateLimits
from gateway.security.rate_sharing import EVERY_SECONDS, RateSharing


class Time:
    """Seconds that a test moves."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Account:
    """A shared account in this process; `is_lost` makes it unreachable, as a killed server is."""

    def __init__(self, time):
        self._time, self._tokens, self._wishes = time, {}, {}
        self.is_lost = False
        self.calls = 0

    async def settle(self, given, wanted, *, most):
        self.calls += 1
        if self.is_lost:
            raise CacheUnavailable("cache_unavailable", "gone")
        now = self._time()
        for who, tokens in given.items():
            self._tokens[who] = (min(most, self._left(who) + tokens), now + 0.2)
        taken = {}
        for who, tokens in wanted.items():
            taken[who] = min(tokens, self._left(who))
            self._tokens[who] = (self._left(who) - taken[who], self._tokens.get(who, (0, now))[1])
            self._wishes[who] = now + 0.5
        return taken, [who for who, until in self._wishes.items() if until > now]

    async def close(self):
        pass

    def _left(self, who):
        tokens, until = self._tokens.get(who, (0, 0.0))
        return tokens if until > self._time() else 0


class Office:
    """Some workers and their account, driven by a clock that a test moves."""

    def __init__(self, workers, per_second=200.0, burst=400):
        self.time = Time()
        self.account = Account(self.time)
        self.workers = [
            RateLimits(per_second, burst, workers=workers, lends=True, monotonic=self.time)
            for _ in range(workers)
        ]
        self._sharing = [RateSharing(worker, self.account) for worker in self.workers]

    def settle(self):
        for each in self._sharing:
            asyncio.run(each.settle())

    def run(self, seconds, demand):
        """How many of the requests `demand(step)` → worker → number, ten times a second, went through."""
        passed = 0
        for step in range(int(seconds / EVERY_SECONDS)):
            self.time.now += EVERY_SECONDS
            for worker, number in demand(step).items():
                passed += sum(not self.workers[worker].take("hall") for _ in range(number))
            self.settle()
        return passed


@pytest.fixture
def time():
    return Time()


def taken(limits, number, who="hall"):
    return sum(not limits.take(who) for _ in range(number))


def test_a_burst_goes_through_and_then_the_rate(time):
    """First as many as the burst, then as many as the seconds bring."""
    limits = RateLimits(10, 25, monotonic=time)

    assert taken(limits, 100) == 25
    time.now += 2
    assert taken(limits, 100) == 20


def test_a_refusal_says_how_long_until_there_is_a_token(time):
    """So that Retry-After is true."""
    limits = RateLimits(0.5, 1, monotonic=time)
    assert limits.take("hall") == 0.0

    wait = limits.take("hall")
    time.now += wait

    assert wait == pytest.approx(2.0)
    assert limits.take("hall") == 0.0


def test_callers_do_not_use_up_one_another(time):
    """Each has a bucket of its own."""
    limits = RateLimits(1, 3, monotonic=time)

    assert (taken(limits, 9, "hall"), taken(limits, 9, "library")) == (3, 3)


def test_nothing_per_second_is_no_limit(time):
    """The setting 0 turns it off."""
    assert taken(RateLimits(0, 1, monotonic=time), 1_000) == 1_000


def test_a_bucket_never_holds_more_than_the_burst(time):
    """A quiet night is not saved up."""
    limits = RateLimits(10, 25, monotonic=time)
    limits.take("hall")
    time.now += 86_400

    assert taken(limits, 100) == 25


def test_looking_uses_nothing_up(time):
    """`left` may be asked as often as one likes."""
    limits = RateLimits(1, 1, monotonic=time)

    assert [limits.left("hall") for _ in range(5)] == [True] * 5
    assert limits.take("hall") == 0.0
    assert not limits.left("hall")


def test_memory_is_bounded_and_who_used_something_up_is_remembered_first(time):
    """Made-up names push out buckets that are full, which are as good as none."""
    limits = RateLimits(0.001, 2, monotonic=time)
    assert taken(limits, 3, "hall") == 2

    for number in range(9_000):
        limits.left(f"seen-{number}")
        limits.take(f"made-up-{number}")
    time.now += 2_000  # enough to fill every bucket but that of the hall, which is emptied again
    taken(limits, 3, "hall")
    for number in range(9_000):
        limits.take(f"other-{number}")

    assert taken(limits, 1, "hall") == 0


# ---------------------------------------------------------------- several workers


def test_without_an_account_each_worker_has_its_share(time):
    """Limit and burst divided by the workers."""
    workers = [RateLimits(200, 400, workers=4, monotonic=time) for _ in range(4)]

    assert [taken(worker, 1_000) for worker in workers] == [100] * 4
    time.now += 1
    assert [taken(worker, 1_000) for worker in workers] == [50] * 4


def test_a_caller_at_one_worker_gets_what_the_others_do_not_need():
    """Its whole rate, or nearly, though all its connections ended at one of four."""
    office = Office(4)
    office.run(5, lambda _: {0: 100})  # the burst is over

    assert office.run(10, lambda _: {0: 100}) >= 0.9 * 200 * 10


def test_a_lost_account_leaves_each_worker_its_own_share():
    """Slower, and never more permissive; it lends again once the account is back."""
    office = Office(4)
    office.run(5, lambda _: {0: 100})
    office.account.is_lost = True
    office.run(1, lambda _: {0: 100})

    assert office.run(10, lambda _: {0: 100}) == pytest.approx(200 / 4 * 10, abs=2)
    office.account.is_lost = False
    office.run(1, lambda _: {0: 100})
    assert office.run(10, lambda _: {0: 100}) >= 0.9 * 200 * 10


def test_workers_that_are_all_busy_keep_what_they_have():
    """Nobody gives away what its own callers need."""
    office = Office(2)
    office.run(5, lambda _: {0: 100, 1: 100})

    passed = office.run(10, lambda _: {0: 100, 1: 100})

    assert 0.85 * 200 * 10 <= passed <= 200 * 10 + 400


def test_a_limit_too_small_to_lend_is_only_divided():
    """Where the burst does not hold what would be under way, no worker lends and none asks."""
    office = Office(4, per_second=100.0, burst=20)

    office.run(1, lambda _: {0: 100})

    assert not office.workers[0].lends
    assert office.account.calls == 0


def test_what_is_borrowed_is_gone_in_a_moment(time):
    """A token that was not used is nobody's, rather than two workers'."""
    limits = RateLimits(200, 400, workers=2, lends=True, monotonic=time)
    taken(limits, 1_000)
    limits.borrow({"hall": 30, "nobody": 9}, asked_at=time.now)
    time.now += 0.2

    assert taken(limits, 1_000) == 20


# ---------------------------------------------------------------- failed attempts


def test_failures_are_counted_per_client_and_per_address(time):
    """Twenty a minute; another client from another address is not told to wait for it."""
    attempts = FailedAttempts(20, monotonic=time)
    for _ in range(20):
        attempts.failed("hall", "10.0.0.1")

    with pytest.raises(TooMany) as refused:
        attempts.failed("hall", "10.0.0.2")
    with pytest.raises(TooMany):
        attempts.failed("library", "10.0.0.1")
    attempts.failed("museum", "10.0.0.3")
    assert refused.value.retry_after == 3


def test_a_secret_is_not_looked_at_after_too_many_failures(time):
    """Checking one is slow on purpose, and guessing is what the limit is against; a minute later it is looked at."""
    attempts = FailedAttempts(20, monotonic=time)
    for _ in range(20):
        attempts.failed("hall", "")

    with pytest.raises(TooMany):
        attempts.may_try_secret("hall", "")
    attempts.may_try_secret("library", "")
    time.now += 60
    attempts.may_try_secret("hall", "")


def test_inventing_names_does_not_make_an_address_forgotten(time):
    """Ten thousand names are soon invented; the address they come from is told to wait all the same."""
    attempts = FailedAttempts(20, monotonic=time)
    for number in range(10_050):
        with suppress(TooMany):
            attempts.failed(f"client-{number}", "10.0.0.1")

    with pytest.raises(TooMany):
        attempts.may_try_secret("hall", "10.0.0.1")
    attempts.may_try_secret("hall", "10.0.0.2")


def test_no_limit_on_failures_when_it_is_off(time):
    """The setting 0 turns it off."""
    attempts = FailedAttempts(0, monotonic=time)

    for _ in range(100):
        attempts.failed("hall", "10.0.0.1")
    attempts.may_try_secret("hall", "10.0.0.1")


@pytest.mark.parametrize(
    ("form", "authorization", "claimed"),
    [
        ({}, "Basic aGFsbDpzZWNyZXQ=", "hall"),
        ({}, "basic aGElM0FsbDpzZWNyZXQ=", "ha:ll"),
        ({"client_id": "hall"}, None, "hall"),
        ({"client_id": "hall", "client_assertion": "junk"}, None, "hall"),
        ({}, "Basic %%%", ""),
        ({}, "Basic /w==", ""),
        ({}, None, ""),
    ],
)
def test_who_an_attempt_is_for_is_read_from_what_it_claims(form, authorization, claimed):
    """Whatever was sent, there is an answer."""
    assert claimed_by(form, authorization) == claimed
