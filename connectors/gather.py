"""Asking many sources at once: every ask gets an answer or a reason, whatever any source does.

All calls run concurrently; each is bounded by its source's timeout, and each caller by its own deadline. Identical
calls under way share one flight, which lives on when the caller that began it goes away: what it learns about the
source's health is wanted either way, and its successor may be waiting. A flight still queueing for a place at its
source is dropped when nobody waits for it. Nothing is raised: this is the boundary where a connector's defects end.

May be imported by the resolution pipeline alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import structlog

from connectors.breaker import Breaker, BreakerState
from connectors.by_identity import ByIdentity
from connectors.errors import SourceFault
from connectors.maintenance import in_maintenance
from connectors.mapping import Mapped
from connectors.protocol import Connector, Found, Record, Reply
from field_registry import Ask, Missing, OutcomeCode, Source, Subject, SubjectKind
from field_registry.outcomes import FILLED

log = structlog.get_logger(__name__)

Key = tuple[str, Subject]
Wanted = tuple[object, ...]
"""What a call asks for, without for whose role: calls that want the same share one flight."""

OnCall = Callable[[str, OutcomeCode, float], None]
"""Told of each upstream call: source id, outcome (`filled` when it gave anything), seconds it took."""

OnRefused = Callable[[str, OutcomeCode], None]
"""Told of each call that is not made: source id, and whether its breaker is open or it is under maintenance."""

_TIMEOUT = Missing(OutcomeCode.timeout)
_BROKEN = Missing(OutcomeCode.source_error)
_OPEN = Missing(OutcomeCode.circuit_open)
_MAINTENANCE = Missing(OutcomeCode.maintenance)
_NOT_APPLICABLE = Missing(OutcomeCode.not_applicable)
_UNKNOWN = Missing(OutcomeCode.source_error, "no connector is configured for this source")

_NOT_A_SOURCES = FILLED | {
    OutcomeCode.skipped_hidden,
    OutcomeCode.office_use,
    OutcomeCode.no_binding,
    OutcomeCode.no_ground,
    OutcomeCode.refused_by_person,
    OutcomeCode.identity_unbound,
}
"""Outcomes that no source can know of."""

_TICK = 0.001  # seconds: uvloop counts in milliseconds, and a sum of two such numbers may be a hair above the third
_SEQUENCES = (list, tuple)  # `list | tuple` would be made anew for each call
_mark_of = attrgetter("mark")
# Looking a member up costs more than comparing with it.
_PERSON, _FILLED, _CLOSED = SubjectKind.person, OutcomeCode.filled, BreakerState.closed


class _Desk:
    """One source with its connector and what is remembered about it."""

    __slots__ = ("breaker", "connector", "flights", "free", "line", "queueing", "source", "timeout")

    def __init__(self, source: Source, connector: Connector) -> None:
        self.source, self.connector = source, connector
        self.timeout = source.timeout.total_seconds()
        self.breaker = Breaker(source.failures_to_open, source.open_for.total_seconds())
        self.flights: dict[str, list[_Flight]] = {}
        """Those that may be joined, by the subject's number: what they want is compared, which costs less than to
        hash it."""
        self.free = source.max_concurrent
        self.line, self.queueing = asyncio.Semaphore(0), 0
        """Who waits for a place, and how many do."""

    async def queue(self) -> None:
        """A place, in turn; called when none is free. Whoever is cancelled holds none."""
        self.queueing += 1
        try:
            await self.line.acquire()
        finally:
            self.queueing -= 1

    def give_back(self) -> None:
        """One place is free again: for who queues, else for who comes."""
        # A place is counted, and the semaphore left alone, while nobody queues: that is nearly always.
        if self.queueing:
            self.line.release()
        else:
            self.free += 1

    def joinable(self, subject: Subject, wanted: Wanted) -> "_Flight | None":
        """The flight under way that asks the same of the same."""
        for flight in self.flights.get(subject.id_no, ()):
            if flight.wanted == wanted and flight.subject == subject:
                return flight
        return None

    def open(self, flight: "_Flight") -> None:
        """Others may join that flight from now on."""
        self.flights.setdefault(flight.subject.id_no, []).append(flight)

    def forget(self, flight: "_Flight") -> None:
        """Nobody joins that flight any more. Once only: afterwards another may have taken its place."""
        if flight.is_open:
            flight.is_open = False
            number = flight.subject.id_no
            alike = self.flights[number]
            alike.remove(flight)
            if not alike:
                del self.flights[number]


class _Party:
    """One caller and how many of its flights are still under way. `done` is set when none is, or at its deadline."""

    __slots__ = ("done", "under_way")

    def __init__(self, under_way: int, done: "asyncio.Future[None]") -> None:
        self.under_way, self.done = under_way, done

    def landed(self) -> None:
        """One flight fewer."""
        self.under_way -= 1
        if not self.under_way:
            self.leave()

    def leave(self) -> None:
        """Wait no longer."""
        if not self.done.done():
            self.done.set_result(None)


class _Flight:
    """One upstream call and those who wait for it."""

    # Callers are told by the flight itself: a callback of its task for each would cost a turn of the loop more.
    __slots__ = ("desk", "has_landed", "is_open", "is_out", "parties", "replies", "subject", "task", "wanted")

    def __init__(self, desk: _Desk, subject: Subject, wanted: Wanted) -> None:
        self.desk, self.subject, self.wanted = desk, subject, wanted
        self.task: asyncio.Task[None]
        self.parties: list[_Party] = []
        self.is_open = True
        """Whether others may still join it."""
        self.is_out = False
        """Whether the source has been asked, as opposed to queueing for it."""
        self.has_landed = False
        self.replies: Sequence[Reply] | None = None
        """None also after a landing: the connector ended in a way of its own, or we were closed."""

    def land(self) -> None:
        """Tell whoever waits for this flight. Twice is harmless."""
        if self.has_landed:
            return
        self.has_landed = True
        self.desk.forget(self)
        for party in self.parties:
            party.landed()


class Gatherer:
    """All sources of one registry version, ready to be asked. Used from one event loop; closes its connectors."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        connectors: Mapping[str, Connector],
        *,
        on_call: OnCall | None = None,
        on_refused: OnRefused | None = None,
    ) -> None:
        """A source without a connector answers `source_error`. The observers must be quick; one may fail."""
        self._desks = {key: _Desk(sources[key], connectors[key]) for key in sources if key in connectors}
        self._on_call, self._on_refused = on_call, on_refused

    async def gather(
        self, asks_by: Mapping[Key, Sequence[Ask]], deadline: float, now: datetime
    ) -> dict[Key, Sequence[Reply]]:
        """Per key, in the order of `asks_by`, one reply per ask, in order, by `deadline` (loop time). Never raises.

        `now` (aware) is the wall time that maintenance windows are compared with.
        """
        loop = asyncio.get_running_loop()
        keys, wishes = list(asks_by), list(asks_by.values())
        boarded = [self._board(key, asks, deadline, now, loop) for key, asks in asks_by.items()]
        flights = [one for one in boarded if type(one) is _Flight]
        if flights:
            await _wait(flights, deadline, loop)
        return dict(zip(keys, map(_dealt, wishes, boarded), strict=True))

    def state_of(self, source_id: str) -> BreakerState:
        """Whether calls to that source go out at present; `open` where it has no connector."""
        desk = self._desks.get(source_id)
        return BreakerState.open if desk is None else desk.breaker.state

    async def close(self) -> None:
        """End every flight and close every connector. A connector that fails to close does not stop the others."""
        flights = [
            flight for desk in self._desks.values() for alike in desk.flights.values() for flight in alike
        ]
        for flight in flights:
            flight.task.cancel()
        closing = [desk.connector.close() for desk in self._desks.values()]
        await asyncio.gather(*[flight.task for flight in flights], *closing, return_exceptions=True)
        for flight in flights:
            flight.land()  # one that was cancelled before its first step has not done so

    def _board(
        self,
        key: Key,
        asks: Sequence[Ask],
        deadline: float,
        now: datetime,
        loop: asyncio.AbstractEventLoop,
    ) -> _Flight | Missing:
        """The flight that will answer, shared or new, or the reason why none goes out."""
        if not asks:
            return _NOT_APPLICABLE
        source_id, subject = key
        desk = self._desks.get(source_id)
        if desk is None:
            return _UNKNOWN
        source, moment = desk.source, loop.time()
        if not _holds(source, subject):
            return _NOT_APPLICABLE
        if source.maintenance and in_maintenance(source.maintenance, now):
            return self._refused(source_id, _MAINTENANCE)
        if moment >= deadline:
            return _TIMEOUT
        wanted, unique = _distinct_asks.of(asks)
        flight = desk.joinable(subject, wanted)
        if flight is not None:
            return flight
        breaker = desk.breaker
        if breaker.state is not _CLOSED:  # a closed one lets every call go out and stays as it is
            if not breaker.allows(moment):
                return self._refused(source_id, _OPEN)
            desk.breaker = breaker.after_start(moment)
        flight = _Flight(desk, subject, wanted)
        flight.task = loop.create_task(self._fly(flight, unique, loop))
        desk.open(flight)
        return flight

    def _refused(self, source_id: str, reason: Missing) -> Missing:
        """That reason, told to the observer."""
        if self._on_refused is not None:
            try:
                self._on_refused(source_id, reason.reason)
            except Exception as error:  # noqa: BLE001 — measuring must never cost anyone an answer
                log.error("source.observer_failed", source=source_id, defect=type(error).__name__)
        return reason

    async def _fly(self, flight: _Flight, asks: Sequence[Ask], loop: asyncio.AbstractEventLoop) -> None:
        desk = flight.desk
        try:
            if desk.free:
                desk.free -= 1
            else:
                await desk.queue()
            try:
                flight.is_out = True
                begun = loop.time()
                replies, is_failure = await _ask(flight, asks, begun + desk.timeout, loop)
                self._note(desk, replies, is_failure, begun, loop.time())
                flight.replies = replies
            finally:
                desk.give_back()
        finally:
            flight.land()

    def _note(
        self, desk: _Desk, replies: Sequence[Reply], is_failure: bool, begun: float, moment: float
    ) -> None:
        """Feed the breaker, log the two ends of an outage, tell the observer."""
        before = desk.breaker
        desk.breaker = before.after_failure(moment) if is_failure else before.after_success()
        outcome = _outcome(replies)
        if desk.breaker is not before:
            _tell_of_outage(desk, before, outcome, moment)
        if self._on_call is None:
            return
        try:
            self._on_call(desk.source.id, outcome, moment - begun)
        except Exception as error:  # noqa: BLE001 — measuring must never cost anyone an answer
            log.error("source.observer_failed", source=desk.source.id, defect=type(error).__name__)


