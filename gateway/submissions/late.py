"""Too late: an answer's time was over when the form was handed in. What the person typed is not lost with it.

It is kept sealed for a day more, and a new resolution that `continues` the old one takes it up as answers. What
registers had given is not kept: it is asked for again, on grounds that stand then.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from msgspec.structs import replace

from gateway.audit.entries import make_entry
from gateway.errors import Gone, NotFound
from gateway.records import Caller, Draft, EntryKind, SubjectKey, TypedAnswers
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.drafts import key_of_draft
from gateway.runtime import Runtime

KEPT = timedelta(days=1)
_TABLE, _COLUMN = "typed_answers", "sealed"


async def keep_typed(
    draft: Draft, typed: Mapping[str, Any], key: SubjectKey | None, runtime: Runtime
) -> bool:
    """Whether what was typed into that draft is kept, now or since before; nothing is when nothing was typed."""
    if not typed:
        return False
    now = runtime.clock()
    sealed = runtime.sealer.seal(
        orjson.dumps(dict(typed)), table=_TABLE, column=_COLUMN, row=draft.id, key=key
    )
    subjects = () if key is None else tuple(key.ref.split())
    kept = TypedAnswers(draft.id, draft.caller, draft.form, now + KEPT, sealed, subjects)
    facts = {
        "form": [draft.form, draft.form_version],
        "subjects": list(subjects),
        "typed": len(typed),
    }
    entry = make_entry(
        runtime.new_reference("aud", now),
        EntryKind.submission_too_late,
        now,
        caller=draft.caller,
        request=draft.id,
        facts=facts,
    )
    await runtime.store.submissions.keep_typed(kept, entry)
    runtime.telemetry.entries(EntryKind.submission_too_late)
    return True


async def continued(command: ResolveCommand, runtime: Runtime) -> ResolveCommand:
    """The same call, with what was typed into the resolution that it continues; its own answers go before."""
    typed = await read_typed(command.continues or "", command.caller, command.form_id, runtime)
    rest = {path: value for path, value in typed.items() if path not in command.answers}
    return replace(command, answers={**command.answers, **rest})


async def read_typed(resolution_id: str, caller: Caller, form: str, runtime: Runtime) -> dict[str, Any]:
    """What was typed into that resolution, to begin another of the same form with; by slot path.

    Raises `NotFound` for anybody else's or another form's, `Gone` when nothing of it is kept any more.
    """
    kept = await runtime.store.submissions.typed(resolution_id)
    if kept is None or kept.caller != caller.id or kept.form != form:
        raise NotFound(
            "nothing_to_continue",
            "Nothing typed into that resolution is kept for this form; resolve without `continues`.",
        )
    key = key_of_draft(await runtime.subjects.keys_of(kept.subjects), kept.subjects, runtime.keys)
    if runtime.clock() >= kept.keep_until or (kept.subjects and key is None):
        raise Gone("typed_gone", "What was typed is not kept any longer; resolve without `continues`.")
    opened = runtime.sealer.open(kept.sealed, table=_TABLE, column=_COLUMN, row=resolution_id, key=key)
    typed: dict[str, Any] = orjson.loads(opened)
    return typed
