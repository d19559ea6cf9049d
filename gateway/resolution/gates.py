"""Steps 5, 6 and 10: deciding, and the two gates.

Before any pull the consents are read and the asks decided in the very transaction that writes the intent and takes
the uses; before any release they are read again in the one that writes the outcome, and what no longer stands is not
released.

`intent` entries name what is about to be asked and on which ground; `outcome` entries name what came of every field.
Both hold references and codes only; who worked, and on which case, is sealed beside them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Protocol

import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from field_registry import Ask, OutcomeCode
from field_registry.outcomes import FILLED
from forms.findings import Finding
from gateway.audit.entries import finding_key, make_entry, owner_of, receipt_of
from gateway.records import (
    Draft,
    Entry,
    EntryKind,
    GateRequest,
    GateView,
    GateWrite,
    ProfileDifference,
    SubjectKey,
)
from gateway.resolution.again import Again, offer_again
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.disputed import withhold_disputed
from gateway.resolution.draft_header import make_header
from gateway.resolution.drafts import key_of_draft, seal_answer
from gateway.resolution.identify import Identified
from gateway.resolution.linked import Acquainted, acquaint, less_parted
from gateway.resolution.plan import Plan
from gateway.resolution.settle import Settled, narrow
from gateway.resolution.shape import shape
from gateway.runtime import Runtime
from gateway.submissions.segments import segment_of_application
from policies import Consent, Decision, Request
from policies.rejudge import consents_of, distinct, rejudge


class Passage(Struct, frozen=True, eq=False):
    """One resolution on its way through both gates.

    `id`: of the resolution. `subject_refs`: role → random reference. `now`: when the request came in. `keys`:
    reference → key of every subject that has one. `data_life`: the shortest that a consent in play allows; None is
    without. `acquainted`: where a subject is known by several documents; `under`: role → those of them that something
    was taken from beside the one named. `again`: the application of before that the form is begun from. `case_key`:
    what the case is found by.
    """

    id: str
    now: datetime
    command: ResolveCommand
    plan: Plan
    subject_refs: Mapping[str, str]
    keys: Mapping[str, SubjectKey] = field(default_factory=dict)
    data_life: timedelta | None = None
    acquainted: Acquainted | None = None
    under: Mapping[str, list[str]] = field(default_factory=dict)
    again: Again | None = None
    case_key: str | None = None


class Released(Struct, frozen=True, eq=False):
    """What left through the second gate. `body`: the answer, exactly as it was sealed into the draft."""

    id: str
    settled: Settled
    body: bytes

    def __repr__(self) -> str:
        """The id alone: an answer never stands in a traceback."""
        return f"Released({self.id}, …)"


# Spelt out where a function within a function says what it gives, these would be made anew for each request.
_Intent = GateWrite[tuple[Passage, tuple[Decision, ...]]]
_Release = GateWrite[Released]


class Judge(Protocol):
    """`policies.decide`, waiting for the asks, the consents, the request and the time."""

    def __call__(
        self, asks: Sequence[Ask], consents: Mapping[str, Consent], request: Request, *, now: datetime
    ) -> tuple[Decision, ...]:
        """One decision per ask, in order."""
        ...


async def note_intent(
    plan: Plan, who: Identified, judge: Judge, runtime: Runtime
) -> tuple[Passage, tuple[Decision, ...]]:
    """What may be pulled, once the intent is durable and one use of each consent in play is taken."""
    now = who.request.now
    runtime.watch.require_current(sensitive=plan.compiled.is_sensitive)
    entry_id = runtime.new_reference("aud", now)

    def write(view: GateView) -> _Intent:
        passage = _admit(plan, who, view, runtime)
        at = runtime.clock()
        known = passage.acquainted
        request, consents = (who.request, view.consents) if known is None else (known.request, known.consents)
        decisions = judge(passage.plan.asks, consents, request, now=at)
        decisions = withhold_disputed(passage.plan, decisions, passage.subject_refs, view.disputed)
        if known is not None:
            passage = replace(passage, under=known.under(decisions, view))
        used = tuple(sorted(consents_of(decisions)))
        life = _shortest_life(view.consents, used)
        if life is not None:
            passage = replace(passage, data_life=life)
        entry = make_entry(
            entry_id,
            EntryKind.intent,
            passage.now,
            caller=passage.command.caller.id,
            request=passage.id,
            facts={
                **_who_and_why(passage),
                "asks": _asks(passage.plan, decisions),
                **_continued(passage.command),
            },
            private=_private(passage),
            sealer=runtime.sealer,
            key=_key(passage),
            **_found_by(who, runtime),
        )
        return GateWrite(entry, (passage, decisions), use=used, used_at=at)

    request = GateRequest(who.command.consents, write, who.new_subjects)
    return await runtime.ledger.pass_gate(request)


def _shortest_life(consents: Mapping[str, Consent], used: Sequence[str]) -> timedelta | None:
    lives = [life for each in used if (life := consents[each].data_life) is not None]
    return min(lives, default=None)


def _valid_until(passage: Passage, runtime: Runtime) -> datetime:
    """How long the answer is kept: as the service keeps answers, or shorter where somebody agreed to less."""
    longest = runtime.settings.resolution_valid_for
    return passage.now + (longest if passage.data_life is None else min(longest, passage.data_life))


def _admit(plan: Plan, who: Identified, view: GateView, runtime: Runtime) -> Passage:
    """The passage, now that it is known what the consents are and how subjects are referred to."""
    unknown = [
        Finding("/consent", "consent_unknown", _UNKNOWN.format(number))
        for number, consent_id in enumerate(who.command.consents, 1)
        if consent_id not in view.consents
    ]
    noted = replace(plan, findings=(*plan.findings, *unknown)) if unknown else plan
    by_role = {role: view.subject_refs[key] for role, key in who.request.subject_keys.items()}
    keys: dict[str, SubjectKey] = {}
    for ref in by_role.values():
        key = runtime.keys.open(view.wrapped_keys.get(ref), ref)
        if key is not None:
            keys[ref] = key
    known = acquaint(noted, who, view, runtime) if view.linked else None
    asked = noted if known is None else known.plan
    return Passage(
        id=who.id,
        now=who.request.now,
        command=who.command,
        plan=asked,
        subject_refs=by_role,
        keys=keys,
        acquainted=known,
        case_key=who.request.case_key,
    )


_path_of = attrgetter("path")
_UNKNOWN = "There is no consent of the id given as number {}; it was not counted."


async def note_release(passage: Passage, settled: Settled, runtime: Runtime) -> Released:
    """The answer, once its outcome entry and draft are durable. Settled once more only if the gate narrows it."""
    runtime.watch.require_current(sensitive=passage.plan.compiled.is_sensitive)
    decisions = settled.decisions
    settled = _begun_again(settled, passage)
    ids = {
        "resolution": passage.id,
        "receipt": receipt_of(passage.id),
        # Made now, not when the request came in: entries are read in order of id, and this one comes after the intent.
        "entry": runtime.new_reference("aud", runtime.clock()),
    }
    body = _body(settled, passage, ids, runtime)
    consents = tuple(sorted(consents_of(decisions)))

    def write(view: GateView) -> _Release:
        judged = rejudge(decisions, view.consents, runtime.clock(), count_uses=False)
        judged = withhold_disputed(passage.plan, judged, passage.subject_refs, view.disputed)
        if passage.acquainted is not None:
            judged = less_parted(passage.acquainted, judged, view)
        released = Released(passage.id, settled, body)
        lost, rests = 0, consents
        if judged is not decisions:
            rests = tuple(sorted(consents_of(judged)))
            lost = sum(was.allowed and not now.allowed for was, now in zip(decisions, judged, strict=True))
            narrowed = _begun_again(narrow(settled, judged, passage.now), passage)
            released = Released(passage.id, narrowed, _body(narrowed, passage, ids, runtime))
        return GateWrite(
            _outcome_entry(passage, released.settled, ids, runtime, discarded=lost),
            released,
            draft=_draft(passage, released, rests, runtime),
            differences=_differences(passage, released.settled),
        )

    again = {} if passage.acquainted is None else passage.acquainted.new_subjects
    about = tuple(passage.subject_refs.values())
    return await runtime.ledger.pass_gate(GateRequest(consents, write, again, about))


def _begun_again(settled: Settled, passage: Passage) -> Settled:
    return settled if passage.again is None else offer_again(settled, passage.again, passage.now)


def _differences(passage: Passage, settled: Settled) -> tuple[ProfileDifference, ...]:
    """What registers said beside the record; mostly nothing."""
    return tuple(
        ProfileDifference(
            passage.subject_refs[each.key[0]], each.key[1], each.source, passage.now, each.differs
        )
        for each in settled.combined.beside
    )


def _body(settled: Settled, passage: Passage, ids: Mapping[str, str], runtime: Runtime) -> bytes:
    valid_until = _valid_until(passage, runtime)
    return orjson.dumps(shape(settled, passage.command, ids=ids, valid_until=valid_until))


def _who_and_why(passage: Passage) -> dict[str, Any]:
    compiled, command = passage.plan.compiled, passage.command
    return {
        "form": [compiled.form.id, compiled.form.version],
        "matter": compiled.form.matter,
        "purpose": compiled.form.purpose,
        "registry": compiled.registry.version,
        "policy": compiled.policy_version,
        "department": command.caller.department,
        "actor": command.actor.kind,
        "subjects": dict(passage.subject_refs),
        **({"under": dict(passage.under)} if passage.under else {}),
    }


def _continued(command: ResolveCommand) -> dict[str, str]:
    named = {"continues": command.continues, "again": command.again}
    return {word: reference for word, reference in named.items() if reference is not None}


def _key(passage: Passage) -> SubjectKey | None:
    owner = owner_of({"subjects": passage.subject_refs})
    return None if owner is None else passage.keys.get(owner)


def _private(passage: Passage) -> dict[str, Any]:
    return {"actor": passage.command.actor.id, "case": passage.command.case}


def _found_by(who: Identified, runtime: Runtime) -> dict[str, str]:
    """What an auditor finds the intent by, and with it the rest of the resolution."""
    found = {"actor_key": finding_key("actor", who.command.actor.id, runtime.fingerprint)}
    if who.request.case_key is not None:
        found["case_key"] = who.request.case_key
    return found


def _asks(plan: Plan, decisions: tuple[Decision, ...]) -> list[tuple[Any, ...]]:
    """Per role, source and decision: role, source, items, allowed, rule, and the ground or the reason."""
    judgements = {id(each): _judgement(each) for each in distinct(decisions)}
    if len(judgements) == 1:  # mostly: then every call is told whole
        (judgement,) = judgements.values()
        return [_whole(call) + judgement for call in plan.asking.calls]
    return [
        (call.role, call.source, items, *judgements[decision])
        for call in plan.asking.calls
        for decision, items in _apart(map(decisions.__getitem__, call.places), call.items).items()
    ]


_whole = attrgetter("role", "source", "items")


def _apart(decisions: Iterable[Decision], items: Sequence[str]) -> dict[int, list[str]]:
    """The items under each of several decisions, by the decision's identity."""
    apart: dict[int, list[str]] = {}
    for decision, item in zip(map(id, decisions), items, strict=True):
        apart.setdefault(decision, []).append(item)
    return apart


