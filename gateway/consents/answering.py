"""What the person asked does with a link: confirm that it is them, then agree, refuse, put it off; and withdraw.

Every step may be sent twice: a request is answered once, in the transaction that records what it came to, and whoever
comes second is shown what stands. Nothing of a request is shown before its session exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from field_registry import Subject, subject_from
from gateway.audit.entries import make_entry
from gateway.consents.commands import Act, Evidence, Notice, RecordConsent, Relationship
from gateway.consents.moves import move_consent
from gateway.consents.notice import NOTICE_ID
from gateway.consents.request_facts import topics_of
from gateway.consents.request_links import Session, link_digest, new_session, proof_of
from gateway.consents.request_record import Asked, opened, sealed_record, state_of
from gateway.consents.service import read_record, record_consent
from gateway.errors import Conflict, Gone, NotFound, NotValid
from gateway.records import Caller, CallerRole, ConsentRequest, Entry, EntryKind, RequestAnswer
from gateway.runtime import Runtime
from policies import ConsentState

MOST_FAILURES = 5
DECISIONS = ("agree", "refuse", "later")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person sent. `permitted`: items ticked; `acts`: topics agreed to separately.

    `shown_at`: when the page with the notice was made for them.
    """

    decision: str
    shown_at: datetime
    permitted: frozenset[str] = frozenset()
    acts: frozenset[str] = frozenset()


async def find_link(secret: str, runtime: Runtime) -> ConsentRequest:
    """The request of that link, whatever its state; raises `NotFound`."""
    request = await runtime.store.consent_requests.of_link(link_digest(secret, runtime.fingerprint))
    if request is None:
        raise NotFound("unknown_link", "There is no such link. Scan the code again, or ask at the counter.")
    return request


async def confirm_person(request: ConsentRequest, typed: str, runtime: Runtime) -> Session | None:
    """A session for whoever typed the right last characters; None when they are wrong, which is counted.

    Raises `Gone` when the request cannot be answered any more.
    """
    is_them = await _confirmed(request, proof_of(request.id, typed, runtime.fingerprint), runtime)
    return new_session(request.id, runtime.clock(), runtime.fingerprint) if is_them else None


async def confirm_log_in(
    request: ConsentRequest, said: Sequence[Subject], assurance: str, runtime: Runtime
) -> Session | None:
    """A session for whoever an issuer says they are; None when they are not who was asked, which is counted.

    `said`: the person, and the organisation they answer for. Raises `Gone` as `confirm_person` does.
    """
    wanted = subject_from(_confirms(await opened(request, runtime)))
    is_them = any(runtime.subjects.key_of(each) == runtime.subjects.key_of(wanted) for each in said)
    if not await _confirmed(request, request.proof if is_them else "", runtime):
        return None
    return new_session(request.id, runtime.clock(), runtime.fingerprint, assurance)


async def _confirmed(request: ConsentRequest, proof: str, runtime: Runtime) -> bool:
    now = runtime.clock()
    _require_open(request, now)
    entry = _entry(request, EntryKind.consent_request_invalidated, now, runtime)
    is_them = await runtime.store.consent_requests.confirm(request.id, proof, most=MOST_FAILURES, entry=entry)
    if is_them is None:
        raise _gone()
    return is_them


def _confirms(asked: Asked) -> Mapping[str, Any]:
    """Who has to answer: the grantor, where somebody answers for the subject."""
    who: Mapping[str, Any] | None = asked.record.get("grantor") or asked.record.get("subject")
    if who is None:
        raise _gone()
    return who


async def answer_request(
    request: ConsentRequest, answer: Answer, session: Session, runtime: Runtime
) -> Asked:
    """The request as it stands after the answer, or after whichever came first.

    Raises `NotValid` when what is ticked is no answer yet, `Gone` when the time is over.
    """
    now = runtime.clock()
    if request.state is ConsentState.requested:
        _require_open(request, now)
        asked = await opened(request, runtime)
        if answer.decision == "later":
            await _defer(asked, now, runtime)
        else:
            await _record(asked, answer, session, now, runtime)
    stored = await runtime.store.consent_requests.read(request.id)
    return await opened(stored or request, runtime)


async def withdraw_answer(request: ConsentRequest, runtime: Runtime) -> None:
    """Take back what was agreed to, at once. Harmless when it was taken back already; raises `NotFound`, `Conflict`."""
    if request.consent_id is None:
        raise NotFound("unknown_consent", "No consent came of this request.")
    await move_consent(request.consent_id, "withdraw", _desk(request), runtime, actor_kind="applicant")


async def standing_of(request: ConsentRequest, runtime: Runtime) -> ConsentState:
    """How what came of an answer stands now: the consent's own state where one was recorded."""
    if request.consent_id is None:
        return request.state
    return (await read_record(request.consent_id, _desk(request), runtime)).state


