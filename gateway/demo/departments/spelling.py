"""How offices write the same thing differently: days, sums, yes and no, addresses; and small stable variety.

Secondary facts that only one office holds (a bank, a policy number) are not part of the population: they follow from
the subject's identifier by a checksum, so that they are the same in every run.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import TypeVar
from zlib import crc32

from gateway.demo.facts import load_facts

SHANGHAI = timezone(timedelta(hours=8))
Option = TypeVar("Option")

SEX = {"1": "男", "2": "女"}
ETHNICITY = {"01": "汉族", "22": "畲族", "15": "土家族", "06": "苗族", "03": "回族", "97": "其他"}
ENTERPRISE_TYPE = {
    "1130": "有限责任公司(自然人投资或控股)",
    "1151": "有限责任公司(自然人独资)",
    "1220": "股份有限公司(非上市)",
    "9500": "个体工商户",
    "4500": "个人独资企业",
    "9100": "农民专业合作经济组织",
}


def digits(length: int, *about: object) -> str:
    """That many digits that follow from what they are about; the first is 9, as in everything synthetic."""
    text = "".join(f"{_checksum(*about, part):010d}" for part in range(length // 10 + 1))
    return "9" + text[: length - 1]


def pick(options: Sequence[Option], *about: object) -> Option:
    """One of the options; always the same for the same `about`."""
    return options[_checksum(*about) % len(options)]


def sometimes(difference: str, *about: object) -> bool:
    """Whether a difference between registers (`conflict_injection` of the facts) occurs here."""
    return _checksum(*about) % 10_000 < load_facts().share(difference) * 10_000


def compact(day: date | None) -> str | None:
    """20260301."""
    return None if day is None else f"{day:%Y%m%d}"


def dashed(day: date | None) -> str | None:
    """2026-03-01."""
    return None if day is None else day.isoformat()


def dotted(day: date) -> str:
    """2026.03.01."""
    return f"{day:%Y.%m.%d}"


def slashed(day: date) -> str:
    """2026/3/1, without padding."""
    return f"{day.year}/{day.month}/{day.day}"


def british(day: date) -> str:
    """01/03/2026."""
    return f"{day:%d/%m/%Y}"


def chinese(day: date) -> str:
    """2026年3月1日."""
    return f"{day.year}年{day.month}月{day.day}日"


def epoch_ms(day: date) -> int:
    """Milliseconds to midnight of that day in Shanghai."""
    return int(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp() * 1000)


def thousands(yuan: float) -> str:
    """18,650,000.00."""
    return f"{yuan:,.2f}"


def address_variant(text: str, *about: object) -> str:
    """The address as a careless office writes it, now and then: without province, # for 号."""
    return (
        text.removeprefix("福建省").replace("号", "#") if sometimes("address_variant", text, *about) else text
    )


def _checksum(*about: object) -> int:
    return crc32("|".join(map(str, about)).encode())