def _judgement(decision: Decision) -> tuple[bool, str, str]:
    ground = decision.ground
    footing = str(decision.reason) if ground is None else f"{ground.kind}:{ground.id}"
    return decision.allowed, decision.rule, footing


def _outcome_entry(
    passage: Passage, settled: Settled, ids: Mapping[str, str], runtime: Runtime, *, discarded: int
) -> Entry:
    """What came of every field. `discarded`: how many asks lost their ground between the gates."""
    fields = _paths_by_outcome(settled)
    return make_entry(
        ids["entry"],
        EntryKind.outcome,
        runtime.clock(),
        caller=passage.command.caller.id,
        request=passage.id,
        facts={
            **_who_and_why(passage),
            "receipt": ids["receipt"],
            "segment": str(segment_of_application(passage.plan.subjects)),
            "delivery": str(passage.command.delivery),
            **_sealed_to(passage.command),
            "result": "released" if not FILLED.isdisjoint(fields) else "nothing_released",
            "fields": {str(code): paths for code, paths in fields.items()},
            "refusals": sorted(
                {str(each.reason) for each in distinct(settled.decisions) if not each.allowed}
            ),
            "discarded": discarded,
            # Fewer consents than the intent's: who reads the answer again is judged by these.
            **({"rests": sorted(consents_of(settled.decisions))} if discarded else {}),
            "alarms": list(settled.combined.alarms),
            **_told_apart(settled),
        },
        private=_private(passage),
        sealer=runtime.sealer,
        key=_key(passage),
    )


