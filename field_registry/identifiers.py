"""Identifiers of subjects: read from any spelling registers and people use, refused with a sentence otherwise.

Everything here raises `BadIdentifier` with a stable code and never repeats the identifier. A resident ID is checked
by check digit and birth date; its region is a warning only, because county codes are newer than many holders.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date

from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from field_registry.codes import fold
from field_registry.countries import ISSUERS
from field_registry.errors import BadIdentifier
from field_registry.subjects import REG_NO, RESIDENT_ID, Subject, SubjectKind

MASK_CHARACTERS = "*●•#□■"
"""What registers put in place of characters they hide."""

_RESIDENT = re.compile(r"[1-9][0-9]{16}[0-9X]")
_RESIDENT_15 = re.compile(r"[1-9][0-9]{14}")
_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_REGISTRATION = re.compile(r"[0-9]{15}")
_PROJECT = re.compile(r"([0-9]{4})-?([0-9]{6})-?([0-9]{2})-?([0-9]{2})-?([0-9]{6})")
_LOCAL_PROJECT = re.compile(r"[0-9A-Z][0-9A-Z-]{5,39}")
_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(
    f"[{_PROVINCE}][A-Z](?:"
    "[A-HJ-NP-Z0-9]{5}"  # civil, 7 characters (GA 36)
    "|[A-K][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-K]"  # new energy, 8 characters: small, large
    "|[A-HJ-NP-Z0-9]{4}[挂学警试超领港澳]|[0-9]{4}应急)"
    "|使[0-9]{6}|[0-9]{6}使"
    f"|WJ[{_PROVINCE}]?[0-9]{{4}}[0-9A-Z]|[A-Z]{{2}}[0-9]{{5}}"  # armed police, military
)
_PLATE_NOISE = re.compile(r"[\s·•・‧･∙⋅.\-]")
_LOOSE = re.compile(r"[A-Z0-9\u4e00-\u9fff][A-Z0-9\u4e00-\u9fff()/.-]{2,29}")
_ALNUM = re.compile(r"[A-Z0-9]{5,20}")

# Shapes by GA/T 517 code. Deliberately modest: foreign passports and older cards come in more shapes than are written
# down anywhere, and a holder wrongly refused is worse than a number that finds no record.
_SHAPES: dict[str, tuple[re.Pattern[str], str]] = {
    "113": (_LOOSE, "3 to 30 letters or digits"),
    "114": (_LOOSE, "3 to 30 letters, digits or characters"),
    "115": (_LOOSE, "3 to 30 letters, digits or characters"),
    "117": (re.compile(r"[A-Z][0-9]{9}"), "one letter and 9 digits"),
    "133": (_LOOSE, "3 to 30 letters or digits"),
    "335": (re.compile(r"[0-9]{10,17}[0-9X]"), "11 to 18 digits"),
    "411": (_ALNUM, "5 to 20 letters or digits"),
    "412": (_ALNUM, "5 to 20 letters or digits"),
    "413": (_ALNUM, "5 to 20 letters or digits"),
    "414": (_ALNUM, "5 to 20 letters or digits"),
    "415": (_ALNUM, "5 to 20 letters or digits"),
    "416": (_ALNUM, "5 to 20 letters or digits"),
    "417": (_ALNUM, "5 to 20 letters or digits"),
    "420": (re.compile(r"[A-Z]{1,2}[0-9]{7,8}"), "one or two letters and 7 or 8 digits"),
    "421": (re.compile(r"[A-Z]{1,2}[0-9]{7,8}"), "one or two letters and 7 or 8 digits"),
    "511": (re.compile(r"[0-9]{8}(?:[0-9]{2})?"), "8 or 10 digits"),
    "513": (re.compile(r"[CW][A-Z0-9][0-9]{7}"), "C or W and 8 letters or digits"),
    "516": (re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?"), "H or M and 8 or 10 digits"),
    "517": (re.compile(r"[LT][A-Z0-9]?[0-9]{7,8}"), "L or T and 8 letters or digits"),
    "553": (
        re.compile(r"[A-Z]{3}[0-9]{12}|9[0-9]{16}[0-9X]"),
        "3 letters and 12 digits, or 18 digits from 9",
    ),
    "990": (_LOOSE, "3 to 30 letters, digits or characters"),
}
ISSUED_BY_COUNTRIES = frozenset({"411", "412", "413", "414", "415", "416", "417"})
"""GA/T 517 types of documents for travelling, which every country numbers for itself."""
_RESIDENT_TYPES = frozenset({RESIDENT_ID, "112"})
_SHOWN = {**dict.fromkeys(_RESIDENT_TYPES, (6, 4)), "plate": (2, 2)}
"""How many characters a masked echo must show at its beginning and its end; else 2 and 4."""


def resident_id(text: str) -> str:
    """The 18-character resident ID that this text means; a 15-digit one gets its century and check digit.

    >>> resident_id("１１０１０２１９９１０１０１００７８")
    '110102199101010078'
    """
    number = _compact(text)
    if len(number) == 15 and _RESIDENT_15.fullmatch(number):
        number = _to_18(number)
    if len(number) != 18:
        raise BadIdentifier(
            "length", "a resident ID has 18 characters (15 on cards before 1999); please check it"
        )
    if not _RESIDENT.fullmatch(number):
        raise BadIdentifier("characters", "a resident ID is 17 digits and a digit or X; please check it")
    _check_birth(number)
    if ric.calc_check_digit(number) != number[-1]:
        raise BadIdentifier(
            "check_digit", "the last character does not fit the others; one of them is mistyped"
        )
    return number


def birth_date(number: str) -> date:
    """The birth date inside an 18-character resident ID."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex_code(number: str) -> str:
    """The GB/T 2261.1 sex code inside an 18-character resident ID: "1" male, "2" female."""
    return "1" if int(number[16]) % 2 else "2"


