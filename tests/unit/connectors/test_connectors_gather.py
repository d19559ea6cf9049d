"""`gather`: every ask gets an answer or a reason, whatever connectors do."""

import asyncio
import weakref
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.breaker import BreakerState
from connectors.errors import SourceBroken, SourceDenied, SourceTimeout
from connectors.gather import Gatherer
from connectors.protocol import Found, Record, Reply
from field_registry import Ask, Missing, OutcomeCode, Source, Subject, SubjectKind
from field_registry.sources import MaintenanceWindow

SOON = 2.0


def deadline(seconds: float = SOON) -> float:
    """Event-loop time that many seconds from now."""
    return asyncio.get_running_loop().time() + seconds


def reasons(replies: Sequence[Reply]) -> list[str]:
    """The reason of each reply, or what was found."""
    return [reply.reason.value if isinstance(reply, Missing) else str(reply.raw) for reply in replies]


@pytest.fixture
def one(source: Any, person: Subject, ask: Any, now: datetime) -> Callable[..., Any]:
    """Ask one source for one or more items, through a gatherer of its own; the reasons come back."""

    async def run(
        connector: Any, *items: str, within: float = SOON, at: datetime = now, **overrides: Any
    ) -> list[str]:
        gatherer = Gatherer({"civil": source(**overrides)}, {"civil": connector})
        try:
            asks = [ask(item) for item in items or ("person.name",)]
            results = await gatherer.gather({("civil", person): asks}, deadline(within), at)
            return reasons(results["civil", person])
        finally:
            await gatherer.close()

    return run


def raising(error: BaseException) -> Any:
    """A script that raises."""

    async def act(*_: Any) -> Any:
        raise error

    return act


def returning(replies: Any) -> Any:
    """A script that returns that, whatever was asked."""

    async def act(*_: Any) -> Any:
        return replies

    return act


async def never(*_: Any) -> Any:
    """A script that hangs."""
    await asyncio.sleep(60)


async def test_each_ask_gets_its_reply_in_order(one: Any, scripted: Any) -> None:
    """Replies stand in the order of the asks."""
    replies = await one(scripted(), "person.name", "person.sex", "person.address")

    assert replies == ["person.name", "person.sex", "person.address"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SourceTimeout("late"), "timeout"),
        (SourceBroken("broken"), "source_error"),
        (SourceDenied("denied"), "denied_by_source"),
        (TimeoutError(), "timeout"),
        (ValueError("35058219910603996X"), "source_error"),
        (RecursionError(), "source_error"),
        (asyncio.CancelledError(), "source_error"),
    ],
)
async def test_what_a_connector_raises_becomes_a_reason(
    one: Any, scripted: Any, error: BaseException, outcome: str
) -> None:
    """A fault gives its outcome to every ask; a defect is `source_error`; nothing is raised."""
    with capture_logs() as logs:
        replies = await one(scripted(raising(error)), "person.name", "person.sex")

    assert replies == [outcome, outcome]
    assert "35058219910603996X" not in str(logs)


@pytest.mark.parametrize(
    "replies",
    [
        None,
        [],
        [Found("a", Record())] * 3,
        ["text", "text"],
        [Found("a", None), Found("b", Record())],  # type: ignore[arg-type]
        [Missing(OutcomeCode.filled), Missing(OutcomeCode.not_found)],
        [Missing("odd"), Missing(OutcomeCode.not_found)],  # type: ignore[arg-type]
        {"person.name": "a", "person.sex": "b"},
    ],
)
async def test_replies_that_break_the_promise_are_not_used(one: Any, scripted: Any, replies: Any) -> None:
    """Wrong number, wrong type, or an outcome that needs a value: none of the call is used."""
    assert await one(scripted(returning(replies)), "person.name", "person.sex") == ["source_error"] * 2


