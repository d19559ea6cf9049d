"""Keys that departments register so that values reach them and nobody in between."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One public key that values are sealed to. Of several that stand the newest is taken, so that keys can be changed.

    `department`: whose private key opens it. `kid`: the key's own name, which the department finds its private key by;
    `jwk`: the public key as registered (RFC 7517), `kid` in it.
    """

    id: str
    department: str
    kid: str
    jwk: Mapping[str, Any]
    added_at: datetime
    entry_id: str
    ended_at: datetime | None = None
    ended_entry: str | None = None
