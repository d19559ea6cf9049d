"""Handing a form in: read the draft once, compare, and write everything in one passage of the gate.

Two visits to the database: one reads the draft, the keys of its subjects and what their records hold; one writes. The
consents that the answer rests on are read again in the transaction that writes, as at every release.
"""

from typing import Any

from forms.findings import Finding
from gateway.errors import Conflict, GatewayError, NotFound, NotValid
from gateway.records import (
    Caller,
    EntryKind,
    GateRequest,
    GateView,
    GateWrite,
    SnapshotFilter,
    Submission,
)
from gateway.reports.baselines import current_baseline
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.runtime import Runtime
from gateway.slots import Snapshot
from gateway.submissions.answer import answer_of
from gateway.submissions.commands import SubmitCommand
from gateway.submissions.dispositions import Judged, judge
from gateway.submissions.ended import Ended, ended_of
from gateway.submissions.guessing import bounded
from gateway.submissions.noting import make_write
from gateway.submissions.obtainable import doubts_of, granted_paths
from gateway.submissions.opening import keys_of, open_found
from gateway.submissions.received import Received
from gateway.submissions.rules import Verdict, check, needs_own_word
from gateway.submissions.sent import content_of, read_sent, unmasked
from policies.purposes import LockedEdits, Purpose

Answer = dict[str, Any]
_MARKED = Purpose("", "")


async def submit(resolution_id: str, command: SubmitCommand, caller: Caller, runtime: Runtime) -> Answer:
    """What became of every slot, once it is durable. The same handed in twice gives the same answer.

    Raises `NotFound` for anybody else's resolution, `NotValid` with every place that is wrong, `Gone` when its time is
    over, `Conflict` when something else was handed in before or a consent has ended (`consent_ended`); then nothing was
    written, but for what was typed into an answer whose time is over.
    """
    for _ in range(_MOST_TRIES - 1 if command.disputes else 0):
        try:
            return await _hand_in(resolution_id, command, caller, runtime)
        except Conflict as refusal:
            if refusal.code != "draft_changed":
                raise
        # A dispute about one of these values was opened, moved or closed at that moment: it is read as it stands now.
    return await _hand_in(resolution_id, command, caller, runtime)


async def _hand_in(resolution_id: str, command: SubmitCommand, caller: Caller, runtime: Runtime) -> Answer:
    now = runtime.clock()
    found = await runtime.store.submissions.to_submit(resolution_id, now)
    if found is None or found.draft.caller != caller.id:
        raise NotFound("unknown_resolution", "There is no such resolution of yours; check its id.")
    form = await runtime.library.form(found.draft.form, found.draft.form_version)
    compiled = runtime.library.compiled(form, compile_form)
    sent = read_sent(compiled, command)
    digest = runtime.fingerprint(content_of(sent, command))
    if found.submission is not None:
        return await _again(found.submission, digest, runtime)

    keys = keys_of(found, runtime)
    opened, ended = await open_found(found, keys, compiled, sent, runtime)
    if opened.is_masked:
        sent = unmasked(compiled, command, sent, opened.offering)
    received = Received(
        compiled=compiled,
        caller=caller,
        command=command,
        opened=opened,
        sent=sent,
        digest=digest,
        held=found.held,
        baseline=await current_baseline(form.id, runtime),
        ids={name: runtime.new_reference(prefix, now) for name, prefix in _IDS.items()},
        keys=keys,
        tickets=found.disputes,
    )
    try:
        made, shot = await _pass_gate(received, ended, runtime)
    except (NotValid, Conflict) as refusal:
        return await _overtaken(refusal, received, runtime)
    runtime.telemetry.entries(EntryKind.submission_received)
    return answer_of(made, shot)


_IDS = {"submission": "smn", "entry": "aud"}
_MOST_TRIES = 5


async def read_submission(submission_id: str, caller: Caller, runtime: Runtime) -> Answer:
    """The same answer again, as the slots stand now; raises `NotFound` for anybody else's."""
    made = await runtime.store.submissions.read(submission_id)
    if made is None or made.caller != caller.id:
        raise NotFound("unknown_submission", "There is no such submission of yours; check its id.")
    return await _answer(made, runtime)