async def test_a_source_is_not_waited_for_longer_than_its_own_timeout(one: Any, scripted: Any) -> None:
    """A hanging source costs its timeout, not the caller's patience."""
    begun = deadline(0)
    replies = await one(scripted(never), timeout=timedelta(milliseconds=30))

    assert replies == ["timeout"]
    assert deadline(0) - begun < SOON / 2


async def test_a_caller_is_not_kept_beyond_its_deadline(one: Any, scripted: Any) -> None:
    """The caller's deadline ends the wait, however long the source may take."""
    begun = deadline(0)
    replies = await one(scripted(never), within=0.03)

    assert replies == ["timeout"]
    assert deadline(0) - begun < SOON / 2


async def test_a_connector_that_ignores_being_cancelled_keeps_nobody(one: Any, scripted: Any) -> None:
    """Even a connector that swallows its cancellation costs no more than the caller's deadline."""

    async def stubborn(*_: Any) -> Any:
        for _ in range(10):
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                continue
        return []

    assert await one(scripted(stubborn), within=0.05, timeout=timedelta(milliseconds=10)) == ["timeout"]


async def test_no_time_left_asks_nobody(one: Any, scripted: Any) -> None:
    """A deadline in the past is `timeout` at once and the source is left alone."""
    connector = scripted()

    assert await one(connector, within=-1) == ["timeout"]
    assert connector.calls == []


async def test_a_source_under_maintenance_is_left_alone(one: Any, scripted: Any) -> None:
    """In a maintenance window the answer is `maintenance`, without a call."""
    connector = scripted()
    window = MaintenanceWindow(daily_from=time(11), daily_to=time(13))

    assert await one(connector, maintenance=(window,)) == ["maintenance"]
    assert connector.calls == []


@pytest.mark.parametrize(
    "overrides", [{"kinds": frozenset({SubjectKind.organisation})}, {"id_types": frozenset({"414"})}]
)
async def test_a_subject_the_source_cannot_hold_is_not_asked_for(
    one: Any, scripted: Any, overrides: dict[str, Any]
) -> None:
    """Another kind of subject or document is `not_applicable`, without a call."""
    connector = scripted()

    assert await one(connector, **overrides) == ["not_applicable"]
    assert connector.calls == []


@pytest.mark.parametrize(
    ("by_issuer", "issuer", "said"),
    [(False, "USA", "not_applicable"), (False, "", "found"), (True, "USA", "found"), (True, "", "found")],
)
async def test_a_country_is_told_only_to_who_tells_them_apart(
    scripted: Any, source: Any, ask: Any, now: datetime, by_issuer: bool, issuer: str, said: str
) -> None:
    """A source that knows numbers only is never asked about a passport of a named country, right or wrong."""
    connector, who = scripted(), Subject(SubjectKind.person, "414", "E12345678", issuer)
    made = source(id_types=frozenset({"414"}), by_issuer=by_issuer)
    gatherer = Gatherer({"civil": made}, {"civil": connector})
    (reply,) = (await gatherer.gather({("civil", who): [ask()]}, deadline(), now))["civil", who]

    assert ("found" if isinstance(reply, Found) else reply.reason) == said
    assert len(connector.calls) == (said == "found")


async def test_two_countries_of_one_number_are_two_calls(
    scripted: Any, source: Any, ask: Any, now: datetime
) -> None:
    """What was said of one country's passport is not handed to whoever named the other."""
    connector = scripted()
    made = source(id_types=frozenset({"414"}), by_issuer=True)
    both = [Subject(SubjectKind.person, "414", "E12345678", issuer) for issuer in ("USA", "FRA")]
    gatherer = Gatherer({"civil": made}, {"civil": connector})
    await gatherer.gather({("civil", who): [ask()] for who in both}, deadline(), now)

    assert len(connector.calls) == 2


async def test_a_source_nobody_configured_is_a_reason_too(person: Subject, ask: Any, now: datetime) -> None:
    """An unknown source gives `source_error`, and no asks give no replies."""
    gatherer = Gatherer({}, {})
    results = await gatherer.gather({("civil", person): [ask()], ("tax", person): []}, deadline(), now)

    assert reasons(results["civil", person]) == ["source_error"]
    assert results["tax", person] == []


