"""Children: for whom a guardian agrees (PIPL art. 31), as far as a document number tells."""

from datetime import date, datetime, timedelta, timezone

from field_registry import Subject, SubjectKind
from field_registry.errors import BadIdentifier
from field_registry.identifiers import birth_date, resident_id

_AGE = 14
_CHINA = timezone(timedelta(hours=8))


def born_on(subject: Subject) -> date | None:
    """The birth date inside a person's number; None when it has none.

    Also of household registers, residence permits and other documents whose number is a resident ID or made like one.
    """
    if subject.kind is not SubjectKind.person:
        return None
    try:
        return birth_date(resident_id(subject.id_no))
    except BadIdentifier:
        return None


def is_child(subject: Subject, now: datetime) -> bool:
    """Whether the person is under 14 on that day in China; False when the document does not tell.

    Full years are completed on the day after the birthday, as courts count them: on the 14th birthday itself a guardian
    still agrees.
    """
    born = born_on(subject)
    if born is None:
        return False
    today = now.astimezone(_CHINA).date()
    return (today.year - born.year, today.month, today.day) <= (_AGE, born.month, born.day)