def _tell_of_outage(desk: _Desk, before: Breaker, outcome: OutcomeCode, moment: float) -> None:
    """One line in the log at each end of an outage."""
    after = desk.breaker
    if before.state is BreakerState.closed and after.state is BreakerState.open:
        log.warning(
            "source.outage_began", source=desk.source.id, outcome=outcome.value, failures=after.failures
        )
    elif before.state is BreakerState.half_open and after.state is BreakerState.closed:
        log.warning("source.outage_ended", source=desk.source.id, seconds=round(moment - before.began, 1))


async def _wait(flights: Sequence[_Flight], deadline: float, loop: asyncio.AbstractEventLoop) -> None:
    """Until all have landed or the deadline; waiting never cancels what is out."""
    party = _Party(len(flights), loop.create_future())
    for flight in flights:
        flight.parties.append(party)
    patience = loop.call_at(deadline, party.leave)
    try:
        await party.done
    finally:
        patience.cancel()
        if party.under_way:
            _abandon(party, flights)


def _abandon(party: _Party, flights: Sequence[_Flight]) -> None:
    """That caller goes; what only queues for it is dropped."""
    for flight in flights:
        flight.parties.remove(party)
        if not flight.parties and not flight.is_out and not flight.has_landed:
            flight.task.cancel()
            flight.desk.forget(flight)