def region_warning(number: str, divisions: Mapping[str, str]) -> str | None:
    """A sentence when the ID's county code is none of `divisions` (code → name), else None.

    Must not be used to refuse: codes are withdrawn, and new ones given to people born before them.
    """
    if number[:6] in divisions:
        return None
    province = f"{number[:2]}0000" in divisions
    known = (
        "its province is known, the county code may be withdrawn"
        if province
        else "its province is unknown too"
    )
    return f"the first six digits are no known division ({known})"


def unified_social_credit_code(text: str) -> str:
    """The 18-character unified social credit code (GB 32100) that this text means."""
    number = _compact(text).replace("-", "")
    if len(number) != 18:
        raise BadIdentifier("length", "a unified social credit code has 18 characters; please check it")
    # stdnum's `validate` wants two leading digits and so refuses real holders registered by other authorities
    # (N for farmers' cooperatives, A-G, Y); only its check digit is used.
    if not _USCC.fullmatch(number):
        raise BadIdentifier(
            "characters", "a unified social credit code has no I, O, S, V or Z; please check it"
        )
    if uscc.calc_check_digit(number) != number[-1]:
        raise BadIdentifier(
            "check_digit", "the last character does not fit the others; one of them is mistyped"
        )
    return number


def registration_number(text: str) -> str:
    """The 15-digit 工商注册号 that this text means: what organisations had before 2015, and many papers still name.

    Division, sequence, and a check digit by MOD 11,10 of ISO 7064 (工商行政管理市场主体注册号编制规则, GS 15—2006).

    >>> registration_number("1101 0800 0000 016")
    '110108000000016'
    """
    number = _compact(text).replace("-", "")
    if len(number) != 15:
        raise BadIdentifier("length", "a registration number has 15 digits; please check it")
    if not _REGISTRATION.fullmatch(number):
        raise BadIdentifier("characters", "a registration number has digits alone; please check it")
    if not mod_11_10.is_valid(number):
        raise BadIdentifier("check_digit", "the last digit does not fit the others; one of them is mistyped")
    return number


