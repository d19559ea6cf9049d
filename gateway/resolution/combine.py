"""Step 8, combine: what the sources said becomes one answer per (role, item), checked before anybody sees it.

In this order: is the answer about the subject that was asked (else `wrong_subject`, and an alarm); is there a value
(else the source's reason); is it a valid value of the item (else `invalid_value`); which source ranks first (a lower
tier never replaces a higher one); do registers differ where the item says to compare (else `conflict`).
Pure, and independent of the order in which the sources answered. Replies are read once (`read`); what they came to may
be combined again under decisions that allow less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from msgspec import Struct

from connectors.protocol import Record, Reply
from field_registry import Missing, OutcomeCode, Provenance, Subject, Tier, Value
from field_registry.dates import normal_date
from field_registry.errors import NotNormal
from field_registry.identifiers import same_identifier
from field_registry.normalise import is_blank
from gateway.resolution.asking import Call, Key, Replies
from gateway.resolution.plan import Plan
from policies import Decision
from policies.reasons import outcome_of
from policies.rejudge import are_allowed

_WRONG_SUBJECT = Missing(OutcomeCode.wrong_subject)
_EMPTY = Missing(OutcomeCode.empty_at_source)
_INVALID = Missing(OutcomeCode.invalid_value)
_UNREADABLE = Missing(OutcomeCode.invalid_value, "reader_failed")  # ours, not the register's
_CONFLICT = Missing(OutcomeCode.conflict)
_NO_REPLY = Missing(OutcomeCode.source_error, "no_reply")
_LONGEST_STAMP = 40
_REGISTERS = frozenset({Tier.A, Tier.B})


Answer = Value | Missing


class Readings(Struct, frozen=True, eq=False):
    """What the replies say, each read once. `answers`: one per ask, in the order of the plan.

    `alarms`: sources that answered about somebody else, in order of their ids.
    """

    answers: Sequence[Answer]
    alarms: tuple[str, ...]


class Combined(Struct, frozen=True, eq=False):
    """One answer per (role, item) that was wanted.

    `readings`: what it was chosen from. `found`: what forms are filled from. `chosen`: which ask each answer comes
    from; absent when none was possible. `beside`: what registers said beside the record.
    """

    readings: Readings
    found: Mapping[Key, Answer]
    chosen: Mapping[Key, int]
    beside: tuple["BesideProfile", ...] = ()

    @property
    def alarms(self) -> tuple[str, ...]:
        """Sources that answered about somebody else."""
        return self.readings.alarms


@dataclass(frozen=True, slots=True)
class BesideProfile:
    """A register answered for what the person's record holds too. `differs`: whether it said something else."""

    key: Key
    source: str
    differs: bool


def read(plan: Plan, decisions: tuple[Decision, ...], replies: Replies, retrieved_at: datetime) -> Readings:
    """What each ask came to."""
    reading = _Reading(plan, decisions, retrieved_at)
    answers: list[Answer] = [_NO_REPLY] * len(plan.asks)
    for call, said in zip(plan.asking.calls, replies, strict=True):
        reading.read(call, said, answers)
    return Readings(answers, tuple(sorted(reading.alarms)))


def less_refused(readings: Readings, decisions: Sequence[Decision]) -> Readings:
    """The same under decisions that allow less. Alarms stay: they tell of the source and show nothing of the person."""
    answers = [
        answer if decision.allowed else _refused(decision)
        for answer, decision in zip(readings.answers, decisions, strict=True)
    ]
    return Readings(answers, readings.alarms)


def combine(plan: Plan, readings: Readings) -> Combined:
    """One answer per wanted (role, item)."""
    asking, answers = plan.asking, readings.answers
    found: dict[Key, Answer] = dict(plan.known)
    found.update(zip(asking.keys, answers, strict=True))
    if not asking.rival_keys:
        return Combined(readings, found, asking.place_of)
    rivals: dict[Key, list[tuple[int, Answer]]] = {}
    for place, key in enumerate(asking.keys):
        if key in asking.rival_keys:
            rivals.setdefault(key, []).append((place, answers[place]))
    chosen, beside = dict(asking.place_of), list[BesideProfile]()
    for key, each in rivals.items():
        chosen[key], found[key] = _best(plan, each)
        beside += _beside_profile(plan, key, each, found[key])
    return Combined(readings, found, chosen, tuple(beside))


def _refused(decision: Decision) -> Missing:
    return Missing(outcome_of(decision.reason), decision.reason)


