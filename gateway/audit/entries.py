"""Making entries: the leaf is canonical JSON without anything personal, the private part is sealed beside it.

Canonical here: keys sorted, no white space, UTF-8, no floating point: for such values the bytes equal RFC 8785.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.ports import Sealer
from gateway.records import Entry, EntryKind

_FORMAT = 1


def make_entry(
    entry_id: str,
    kind: EntryKind,
    now: datetime,
    *,
    caller: str,
    request: str | None,
    facts: Mapping[str, Any],
    private: Mapping[str, Any] | None = None,
    sealer: Sealer | None = None,
) -> Entry:
    """An entry ready to be committed.

    `facts`: references, codes, counts; must not hold names, numbers, addresses or values. `private`: who worked and on
    which case; sealed under this entry's id, and needs `sealer`.
    """
    leaf = {"v": _FORMAT, "id": entry_id, "kind": kind.value, "at": rfc3339(now), "caller": caller, **facts}
    if request is not None:
        leaf["request"] = request
    sealed = None
    if private is not None and sealer is not None:
        sealed = sealer.seal(canonical(private), table="audit_entry", column="sealed", row=entry_id)
    return Entry(entry_id, kind, now, request, caller, canonical(leaf), sealed)


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a document that holds no floating-point number."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def rfc3339(moment: datetime) -> str:
    """UTC to the microsecond, ending in Z, whatever zone an aware time comes in.

    >>> rfc3339(datetime(2026, 11, 21, 2, 3, 4, 5, tzinfo=UTC))
    '2026-11-21T02:03:04.000005Z'
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
