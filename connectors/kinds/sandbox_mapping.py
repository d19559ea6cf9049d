"""The pure half of `sandbox`: a persona → replies, or the fault it acts out."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors import mapping as m
from connectors.errors import BadConfiguration, SourceBroken, SourceDenied
from connectors.protocol import Reply
from field_registry import Ask, Subject

FAULTS = ("timeout", "error", "denied", "wrong_subject")
"""What a persona's `fault` may say. `timeout` is acted out by the connector, which alone can wait."""


def check_faults(personas: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises `BadConfiguration` when a persona names a fault that is not known."""
    if any(record.get("fault", FAULTS[0]) not in FAULTS for record in personas.values()):
        raise BadConfiguration(f"personas: a fault is one of {', '.join(FAULTS)}")


def interpret(
    persona: Mapping[str, Any] | None,
    subject: Subject,
    asks: Sequence[Ask],
    *,
    echo: str | None,
    recorded_at: str | None,
) -> Sequence[Reply]:
    """One reply per ask; raises the fault that the persona acts out."""
    if persona is None:
        return m.every(asks, m.NOT_FOUND)
    fault = persona.get("fault")
    if fault == "error":
        raise SourceBroken("this persona's source is broken")
    if fault == "denied":
        raise SourceDenied("this persona's source refuses")
    record = dict(persona)
    place = echo or "id_no"
    record.setdefault(place, subject.id_no)
    if fault == "wrong_subject":
        record[place] = "another" + subject.id_no[::-1]
    at = m.compile_pointer(recorded_at) if recorded_at else None
    return m.replies_from(record, asks, m.about_record(record, m.compile_pointer(place), at))
