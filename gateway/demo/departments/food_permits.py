"""市场监管 · food permits. The record is a list of permits in force; upper-case keys, dates 2028.05.31."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of
from gateway.demo.departments.spelling import address_variant, digits, dotted
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Enterprise, Quirk, Trade


def number_of(enterprise: Enterprise) -> str:
    """The number of the permit of that enterprise."""
    return f"JY2{enterprise.seat.county}{digits(7, enterprise.uscc, 'permit')}"


def valid_from(city: City, enterprise: Enterprise) -> timedelta:
    """How long ago the permit was issued; it holds five years."""
    return timedelta(days=300 + int(digits(4, enterprise.uscc)) % 1000)


def record(city: City, lookup: Lookup) -> list[Record] | None:
    """The permits in force of one enterprise: as a rule one."""
    enterprise = enterprise_of(city, lookup)
    if enterprise is None or enterprise.trade is not Trade.food or enterprise.is_struck_off:
        return None
    issued = city.today - valid_from(city, enterprise)
    permit = {
        "USCC": enterprise.uscc,
        "XKZBH": number_of(enterprise),
        "ZTYT": "餐饮服务经营者",
        "JYXM": "热食类食品制售、冷食类食品制售",
        "YXQZ": dotted(issued + timedelta(days=5 * 365)),
        "FZRQ": dotted(issued),
        "FZJG": f"{load_facts().county_name(enterprise.seat.county)}市场监督管理局",
        "JYCS": address_variant(enterprise.site.text, enterprise.uscc),
        "JYMJ": f"{60 + int(digits(4, enterprise.uscc)) % 300}.50",
        "SPAQY": city.persons[enterprise.legal_rep].name,
        "JKZBH": digits(13, enterprise.uscc, "health"),
        "GXSJ": dotted(enterprise.recorded_on),
    }
    is_twice = city.quirk("food-permits", enterprise.uscc) is Quirk.twice
    return [permit, {**permit, "ZTYT": "食品销售经营者"}] if is_twice else [permit]


def _asked(call: Call) -> Lookup:
    return Lookup("uscc", call.query.get("uscc", ""))


SERVICE = HttpService(
    source="food-permits",
    place="food_url",
    key_name="food-key",
    guard=HeaderKey("X-Food-Key"),
    path="/permits",
    asked=_asked,
    record=record,
    answer=lambda permits, call: {"TOTAL": len(permits), "DATA": permits},
    missing=(200, {"TOTAL": 0, "DATA": []}),
)