def issuing_country(id_type: str, text: str) -> str:
    """The country that issued a document of that type, as three letters; raises `BadIdentifier` for any other text.

    Two countries give the same number to two people: with its country a number is one person's.
    """
    if id_type not in ISSUED_BY_COUNTRIES:
        known = ", ".join(sorted(ISSUED_BY_COUNTRIES))
        raise BadIdentifier(
            "issuer_not_taken",
            f"only documents for travelling name who issued them, types {known}; leave it out",
        )
    code = _compact(text)
    if code not in ISSUERS:
        raise BadIdentifier(
            "unknown_issuer",
            "the issuing country is three letters as in GB/T 2659 and on the document itself, e.g. CHN, FRA",
        )
    return code


def plate(text: str) -> str:
    """The plate number that this text means, without spaces and dot: civil, new energy, trailer, embassy ...

    >>> plate("闽c·12345")
    '闽C12345'
    """
    number = _PLATE_NOISE.sub("", _compact(text))
    if not _PLATE.fullmatch(number):
        raise BadIdentifier(
            "characters", "this is not the shape of a plate number, e.g. 闽C12345 or 闽CD12345"
        )
    return number


def project_code(text: str) -> str:
    """The project code that this text means; a national one (20 digits) in its groups 4-6-2-2-6."""
    number = _compact(text)
    national = _PROJECT.fullmatch(number)
    if national is not None:
        return "-".join(national.groups())
    if not _LOCAL_PROJECT.fullmatch(number):
        raise BadIdentifier(
            "characters", "a project code has 6 to 40 letters, digits and hyphens; please check it"
        )
    return number


def document_number(id_type: str, text: str) -> str:
    """The normal form of a person's document number of that GA/T 517 type.

    An unknown type is `BadIdentifier("unknown_id_type")`.
    """
    if id_type in _RESIDENT_TYPES:
        return resident_id(text)
    if id_type not in _SHAPES:
        known = ", ".join(sorted({*_SHAPES, *_RESIDENT_TYPES}))
        raise BadIdentifier("unknown_id_type", f"this document type is not known; GA/T 517 codes: {known}")
    number = _compact(text)
    if id_type in {"511", "516"}:
        number = number.replace("(", "").replace(")", "")  # cards print the times of issue in brackets
    shape, words = _SHAPES[id_type]
    if not shape.fullmatch(number):
        raise BadIdentifier("characters", f"a document of type {id_type} has {words}; please check it")
    if id_type == "553" and len(number) == 18 and ric.calc_check_digit(number) != number[-1]:
        raise BadIdentifier(
            "check_digit", "the last character does not fit the others; one of them is mistyped"
        )
    return number


_ID_OF_KIND: dict[SubjectKind, tuple[str, str, Callable[[str], str]]] = {
    SubjectKind.organisation: ("uscc", "uscc", unified_social_credit_code),
    SubjectKind.vehicle: ("plate_number", "plate", plate),
    SubjectKind.project: ("project_code", "project_code", project_code),
}


def subject_from(payload: Mapping[str, object]) -> Subject:
    """The checked subject that a wire form means.

    Forms: `{"kind": "person", "id_type": "111", "id_no": ...}`, of documents for travelling with `issuer`;
    `{"kind": "organisation", "uscc": ...}` or `"reg_no"`, its old registration number; `{"kind": "vehicle",
    "plate_number": ...}` and `{"kind": "project", "project_code": ...}`. A person's `id_type` is "111" when not given.
    Codes of `BadIdentifier`: unknown_subject_kind, unknown_id_type, missing, not_text, length, characters, check_digit,
    birth_date, unknown_issuer, issuer_not_taken, two_identifiers.
    """
    kind = _text(payload, "kind")
    if kind not in SubjectKind.__members__:
        kinds = ", ".join(SubjectKind)
        raise BadIdentifier("unknown_subject_kind", f"a subject's kind is one of: {kinds}")
    if kind == SubjectKind.person:
        return _person(payload)
    if kind == SubjectKind.organisation and payload.get("reg_no") is not None:
        return _registered(payload)
    key, id_type, normal = _ID_OF_KIND[SubjectKind(kind)]
    return Subject(SubjectKind(kind), id_type, normal(_text(payload, key)))


