"""Baselines for M5: how many slots a form asked for before. Named, dated, frozen; a newer name counts from then on.

What a submission was compared with stands in its snapshot, so that freezing another baseline changes no number of the
past.
"""

import re
from datetime import date, timedelta

from gateway.audit.entries import make_entry
from gateway.errors import Conflict, NotFound, NotValid
from gateway.records import Baseline, EntryKind
from gateway.runtime import Runtime

_REMEMBERED = timedelta(seconds=60)
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}", re.ASCII)
_MOST_SLOTS = 10_000


async def current_baseline(form_id: str, runtime: Runtime) -> int | None:
    """Slots of the form's baseline, None without one; remembered for a minute, so that a submission rarely waits.

    Raises `StoreUnavailable`.
    """
    now = runtime.clock()
    known = runtime.baselines.get(form_id)
    if known is not None and now - known[1] < _REMEMBERED:
        return known[0]
    found = await runtime.store.rollups.baseline_of(form_id)
    slots = None if found is None else found.slots
    runtime.baselines[form_id] = slots, now
    return slots


async def freeze_baseline(
    form_id: str, name: str, dated: date, slots: int, runtime: Runtime, *, caller: str
) -> Baseline:
    """The baseline, once it and its entry are durable. It is never changed; another name takes its place.

    Raises `NotFound` for an unknown form, `NotValid` for a name, day or number that cannot be one, `Conflict` for a
    name that the form has already.
    """
    now = runtime.clock()
    if form_id not in runtime.library.published.forms:
        raise NotFound("unknown_form", "There is no published form of that id; see `GET /v1/forms`.")
    _require(_NAME.fullmatch(name) is not None, "name", "A name has 1 to 100 letters, digits and . _ / -.")
    _require(0 < slots <= _MOST_SLOTS, "slots", f"A baseline has 1 to {_MOST_SLOTS} slots.")
    _require(
        dated <= now.date() + timedelta(days=1), "dated", "A baseline is of a form that was in use already."
    )
    entry_id = runtime.new_reference("aud", now)
    facts = {"form": form_id, "name": name, "dated": dated.isoformat(), "slots": slots}
    entry = make_entry(entry_id, EntryKind.baseline_frozen, now, caller=caller, request=None, facts=facts)
    frozen = Baseline(form_id, name, dated, slots, now, caller, entry_id)
    try:
        await runtime.store.rollups.add_baseline(frozen, entry)
    except Conflict:
        raise Conflict(
            "baseline_taken",
            f"The name {name} is taken: {form_id} has a baseline of that name, and it is never changed. Take another.",
        ) from None
    runtime.telemetry.entries(EntryKind.baseline_frozen)
    runtime.baselines.pop(form_id, None)
    return frozen


def _require(holds: bool, pointer: str, sentence: str) -> None:
    if not holds:
        finding = {"pointer": f"/{pointer}", "code": "not_valid", "detail": sentence}
        raise NotValid("not_valid", sentence, errors=[finding])
