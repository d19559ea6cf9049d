"""How a normal value is shown to a person: names for codes, units for amounts, words for yes and no. In Chinese."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

from field_registry.codes import CodeList
from field_registry.dates import OPEN_ENDED, SHANGHAI
from field_registry.items import Datatype, Item

_UNIT_NAMES = {"CNY": "元", "m2": "平方米", "m3": "立方米", "t": "吨", "kW": "千瓦", "mu": "亩"}


SHOWN_AS_IS = frozenset(
    {Datatype.text, Datatype.name, Datatype.id_no, Datatype.address, Datatype.uscc, Datatype.phone}
)
"""Kinds of data whose normal value is what a person reads."""


def display_of(item: Item, value: object, code_list: CodeList | None = None) -> str:
    """The normal value as a person reads it; "" for None. Not masked: `policies.mask` does that."""
    if value is None:
        return ""
    match item.datatype:
        case Datatype.boolean:
            return "是" if value else "否"
        case Datatype.code:
            return code_list.name_of(str(value)) if code_list is not None else str(value)
        case Datatype.date:
            return "长期" if value == OPEN_ENDED else str(value)
        case Datatype.datetime:
            return _local_time(str(value))
        case Datatype.amount:
            return _amount(str(value), item.unit)
        case Datatype.rows:
            return f"共 {len(value)} 项" if isinstance(value, list) else str(value)
        case _:
            return str(value)


def _local_time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone(SHANGHAI)
    except (ValueError, OverflowError):
        return text
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _amount(text: str, unit: str | None) -> str:
    try:
        grouped = format(Decimal(text), ",f")
    except InvalidOperation:
        return text
    return grouped if unit is None else f"{grouped}{_UNIT_NAMES.get(unit, ' ' + unit)}"