def _person(payload: Mapping[str, object]) -> Subject:
    id_type = _text(payload, "id_type") if payload.get("id_type") is not None else RESIDENT_ID
    number = document_number(id_type, _text(payload, "id_no"))
    issuer = "" if payload.get("issuer") is None else issuing_country(id_type, _text(payload, "issuer"))
    return Subject(SubjectKind.person, id_type, number, issuer)


def _registered(payload: Mapping[str, object]) -> Subject:
    if payload.get("uscc") is not None:
        raise BadIdentifier(
            "two_identifiers",
            "name an organisation by its credit code or by its registration number, not by both",
        )
    return Subject(SubjectKind.organisation, REG_NO, registration_number(_text(payload, "reg_no")))


def same_identifier(id_type: str, asked: str, echoed: str) -> bool:
    """Whether a source's echo names the subject that was asked: safe to use before anything is shown.

    Case, width, spaces and the 15- or 18-digit form do not matter. An echo that the source has masked is the same
    only if length and every visible character agree and enough is visible: at least half, and the first 6 and last 4
    of a resident ID, the first 2 and last 2 of a plate, the first 2 and last 4 of anything else.
    """
    ours, theirs = _comparable(id_type, asked), _comparable(id_type, echoed)
    if not ours or not theirs:
        return False
    if any(mark in theirs for mark in MASK_CHARACTERS):
        return _masked_same(id_type, ours, theirs)
    return ours == theirs


def _masked_same(id_type: str, ours: str, theirs: str) -> bool:
    if len(ours) != len(theirs):
        return False
    seen = [mark not in MASK_CHARACTERS for mark in theirs]
    first, last = _SHOWN.get(id_type, (2, 4))
    enough = all(seen[:first]) and all(seen[-last:]) and 2 * sum(seen) >= len(seen)
    return enough and all(a == b for a, b, shown in zip(ours, theirs, seen, strict=True) if shown)


def _comparable(id_type: str, text: str) -> str:
    number = _compact(text)
    if id_type == "plate":
        # One "•" is the dot of a plate, several are a mask.
        return number if number.count("•") > 1 else _PLATE_NOISE.sub("", number)
    if id_type in {"uscc", "project_code", REG_NO}:
        return number.replace("-", "")
    if id_type in {"511", "516"}:
        return number.replace("(", "").replace(")", "")
    # A register may hold only the old form; it names the same person whether or not its date is real.
    return _to_18(number) if id_type in _RESIDENT_TYPES and _RESIDENT_15.fullmatch(number) else number


def _to_18(number: str) -> str:
    longer = f"{number[:6]}19{number[6:]}"
    return longer + str(ric.calc_check_digit(longer + "0"))


def _check_birth(number: str) -> None:
    try:
        born = birth_date(number)
    except ValueError as error:
        raise BadIdentifier("birth_date", "digits 7 to 14 are not a date; please check them") from error
    if born.year < 1800:
        raise BadIdentifier("birth_date", "digits 7 to 14 are too early for a birth date; please check them")


def _compact(text: str) -> str:
    """NFKC, upper case, no white space or invisible characters."""
    if text.isascii() and text.isalnum():
        return text.upper()
    return re.sub(r"[\u200b-\u200f\u2060\ufeff]", "", fold(text)).upper()


def _text(payload: Mapping[str, object], key: str) -> str:
    value = payload.get(key)
    if value is None or value == "":
        raise BadIdentifier("missing", f"the subject lacks {key!r}")
    if not isinstance(value, str):
        raise BadIdentifier("not_text", f"{key!r} must be text")
    return value
