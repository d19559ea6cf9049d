"""What a desk's request must satisfy before anybody is asked: every fault named at once, with what to do about it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from field_registry import Subject
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from forms.definition import Form, Role
from gateway.consents.ask_command import AskConsent
from gateway.consents.grantors import right_findings
from gateway.consents.rules import often_findings
from gateway.errors import NotValid
from gateway.settings import Settings
from policies.minors import is_child

Finding = dict[str, str]

_HAS_NUMBER = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Sides:
    """Whose data it is, in which role of the form, and who answers: often the same person."""

    role: Role
    subject: Subject
    grantor: Subject


def sides_of(command: AskConsent, form: Form, settings: Settings, now: datetime) -> Sides:
    """Who is asked about whom; raises `NotValid` with everything that is wrong with the request."""
    role = form.role(command.role)
    subject, of_subject = _subject(command.subject, "/subject")
    grantor, of_grantor = (subject, []) if command.grantor is None else _subject(command.grantor, "/grantor")
    errors = [
        *of_subject,
        *of_grantor,
        *_role(role, subject),
        *_terms(command, settings),
        *_answerer(command, subject, grantor, now),
        *right_findings(command.grantor_role, command.relationship, subject, now),
        *often_findings(command.frequency, command.channel),
    ]
    if errors or role is None or subject is None or grantor is None:
        raise NotValid(
            "consent_request_not_valid", "Nobody was asked; correct what `errors` names.", errors=errors
        )
    return Sides(role, subject, grantor)


def _finding(pointer: str, code: str, detail: str) -> Finding:
    return {"pointer": pointer, "code": code, "detail": detail}


def _subject(payload: Mapping[str, Any], pointer: str) -> tuple[Subject | None, list[Finding]]:
    try:
        return subject_from(payload), []
    except BadIdentifier as error:
        return None, [_finding(pointer, error.code, str(error))]


def _role(role: Role | None, subject: Subject | None) -> Iterator[Finding]:
    if role is None:
        yield _finding("/role", "unknown_role", "This form has no such role; GET /v1/forms/{id} lists them.")
    elif subject is not None and subject.kind not in role.kinds:
        yield _finding("/subject/kind", "wrong_kind", f"The role takes: {', '.join(sorted(role.kinds))}.")


def _terms(command: AskConsent, settings: Settings) -> Iterator[Finding]:
    at_counter = command.is_at_counter
    longest = settings.consent_longest_at_counter if at_counter else settings.consent_longest
    if command.life > longest:
        seconds = int(longest.total_seconds())
        where = " at a counter, unless `frequency` says how often" if at_counter else ""
        yield _finding("/expires_in", "period", f"A consent may run {seconds} seconds at most{where}.")
    if command.data_life is not None and command.data_life <= timedelta(0):
        yield _finding("/data_life", "period", "What was fetched is kept for some time, or name none.")
    for number, recipient in enumerate(command.recipients):
        if _HAS_NUMBER.search(recipient):  # it will stand in the log in clear, for good
            detail = "Name a department; a name with a number of four digits or more may be somebody's."
            yield _finding(f"/recipient_departments/{number}", "not_a_department", detail)


def _answerer(
    command: AskConsent, subject: Subject | None, grantor: Subject | None, now: datetime
) -> Iterator[Finding]:
    is_self = command.grantor_role == "self"
    if command.channel == "window" and command.witness is None:
        yield _finding(
            "/witness", "witness_missing", "At a window, name the clerk who sees the person agree."
        )
    if not is_self and (command.grantor is None or command.relationship is None):
        detail = (
            "Name who answers for the subject in `grantor`, and by what right in `relationship_evidence`."
        )
        yield _finding("/grantor", "grantor_missing", detail)
    if subject is None or grantor is None:
        return
    if is_child(subject, now) and command.grantor_role != "guardian":
        detail = "A child under 14 cannot agree; ask the guardian (grantor_role `guardian`)."
        yield _finding("/grantor_role", "guardian_missing", detail)
    if command.grantor is not None and (grantor == subject) is not is_self:
        detail = "With the role `self` the grantor is the subject; with every other role somebody else."
        yield _finding("/grantor", "grantor_not_as_said", detail)
    if is_child(grantor, now) and not is_self:
        yield _finding("/grantor", "grantor_is_child", "A child under 14 cannot agree for anybody.")