async def _ask(
    flight: _Flight, asks: Sequence[Ask], until: float, loop: asyncio.AbstractEventLoop
) -> tuple[Sequence[Reply], bool]:
    """The replies, by `until`, and whether the breaker counts the call as a failure. To be run by the flight's task."""
    desk, task = flight.desk, flight.task
    guard = loop.call_at(until, task.cancel)  # asyncio.timeout_at takes 6 µs more
    try:
        replies = await desk.connector.fetch(flight.subject, asks, until)
        if _is_sound(replies, asks):
            return replies, False
        log.error("source.defect", source=desk.source.id, defect="replies do not match the asks")
    except asyncio.CancelledError:
        if loop.time() < until - _TICK:
            raise
        task.uncancel()
        return [_TIMEOUT] * len(asks), True
    except SourceFault as fault:
        detail = str(fault) if _is_tellable(str(fault)) else ""
        return [Missing(fault.outcome, detail)] * len(asks), fault.counts_as_failure
    except TimeoutError:
        return [_TIMEOUT] * len(asks), True
    except Exception as error:  # noqa: BLE001 — the containment boundary: a defect costs its own fields only
        # The type alone: a stranger's message may quote an answer.
        log.error("source.defect", source=desk.source.id, defect=type(error).__name__)
    finally:
        guard.cancel()
    return [_BROKEN] * len(asks), True


