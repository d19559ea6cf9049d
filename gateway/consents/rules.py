"""What a record must satisfy before it is a consent. Pure: each rule gives its findings, in words that say what to do.

What the law wants agreed to separately (sensitive items PIPL art. 29, others as recipients art. 23, children art. 31),
and what tells of other people than the subject, stands in an act of its own, with an id of its own: one tick for
everything can satisfy none of them.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from field_registry import Subject, SubjectKind
from field_registry.items import Sensitivity, names_others
from gateway.consents.commands import AT_COUNTER, SIGNED_BY_HAND, SKEW, RecordConsent
from gateway.consents.findings import Finding, finding
from gateway.consents.grantors import grantor_findings, is_for_another_person, subject_of
from gateway.library import Published
from policies.minors import is_child
from policies.scope import scope_hash

_HAS_NUMBER = re.compile(r"\d{4}")
_DAY = timedelta(days=1)
_MOST_A_PERIOD = 24


@dataclass(frozen=True, slots=True)
class Given:
    """What the rules look at beside the record.

    `caller`: the recording department, which answers for the processing unless the record names a controller.
    `of_form`: the department that the form belongs to. `longest`, `longest_at_counter`: the longest periods.
    """

    now: datetime
    published: Published
    caller: str
    of_form: str | None
    longest: timedelta
    longest_at_counter: timedelta


def findings_of(command: RecordConsent, given: Given) -> list[Finding]:
    """Everything that is wrong with the record; empty when it may be recorded."""
    subject, of_subject = subject_of(command.subject, "/subject")
    return [
        *of_subject,
        *_names(command, given.published),
        *_footing(command, given.published),
        *_parties(command, given),
        *_period(command, given),
        *often_findings(command.frequency, command.notice.channel),
        *_evidence(command, given),
        *_acts(command, given.now),
        *_separate_acts(command, subject, given),
        *grantor_findings(command, subject, given.now),
    ]


def _names(command: RecordConsent, published: Published) -> Iterator[Finding]:
    if command.purpose not in published.policy.purposes:
        detail = "There is no such purpose; use the purpose of the form it is for."
        yield finding("/purpose", "unknown_purpose", detail)
    if command.form is not None and command.form not in published.forms:
        detail = "There is no published form of that id. GET /v1/forms lists them."
        yield finding("/form", "unknown_form", detail)
    for number, item in enumerate(command.items):
        if item not in published.registry.items:
            detail = "There is no such item in the registry. GET /v1/items lists them."
            yield finding(f"/items/{number}/item", "unknown_item", detail)


def _footing(command: RecordConsent, published: Published) -> Iterator[Finding]:
    if command.basis.kind != "consent":
        detail = (
            "What rests on law is told, not agreed to: note it with POST /v1/notices, and record no consent."
        )
        yield finding("/basis/kind", "basis_not_consent", detail)
    shown = command.scope_hash
    if shown and command.permitted and shown != scope_hash(command.items, published.registry, published.day):
        detail = "What was published of these items has changed since the notice was made; make it anew and ask again."
        yield finding("/scope_hash", "scope_changed", detail)


def _parties(command: RecordConsent, given: Given) -> Iterator[Finding]:
    for number, recipient in enumerate(command.recipients):
        if _HAS_NUMBER.search(recipient):  # it will stand in the log in clear, for good
            detail = "Name a department; a name with a number of four digits or more may be somebody's."
            yield finding(f"/recipient_departments/{number}", "not_a_department", detail)
    if command.controller is not None and command.controller.id not in (given.caller, given.of_form):
        detail = "The controller is your own department, or the one that the form belongs to."
        yield finding("/controller/id", "unknown_controller", detail)
    for number, contact in enumerate(command.contacts):
        if contact.id not in command.recipients:
            detail = (
                "Tell more about departments that recipient_departments names; this one is not among them."
            )
            yield finding(f"/recipients/{number}/id", "not_a_recipient", detail)


def _period(command: RecordConsent, given: Given) -> Iterator[Finding]:
    longest = given.longest_at_counter if command.is_at_counter else given.longest
    begin = command.not_before or given.now
    if command.expires_at <= max(given.now, begin):
        yield finding("/expires_at", "period", "expires_at must lie in the future and after not_before.")
    elif command.expires_at - begin > longest:
        where = " at a counter, unless `frequency` says how often" if command.is_at_counter else ""
        detail = f"A consent may run {_words(longest)} at most{where}; choose an earlier expires_at."
        yield finding("/expires_at", "period", detail)
    elif begin - given.now > longest:  # what begins in years would else outlive every limit
        detail = f"A consent begins within {_words(longest)} of being given; record it then."
        yield finding("/not_before", "period", detail)


def often_findings(frequency: tuple[int, timedelta] | None, channel: str) -> Iterator[Finding]:
    """At a counter a frequency lengthens what would count once: so it must be one that somebody comes back for."""
    if frequency is None or channel not in AT_COUNTER:
        return
    count, per = frequency
    if per < _DAY or count > _MOST_A_PERIOD:
        detail = (
            f"At a counter a frequency says what is periodic: {_MOST_A_PERIOD} times in a day or longer at most. "
            "For what is done now leave it out: the consent then counts once."
        )
        yield finding("/frequency", "frequency_not_periodic", detail)


def _words(period: timedelta) -> str:
    if period % _DAY:
        return f"{period / timedelta(hours=1):g} hours"
    return f"{period.days} days" if period != _DAY else "24 hours"


def _evidence(command: RecordConsent, given: Given) -> Iterator[Finding]:
    now, shown_at = given.now, command.notice.shown_at
    longest = given.longest_at_counter if command.is_at_counter else given.longest
    if now - shown_at > longest:
        detail = f"What was agreed to more than {_words(longest)} ago has run out; show the notice again."
        yield finding("/notice/shown_at", "notice_too_old", detail)
    if command.notice.shown_at > now + SKEW:
        detail = (
            "The notice was shown before anybody could agree; correct the time, or the clock that gave it."
        )
        yield finding("/notice/shown_at", "notice_in_future", detail)
    evidence = command.evidence
    if evidence.authenticated_at is not None and evidence.authenticated_at > now + SKEW:
        detail = "The person was identified before this; correct the time, or the clock that gave it."
        yield finding("/evidence/authenticated_at", "evidence_in_future", detail)
    elif evidence.authenticated_at is not None and shown_at - evidence.authenticated_at > _DAY:
        detail = "The person was identified more than a day before they read the notice; identify them again."
        yield finding("/evidence/authenticated_at", "evidence_too_old", detail)
    is_by_hand = command.notice.channel == "window" and evidence.method in SIGNED_BY_HAND
    if is_by_hand and not evidence.witness:
        detail = "At a window the clerk who saw the person agree is named as witness."
        yield finding("/evidence/witness", "witness_missing", detail)


def _acts(command: RecordConsent, now: datetime) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, act in enumerate(command.acts):
        if _folded(act.act_id) in seen:
            detail = "One act cannot stand for two: ask for each separately and give each its own act_id."
            yield finding(f"/acts/{number}/act_id", "act_used_twice", detail)
        seen.add(_folded(act.act_id))
        if act.at < command.notice.shown_at:
            detail = "Nobody can agree before the notice is shown; correct the time or ask again."
            yield finding(f"/acts/{number}/at", "act_before_notice", detail)
        if act.at > now + SKEW:
            detail = "The act lies in the future; correct the time, or the clock that gave it."
            yield finding(f"/acts/{number}/at", "act_in_future", detail)


def _folded(act_id: str) -> str:
    """The id as somebody reads it: two that look the same are one tick under two names."""
    plain = unicodedata.normalize("NFKC", act_id).casefold()
    return "".join(each for each in plain if each.isprintable() and not each.isspace())


def _separate_acts(command: RecordConsent, subject: Subject | None, given: Given) -> Iterator[Finding]:
    """The acts that this record needs and lacks."""
    topics = {act.topic for act in command.acts}
    sensitive = [item for item in command.permitted if _is_sensitive(item, given.published)]
    if sensitive and "sensitive" not in topics:
        detail = (
            f"Sensitive items need an act `sensitive` of their own (PIPL art. 29): {', '.join(sensitive)}."
        )
        yield finding("/acts", "sensitive_act_missing", detail)
    about_others = [item for item in command.permitted if _names_others(item, given.published)]
    if about_others and "others" not in topics:
        detail = f"Items about other people need an act `others` of their own: {', '.join(about_others)}."
        yield finding("/acts", "others_act_missing", detail)
    own = {command.controller.id} if command.controller else {given.caller}
    outside = [each for each in command.recipients if each not in own]
    of_another = is_for_another_person(command.grantor_role, subject, given.now)
    if command.permitted and (outside or of_another) and "third_party" not in topics:
        detail = (
            "Passing data on to others than the controller, and agreeing for another person who is no child, need an "
            "act `third_party` of their own (PIPL art. 23)."
        )
        yield finding("/acts", "third_party_act_missing", detail)
    if subject is not None and is_child(subject, given.now) and "minor" not in topics:
        detail = "For a child under 14 a guardian agrees in an act `minor` of its own (PIPL art. 31)."
        yield finding("/acts", "minor_act_missing", detail)


def _is_sensitive(item_id: str, published: Published) -> bool:
    item = published.registry.items.get(item_id)
    if item is None:
        return False
    columns = published.registry.columns_of(item_id)
    return any(each.sensitivity is Sensitivity.sensitive for each in (item, *columns))


def _names_others(item_id: str, published: Published) -> bool:
    item = published.registry.items.get(item_id)
    return item is not None and names_others(item, published.registry.columns_of(item_id))


def _is_person(subject: Subject) -> bool:
    return subject.kind is SubjectKind.person