class _Reading:
    """Reads the replies of one request."""

    def __init__(self, plan: Plan, decisions: tuple[Decision, ...], retrieved_at: datetime) -> None:
        self._plan, self._decisions = plan, decisions
        self._are_allowed = are_allowed(decisions)
        self._tiers = plan.compiled.tiers
        self._retrieved_at = retrieved_at
        self.alarms: set[str] = set()

    def read(self, call: Call, said: Sequence[Reply | None], answers: list[Answer]) -> None:
        """Put the answer to each ask of one call into its place."""
        # Judged once per record, but for each subject and source anew: a connector may share a record between them.
        judged: Record | None = None
        provenance: Provenance | None = None
        whole = self._are_allowed
        for place, read, reply in zip(call.places, call.readers, said, strict=True):
            if not whole and not (decision := self._decisions[place]).allowed:
                answers[place] = _refused(decision)
                continue
            if reply is None:
                continue
            if isinstance(reply, Missing):
                answers[place] = reply
                if reply.reason is OutcomeCode.wrong_subject:
                    self.alarms.add(call.source)
                continue
            if reply.record is not judged:
                judged, provenance = reply.record, self._provenance(call, reply.record)
            if provenance is None:
                answers[place] = _WRONG_SUBJECT
                continue
            try:
                value = read(reply.raw)
            except NotNormal:
                answers[place] = _INVALID
            except Exception:  # noqa: BLE001  (a defect of ours; its field alone pays)
                answers[place] = _UNREADABLE
            else:
                answers[place] = _EMPTY if value is None else Value(value, provenance)

    def _provenance(self, call: Call, record: Record) -> Provenance | None:
        """Where the record's values come from; None when the record is somebody else's."""
        source = call.source
        named = self._plan.subjects[call.role]
        if not _is_about(named, record.echo) and not self._names_another(call, record):
            self.alarms.add(source)
            return None
        return Provenance(source, self._tiers[source], _day(record.recorded_at), self._retrieved_at)

    def _names_another(self, call: Call, record: Record) -> bool:
        """Whether the record repeats another document of the same subject, which it may have been asked by."""
        return any(_is_about(each, record.echo) for each in self._plan.documents.get(call.role, ()))


def _is_about(subject: Subject, echo: object) -> bool:
    """Whether a record that repeats this identifier is the subject's; one that is no text is nobody's."""
    if echo is None:
        return True
    return isinstance(echo, str) and same_identifier(subject.id_type, subject.id_no, echo)


def _day(recorded_at: object) -> date | None:
    """The day a register says it recorded something; None when it says none that can be read."""
    if not isinstance(recorded_at, str):
        return _read_day(recorded_at)
    # No spelling of a time is longer, and what is remembered must not be as large as a source pleases.
    return _day_of_text(recorded_at) if len(recorded_at) <= _LONGEST_STAMP else None


@lru_cache(maxsize=4096)
def _day_of_text(recorded_at: str) -> date | None:
    """The same, remembered: registers repeat the few days on which they changed anything."""
    return _read_day(recorded_at)


def _read_day(recorded_at: object) -> date | None:
    try:
        day = None if is_blank(recorded_at) else normal_date(recorded_at)
    except NotNormal:
        return None
    return date.fromisoformat(day) if day else None


def _best(plan: Plan, answers: Sequence[tuple[int, Answer]]) -> tuple[int, Answer]:
    """The answer that counts, with the place of its ask.

    The first value in order of tier and rank; where there is none, the first reason in that order.
    """

    def trust(candidate: tuple[int, Answer]) -> tuple[bool, Tier, int, int]:
        place, answer = candidate
        binding = plan.asks[place].binding
        return not isinstance(answer, Value), plan.compiled.tiers[binding.source], binding.rank, place

    ordered = sorted(answers, key=trust)
    place, best = ordered[0]
    if isinstance(best, Value) and plan.asks[place].item.compare and _differ(ordered):
        return place, _CONFLICT
    return place, best


def _beside_profile(
    plan: Plan, key: Key, answers: Sequence[tuple[int, Answer]], best: Answer
) -> Iterator[BesideProfile]:
    """What the register that counts said beside the record, if both know the item."""
    if not isinstance(best, Value) or best.provenance.tier not in _REGISTERS:
        return
    for _, kept in answers:
        if isinstance(kept, Value) and plan.compiled.is_profile(kept.provenance.source):
            yield BesideProfile(key, best.provenance.source, kept.value != best.value)


def _differ(answers: Sequence[tuple[int, Answer]]) -> bool:
    """Whether two registers give different values. Rows are compared as they come."""
    registered = [
        answer.value
        for _, answer in answers
        if isinstance(answer, Value) and answer.provenance.tier in _REGISTERS
    ]
    return any(value != registered[0] for value in registered[1:])