def _holds(source: Source, subject: Subject) -> bool:
    """Whether the source can look that subject up at all."""
    if subject.kind not in source.kinds or (subject.issuer and not source.by_issuer):
        return False
    return subject.kind is not _PERSON or subject.id_type in source.id_types


def _distinct(asks: Sequence[Ask]) -> tuple[Wanted, Sequence[Ask]]:
    """The marks of the distinct asks, and those asks; an item that two roles want is fetched once."""
    marks = tuple(map(_mark_of, asks))
    if len(set(marks)) == len(marks):  # nearly always: one role asks
        return marks, asks
    unique = dict(zip(marks, asks, strict=True))
    return tuple(unique), tuple(unique.values())


_distinct_asks = ByIdentity(_distinct)


def _dealt(asks: Sequence[Ask], boarded: _Flight | Missing) -> Sequence[Reply]:
    """What came of it, one reply for each of this caller's asks."""
    if isinstance(boarded, Missing):
        return [boarded] * len(asks)
    if not boarded.has_landed:
        return [_TIMEOUT] * len(asks)
    replies = boarded.replies
    if replies is None:
        return [_BROKEN] * len(asks)
    if len(replies) == len(asks):
        return replies
    by_mark = dict(zip(dict.fromkeys(ask.mark for ask in asks), replies, strict=True))
    return [by_mark[ask.mark] for ask in asks]


def _is_sound(replies: Any, asks: Sequence[Ask]) -> bool:
    """Whether a connector kept its word: one reply of the right kind per ask."""
    if not isinstance(replies, _SEQUENCES) or len(replies) != len(asks):
        return False
    return type(replies) is Mapped or all(map(_is_reply, replies))


def _is_reply(reply: Any) -> bool:
    if isinstance(reply, Found):
        record: Any = reply.record
        return isinstance(record, Record)
    if not isinstance(reply, Missing):
        return False
    reason: Any = reply.reason
    # A filled outcome without a value is a lie, so is a word about the form; a detail must be fit to be told.
    return isinstance(reason, OutcomeCode) and reason not in _NOT_A_SOURCES and _is_tellable(reply.detail)


def _is_tellable(detail: Any) -> bool:
    return isinstance(detail, str) and detail.isprintable()


def _outcome(replies: Sequence[Reply]) -> OutcomeCode:
    """The outcome of a call as a whole: `filled` when it gave anything, else its first reason."""
    for reply in replies:
        if isinstance(reply, Found):
            return _FILLED
    first = replies[0]
    return first.reason if isinstance(first, Missing) else _FILLED
