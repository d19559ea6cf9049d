"""Consents: recording, reading and ending what a person agreed to."""

from gateway.consents.commands import RecordConsent
from gateway.consents.moves import MOVES, move_consent
from gateway.consents.record import ConsentRecord
from gateway.consents.service import read_consent, read_events, read_record, record_consent

__all__ = [
    "MOVES",
    "ConsentRecord",
    "RecordConsent",
    "move_consent",
    "read_consent",
    "read_events",
    "read_record",
    "record_consent",
]