async def list_submissions(
    wanted: SnapshotFilter, runtime: Runtime, *, after: str, limit: int
) -> list[tuple[str, Snapshot]]:
    """Resolution and newest snapshot of each application that matches, by id; `wanted.caller` says whose."""
    shots = await runtime.store.submissions.listing(wanted, after=after, limit=limit)
    of = await runtime.store.submissions.resolutions([shot.submission_id for shot in shots])
    return [(of[shot.submission_id], shot) for shot in shots]


async def _again(made: Submission, digest: str, runtime: Runtime) -> Answer:
    if made.digest != digest:
        raise Conflict(
            "already_submitted",
            f"This was handed in before, with other content. Read that at `GET /v1/submissions/{made.id}`, "
            "or resolve again.",
        )
    return await _answer(made, runtime)


async def _answer(made: Submission, runtime: Runtime) -> Answer:
    return answer_of(made, (await runtime.store.submissions.snapshots(made.id))[-1])


async def _overtaken(refusal: GatewayError, received: Received, runtime: Runtime) -> Answer:
    """The answer, if somebody submitted it between our reading and our writing, whatever has ended since.

    Else raises why it is refused, or that a consent was taken back or a subject erased meanwhile.
    """
    opened = received.opened
    made = await runtime.store.submissions.of_resolution(opened.draft.id)
    if made is not None:
        return await _again(made, received.digest, runtime)
    if refusal.code == "already_recorded":
        raise Conflict("draft_changed", "The answer was withdrawn while it was handed in; send it again.")
    raise await bounded(refusal, opened, received.caller, runtime) from None


async def _pass_gate(received: Received, ended: Ended, runtime: Runtime) -> tuple[Submission, Snapshot]:
    """Everything is judged before the gate; again in it only if a consent has ended meanwhile."""
    opened, compiled = received.opened, received.compiled
    slots, verdict = _judged(received, ended, runtime)
    doubts = doubts_of(slots, compiled.registry, runtime.library.published.day)

    def write(view: GateView) -> GateWrite[tuple[Submission, Snapshot]]:
        at = runtime.clock()
        judged, said, open_doubts = slots, verdict, doubts
        gone = {} if opened.was_purged else ended_of(opened.draft.consents, view.consents, at)
        if gone:
            judged, said = _judged(received, gone, runtime)
            open_doubts = doubts_of(judged, compiled.registry, runtime.library.published.day)
        granted = granted_paths(open_doubts, compiled, opened, received.caller, view, at)
        entry, written = make_write(received, judged, said.findings, granted, at, runtime)
        return GateWrite(entry, (written.submission, written.snapshot), submission=written)

    return await runtime.ledger.pass_gate(GateRequest(opened.consents, write))


def _judged(received: Received, ended: Ended, runtime: Runtime) -> tuple[tuple[Judged, ...], Verdict]:
    """The slots and what is to be said; raises `NotValid`, or `Conflict` where a consent carried what was not owned."""
    compiled, command, opened = received.compiled, received.command, received.opened
    slots = judge(compiled, opened.offering, received.sent, command, ended)
    verdict = check(
        compiled,
        received.sent,
        slots,
        command,
        opened,
        on=runtime.library.published.day,
        locked_edits=_locked_edits(compiled, runtime),
    )
    if verdict.errors:
        raise NotValid("not_valid", _NOT_VALID, errors=_documents(verdict.errors))
    missing = needs_own_word(slots, command)
    if missing:
        raise Conflict("consent_ended", _CONSENT_ENDED, errors=_documents(missing))
    newest = runtime.library.published.forms.get(compiled.form.id, 0)
    if newest > compiled.form.version:
        verdict = Verdict((), (*verdict.findings, Finding("/form", "newer_form_version", _NEWER)))
    return slots, verdict


_NOT_VALID = (
    "The form was not taken; correct the places that `errors` names and send it again. Nothing was written."
)
_CONSENT_ENDED = (
    "A consent that values of this form came by has ended. Resolve again, for what stands on other grounds or on a new "
    "consent; or let the person state the places that `errors` names themself and name them in `own_word`."
)
_NEWER = "a newer version of this form is published; this was taken as the version that was resolved"


def _locked_edits(compiled: CompiledForm, runtime: Runtime) -> LockedEdits:
    purposes = runtime.library.published.policy.purposes
    return purposes.get(compiled.form.purpose, _MARKED).locked_edits


def _documents(findings: tuple[Finding, ...]) -> list[dict[str, str]]:
    return [dict(finding.to_document()) for finding in findings]
