"""What a consent desk records, already checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordConsent:
    """One consent to be recorded.

    `subject`: wire form of the person or organisation whose data it is about. `items`: id → permitted or denied, in
    the order shown. `record`: everything as it was sent, less the subject; kept sealed.
    """

    subject: Mapping[str, Any] = field(repr=False)
    purpose: str
    items: Mapping[str, bool]
    recipients: tuple[str, ...]
    expires_at: datetime
    channel: str
    record: Mapping[str, Any] = field(repr=False)
    form: str | None = None
    not_before: datetime | None = None
    max_uses: int | None = None
