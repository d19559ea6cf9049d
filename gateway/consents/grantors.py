"""Who may agree for whom, and what shows it. Pure; each rule gives its findings, in words that say what to do.

A guardian agrees for a child, or by a court's ruling for an adult; a legal representative for an organisation; an agent
for whoever authorised them. A desk that could call anybody a guardian would need no authority at all.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from field_registry import Subject, SubjectKind, subject_from
from field_registry.errors import BadIdentifier
from gateway.consents.commands import NAMES_GRANTOR, SKEW, RecordConsent, Relationship
from gateway.consents.findings import Finding, finding
from policies.minors import born_on, is_child

_OF_ADULTS = "guardianship_ruling"
_ROLES_OF_PERSONS = frozenset({"self", "guardian", "agent"})
_ROLES_OF_OTHERS = frozenset({"self", "agent", "legal_rep"})


def subject_of(payload: Mapping[str, Any], pointer: str) -> tuple[Subject | None, list[Finding]]:
    """The subject that a payload means, or why it means none."""
    try:
        return subject_from(payload), []
    except BadIdentifier as error:
        return None, [finding(pointer, error.code, str(error))]


def is_for_another_person(grantor_role: str, subject: Subject | None, now: datetime) -> bool:
    """Whether somebody agrees for a person who is no child: an agent, or an adult's guardian."""
    if subject is None or subject.kind is not SubjectKind.person:
        return False
    return grantor_role == "agent" or (grantor_role == "guardian" and _is_adult(subject, now))


def grantor_findings(command: RecordConsent, subject: Subject | None, now: datetime) -> Iterator[Finding]:
    """What is wrong with who agreed."""
    is_self = command.grantor_role == "self"
    if not is_self:
        yield from _named(command)
    yield from right_findings(command.grantor_role, command.relationship, subject, now)
    if subject is not None and is_child(subject, now) and command.grantor_role != "guardian":
        detail = "A child under 14 cannot agree; record the guardian who does (grantor_role `guardian`)."
        yield finding("/grantor_role", "guardian_missing", detail)
    if command.grantor is None:
        return
    grantor, wrong = subject_of(command.grantor, "/grantor")
    yield from wrong
    if grantor is not None and subject is not None and (grantor == subject) is not is_self:
        detail = "With the role `self` the grantor is the subject; with every other role somebody else."
        yield finding("/grantor", "grantor_not_as_said", detail)
    if grantor is not None and is_child(grantor, now):
        yield finding("/grantor", "grantor_is_child", "A child under 14 cannot agree for anybody.")


def right_findings(
    grantor_role: str, shown: Relationship | None, subject: Subject | None, now: datetime
) -> Iterator[Finding]:
    """What is wrong with the right that somebody claims, whoever they are. Asked before a link leaves, too."""
    if subject is None:
        return
    roles = _ROLES_OF_PERSONS if subject.kind is SubjectKind.person else _ROLES_OF_OTHERS
    if grantor_role not in roles:
        detail = (
            f"For this kind of subject one of {', '.join(sorted(roles))} agrees: persons have guardians, "
            "organisations a legal representative."
        )
        yield finding("/grantor_role", "role_not_possible", detail)
    if grantor_role == "self" or shown is None:
        return
    if shown.checked_at is not None and shown.checked_at > now + SKEW:
        detail = "The document was checked before this; correct the time, or the clock that gave it."
        yield finding("/relationship_evidence/checked_at", "relationship_in_future", detail)
    if grantor_role == "guardian" and _is_adult(subject, now) and shown.kind != _OF_ADULTS:
        detail = (
            f"An adult has a guardian by a court's ruling only: show it ({_OF_ADULTS}), or be their agent."
        )
        yield finding("/relationship_evidence/kind", "guardian_of_adult", detail)


def _named(command: RecordConsent) -> Iterator[Finding]:
    """By what right somebody agrees for another, and who they are: else nobody could ever ask them, or let them out."""
    shown = command.relationship
    if shown is None or not shown.reference.strip():
        detail = "Whoever agrees for another shows by what right; name the document in relationship_evidence."
        yield finding("/relationship_evidence", "relationship_missing", detail)
    elif command.grantor is None and shown.kind not in NAMES_GRANTOR:
        detail = (
            "Say who agrees: give their identity in `grantor`, or show a document that names them in "
            f"relationship_evidence ({', '.join(sorted(NAMES_GRANTOR))})."
        )
        yield finding("/grantor", "grantor_missing", detail)


def _is_adult(subject: Subject, now: datetime) -> bool:
    """Whether the document tells that the person is no child."""
    return born_on(subject) is not None and not is_child(subject, now)
