"""Which use of a value somebody disputes, found in the log: a dispute needs no draft, and can come years later.

The log says which form was filled for whom, which source was asked for which item, and which fields were filled. What
stood in them it does not say; the value is taken from the answer while that is kept.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from field_registry import Item
from field_registry.outcomes import FILLED
from forms.definition import Field, Form
from gateway.audit.entries import open_private, owner_of
from gateway.errors import NotFound, NotValid
from gateway.identities.persons import refs_of
from gateway.records import Caller, Dispute, Entry, EntryKind
from gateway.resolution.commands import Delivery
from gateway.resolution.draft_header import read_header
from gateway.resolution.drafts import ended_of, key_of_draft, open_draft
from gateway.runtime import Runtime

Leaf = Mapping[str, Any]
_OF_RESOLUTIONS = frozenset({EntryKind.intent, EntryKind.outcome, EntryKind.reread})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which value is meant: the slot it stood in, or its item; `source` where several were asked for it."""

    resolution_id: str
    path: str | None = None
    item: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One value that a form was filled with. `subject_ref`: whose it is. `desk`: the client it was released to."""

    path: str
    item: Item
    source: str
    subject_ref: str
    form: tuple[str, int]
    desk: str


async def find_shown(wanted: Wanted, caller: Caller, runtime: Runtime) -> ShownValue:
    """The value that is meant, for the person it is about or the desk that it was released to.

    Raises `NotFound` for anybody else, as for a resolution that does not exist, and `NotValid` where that resolution
    showed no such value.
    """
    found = await every_shown(wanted, caller, runtime)
    if not found:
        raise _not_shown(wanted)
    return found[0]


async def resolution_of(entry_id: str, runtime: Runtime) -> str:
    """The resolution that an entry of the log tells of; raises `NotFound` where it tells of none.

    Whether it is the caller's is for `every_shown` to say, in the same words.
    """
    entry = await runtime.store.search.entry(entry_id)
    if entry is None or entry.request is None or entry.kind not in _OF_RESOLUTIONS:
        raise _unknown()
    return entry.request


async def every_shown(wanted: Wanted, caller: Caller, runtime: Runtime) -> list[ShownValue]:
    """Every value of that resolution that fits, in the order of its fields; `find_shown` takes the first.

    Raises `NotFound` as it does.
    """
    entries = await runtime.store.search.of_requests(
        [wanted.resolution_id], [EntryKind.intent, EntryKind.outcome]
    )
    intent, outcome = _leaf(entries, EntryKind.intent), _leaf(entries, EntryKind.outcome)
    own = () if caller.person is None else await refs_of(caller.person, runtime)
    if intent is None or outcome is None or not _concerns(intent, caller, own):
        raise _unknown()
    form = await runtime.library.form(*intent["form"])
    filled = await _filled(entries, outcome, runtime)
    registry = runtime.library.published.registry
    shown: list[ShownValue] = []
    for path, field in _candidates(filled, form, wanted):
        ref = intent["subjects"].get(_role(field, form))
        if ref is None or (caller.person is not None and ref not in own):
            continue
        source, item = _source(intent, field, form, wanted.source), registry.items.get(field.item or "")
        if source is not None and item is not None:
            shown.append(ShownValue(path, item, source, ref, (form.id, form.version), intent["caller"]))
    return shown


async def value_shown(resolution_id: str, path: str, runtime: Runtime) -> Any:
    """What stood there, from the answer while it is kept and its consents stand; None afterwards.

    Safe only to be sealed for its subject.
    """
    draft = await runtime.store.drafts.read(resolution_id)
    if draft is None or draft.sealed is None or draft.valid_until <= runtime.clock():
        return None
    if await ended_of(draft, runtime):  # the answer itself is not read again either
        return None
    key = key_of_draft(await runtime.subjects.keys_of(draft.subjects), draft.subjects, runtime.keys)
    if draft.subjects and key is None:
        return None
    body, header = open_draft(draft.sealed, draft.id, runtime.sealer, key)
    told = read_header(header)
    field = orjson.loads(body)["fields"].get(path) or {}
    masked = None if told is None else told.offered.get(path)
    return field.get("value") if masked is None else masked


async def was_masked(dispute: Dispute, runtime: Runtime) -> bool:
    """Whether the desk that was given the value was not shown it, or it is not known any more."""
    if dispute.resolution_id is None:
        return True
    entries = await runtime.store.search.of_requests([dispute.resolution_id], [EntryKind.outcome])
    outcome = _leaf(entries, EntryKind.outcome)
    return outcome is None or outcome.get("delivery") != Delivery.values.value


async def desk_of(resolution_id: str | None, runtime: Runtime) -> tuple[str, str] | None:
    """Client and department that a resolution was made for; None where that is not known."""
    if resolution_id is None:
        return None
    entries = await runtime.store.search.of_requests([resolution_id], [EntryKind.intent])
    leaf = _leaf(entries, EntryKind.intent)
    return None if leaf is None else (leaf["caller"], leaf["department"])


def slot_field(path: str, form: Form) -> Field | None:
    """The field that a slot is one of: "children.0.name" is a slot of "children.name"."""
    return form.field(".".join(part for part in path.split(".") if not part.isdigit()))


def asked_as(field: Field, form: Form) -> tuple[str, str]:
    """Role and item that a field's value is asked by: for a column, those of its group."""
    group = form.group(field.group) if field.group else None
    return (field.role, field.item or "") if group is None else (group.role, group.item or "")


