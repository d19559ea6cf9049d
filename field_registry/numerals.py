"""Numbers in Chinese numerals, read by `cn2an` behind a wall: for odd text, only `NotNormal` gets out."""

from decimal import Decimal

from field_registry.errors import NotNormal

_LONGEST = 40
"""Characters; the longest amount a register writes out has some thirty."""


def chinese_number(text: str) -> Decimal:
    """The number that these numerals mean, plain or capital (八百, 捌佰); raises `NotNormal` for all else."""
    number = _read(text) if len(text) <= _LONGEST else None
    if number is None:  # raised out here, as the library's own errors quote the text
        raise NotNormal("not a number in Chinese numerals")
    return number


def _read(text: str) -> Decimal | None:
    import cn2an  # 0.2 s to import, and few registers write numbers like this

    try:
        return Decimal(str(cn2an.cn2an(text, "smart")))
    except Exception:  # noqa: BLE001 - it looks up unchecked: 佰十四 is a KeyError
        return None
