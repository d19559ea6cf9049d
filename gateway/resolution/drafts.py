"""Answers kept until they are submitted or their time is over: read again, and purged when it is.

An answer is sealed under the keys of all its subjects together: erasing any one of them makes it undecipherable.
"""

import zlib
from collections.abc import Collection, Mapping

from zlib_ng import zlib_ng

from gateway.audit.entries import make_entry
from gateway.errors import Gone, NotFound
from gateway.ports import Sealer, SubjectKeys
from gateway.records import Caller, Draft, Entry, EntryKind, GateRequest, GateView, GateWrite, SubjectKey
from gateway.resolution.disputed import without_disputed
from gateway.runtime import Runtime
from policies.consent import stands

_TABLE, _COLUMN = "resolution", "sealed"
_QUICKEST = 1


def key_of_draft(
    keys: Mapping[str, SubjectKey], refs: Collection[str], subject_keys: SubjectKeys
) -> SubjectKey | None:
    """The key of an answer about those subjects; None where one of them has none, and the root's has to do."""
    if not refs or not keys.keys() >= set(refs):
        return None
    return subject_keys.together([keys[ref] for ref in refs])


def seal_answer(
    body: bytes, resolution_id: str, sealer: Sealer, key: SubjectKey | None = None, *, header: bytes = b""
) -> bytes:
    """An answer as it is kept: sealed for that resolution. `header`: see `gateway.resolution.draft_header`.

    Compressed first: an answer repeats its keys and sources field by field, and writing 17 KB costs ten times what
    squeezing them to one or two does. It is zlib's format (RFC 1950), whoever writes it. The header follows the
    compressed answer, which knows its own end.
    """
    plain = zlib_ng.compress(body, _QUICKEST) + header
    return sealer.seal(plain, table=_TABLE, column=_COLUMN, row=resolution_id, key=key)


def open_answer(sealed: bytes, resolution_id: str, sealer: Sealer, key: SubjectKey | None = None) -> bytes:
    """The answer that was sealed for that resolution; raises `CannotOpen` when it was altered or moved."""
    return open_draft(sealed, resolution_id, sealer, key)[0]


def open_draft(
    sealed: bytes, resolution_id: str, sealer: Sealer, key: SubjectKey | None = None
) -> tuple[bytes, bytes]:
    """The answer, and the header beside it: empty in drafts from before there were any."""
    opened = sealer.open(sealed, table=_TABLE, column=_COLUMN, row=resolution_id, key=key)
    unpacking = zlib.decompressobj()
    return unpacking.decompress(opened) + unpacking.flush(), unpacking.unused_data


async def read_answer(resolution_id: str, caller: Caller, runtime: Runtime, *, language: str = "zh") -> bytes:
    """The answer exactly as it was given, to the caller it was given to, once the reading itself is an entry.

    What a subject disputes by now is left out of it, with a message in that language.
    Raises `NotFound` for anybody else's, `Gone` once it expired, was purged, or a consent it rests on stands no more.
    """
    draft = await runtime.store.drafts.read(resolution_id)
    if draft is None or draft.caller != caller.id:
        raise NotFound("unknown_resolution", "There is no such resolution of yours; check its id.")
    if draft.sealed is None or runtime.clock() >= draft.valid_until:
        raise await _gone(resolution_id, runtime)
    runtime.watch.require_current(sensitive=True)  # a draft does not say; the stricter limit holds
    if not await _pass_gate(draft, caller, runtime):
        raise Gone("consent_ended", "A consent this answer rests on has ended; resolve the form again.")
    runtime.telemetry.entries(EntryKind.reread)
    key = key_of_draft(await runtime.subjects.keys_of(draft.subjects), draft.subjects, runtime.keys)
    if draft.subjects and key is None:  # erased since it was read above
        raise Gone("resolution_gone", "This answer is no longer valid; resolve the form again.")
    body = open_answer(draft.sealed, resolution_id, runtime.sealer, key)
    disputed = await runtime.store.disputes.open_items(draft.subjects)
    if not disputed:
        return body
    registry = runtime.library.published.registry
    return without_disputed(body, disputed, registry, english=language == "en")


async def _gone(resolution_id: str, runtime: Runtime) -> Gone:
    """Why there is no answer any more, and what to do: one that was handed in is not to be resolved again."""
    made = await runtime.store.submissions.of_resolution(resolution_id)
    if made is None:
        return Gone("resolution_gone", "This answer is no longer valid; resolve the form again.")
    detail = f"This answer was handed in; read what became of it at `GET /v1/submissions/{made.id}`."
    return Gone("resolution_gone", detail)


async def ended_of(draft: Draft, runtime: Runtime) -> frozenset[str]:
    """The consents of an answer that stand no more; nothing where it rests on none."""
    if not draft.consents:
        return frozenset()
    now = runtime.clock()
    stored = await runtime.store.consents.read(draft.consents)
    return frozenset(
        each
        for each in draft.consents
        if each not in stored or not stands(stored[each].consent.standing, now, count_uses=False).covers
    )


async def _pass_gate(draft: Draft, caller: Caller, runtime: Runtime) -> bool:
    """Whether every consent still stands, read in the transaction that notes the reading. It takes no use."""
    now = runtime.clock()
    entry_id = runtime.new_reference("aud", now)

    def write(view: GateView) -> GateWrite[bool]:
        at = runtime.clock()
        ended = [
            consent_id
            for consent_id in draft.consents
            if (consent := view.consents.get(consent_id)) is None
            or not stands(consent.standing, at, count_uses=False).covers
        ]
        facts = {
            "form": [draft.form, draft.form_version],
            "department": caller.department,
            "result": "withheld" if ended else "released",
            "ended": ended,
            "subjects": list(draft.subjects),
        }
        entry = make_entry(entry_id, EntryKind.reread, now, caller=caller.id, request=draft.id, facts=facts)
        return GateWrite(entry, not ended)

    return await runtime.ledger.pass_gate(GateRequest(draft.consents, write))


async def purge_drafts(runtime: Runtime) -> int:
    """How many expired answers were purged; the purge is an entry. Old idempotency keys go without one."""
    now = runtime.clock()
    await runtime.store.idempotency.purge(now - runtime.settings.idempotency_valid_for)

    def entry(purged: int) -> Entry:
        entry_id = runtime.new_reference("aud", now)
        facts = {"drafts": purged}
        return make_entry(
            entry_id, EntryKind.drafts_purged, now, caller="oncegate", request=None, facts=facts
        )

    return await runtime.store.drafts.purge_expired(now, entry)
