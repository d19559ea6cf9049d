"""Consents: recording, reading and ending what a person agreed to."""

from gateway.consents.commands import RecordConsent
from gateway.consents.service import MOVES, move_consent, read_consent, record_consent

__all__ = ["MOVES", "RecordConsent", "move_consent", "read_consent", "record_consent"]
