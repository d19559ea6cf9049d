"""What a person agreed to, item by item, as the registry had it: sources with rank, share attribute, sensitivity.

When a published registry changes it for an item, older consents cover that item no more and need renewal, without
anybody having to look for them: each decision compares digests. A consent that recorded no scope is not affected.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from field_registry import Registry
from field_registry.items import About, names_others

AgreedScope = tuple[tuple[str, str], ...]
"""Item id and digest of what was known of it, by id."""

_DIGEST_LENGTH = 16  # nobody gains by two scopes of one item that agree in 64 bits
_MOST_KEPT = 256
_NOTHING: frozenset[str] = frozenset()


def describe(item_id: str, registry: Registry, on: date) -> dict[str, Any] | None:
    """What a person is told about an item, as far as it matters for consent; None when the registry has none such.

    A repeating item says it of its columns too: one that is added asks for more than was agreed to. An item that tells
    of others says so: it needs an act of its own, so that a consent from before it was said covers it no more.
    """
    item = registry.items.get(item_id)
    if item is None:
        return None
    bindings = registry.bindings_of(item_id, on)
    told: dict[str, Any] = {
        "item": item.id,
        "sources": [list(each) for each in sorted({(each.rank, each.source) for each in bindings})],
        "share": item.share.value,
        "sensitivity": item.sensitivity.value,
    }
    columns = registry.columns_of(item_id)
    if names_others(item, columns):  # said only where it is so: other items keep the digest they always had
        told["about"] = About.third_party.value
    if columns:
        told["columns"] = sorted([each.id, each.share.value, each.sensitivity.value] for each in columns)
    return told


def scope_hash(item_ids: Iterable[str], registry: Registry, on: date) -> str:
    """SHA-256 of the canonical list of these items, by id (canonical JSON: RFC 8785 for such values)."""
    return _sha256([describe(item_id, registry, on) for item_id in sorted(set(item_ids))])


class ItemScopes:
    """The digests of one registry's items on one day, each made when it is first wanted."""

    def __init__(self, registry: Registry, on: date) -> None:
        self._registry, self._on = registry, on
        self._digests: dict[str, str] = {}
        self._outdated: dict[int, tuple[AgreedScope, frozenset[str]]] = {}

    def agreed(self, item_ids: Iterable[str]) -> AgreedScope:
        """What a consent to these items keeps of them."""
        return tuple((item_id, self._digest(item_id)) for item_id in sorted(set(item_ids)))

    def outdated(self, agreed: AgreedScope) -> frozenset[str]:
        """The items that are no longer what was agreed to."""
        if not agreed:
            return _NOTHING
        # By identity: the store gives equal scopes as one object, and hashing forty pairs costs more than the rest.
        kept = self._outdated.get(id(agreed))
        if kept is None:
            if len(self._outdated) >= _MOST_KEPT:
                self._outdated.clear()
            changed = frozenset(item_id for item_id, digest in agreed if digest != self._digest(item_id))
            kept = self._outdated[id(agreed)] = (agreed, changed)
        return kept[1]

    def _digest(self, item_id: str) -> str:
        digest = self._digests.get(item_id)
        if digest is None:
            described = describe(item_id, self._registry, self._on)
            digest = self._digests[item_id] = _sha256(described)[:_DIGEST_LENGTH]
        return digest


def _sha256(value: Any) -> str:
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