def _role(field: Field, form: Form) -> str:
    return asked_as(field, form)[0]


def _leaf(entries: Any, kind: EntryKind) -> Leaf | None:
    entry = next((each for each in entries if each.kind is kind), None)
    return None if entry is None else orjson.loads(entry.leaf)


def _concerns(intent: Leaf, caller: Caller, own: Collection[str]) -> bool:
    if caller.person is not None:
        return not set(intent["subjects"].values()).isdisjoint(own)
    return bool(intent["caller"] == caller.id)


async def _filled(entries: Any, outcome: Leaf, runtime: Runtime) -> list[str]:
    """The paths that carried a value; where they did not fit into the leaf, from beside it."""
    fields = outcome.get("fields") or {}
    if "fields" in outcome.get("omitted", ()):
        entry: Entry = next(each for each in entries if each.kind is EntryKind.outcome)
        owner = owner_of(outcome)
        key = None if owner is None else await runtime.subjects.key_for(owner)
        fields = open_private(entry, runtime.sealer, key)["omitted"]["fields"]
    return [path for code in sorted(FILLED) for path in fields.get(code.value, ())]


def _candidates(filled: list[str], form: Form, wanted: Wanted) -> Iterator[tuple[str, Field]]:
    for path in filled:
        field = slot_field(path, form)
        if field is None or field.item is None:
            continue
        if wanted.path in (None, path) and wanted.item in (None, field.item):
            yield path, field


def _source(intent: Leaf, field: Field, form: Form, named: str | None) -> str | None:
    """The source that was asked for it, or the one that is named if it was; of several the first in order of trust."""
    role, item = asked_as(field, form)
    asked = [
        source
        for of, source, items, allowed, *_ in intent["asks"]
        if allowed and of == role and item in items
    ]
    if named is not None:
        return named if named in asked else None
    return asked[0] if asked else None


def _unknown() -> NotFound:
    return NotFound("unknown_use", "There is no such use of your data; take its id from your uses.")


def _not_shown(wanted: Wanted) -> NotValid:
    pointer = "/path" if wanted.path is not None else "/item"
    finding = {
        "pointer": pointer,
        "code": "not_shown",
        "detail": "That use showed no such value of yours; name a field that was filled, or its item and source.",
    }
    return NotValid(
        "not_shown", "There is no value to dispute; correct what `errors` names.", errors=[finding]
    )
