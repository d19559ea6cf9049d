"""Opening the private part of an entry, for an auditor with a reason; that is an entry before anything is shown."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.audit.entries import UNDER_SUBJECT, open_private, owner_of, subjects_of
from gateway.audit.noting import note
from gateway.errors import Gone, NotFound
from gateway.records import EntryKind
from gateway.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What an entry keeps to itself: who worked (`actor`), on which `case`. `opening`: the entry that tells of it."""

    entry: str
    kind: str
    private: dict[str, Any] = field(repr=False)
    opening: str = ""


async def unseal_entry(entry_id: str, reason: str, runtime: Runtime, *, caller: str) -> Unsealed:
    """The private part of that entry, checked against what its leaf commits to.

    That it was opened is an entry of `caller`, the reason sealed in it, durable before the part is opened; those whom
    the opened entry is about see it in their ledgers. Raises `NotFound`, `StoreUnavailable`, and `CannotOpen` for a
    part that is not the one that was logged; `Gone` where its subject was erased.
    """
    found = await runtime.store.search.entry(entry_id)
    if found is None or found.sealed is None:
        raise NotFound("no_private_part", "There is no entry of that id with a private part; check its id.")
    leaf = orjson.loads(found.leaf)
    facts = {"entry": found.id, "subjects": sorted(subjects_of(leaf))}
    opening = await note(
        EntryKind.audit_opened,
        facts,
        runtime,
        caller=caller,
        request=found.request,
        private={"reason": reason},
    )
    owner = owner_of(leaf)
    key = None if owner is None else await runtime.subjects.key_for(owner)
    if key is None and found.sealed[:1] == UNDER_SUBJECT:
        raise Gone("subject_erased", "The subject of this entry was erased, and the private part with it.")
    return Unsealed(found.id, found.kind.value, open_private(found, runtime.sealer, key), opening)
