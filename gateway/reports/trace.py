"""From a printed form back to everything behind it: person, officer, ground, mapping, source and time.

A receipt and its resolution are one reference under two names. The trace tells references and codes; who worked and on
which case is opened apart, with a reason (`gateway.audit.opening`).
"""

from collections.abc import Mapping
from typing import Any

import orjson

from forms.definition import Form
from gateway.audit.entries import resolution_of, subjects_of
from gateway.audit.looking import note_look
from gateway.errors import NotFound
from gateway.records import EntryKind
from gateway.reports.ledger import key_of
from gateway.runtime import Runtime

_KINDS = (EntryKind.intent, EntryKind.outcome, EntryKind.reread)
Leaf = Mapping[str, Any]


async def trace_of(receipt_or_resolution: str, runtime: Runtime, *, caller: str) -> dict[str, Any]:
    """What the log tells of one resolution, found by its own id or its receipt's.

    The look-up is an entry of `caller` about the same subjects, durable when this returns. Raises `NotFound`.
    """
    resolution = resolution_of(receipt_or_resolution)
    entries = await runtime.store.search.of_requests([resolution], _KINDS)
    by_kind: dict[str, list[Leaf]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind.value, []).append(orjson.loads(entry.leaf))
    if not by_kind.get("intent"):
        raise NotFound("unknown_receipt", "No resolution is logged under that id or receipt; check it.")
    intent = by_kind["intent"][0]
    # One that was taken for lost may have ended after all.
    outcome = min(by_kind.get("outcome", ()), key=lambda leaf: leaf["result"] == "unknown", default=None)
    form = await _form(intent, runtime)
    told = _trace(resolution, intent, outcome, by_kind.get("outcome.reread", []), form)
    await note_look(
        "trace", runtime, caller=caller, shown=len(entries), subjects=subjects_of(intent), request=resolution
    )
    return told


async def _form(intent: Leaf, runtime: Runtime) -> Form | None:
    try:
        return await runtime.library.form(*intent["form"])
    except NotFound:  # published forms stay for good; without it fields go by their paths alone
        return None


def _trace(
    resolution: str, intent: Leaf, outcome: Leaf | None, rereads: list[Leaf], form: Form | None
) -> dict[str, Any]:
    asks = [dict(zip(_ASK, ask, strict=True)) for ask in intent["asks"]]
    return {
        "resolution": resolution,
        "receipt": outcome.get("receipt") if outcome else None,
        "form": {"id": intent["form"][0], "version": intent["form"][1]},
        "matter": intent["matter"],
        "purpose": intent["purpose"],
        "registry_version": intent["registry"],
        "policy_version": intent["policy"],
        "caller": intent["caller"],
        "department": intent["department"],
        "officer": {"kind": intent["actor"], "sealed_in": intent["id"]},
        "subjects": intent["subjects"],
        "asked_at": intent["at"],
        "answered_at": outcome["at"] if outcome else None,
        "result": outcome["result"] if outcome else None,
        "asks": asks,
        "fields": _fields(outcome, asks, form) if outcome else [],
        "omitted": sorted({*intent.get("omitted", ()), *((outcome or {}).get("omitted", ()))}),
        "reread_at": [leaf["at"] for leaf in rereads],
        "entries": [leaf["id"] for leaf in (intent, outcome, *rereads) if leaf is not None],
    }


_ASK = ("role", "source", "items", "allowed", "rule", "ground_or_reason")


def _fields(outcome: Leaf, asks: list[dict[str, Any]], form: Form | None) -> list[dict[str, Any]]:
    """Every field by its path: what came of it, by which item, and which sources were asked for that."""
    told = []
    for code, paths in outcome["fields"].items():
        for path in paths:
            role, item = key_of(path, form) if form else ("", "")
            asked = [ask for ask in asks if item and ask["role"] == role and item in ask["items"]]
            told.append(
                {
                    "path": path,
                    "outcome": code,
                    "item": item or None,
                    "role": role or None,
                    "sources": [ask["source"] for ask in asked if ask["allowed"]],
                    "grounds": sorted({ask["ground_or_reason"] for ask in asked if ask["allowed"]}),
                }
            )
    return sorted(told, key=lambda field: field["path"])
