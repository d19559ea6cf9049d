"""Erasing a subject: its key and its blind index are destroyed, and everything sealed about it with them.

What stays are the leaves of the log: codes, times and a random reference that leads nowhere any more. Their indexes and
proofs are as before. Somebody of the same identity who comes again is a new subject with another reference.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from field_registry import Subject
from gateway.audit.entries import make_entry, rfc3339
from gateway.audit.noting import note
from gateway.consents.moves import entry_of
from gateway.errors import Conflict, NotFound
from gateway.identities.persons import refs_of
from gateway.records import ConsentEvent, Entry, EntryKind, Erasure, StoredConsent
from gateway.runtime import Runtime
from policies.consent import ConsentState
from policies.retention import ErasureReason, held_until, periods_with


@dataclass(frozen=True, slots=True)
class Erased:
    """A subject that is no more. `subject`: the reference it had; `entry`: where the log says so."""

    subject: str
    at: datetime
    entry: str
    done: Erasure


async def erase_subject(
    subject: Subject, reason: ErasureReason, runtime: Runtime, *, caller: str, reference: str = ""
) -> Erased:
    """What was erased, once it is, together with its entry. `reference`: of the order or request; kept sealed.

    Every document it is known by goes with it. Raises `NotFound` when nothing is known of that subject, and `Conflict`
    while the law keeps its records, once the refusal is an entry.
    """
    ref = await runtime.store.subjects.find(runtime.subjects.key_of(subject))
    if ref is None:
        raise _unknown()
    await _require_free(ref, reason, caller, runtime)
    now = runtime.clock()
    entry_id = runtime.new_reference("aud", now)

    def end(stored: StoredConsent) -> tuple[ConsentEvent, Entry]:
        keyless = replace(
            stored, wrapped_key=None
        )  # nothing is sealed here; a key that is damaged must not matter
        entry = entry_of(keyless, EntryKind.consent_terminated, caller, runtime)
        event_id = runtime.new_reference("cev", entry.at)
        state = ConsentState.terminated
        event = ConsentEvent(
            event_id, stored.consent.id, entry.at, state, "system", "erased", entry.id, caller
        )
        return event, entry

    def tell(done: Erasure) -> Entry:
        counts = {"consents": done.consents, "ended": done.ended, "drafts": done.drafts}
        return make_entry(
            entry_id,
            EntryKind.subject_erased,
            now,
            caller=caller,
            request=None,
            facts={"subject": ref, "reason": reason.value, **counts, **_linked(done)},
            private={"reference": reference} if reference else None,
            sealer=runtime.sealer,  # not under the subject's key, which is gone when this is read
        )

    done = await runtime.store.subjects.erase(ref, now, end=end, entry=tell)
    if done is None:  # somebody was first
        raise _unknown()
    runtime.telemetry.entries(EntryKind.subject_erased)
    return Erased(ref, now, entry_id, done)


async def _require_free(ref: str, reason: ErasureReason, caller: str, runtime: Runtime) -> None:
    kept = runtime.settings.records_kept
    records = [await runtime.store.subjects.newest_record(each) for each in await refs_of(ref, runtime)]
    newest = max((each for each in records if each is not None), default=None)
    periods = periods_with({"consents": kept, "log": kept})
    until = newest and held_until(newest, reason, runtime.clock(), periods)
    if not until:
        return
    facts = {"subject": ref, "reason": reason.value, "until": rfc3339(until)}
    await note(EntryKind.erasure_refused, facts, runtime, caller=caller)
    raise Conflict(
        "retention_holds",
        f"The law keeps the records of this subject until {until:%Y-%m-%d} ({periods['log'].citation}). Withdraw its "
        "consents to end every use now; a court order or unlawful processing is reason to erase it before.",
    )


def _linked(done: Erasure) -> dict[str, list[str]]:
    return {"subjects": list(done.others)} if done.others else {}


def _unknown() -> NotFound:
    return NotFound(
        "unknown_subject",
        "Nothing is kept about a subject of that identity, or two subjects claim that document; nothing was erased.",
    )