def _sealed_to(command: ResolveCommand) -> dict[str, str]:
    return {} if command.sealing is None else {"sealed_to": command.sealing.kid}


def _paths_by_outcome(settled: Settled) -> dict[OutcomeCode, list[str]]:
    outcomes = settled.filled.outcomes
    if len(settled.counts.by_outcome) == 1:  # the good case: everything is filled
        return {outcomes[0].outcome: list(map(_path_of, outcomes))}
    fields: dict[OutcomeCode, list[str]] = defaultdict(list)
    for outcome in outcomes:
        fields[outcome.outcome].append(outcome.path)
    return fields


def _told_apart(settled: Settled) -> dict[str, Any]:
    """Role, item and register of what differs from the record: candidates for a dispute. What was begun again from."""
    apart = [[*each.key, each.source] for each in settled.combined.beside if each.differs]
    told: dict[str, Any] = {"differs": apart} if apart else {}
    again = settled.again
    return told if again is None else {**told, "again": [again.submission_id, sorted(again.offered)]}


def _draft(passage: Passage, released: Released, consents: tuple[str, ...], runtime: Runtime) -> Draft:
    compiled = passage.plan.compiled
    key = key_of_draft(passage.keys, passage.subject_refs.values(), runtime.keys)
    header = make_header(released.settled, passage.command, passage.subject_refs, passage.case_key)
    return Draft(
        id=passage.id,
        caller=passage.command.caller.id,
        form=compiled.form.id,
        form_version=compiled.form.version,
        created_at=passage.now,
        valid_until=_valid_until(passage, runtime),
        consents=consents,
        sealed=seal_answer(released.body, passage.id, runtime.sealer, key, header=header),
        subjects=() if key is None else tuple(key.ref.split()),
    )