async def _record(asked: Asked, answer: Answer, session: Session, now: datetime, runtime: Runtime) -> None:
    permitted = _permitted(asked, answer)
    command = _command(asked, permitted, answer, session, now, runtime)
    kept = {**_kept(asked), "permitted": sorted(permitted)}
    sealed = await sealed_record(asked.request.id, asked.request.subject_ref, kept, runtime)
    state = ConsentState.given if permitted else ConsentState.refused
    closes = RequestAnswer(asked.request.id, state, now, sealed)
    try:
        await record_consent(command, _desk(asked.request), runtime, answers=closes)
    except Conflict as conflict:
        if conflict.code != "request_answered":
            raise


def _permitted(asked: Asked, answer: Answer) -> frozenset[str]:
    """The items agreed to; raises `NotValid` when the answer contradicts itself or a separate act is missing."""
    if answer.decision == "refuse":
        return frozenset()
    permitted = answer.permitted & {item["item"] for item in asked.items}
    if not permitted:
        raise NotValid("nothing_ticked", "Tick at least one item, or choose not to agree.")
    missing = [topic for topic in topics_of(asked.facts, permitted) if topic not in answer.acts]
    if missing:
        errors = [
            {"pointer": f"/acts/{topic}", "code": f"{topic}_act_missing", "detail": ""} for topic in missing
        ]
        raise NotValid("act_missing", "What is agreed to separately needs a tick of its own.", errors=errors)
    return permitted


def _command(
    asked: Asked,
    permitted: frozenset[str],
    answer: Answer,
    session: Session,
    now: datetime,
    runtime: Runtime,
) -> RecordConsent:
    record, facts, shown = asked.record, asked.facts, asked.notice()
    often, data_life = facts["frequency"], facts["data_life_seconds"]
    return RecordConsent(
        subject=record["subject"],
        purpose=facts["purpose"]["code"],
        items={item["item"]: item["item"] in permitted for item in asked.items},
        recipients=tuple(facts["recipients"]),
        expires_at=now + timedelta(seconds=facts["life_seconds"]),
        notice=Notice(
            NOTICE_ID, shown.version, shown.language, shown.sha256, answer.shown_at, record["channel"]
        ),
        evidence=Evidence(
            "qr",
            assurance=session.assurance,
            authenticated_at=session.confirmed_at,
            witness=record["witness"],
        ),
        form=facts["form"]["id"],
        max_uses=facts["max_uses"],
        case=facts["case"],
        purpose_text=facts["purpose"]["name"],
        necessity={item["item"]: "required" if item["is_required"] else "optional" for item in asked.items},
        frequency=often and (often["count"], timedelta(seconds=often["per_seconds"])),
        data_life=data_life and timedelta(seconds=data_life),
        mode=facts["mode"],
        grantor_role=facts["grantor_role"],
        grantor=record["grantor"],
        relationship=_relationship(record["relationship"]),
        acts=tuple(
            Act(topic, runtime.new_reference("act", now), now) for topic in topics_of(facts, permitted)
        ),
        request=asked.request.id,
        scope_hash=record.get("scope_hash"),  # requests from before there was one lack it
    )


def _relationship(kept: Mapping[str, Any] | None) -> Relationship | None:
    if kept is None:
        return None
    checked = kept["checked_at"]
    return Relationship(kept["kind"], kept["reference"], checked and datetime.fromisoformat(checked))


async def _defer(asked: Asked, now: datetime, runtime: Runtime) -> None:
    sealed = await sealed_record(asked.request.id, asked.request.subject_ref, _kept(asked), runtime)
    closes = RequestAnswer(asked.request.id, ConsentState.deferred, now, sealed)
    entry = _entry(asked.request, EntryKind.consent_deferred, now, runtime)
    if await runtime.store.consent_requests.answer(closes, entry):
        runtime.telemetry.entries(EntryKind.consent_deferred)


def _kept(asked: Asked) -> dict[str, Any]:
    """What is still needed of a request once it is answered: the notice's facts, and nobody's number."""
    return {**asked.record, "subject": None, "grantor": None, "relationship": None}


def _entry(request: ConsentRequest, kind: EntryKind, now: datetime, runtime: Runtime) -> Entry:
    return make_entry(
        runtime.new_reference("aud", now),
        kind,
        now,
        caller=request.requested_by,
        request=request.id,
        facts={"subject": request.subject_ref, "form": request.form},
    )


def _desk(request: ConsentRequest) -> Caller:
    """In whose name an answer is recorded: the client that asked."""
    return Caller(request.requested_by, request.department, frozenset({CallerRole.consent_desk}))


def _require_open(request: ConsentRequest, now: datetime) -> None:
    if state_of(request, now) is not ConsentState.requested:
        raise _gone()


def _gone() -> Gone:
    return Gone("link_over", "This link can no longer be answered; ask for a new one.")
