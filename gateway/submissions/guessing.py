"""Guessing behind a mask: what a caller was shown masked must not be found out by handing in one value after another.

A form that is taken says of each slot whether it came back as it was offered, and ends the answer: one guess. A refusal
can tell as much (a locked value that was changed, a row that is none of those offered) and ends nothing. So, where an
answer was delivered masked, every refusal is an entry before it is told, and after `MOST_REFUSED` of one answer no
places are named any more: resolving again takes another use of its ground, and is another entry.
"""

from gateway.audit.noting import note
from gateway.errors import Conflict, GatewayError
from gateway.records import Caller, EntryKind
from gateway.runtime import Runtime
from gateway.submissions.offered import Opened

MOST_REFUSED = 5
"""Refusals of one masked answer that name places: somebody who mistypes needs a few, who guesses needs thousands."""
_KIND = EntryKind.submission_refused
_TOO_OFTEN = (
    "This answer was delivered masked and was refused too often; what is wrong is not named any more. Check everything "
    "against the form's own definition, or resolve again."
)


async def bounded(refusal: GatewayError, opened: Opened, caller: Caller, runtime: Runtime) -> GatewayError:
    """The refusal as the caller may have it, once it is an entry; as it is where nothing was masked."""
    if not opened.is_masked:
        return refusal
    draft = opened.draft
    facts = {
        "form": [draft.form, draft.form_version],
        "department": caller.department,
        "subjects": dict(opened.roles),
        "refusal": refusal.code,
    }
    if await _told(draft.id, runtime) <= MOST_REFUSED:
        await note(_KIND, facts, runtime, caller=caller.id, request=draft.id)
        # Counted again now that it is noted: of many at once only the first few find few.
        if await _told(draft.id, runtime) <= MOST_REFUSED:
            return refusal
    return Conflict("refused_too_often", _TOO_OFTEN)


async def _told(resolution_id: str, runtime: Runtime) -> int:
    return len(await runtime.store.search.of_requests([resolution_id], [_KIND]))
