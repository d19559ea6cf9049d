"""Noting a submission: the entry, the frozen slots, the sealed values, the tickets, all written in one passage."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from field_registry.outcomes import Disposition
from forms.findings import Finding
from gateway.audit.entries import make_entry, owner_of
from gateway.profiles.keeping import make_profile_value
from gateway.records import Entry, EntryKind, ProfileValue, Submission, SubmissionWrite
from gateway.resolution.drafts import key_of_draft
from gateway.runtime import Runtime
from gateway.slots import Slot, Snapshot, leaf_facts
from gateway.submissions.answer import make_said
from gateway.submissions.dispositions import Judged
from gateway.submissions.disputing import Disputed, disputed_in
from gateway.submissions.keeping import seal_values
from gateway.submissions.obtainable import Held, is_attempted, is_obtainable
from gateway.submissions.offered import Opened
from gateway.submissions.received import Received


def make_write(
    received: Received,
    slots: Sequence[Judged],
    findings: Sequence[Finding],
    granted: frozenset[str],
    now: datetime,
    runtime: Runtime,
) -> tuple[Entry, SubmissionWrite]:
    """Everything that one submission writes."""
    shot = _snapshot(received, slots, granted, now)
    kept = _kept(received, slots, now, runtime)
    disputed = disputed_in(received, slots, now, runtime)
    entry = _entry(received, shot, kept, disputed, now, runtime)
    made = _submission(received, slots, (*findings, *disputed.findings), kept, disputed, now, runtime)
    was_purged = received.opened.was_purged
    return entry, SubmissionWrite(made, shot, kept, disputed.opened, was_purged, disputed.joins)


def slot_of(judged: Judged, opened: Opened, held: Held, granted: frozenset[str]) -> Slot:
    """A slot as it is frozen: no value of it."""
    sheet = judged.sheet
    return Slot(
        path=judged.path,
        field=sheet.field.path,
        item=sheet.counted_item,
        source=judged.source,
        outcome=judged.outcome,
        tier=judged.tier,
        disposition=judged.disposition,
        mapped=sheet.mapped,
        attempted=is_attempted(judged),
        obtainable=is_obtainable(judged, opened, held, granted),
        identity=sheet.identity,
        grounded=judged.is_offered,
    )


def _snapshot(
    received: Received, slots: Sequence[Judged], granted: frozenset[str], now: datetime
) -> Snapshot:
    opened, form = received.opened, received.compiled.form
    frozen = (slot_of(each, opened, received.held, granted) for each in slots)
    return Snapshot(
        submission_id=received.ids["submission"],
        number=1,
        at=now,
        form=form.id,
        form_version=form.version,
        matter=form.matter,
        department=received.caller.department,
        segment=opened.segment,
        registry_version=opened.registry,
        policy_version=opened.policy,
        slots=tuple(sorted(frozen, key=lambda slot: slot.path)),
        baseline=received.baseline,
        is_test=received.command.is_test,
    )


def snapshot_facts(shot: Snapshot) -> dict[str, Any]:
    """A snapshot as the leaf of an entry holds it: everything that is needed to count it again, from the log alone."""
    return {
        "submission": shot.submission_id,
        "snapshot": shot.number,
        "form": [shot.form, shot.form_version],
        "matter": shot.matter,
        "department": shot.department,
        "segment": shot.segment,
        "registry": shot.registry_version,
        "policy": shot.policy_version,
        "definition": shot.definition,
        "baseline": shot.baseline,
        "is_test": shot.is_test,
        "slots": leaf_facts(shot.slots),
    }


def _entry(
    received: Received,
    shot: Snapshot,
    kept: Sequence[ProfileValue],
    disputed: Disputed,
    now: datetime,
    runtime: Runtime,
) -> Entry:
    actor, roles = received.command.actor, dict(received.opened.roles)
    facts = {
        **snapshot_facts(shot),
        "purpose": received.compiled.form.purpose,
        "subjects": roles,
        "actor": None if actor is None else actor.kind,
        "kept": [[value.id, value.item] for value in kept],
        **disputed.facts(),
    }
    return make_entry(
        received.ids["entry"],
        EntryKind.submission_received,
        now,
        caller=received.caller.id,
        request=received.opened.draft.id,
        facts=facts,
        private={"actor": None if actor is None else actor.id},
        sealer=runtime.sealer,
        key=received.keys.get(owner_of(facts) or ""),
    )


def _submission(
    received: Received,
    slots: Sequence[Judged],
    findings: Sequence[Finding],
    kept: Sequence[ProfileValue],
    disputed: Disputed,
    now: datetime,
    runtime: Runtime,
) -> Submission:
    opened, form, ids = received.opened, received.compiled.form, received.ids
    key = key_of_draft(received.keys, set(opened.roles.values()), runtime.keys)
    life = runtime.settings.submission_kept
    dates = {slot.path: slot.offer.dated for slot in slots if slot.is_offered and slot.offer.dated}
    plain = received.sent.plain
    sealed = seal_values(plain, ids["submission"], runtime.sealer, key, dates=dates) if life else None
    return Submission(
        id=ids["submission"],
        resolution_id=opened.draft.id,
        caller=received.caller.id,
        department=received.caller.department,
        form=form.id,
        form_version=form.version,
        submitted_at=now,
        entry_id=ids["entry"],
        digest=received.digest,
        roles=opened.roles,
        keep_until=now + life,
        sealed=sealed,
        subjects=() if key is None else tuple(key.ref.split()),
        said=make_said(
            findings=findings,
            reasons={slot.path: slot.reason for slot in slots if slot.reason},
            disputes=disputed.tickets(),
            kept=[value.item for value in kept],
        ),
    )


def _kept(
    received: Received, slots: Sequence[Judged], now: datetime, runtime: Runtime
) -> tuple[ProfileValue, ...]:
    """What the person wants kept; of two fields of one item the first. A test keeps nothing."""
    if received.command.is_test:
        return ()
    collected = (Disposition.typed, Disposition.edited)
    wanted: dict[tuple[str, str], Callable[[], ProfileValue]] = {}
    for slot in slots:
        item = slot.sheet.item
        if item is not None and slot.sent in received.command.keep and slot.disposition in collected:
            ref = received.opened.roles[slot.sheet.role]
            wanted.setdefault((ref, item.id), _keeping(received, slot, ref, now, runtime))
    return tuple(make() for make in wanted.values())


def _keeping(
    received: Received, slot: Judged, ref: str, now: datetime, runtime: Runtime
) -> Callable[[], ProfileValue]:
    item = slot.sheet.item
    assert item is not None
    return lambda: make_profile_value(
        now=now,
        new_reference=runtime.new_reference,
        runtime=runtime,
        subject_ref=ref,
        key=received.keys.get(ref),
        item=item,
        value=slot.value.value,
        form=received.compiled.form,
        submission_id=received.ids["submission"],
        entry_id=received.ids["entry"],
        caller=received.caller.id,
    )
