"""What must be true of two documents and the evidence before they are linked. Pure; each rule says what to do."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from field_registry import Subject, SubjectKind, subject_from
from field_registry.errors import BadIdentifier
from field_registry.subjects import RESIDENT_ID
from gateway.identities.commands import NAMES_BOTH, LinkEvidence, LinkIdentities, Presence

Finding = dict[str, str]

SHARED_NUMBERS = frozenset(
    {*("114", "115", "133"), *("411", "412", "413", "414", "415", "416", "417"), "990"}
)
"""GA/T 517 types whose number may be given to several people: by several offices, or by several countries."""


def may_be_shared(subject: Subject) -> bool:
    """Whether that number may be two people's: not once it is known which country gave it."""
    return subject.id_type in SHARED_NUMBERS and not subject.issuer


_SKEW, _FRESH = timedelta(seconds=60), timedelta(days=1)
_TEMPORARY = "112"


def findings_of(
    command: LinkIdentities, now: datetime
) -> tuple[tuple[Subject, Subject] | None, list[Finding]]:
    """Both subjects, the one whose document is added last; and everything that is wrong."""
    subject, of_subject = _subject(command.subject, "/subject")
    other, of_other = _subject(command.other, "/other")
    findings = [*of_subject, *of_other, *_times(command.evidence, now)]
    if subject is None or other is None:
        return None, findings
    return (subject, other), [*findings, *_pair(subject, other, command.evidence)]


def _subject(payload: Mapping[str, Any], pointer: str) -> tuple[Subject | None, list[Finding]]:
    try:
        return subject_from(payload), []
    except BadIdentifier as error:
        return None, [_finding(pointer, error.code, str(error))]


def _pair(subject: Subject, other: Subject, evidence: LinkEvidence) -> Iterator[Finding]:
    if subject.kind is not other.kind:
        yield _finding(
            "/other/kind", "kinds_differ", "Only documents of the same kind of subject are linked."
        )
        return
    same_number = (_type(subject), subject.id_no) == (_type(other), other.id_no)
    if same_number and subject.issuer == other.issuer:
        detail = (
            "Both are the same document, also where one has 15 and one 18 digits; there is nothing to link."
        )
        yield _finding("/other", "same_document", detail)
    elif same_number and subject.issuer and other.issuer:
        detail = (
            "Two countries gave that number, each to somebody of its own; these are two people's documents."
        )
        yield _finding("/other/issuer", "issuers_differ", detail)
    elif _type(subject) == _type(other) and not same_number and evidence.kind not in NAMES_BOTH:
        detail = (
            "Of two documents of one type only one is valid. Say by which paper it is known that the number changed: "
            f"{', '.join(sorted(NAMES_BOTH))}."
        )
        yield _finding("/evidence/kind", "must_name_both", detail)
    if subject.kind is SubjectKind.person and evidence.presence is not Presence.in_person:
        detail = "A person's documents are linked while the person is there; nobody stands in for them."
        yield _finding("/evidence/presence", "person_absent", detail)


def _type(subject: Subject) -> str:
    return RESIDENT_ID if subject.id_type == _TEMPORARY else subject.id_type


def _times(evidence: LinkEvidence, now: datetime) -> Iterator[Finding]:
    if evidence.checked_at > now + _SKEW:
        detail = "The documents were checked before this; correct the time, or the clock that gave it."
        yield _finding("/evidence/checked_at", "checked_in_future", detail)
    elif evidence.checked_at < now - _FRESH:
        detail = "They were checked more than a day ago; check them again while the holder is there."
        yield _finding("/evidence/checked_at", "check_too_old", detail)


def _finding(pointer: str, code: str, detail: str) -> Finding:
    return {"pointer": pointer, "code": code, "detail": detail}
