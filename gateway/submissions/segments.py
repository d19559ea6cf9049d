"""Segments: what kind of subject applied, told by their document alone. Pure.

Reports tell segments apart because they are served unequally: a register of residents knows nothing of a 台胞.
"""

from collections.abc import Mapping

from field_registry import Subject, SubjectKind
from field_registry.subjects import REG_NO
from field_registry.words import Word


class Segment(Word):
    """Whom an application is for. A closed list: reports and roll-ups are kept by it."""

    resident = "resident"
    """A person with a mainland resident identity card, or one of the papers that stand for it."""
    hongkong_macao = "hongkong_macao"
    taiwan = "taiwan"
    foreign = "foreign"
    other_person = "other_person"
    enterprise = "enterprise"
    individual_trader = "individual_trader"
    """个体工商户."""
    other_organisation = "other_organisation"
    none = "none"
    """Nobody was named, or it is about a vehicle or a project alone."""


SEGMENT_WORDS: Mapping[Segment, tuple[str, str]] = {
    Segment.resident: ("内地居民", "mainland resident"),
    Segment.hongkong_macao: ("港澳居民", "Hong Kong or Macao resident"),
    Segment.taiwan: ("台湾居民", "Taiwan resident"),
    Segment.foreign: ("外国人", "foreigner"),
    Segment.other_person: ("其他个人", "other person"),
    Segment.enterprise: ("企业", "enterprise"),
    Segment.individual_trader: ("个体工商户", "individual trader"),
    Segment.other_organisation: ("其他组织", "other organisation"),
    Segment.none: ("未指明", "nobody named"),
}
"""What each segment is called, in Chinese and in English."""


def segment_name(code: str) -> str:
    """The segment in both languages; the code itself where we know none of that name.

    >>> segment_name("taiwan")
    '台湾居民 Taiwan resident'
    """
    return " ".join(SEGMENT_WORDS[Segment(code)]) if code in set(Segment) else code


# GA/T 517. 414 is any ordinary passport; whoever has a resident card uses that.
_OF_DOCUMENT = {
    **dict.fromkeys(("111", "112", "113", "117"), Segment.resident),
    **dict.fromkeys(("420", "421", "516"), Segment.hongkong_macao),
    "511": Segment.taiwan,
    **dict.fromkeys(("414", "417", "553"), Segment.foreign),
}
# 港澳台居民居住证 is numbered like a resident card, from a province of its own.
_OF_PROVINCE = {"81": Segment.hongkong_macao, "82": Segment.hongkong_macao, "83": Segment.taiwan}
# GB 32100: 9 is the market regulator, then 1 enterprise, 2 individual trader.
_OF_REGISTRATION = {"91": Segment.enterprise, "92": Segment.individual_trader}
# GS 15—2006: the sequence begins with 0 to 3 for domestic enterprises, 4 and 5 for foreign ones, 6 to 9 for traders.
_TRADERS = frozenset("6789")
_FIRST = ("enterprise", "applicant")


def segment_of(subject: Subject | None) -> Segment:
    """The segment of one subject.

    >>> segment_of(Subject(SubjectKind.organisation, "uscc", "92350582MA2XXXXXXX")).value
    'individual_trader'
    """
    if subject is None:
        return Segment.none
    if subject.kind is SubjectKind.person:
        of_document = _OF_DOCUMENT.get(subject.id_type, Segment.other_person)
        is_card = of_document is Segment.resident
        return _OF_PROVINCE.get(subject.id_no[:2], of_document) if is_card else of_document
    if subject.id_type == REG_NO:
        return Segment.individual_trader if subject.id_no[6] in _TRADERS else Segment.enterprise
    if subject.kind is SubjectKind.organisation:
        return _OF_REGISTRATION.get(subject.id_no[:2], Segment.other_organisation)
    return Segment.none


def segment_of_application(subjects: Mapping[str, Subject]) -> Segment:
    """Of an application with those subjects by role: of its enterprise, else its applicant, else whoever is first.

    Who brings a firm's form to the window is not whom it is for.
    """
    for role in _FIRST:
        if role in subjects:
            return segment_of(subjects[role])
    return segment_of(next(iter(subjects.values()), None))
