"""A draft whose values are gone: what the log still tells of it, so that it can be handed in as the person's own word.

Taking back a consent empties every answer that used it, at once. The two entries of the resolution say which fields
were filled, from which source and on which ground, and no value: enough to name what the person must state themself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from field_registry import OutcomeCode, Tier
from field_registry.outcomes import FILLED
from gateway.records import Draft, EntryKind
from gateway.resolution.compiled import CompiledForm
from gateway.runtime import Runtime
from gateway.submissions.ended import Ended, ended_of
from gateway.submissions.offered import GONE_WITH_IT, Offer, Offering, Opened, rows_of
from gateway.submissions.segments import Segment
from gateway.submissions.sent import field_path


async def open_purged(draft: Draft, compiled: CompiledForm, runtime: Runtime) -> tuple[Opened, Ended] | None:
    """The draft as the log tells it, and what of its ground is gone; None unless a consent it rested on has ended.

    None, too, for a form so long that its entries keep the names of fields sealed.
    """
    stored = await runtime.store.consents.read(draft.consents) if draft.consents else {}
    consents = {each: of.consent for each, of in stored.items()}
    ended = ended_of(draft.consents, consents, runtime.clock())
    if not ended:
        return None
    entries = await runtime.store.entries.find(request=draft.id, after="", limit=100)
    leaves = {each.kind: orjson.loads(each.leaf) for each in entries}
    intent, outcome = leaves.get(EntryKind.intent), leaves.get(EntryKind.outcome)
    if intent is None or outcome is None or "omitted" in intent or "omitted" in outcome:
        return None
    slots = _slots(compiled, intent["asks"], outcome["fields"], ended)
    opened = Opened(
        draft=draft,
        offering=Offering(slots, rows_of(compiled.form, slots)),
        roles=intent["subjects"],
        registry=intent["registry"],
        policy=intent["policy"],
        segment=outcome.get("segment", Segment.none.value),
        consents=draft.consents,
        was_purged=True,
    )
    # What went with it is no gap either: it is there to be had, by resolving again.
    return opened, {**ended, GONE_WITH_IT: next(iter(ended.values()))}


def _slots(
    compiled: CompiledForm,
    asks: Sequence[Sequence[Any]],
    fields: Mapping[str, Sequence[str]],
    ended: Ended,
) -> dict[str, Offer]:
    carried: dict[tuple[str, str], tuple[str, str]] = {}
    for role, source, items, allowed, _, footing in asks:
        consent = footing.removeprefix("consent:")
        for item in items if allowed else ():
            if consent in ended or (role, item) not in carried:
                carried[role, item] = source, consent if consent in ended else GONE_WITH_IT
    groups = tuple(f"{group.path}." for group in compiled.form.groups)
    slots: dict[str, Offer] = {}
    for code, paths in fields.items():
        outcome = OutcomeCode(code)
        for path in paths:
            if outcome not in FILLED:
                slots[path] = Offer(path, outcome)
                continue
            key = compiled.key_of.get(field_path(path, groups), ("", ""))
            source, consent = carried.get(key, (None, GONE_WITH_IT))
            tier = compiled.tiers.get(source or "", Tier.E)
            slots[path] = Offer(path, outcome, tier=tier, source=source, consent=consent)
    return slots
