"""Guessing behind a mask: what a caller was shown masked must not be found out by handing in one value after another.

A form that is taken says of each slot whether it came back as it was offered, and ends the answer: one guess. A refusal
can tell as much (a locked value that was changed, a row that is none of those offered) and ends nothing. So, where an
answer was delivered masked, every refusal is an entry before it is told, and after `MOST_REFUSED` of one answer no
places are named any more: resolving again takes another use of its ground, and is another entry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.audit.noting import note
from gateway.errors import Conflict, GatewayError, NotValid
from gateway.records import Caller, EntryKind
from gateway.runtime import Runtime
from gateway.submissions.offered import Opened

MOST_REFUSED = 5
"""Refusals of one masked answer that name places: somebody who mistypes needs a few, who guesses needs thousands."""
_TELLING = frozenset({"not_valid", "consent_ended"})
_TOO_OFTEN = (
    "This answer was delivered masked and was refused too often; what is wrong is not named any more. Check everything "
    "against the form's own definition, or resolve again."
)


@dataclass(slots=True)
class Refused:
    """A refusal that says something about what was offered, if there was one."""

    error: GatewayError | None = None


@contextmanager
def refusals_held() -> Iterator[Refused]:
    """Around judging and writing: what it refuses is held back in place of being raised, to be told by `tell`."""
    held = Refused()
    try:
        yield held
    except (NotValid, Conflict) as refusal:
        if refusal.code not in _TELLING:
            raise
        held.error = refusal


async def tell(refusal: GatewayError, opened: Opened, caller: Caller, runtime: Runtime) -> GatewayError:
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
    kind = EntryKind.submission_refused
    await note(kind, facts, runtime, caller=caller.id, request=draft.id)
    # Counted after it was noted: of many at once only the first few find few.
    told = await runtime.store.search.of_requests([draft.id], [kind])
    return refusal if len(told) <= MOST_REFUSED else Conflict("refused_too_often", _TOO_OFTEN)
