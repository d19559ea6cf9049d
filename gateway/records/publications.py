"""Published versions of the registry and of forms."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """One published, immutable version of the registry or the policy. `document` is canonical JSON."""

    kind: str
    version: int
    digest: str
    effective_from: date | None
    published_at: datetime
    published_by: str
    document: bytes


@dataclass(frozen=True, slots=True)
class FormPublication:
    """One published, immutable version of a form."""

    id: str
    version: int
    name: str
    matter: str
    department: str
    digest: str
    published_at: datetime
    published_by: str
    document: bytes = b""
    """Canonical JSON; empty in listings."""
