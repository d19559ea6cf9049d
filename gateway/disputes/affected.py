"""Where a wrong value went: applications handed in with it, and answers that still offer it, found by provenance.

An application used the value when a slot of that item was filled from that source for that person, and the person kept
it; where they disputed it, its office waits for the answer as much. Only the application that the dispute is about is
counted otherwise (`counting.py`): what others kept in good faith stays kept, in counts that are frozen.
"""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime

import orjson

from field_registry.outcomes import Disposition
from gateway.disputes.uses import asked_as, slot_field
from gateway.errors import NotFound
from gateway.identities.persons import refs_of
from gateway.records import Dispute, Entry, EntryKind, Submission
from gateway.runtime import Runtime
from gateway.slots import Slot

_AT_ONCE = 100
_CONCERNED = frozenset({Disposition.kept, Disposition.disputed})


@dataclass(frozen=True, slots=True)
class UsedIn:
    """One slot of an application that the value went into. `client`: which handed it in, and is told."""

    submission_id: str
    client: str
    department: str
    form: str
    form_version: int
    submitted_at: datetime
    path: str
    disposition: Disposition


@dataclass(frozen=True, slots=True)
class OfferedIn:
    """An answer that is still kept and offers the value. `client`: which it was given to."""

    resolution_id: str
    client: str
    form: str
    form_version: int


@dataclass(frozen=True, slots=True)
class Affected:
    """Everything that used the value, or may yet: slots of applications in order of time, and open answers."""

    submissions: tuple[UsedIn, ...]
    drafts: tuple[OfferedIn, ...]


async def affected_by(dispute: Dispute, runtime: Runtime) -> Affected:
    """Where the disputed value went in the time that `dispute_look_back` names, before the dispute was closed.

    A value of a person is the same under each of their documents, so those linked now are looked through together.

    Open answers are those of this moment; a correction empties them, and its entry names them.
    """
    refs = await refs_of(dispute.subject_ref, runtime)
    slots = [used for ref in refs async for used in _applications(ref, refs, dispute, runtime)]
    drafts = [offered for ref in refs async for offered in _answers(ref, refs, dispute, runtime)]
    in_order = sorted(set(slots), key=lambda used: (used.submission_id, used.path))
    return Affected(tuple(in_order), tuple(sorted(set(drafts), key=lambda each: each.resolution_id)))


async def _applications(
    ref: str, refs: Collection[str], dispute: Dispute, runtime: Runtime
) -> AsyncIterator[UsedIn]:
    until = dispute.closed_at or runtime.clock()
    since = until - runtime.settings.dispute_look_back
    async for submitted in _submissions_of(ref, runtime):
        if not since <= submitted.submitted_at <= until:
            continue
        snapshots = await runtime.store.submissions.snapshots(submitted.id)
        if not snapshots or snapshots[-1].is_test:
            continue
        for slot in snapshots[-1].slots:
            if _is_value(slot, dispute) and await _is_theirs(slot, submitted, refs, runtime):
                yield UsedIn(
                    submitted.id,
                    submitted.caller,
                    submitted.department,
                    submitted.form,
                    submitted.form_version,
                    submitted.submitted_at,
                    slot.path,
                    slot.disposition,
                )


async def _submissions_of(ref: str, runtime: Runtime) -> AsyncIterator[Submission]:
    after = ""
    while page := await runtime.store.submissions.of_subject(ref, after=after, limit=_AT_ONCE):
        for submitted in page:
            yield submitted
        after = page[-1].id


def _is_value(slot: Slot, dispute: Dispute) -> bool:
    is_same = (slot.item, slot.source) == (dispute.item, dispute.source)
    return is_same and slot.is_offered and slot.disposition in _CONCERNED


async def _is_theirs(slot: Slot, submitted: Submission, refs: Collection[str], runtime: Runtime) -> bool:
    """Whether the slot is about the disputing subject: others of the application may have the same item."""
    if set(submitted.roles.values()) <= set(refs):
        return True
    try:
        form = await runtime.library.form(submitted.form, submitted.form_version)
    except NotFound:
        return True  # told once too often rather than not at all
    field = slot_field(slot.path, form)
    return field is None or submitted.roles.get(asked_as(field, form)[0]) in refs


async def _answers(
    ref: str, refs: Collection[str], dispute: Dispute, runtime: Runtime
) -> AsyncIterator[OfferedIn]:
    """From the newest intent about the person back to where no answer is kept any more."""
    now = runtime.clock()
    since = now - runtime.settings.resolution_valid_for
    beyond: int | None = None
    while page := await runtime.store.search.about(ref, beyond=beyond, limit=_AT_ONCE, newest_first=True):
        for _, entry in page:
            if entry.at < since:
                return
            if entry.kind is EntryKind.intent and _asked_for(entry, refs, dispute, runtime):
                draft = await runtime.store.drafts.read(entry.request or "")
                if draft is not None and draft.sealed is not None and draft.valid_until > now:
                    yield OfferedIn(draft.id, draft.caller, draft.form, draft.form_version)
        beyond = page[-1][0]


def _asked_for(entry: Entry, refs: Collection[str], dispute: Dispute, runtime: Runtime) -> bool:
    """Whether that intent lets the source be asked for the item, for this person."""
    leaf = orjson.loads(entry.leaf)
    item = runtime.library.published.registry.items.get(dispute.item)
    items = {dispute.item, item.within if item is not None else None}
    return any(
        # A leaf that was too long names no items: then whatever was asked of that source counts.
        allowed and source == dispute.source and (not asked or items & set(asked))
        for role, source, asked, allowed, *_ in leaf["asks"]
        if leaf["subjects"].get(role) in refs
    )
