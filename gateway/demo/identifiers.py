"""Identifiers that pass every check and belong to nobody: order codes 9xx, organisation codes that begin with X9."""

from datetime import date

from stdnum.cn import ric, uscc

_VIN_VALUES = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "012345678912345678123457923456789"), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(county: str, birth: date, order: int) -> str:
    """The 18-character number; `order` is 900 to 999, odd for men."""
    body = f"{county}{birth:%Y%m%d}{order:03d}"
    return body + ric.calc_check_digit(body + "0")


def fifteen_digits(number: str) -> str:
    """The 15-digit number cards carried before 1999, of somebody born in the twentieth century."""
    return number[:6] + number[8:17]


def credit_code(kind: str, county: str, serial: int) -> str:
    """The unified social credit code; `kind` is "91" enterprise, "92" individual business, "93" cooperative."""
    body = f"{kind}{county}{organisation_code(serial)}"
    return body + uscc.calc_check_digit(body)


def organisation_code(serial: int) -> str:
    """The nine characters of GB 11714: here always X9, six digits and the check character."""
    body = f"X9{serial:06d}"
    check = 11 - sum(int(char, 36) * weight for char, weight in zip(body, _ORG_WEIGHTS, strict=True)) % 11
    return body + {10: "X", 11: "0"}.get(check, str(check))


def vehicle_identification(serial: int) -> str:
    """The 17 characters of GB 16735 with their check digit in the ninth place."""
    blank = f"LSYNDEM0{'0'}X9{serial:06d}"
    total = sum(_VIN_VALUES[char] * weight for char, weight in zip(blank, _VIN_WEIGHTS, strict=True))
    return blank[:8] + "0123456789X"[total % 11] + blank[9:]


def project_code(county: str, approved: date, serial: int) -> str:
    """The code of an investment project: year and month, division, industry, kind, serial number."""
    return f"{approved:%y%m}-{county}-04-01-9{serial:05d}"
