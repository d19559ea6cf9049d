"""What is kept of one person or organisation: shown to whom it is about, corrected, deleted (PIPL art. 44-47).

That something was shown is an entry before it is; what is written or deleted is one transaction with its entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from field_registry import Item
from field_registry.display import display_of
from field_registry.errors import NotNormal
from field_registry.normalise import normaliser_for
from gateway.audit.entries import make_entry
from gateway.audit.noting import note
from gateway.errors import Gone, NotFound, NotValid
from gateway.profiles.keeping import Keeper, Occasion, keep, open_value
from gateway.records import EntryKind, ProfileValue
from gateway.runtime import Runtime

PERSON = "person"
"""The caller of entries that a person caused in their own record."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """One kept value as it is shown. `item`: None when the registry knows it no more. `value`: None where withheld."""

    kept: ProfileValue
    item: Item | None
    value: Any
    display: str


async def show_profile(
    ref: str, runtime: Runtime, *, caller: str, cursor: str, limit: int, with_values: bool
) -> Sequence[Shown]:
    """What stands of that subject, by id, once the showing is an entry; up to `limit`.

    `with_values`: False lists what there is without opening anything: what an operator may see. Raises
    `StoreUnavailable`, `CannotOpen`.
    """
    values = await runtime.store.profiles.of_subject(ref, runtime.clock(), after=cursor, limit=limit)
    shown = [_shown(value, runtime, with_values=with_values) for value in values]
    facts = {"subject": ref, "shown": len(shown), "values": with_values}
    await note(EntryKind.profile_read, facts, runtime, caller=caller)
    return shown


async def count_kept(ref: str, runtime: Runtime) -> int:
    """How many values are kept of that subject; shows none of them."""
    count, after = 0, ""
    while page := await runtime.store.profiles.of_subject(ref, runtime.clock(), after=after, limit=_AT_ONCE):
        count, after = count + len(page), page[-1].id
    return count


async def show_kept(ref: str, item_id: str, runtime: Runtime, *, caller: str) -> Shown:
    """What stands of that subject under one item, once the showing is an entry; raises `NotFound`, `CannotOpen`."""
    kept = await _standing(ref, item_id, runtime)
    if kept is None:
        raise _nothing_kept()
    shown = _shown(kept, runtime, with_values=True)
    await note(EntryKind.profile_read, {"subject": ref, "shown": 1, "values": True}, runtime, caller=caller)
    return shown


async def extend_kept(ref: str, kind: str, item_id: str, runtime: Runtime) -> ProfileValue:
    """Keep what stands of that item as long again as the registry lets it be kept, from now on; an act as keeping is.

    Raises `NotFound` when nothing is kept of it, and as `correct_profile` does, e.g. when it may not be kept any more.
    """
    kept = await _standing(ref, item_id, runtime)
    if kept is None:
        raise _nothing_kept()
    return await correct_profile(ref, kind, item_id, open_value(kept, runtime), runtime)


async def correct_profile(ref: str, kind: str, item_id: str, raw: object, runtime: Runtime) -> ProfileValue:
    """Put what the person says in the place of what is kept of that item; it keeps the purpose it was given for.

    Raises `NotFound` for an unknown item or one of another kind of subject, `NotValid` for what is no value of it,
    `BadRequest` when its values are not kept, `Gone` when the subject was erased.
    """
    item = _item(item_id, kind, runtime)
    value = _normal(item, raw, runtime)
    before = await _standing(ref, item_id, runtime)
    key = await runtime.subjects.key_for(ref)
    if key is None:
        raise Gone("subject_erased", "Nothing can be kept of this subject any more.")
    occasion = Occasion(before.form, before.purpose) if before else Occasion("", "")
    kept = keep(
        item,
        value,
        occasion,
        Keeper(ref, key, PERSON),
        runtime,
        now=runtime.clock(),
        new_reference=runtime.new_reference,
    )
    await runtime.store.profiles.put(kept)
    runtime.telemetry.entries(EntryKind.profile_kept)
    return kept


async def delete_from_profile(ref: str, item_id: str, runtime: Runtime, *, caller: str) -> datetime:
    """When what was kept of that item was deleted: now. Raises `NotFound` when nothing is kept of it."""
    now = runtime.clock()
    entry_id = runtime.new_reference("aud", now)
    facts = {"subject": ref, "items": [item_id]}
    entry = make_entry(entry_id, EntryKind.profile_deleted, now, caller=caller, request=None, facts=facts)
    if not await runtime.store.profiles.delete(ref, item_id, entry):
        raise _nothing_kept()
    runtime.telemetry.entries(EntryKind.profile_deleted)
    return now


def _shown(kept: ProfileValue, runtime: Runtime, *, with_values: bool) -> Shown:
    registry = runtime.library.published.registry
    item = registry.items.get(kept.item)
    if not with_values:
        return Shown(kept, item, None, "")
    value = open_value(kept, runtime)
    codes = registry.code_lists.get(item.code_list or "") if item else None
    return Shown(kept, item, value, display_of(item, value, codes) if item else str(value))


async def _standing(ref: str, item_id: str, runtime: Runtime) -> ProfileValue | None:
    after = ""
    newest: ProfileValue | None = None
    while page := await runtime.store.profiles.of_subject(ref, runtime.clock(), after=after, limit=_AT_ONCE):
        newest = next((value for value in reversed(page) if value.item == item_id), newest)
        after = page[-1].id
    return newest


def _nothing_kept() -> NotFound:
    return NotFound("nothing_kept", "Nothing of that item is kept; list what is, then name an item of it.")


def _item(item_id: str, kind: str, runtime: Runtime) -> Item:
    item = runtime.library.published.registry.items.get(item_id)
    if item is None or item.kind != kind:
        raise NotFound(
            "unknown_item", "There is no such item of this kind of subject. GET /v1/items lists them."
        )
    return item


def _normal(item: Item, raw: object, runtime: Runtime) -> object:
    codes = runtime.library.published.registry.code_lists.get(item.code_list or "")
    try:
        value = normaliser_for(item, codes)(raw)
    except NotNormal as error:
        raise _not_valid(str(error)) from None
    if value is None:
        raise _not_valid("it is blank; DELETE removes what is kept")
    return value


def _not_valid(why: str) -> NotValid:
    finding = {
        "pointer": "/value",
        "code": "invalid_value",
        "detail": f"This is no value of the item: {why}.",
    }
    return NotValid("value_not_valid", "Nothing was kept; correct what `errors` names.", errors=[finding])
