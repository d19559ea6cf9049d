"""Opening what is handed in again: the draft of a resolution, or why it cannot be any more.

An answer that is still valid is opened as it was given. One that a withdrawn consent has emptied is what the log tells
of it. One whose time is over is gone, and what the person typed into it is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from field_registry import OutcomeCode
from field_registry.outcomes import FILLED, Disposition
from gateway.errors import Gone
from gateway.records import Entry, EntryKind, SubjectKey, Submittable
from gateway.resolution.compiled import CompiledForm
from gateway.resolution.draft_header import read_header
from gateway.resolution.drafts import key_of_draft, open_draft
from gateway.runtime import Runtime
from gateway.submissions.commands import SubmitCommand
from gateway.submissions.dispositions import judge
from gateway.submissions.ended import Ended
from gateway.submissions.late import keep_typed
from gateway.submissions.offered import Opened, open_offering
from gateway.submissions.purged import open_purged
from gateway.submissions.sent import Sent

_TYPED = frozenset({Disposition.typed, Disposition.edited})
_GONE = "This answer is no longer valid; resolve the form again."
_GONE_KEPT = (
    "This answer is no longer valid. What was typed is kept for a day: resolve the form again, with the id of this "
    "resolution as `continues`."
)


def keys_of(found: Submittable, runtime: Runtime) -> dict[str, SubjectKey]:
    """Reference → key, of the subjects that have one."""
    opened = {ref: runtime.keys.open(wrapped, ref) for ref, wrapped in found.keys.items()}
    return {ref: key for ref, key in opened.items() if key is not None}


async def open_found(
    found: Submittable,
    keys: Mapping[str, SubjectKey],
    compiled: CompiledForm,
    sent: Sent,
    runtime: Runtime,
) -> tuple[Opened, Ended]:
    """The draft opened, and which consents are known to have ended.

    Raises `Gone`; what the person typed is then kept, unless one of the subjects was erased.
    """
    draft = found.draft
    if not keys.keys() >= set(draft.subjects):
        raise Gone("resolution_gone", _GONE)
    key = key_of_draft(keys, draft.subjects, runtime.keys)
    is_over = runtime.clock() >= draft.valid_until
    opened = _opened(found, key, compiled, runtime)
    if opened is not None and not is_over:
        return opened, {}
    if draft.sealed is None and not is_over:
        purged = await open_purged(draft, compiled, runtime)
        if purged is not None:
            return purged
    typed = await _typed(found, opened, compiled, sent, runtime)
    is_kept = await keep_typed(draft, typed, key, runtime)
    raise Gone("resolution_gone", _GONE_KEPT if is_kept else _GONE)


def _opened(
    found: Submittable, key: SubjectKey | None, compiled: CompiledForm, runtime: Runtime
) -> Opened | None:
    """The draft, as it was given; None when it was emptied, or is from before drafts could be submitted."""
    draft = found.draft
    if draft.sealed is None:
        return None
    answer, said = open_draft(draft.sealed, draft.id, runtime.sealer, key)
    header = read_header(said)
    return None if header is None else open_offering(draft, answer, header, compiled.form)


async def _typed(
    found: Submittable, opened: Opened | None, compiled: CompiledForm, sent: Sent, runtime: Runtime
) -> dict[str, Any]:
    """What of these values the person typed: what differs from the answer, or what no register had given.

    Only what the form shows with them; the rest could not be handed in either. Where the answer was masked nothing is
    compared: whether anything is kept is told, and would tell what stands behind the mask.
    """
    if opened is None:
        entries = await runtime.store.entries.find(request=found.draft.id, after="", limit=100)
        given = _given(entries)
        return {} if given is None else {path: each for path, each in sent.plain.items() if path not in given}
    if opened.is_masked:
        offered = {path for path, offer in opened.offering.slots.items() if offer.tier is not None}
        return {path: each for path, each in sent.plain.items() if path not in offered}
    judged = judge(compiled, opened.offering, sent, SubmitCommand({}))
    return {slot.sent: slot.value.value for slot in judged if slot.sent and slot.disposition in _TYPED}


def _given(entries: Sequence[Entry]) -> frozenset[str] | None:
    """The slots that were filled, as the log tells; None where it does not."""
    told = next((orjson.loads(each.leaf) for each in entries if each.kind is EntryKind.outcome), None)
    if told is None or "omitted" in told:
        return None
    filled = (paths for code, paths in told["fields"].items() if OutcomeCode(code) in FILLED)
    return frozenset(path for paths in filled for path in paths)