async def test_an_item_two_roles_want_is_fetched_once(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """Two roles that are the same person share one ask upstream; both get the reply."""
    connector = scripted()
    gatherer = Gatherer({"civil": source()}, {"civil": connector})
    asks = [ask(), ask("person.sex"), ask(role="agent")]
    results = await gatherer.gather({("civil", person): asks}, deadline(), now)

    assert reasons(results["civil", person]) == ["person.name", "person.sex", "person.name"]
    assert [[each.item.id for each in call] for call in connector.calls] == [["person.name", "person.sex"]]


class Held:
    """A script that answers when it is let go."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, subject: Subject, asks: Sequence[Ask], until: float) -> Sequence[Reply]:
        """Wait, then answer."""
        await self.gate.wait()
        return [Found(each.item.id, Record()) for each in asks]


async def test_identical_calls_share_one_flight(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """Two requests that want the same at once make one upstream call; a different wish makes its own."""
    held = Held()
    connector = scripted(held)
    gatherer = Gatherer({"civil": source()}, {"civil": connector})
    wishes = [[ask()], [ask()], [ask("person.sex")], [ask(), ask(role="agent")]]
    callers = [
        asyncio.create_task(gatherer.gather({("civil", person): wish}, deadline(), now)) for wish in wishes
    ]
    await asyncio.sleep(0.01)
    held.gate.set()
    results = [reasons((await caller)["civil", person]) for caller in callers]

    assert results == [["person.name"], ["person.name"], ["person.sex"], ["person.name", "person.name"]]
    assert len(connector.calls) == 2


async def test_a_shared_flight_survives_its_first_caller(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """The caller that began the flight goes away; the one who joined is answered. A third has its own deadline."""
    held = Held()
    connector = scripted(held)
    gatherer = Gatherer({"civil": source()}, {"civil": connector})
    wish = {("civil", person): [ask()]}
    first = asyncio.create_task(gatherer.gather(wish, deadline(), now))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(gatherer.gather(wish, deadline(), now))
    impatient = await gatherer.gather(wish, deadline(0.02), now)
    first.cancel()
    await asyncio.sleep(0.01)
    held.gate.set()
    patient = await second

    assert reasons(impatient["civil", person]) == ["timeout"]
    assert reasons(patient["civil", person]) == ["person.name"]
    assert first.cancelled()
    assert len(connector.calls) == 1


async def test_a_source_is_not_asked_more_at_once_than_it_allows(
    scripted: Any, source: Any, ask: Any, now: datetime
) -> None:
    """Beyond `max_concurrent` calls queue; who queues beyond the deadline gets `timeout` and never asks."""
    held = Held()
    connector = scripted(held)
    gatherer = Gatherer({"civil": source(max_concurrent=2)}, {"civil": connector})
    people = [Subject(SubjectKind.person, "111", str(number)) for number in range(4)]
    results = await gatherer.gather({("civil", each): [ask()] for each in people}, deadline(0.05), now)
    asked_while_full = len(connector.calls)
    held.gate.set()
    await asyncio.sleep(0.01)

    assert [reasons(replies) for replies in results.values()] == [["timeout"]] * 4
    assert asked_while_full == 2
    assert len(connector.calls) == 2, "nobody waits for the two in the queue any more"


async def test_the_breaker_opens_and_closes_with_one_line_each(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """After the limit the source is left alone, then tried once; an outage is logged once at each end."""
    state = {"broken": True}

    async def act(subject: Subject, asks: Sequence[Ask], until: float) -> Sequence[Reply]:
        if state["broken"]:
            raise SourceBroken("down")
        return [Found("back", Record())]

    connector = scripted(act)
    configured = source(failures_to_open=2, open_for=timedelta(milliseconds=40))
    gatherer = Gatherer({"civil": configured}, {"civil": connector})

    async def once() -> str:
        results = await gatherer.gather({("civil", person): [ask()]}, deadline(), now)
        return reasons(results["civil", person])[0]

    with capture_logs() as logs:
        seen = [await once() for _ in range(4)]
        opened = gatherer.state_of("civil")
        await asyncio.sleep(0.05)
        seen.append(await once())  # the trial fails
        seen.append(await once())
        await asyncio.sleep(0.05)
        state["broken"] = False
        seen.append(await once())  # the trial succeeds
        seen.append(await once())

    assert seen == ["source_error"] * 2 + ["circuit_open"] * 2 + [
        "source_error",
        "circuit_open",
        "back",
        "back",
    ]
    assert opened is BreakerState.open
    assert gatherer.state_of("civil") is BreakerState.closed
    assert [line["event"] for line in logs] == ["source.outage_began", "source.outage_ended"]
    assert len(connector.calls) == 5


async def test_a_refusal_does_not_open_the_breaker(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """A source that denies us works; it is asked again."""
    connector = scripted(raising(SourceDenied("no")))
    gatherer = Gatherer({"civil": source(failures_to_open=1)}, {"civil": connector})
    for _ in range(3):
        await gatherer.gather({("civil", person): [ask()]}, deadline(), now)

    assert len(connector.calls) == 3


async def test_a_caller_in_a_hurry_says_nothing_about_the_source(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """A source slower than one caller's patience, but within its own timeout, has not failed."""

    async def unhurried(subject: Subject, asks: Sequence[Ask], until: float) -> Sequence[Reply]:
        await asyncio.sleep(0.03)
        return [Found("x", Record())]

    gatherer = Gatherer({"civil": source(failures_to_open=1)}, {"civil": scripted(unhurried)})
    results = await gatherer.gather({("civil", person): [ask()]}, deadline(0.01), now)
    await asyncio.sleep(0.05)

    assert reasons(results["civil", person]) == ["timeout"]
    assert gatherer.state_of("civil") is BreakerState.closed


async def test_the_observer_hears_of_each_call_and_cannot_break_one(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """The observer gets source, outcome and seconds; when it fails the answer still comes."""
    heard: list[tuple[str, OutcomeCode]] = []

    def observe(source_id: str, outcome: OutcomeCode, seconds: float) -> None:
        heard.append((source_id, outcome))
        assert seconds >= 0
        raise RuntimeError("metrics are down")

    sources: dict[str, Source] = {key: source(key) for key in ("civil", "tax", "school")}
    connectors = {
        "civil": scripted(),
        "tax": scripted(raising(SourceBroken("x"))),
        "school": scripted(returning([Missing(OutcomeCode.not_found)])),
    }
    gatherer = Gatherer(sources, connectors, on_call=observe)
    with capture_logs():
        results = await gatherer.gather({(key, person): [ask()] for key in sources}, deadline(), now)

    assert sorted(heard) == [("civil", "filled"), ("school", "not_found"), ("tax", "source_error")]
    assert reasons(results["civil", person]) == ["person.name"]


async def test_the_observer_hears_of_calls_that_are_not_made(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """An open breaker and maintenance, by source; when the observer fails the reason still comes."""
    heard: list[tuple[str, OutcomeCode]] = []

    def observe(source_id: str, outcome: OutcomeCode) -> None:
        heard.append((source_id, outcome))
        raise RuntimeError("metrics are down")

    window = MaintenanceWindow(start=now - timedelta(hours=1), end=now + timedelta(hours=1))
    sources = {"civil": source(failures_to_open=1), "tax": source("tax", maintenance=(window,))}
    connectors = {"civil": scripted(raising(SourceBroken("x"))), "tax": scripted()}
    gatherer = Gatherer(sources, connectors, on_refused=observe)
    asked = {("civil", person): [ask()], ("tax", person): [ask()]}
    with capture_logs():
        await gatherer.gather(asked, deadline(), now)
        results = await gatherer.gather(asked, deadline(), now)

    assert [reasons(each) for each in results.values()] == [["circuit_open"], ["maintenance"]]
    assert heard == [("tax", "maintenance"), ("civil", "circuit_open"), ("tax", "maintenance")]


class Number(str):
    """An identifier that can be seen to be let go of."""

    __slots__ = ("__weakref__",)


async def test_nobody_is_remembered_once_answered(
    scripted: Any, source: Any, ask: Any, now: datetime
) -> None:
    """What shared flights are found by goes with the flights: no identifier stays behind."""
    number = Number("35058219910603996X")
    seen = weakref.ref(number)
    connector = scripted()
    gatherer = Gatherer({"civil": source()}, {"civil": connector})
    person = Subject(SubjectKind.person, "111", number)
    await gatherer.gather({("civil", person): [ask()]}, deadline(), now)
    del number, person

    assert len(connector.calls) == 1
    assert seen() is None


async def test_closing_ends_what_is_out_and_closes_every_connector(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """`close` ends flights, closes all connectors even when one refuses, and whoever waited gets a reason."""

    class Unclosable:
        async def fetch(self, *_: Any) -> Any:
            return []

        async def close(self) -> None:
            raise RuntimeError("stuck")

    connector = scripted(never)
    sources = {"civil": source(), "odd": source("odd")}
    gatherer = Gatherer(sources, {"odd": Unclosable(), "civil": connector})  # type: ignore[dict-item]
    waiting = asyncio.create_task(gatherer.gather({("civil", person): [ask()]}, deadline(), now))
    await asyncio.sleep(0.01)
    await gatherer.close()

    assert reasons((await waiting)["civil", person]) == ["source_error"]
    assert connector.closed == 1


async def test_closing_before_a_call_has_begun_leaves_nobody_waiting(
    scripted: Any, source: Any, person: Subject, ask: Any, now: datetime
) -> None:
    """A flight that ends before its first step is told of like any other: at once, not at the caller's deadline."""
    connector = scripted()
    gatherer = Gatherer({"civil": source()}, {"civil": connector})
    waiting = asyncio.create_task(gatherer.gather({("civil", person): [ask()]}, deadline(), now))
    await asyncio.sleep(0)
    begun = deadline(0)
    await gatherer.close()

    assert reasons((await waiting)["civil", person]) == ["source_error"]
    assert deadline(0) - begun < SOON / 2
    assert connector.calls == []


async def test_a_call_dropped_from_the_queue_is_made_anew_when_wanted_again(
    scripted: Any, source: Any, ask: Any, now: datetime
) -> None:
    """Nobody joins a dropped call: the same wish made later, while the source is still full, is answered."""
    held = Held()
    gatherer = Gatherer({"civil": source(max_concurrent=1)}, {"civil": scripted(held)})
    first, second = (Subject(SubjectKind.person, "111", number) for number in ("1", "2"))
    blocking = asyncio.create_task(gatherer.gather({("civil", first): [ask()]}, deadline(), now))
    await asyncio.sleep(0)
    dropped = await gatherer.gather({("civil", second): [ask()]}, deadline(0.02), now)
    asyncio.get_running_loop().call_soon(held.gate.set)
    # Awaited at once: a task would begin when the dropped call has noticed already that it was.
    results = [await gatherer.gather({("civil", second): [ask()]}, deadline(), now), await blocking]

    assert reasons(dropped["civil", second]) == ["timeout"]
    assert [reasons(replies) for each in results for replies in each.values()] == [["person.name"]] * 2


async def test_keys_come_back_in_the_order_they_were_asked(person: Subject, ask: Any, now: datetime) -> None:
    """Whoever asks may go through the replies beside what was asked, without looking a key up."""
    wanted = {(source, person): [ask()] for source in ("tax", "civil", "land")}

    assert list(await Gatherer({}, {}).gather(wanted, deadline(), now)) == list(wanted)
