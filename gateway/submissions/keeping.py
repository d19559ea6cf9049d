"""Keeping final values: sealed under the keys of all their subjects together, for as long as `submission_kept` says.

They are kept so that the filled form can be printed and the next one begun from it; what is counted needs none of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.ports import Sealer
from gateway.records import Entry, EntryKind, SubjectKey, Submission
from gateway.resolution.drafts import key_of_draft
from gateway.runtime import Runtime

_TABLE, _COLUMN = "submission", "sealed"
_BORDER = b"\n"  # stands in no JSON that is written here

Dates = Sequence[str | None]
"""When the source had recorded a value, None where it does not say, and when it was asked."""


def seal_values(
    values: Mapping[str, Any],
    submission_id: str,
    sealer: Sealer,
    key: SubjectKey | None,
    *,
    dates: Mapping[str, Dates] | None = None,
) -> bytes:
    """Final values as they are kept, by slot path as they were sent. `dates`: by slot path, for the receipt."""
    plain = orjson.dumps(dict(values)) + _BORDER + orjson.dumps(dict(dates or {}))
    return sealer.seal(plain, table=_TABLE, column=_COLUMN, row=submission_id, key=key)


async def read_values(submission_id: str, runtime: Runtime) -> dict[str, Any] | None:
    """The final values of a submission, by slot path; None once they were purged or a subject of theirs erased.

    Safe only for whoever may see them, after an entry that says so: nothing here notes the reading.
    """
    made = await runtime.store.submissions.read(submission_id)
    return None if made is None else await open_values(made, runtime)


async def open_values(made: Submission, runtime: Runtime) -> dict[str, Any] | None:
    """The same, of a submission that was read already."""
    opened = await _opened(made, runtime)
    return None if opened is None else dict(orjson.loads(opened.partition(_BORDER)[0]))


async def open_dates(made: Submission, runtime: Runtime) -> dict[str, Dates]:
    """Slot path → when the source had recorded what was offered there, and when it was asked; while that is kept."""
    opened = await _opened(made, runtime)
    return {} if opened is None else dict(orjson.loads(opened.partition(_BORDER)[2] or b"{}"))


async def _opened(made: Submission, runtime: Runtime) -> bytes | None:
    if made.sealed is None or runtime.clock() >= made.keep_until:
        return None
    key = key_of_draft(await runtime.subjects.keys_of(made.subjects), made.subjects, runtime.keys)
    if made.subjects and key is None:
        return None
    return runtime.sealer.open(made.sealed, table=_TABLE, column=_COLUMN, row=made.id, key=key)


async def purge_submissions(runtime: Runtime) -> int:
    """How many final values and typed answers whose time is over were emptied; the purge is an entry."""
    now = runtime.clock()

    def entry(purged: int) -> Entry:
        entry_id = runtime.new_reference("aud", now)
        facts = {"submissions": purged}
        return make_entry(
            entry_id, EntryKind.submissions_purged, now, caller=ITSELF, request=None, facts=facts
        )

    return await runtime.store.submissions.purge(now, entry)
