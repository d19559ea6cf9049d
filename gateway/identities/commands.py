"""What a desk records of two documents of one subject, already checked for shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from field_registry.words import Word


class EvidenceKind(Word):
    """By what it was seen that two documents are of one subject."""

    both_shown = "both_shown"
    """Both are valid, and the holder who stood there is on both of them."""
    issuer_certificate = "issuer_certificate"
    """The office that issued one of them certifies that the other is the same holder's."""
    new_names_old = "new_names_old"
    """The newer document itself names the older one's number."""
    register_answer = "register_answer"
    """A register was asked about one and named the other."""
    court_or_notary = "court_or_notary"


NAMES_BOTH = frozenset(EvidenceKind) - {EvidenceKind.both_shown}
"""Evidence that itself names both documents: asked for where both are of one type, so that only one can be valid."""


class Presence(Word):
    """Who stood at the desk."""

    in_person = "in_person"
    representative = "representative"
    """Of an organisation, or whoever a vehicle or project belongs to; nobody stands in for a person."""


@dataclass(frozen=True, slots=True)
class LinkEvidence:
    """Why somebody believes it. `reference`: of the paper or answer; `checked_by`: the desk's own name of its clerk."""

    kind: EvidenceKind
    reference: str = field(repr=False)
    checked_by: str = field(repr=False)
    checked_at: datetime
    presence: Presence


@dataclass(frozen=True, slots=True)
class LinkIdentities:
    """Two documents to be linked. `subject`: wire form of a document of theirs; `other`: of the one to be added."""

    subject: Mapping[str, Any] = field(repr=False)
    other: Mapping[str, Any] = field(repr=False)
    evidence: LinkEvidence
