"""Look-ups in the log, as entries of their own: what was looked for, by whom, how much was found.

Codes stand as they are where the registry knows them; anything else might be anybody's number and stands as a keyed
digest. A look at one person names that person's reference, so that it is told to them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from field_registry import Subject
from gateway.audit.about import documents_of
from gateway.audit.entries import finding_key, rfc3339, subjects_of
from gateway.audit.noting import note
from gateway.audit.telling import Told
from gateway.records import EntryKind
from gateway.runtime import Runtime

_OURS = re.compile(r"(res|rcp|cns|crq|aud)_[0-9A-Z]{26}")
_DIGEST = 32


@dataclass(frozen=True, slots=True)
class LookUp:
    """What an auditor looks for; None is any. `since` is inclusive, `until` is not.

    By subject, officer or case a resolution is found as a whole.
    """

    subject: Subject | None = field(default=None, repr=False)
    officer: str | None = field(default=None, repr=False)
    case: str | None = field(default=None, repr=False)
    request: str | None = None
    kind: EntryKind | None = None
    caller: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    told: Told = field(default_factory=Told)


async def note_search(wanted: LookUp, ref: str | None, shown: int, runtime: Runtime, *, caller: str) -> str:
    """The id of the entry that tells of a search, once it is durable."""
    facts = {"subject": ref, "what": "search", "filters": await _filters(wanted, runtime), "shown": shown}
    return await note(EntryKind.audit_lookup, facts, runtime, caller=caller)


async def note_look(
    what: str, runtime: Runtime, *, caller: str, shown: int, subjects: Iterable[str] = (), **facts: Any
) -> str:
    """The id of the entry that tells of another look ("proof", "trace" …), once it is durable."""
    told = {"what": what, "shown": shown, "subjects": sorted(subjects), **facts}
    return await note(EntryKind.audit_lookup, told, runtime, caller=caller)


async def concerns(entry_id: str, ref: str, runtime: Runtime) -> bool:
    """Whether that entry is about the subject of that reference, under whichever of its documents."""
    found = await runtime.store.search.entry(entry_id)
    about = set() if found is None else subjects_of(orjson.loads(found.leaf))
    return ref in about or (bool(about) and not about.isdisjoint(await documents_of(ref, runtime)))


async def _filters(wanted: LookUp, runtime: Runtime) -> dict[str, str]:
    published = runtime.library.published
    registry, told = published.registry, wanted.told
    departments = {source.department for source in registry.sources.values()}
    values: dict[str, str | None] = {
        "request": _ours(wanted.request, runtime),
        "kind": wanted.kind and wanted.kind.value,
        "caller": await _caller(wanted.caller, runtime),
        "since": None if wanted.since is None else rfc3339(wanted.since),
        "until": None if wanted.until is None else rfc3339(wanted.until),
        "form": _known(told.form, published.forms, runtime),
        "item": _known(told.item, registry.items, runtime),
        "source": _known(told.source, registry.sources, runtime),
        "outcome": told.outcome,
        "department": _known(told.department, departments, runtime),
        "ground": _ours(told.ground, runtime),
        "officer": wanted.officer and finding_key("actor", wanted.officer, runtime.fingerprint),
        "case": wanted.case and finding_key("case", wanted.case, runtime.fingerprint),
    }
    return {name: value for name, value in values.items() if value is not None}


def _known(value: str | None, known: Iterable[str], runtime: Runtime) -> str | None:
    return value if value is None or value in known else _keyed(value, runtime)


def _ours(value: str | None, runtime: Runtime) -> str | None:
    return value if value is None or _OURS.fullmatch(value) else _keyed(value, runtime)


async def _caller(value: str | None, runtime: Runtime) -> str | None:
    if value is None or await runtime.store.clients.client(value) is not None:
        return value
    return _keyed(value, runtime)


def _keyed(value: str, runtime: Runtime) -> str:
    return "keyed:" + runtime.fingerprint(b"\0look\0" + value.encode())[:_DIGEST]
