"""Telephone numbers: mainland mobiles as 11 digits, landlines as `0595-12345678`, others in E.164."""

import re
import unicodedata

from field_registry.errors import NotNormal

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_NORMAL_LANDLINE = re.compile(r"0[0-9]{2,3}-[1-9][0-9]{6,7}(?:-[0-9]{1,6})?")
_EXTENSION = re.compile(r"(.*[0-9)])(?:转分?机?|分机|ext\.?|x|#)[:]?([0-9]{1,6})")
_DASH_EXTENSION = re.compile(r"(\(?(?:\+?86-?)?\(?0[0-9]{2,3}\)?-?[1-9][0-9]{6,7})-([0-9]{1,6})")
_SERVICE = re.compile(r"[48]00[0-9]{7}")


def normal_phone(text: str) -> str:
    """The number in its one form; an extension is kept after a hyphen (`0595-12345678-801`).

    Two numbers in one field and a landline without area code are refused: neither can be dialled from here.
    """
    if _MOBILE.fullmatch(text) or _NORMAL_LANDLINE.fullmatch(text):
        return text
    number = "".join(unicodedata.normalize("NFKC", text).lower().split())
    number = re.sub("[‐-―−]", "-", number)
    with_extension = _EXTENSION.fullmatch(number) or _DASH_EXTENSION.fullmatch(number)
    extension = ""
    if with_extension is not None:
        number, extension = with_extension[1], f"-{with_extension[2]}"
    return _formatted(number) + extension


def _formatted(text: str) -> str:
    import phonenumbers  # 0.1 s to import; most numbers are mobiles and never come here

    if not re.fullmatch(r"[+(0-9][-+()0-9.]*", text):
        raise NotNormal("not one telephone number")
    try:
        number = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException as error:
        raise NotNormal("not a telephone number") from error
    if number.country_code != 86:
        if not phonenumbers.is_possible_number(number):
            raise NotNormal("not a possible telephone number")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    national = phonenumbers.national_significant_number(number)
    if _MOBILE.fullmatch(national) or _SERVICE.fullmatch(national):
        return national
    area = phonenumbers.length_of_geographical_area_code(number)
    if not area or not phonenumbers.is_valid_number(number):
        raise NotNormal("not a mainland mobile, and not a landline with its area code")
    return f"0{national[:area]}-{national[area:]}"
