"""水利 · water abstraction permits, a paged list. Volumes in 万立方米 as numbers."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of
from gateway.demo.departments.spelling import dashed, digits, pick
from gateway.demo.records import City, Enterprise, Trade


def record(city: City, lookup: Lookup) -> Record | None:
    """All permits of one enterprise; only industry abstracts water."""
    enterprise = enterprise_of(city, lookup)
    if enterprise is None or enterprise.trade is not Trade.industry or enterprise.type == "9500":
        return None
    number = 1 + int(digits(3, enterprise.uscc)) % 5
    return {
        "holderCode": enterprise.uscc,
        "holder": enterprise.name,
        "asOf": dashed(city.today - timedelta(days=25)),
        "list": [_permit(city, enterprise, index) for index in range(number)],
    }


def _permit(city: City, enterprise: Enterprise, index: int) -> Record:
    begins = city.today - timedelta(days=100 + int(digits(4, enterprise.uscc, index)) % 1200)
    return {
        "no": f"D{enterprise.seat.county}S{begins.year}-{digits(4, enterprise.uscc, index)}",
        "source": pick(("晋江干流", "西溪", "洛阳江"), enterprise.uscc, index),
        "kind": "地表水",
        "place": enterprise.site.text,
        "volume": 5 + int(digits(3, enterprise.uscc, index)) % 200 / 2,
        "usage": "工业用水",
        "from": dashed(begins),
        "to": dashed(begins + timedelta(days=5 * 365)),
    }


def _answer(record: Record, call: Call) -> object:
    page, size = call.number("pageNo", 1), call.number("pageSize", 2)
    permits = record["list"]
    shown = {"total": len(permits), "list": permits[(page - 1) * size : page * size]}
    return {"code": "1", "data": {**record, **shown}}


def _asked(call: Call) -> Lookup:
    return Lookup("uscc", call.query.get("code", ""))


SERVICE = HttpService(
    source="water",
    place="water_url",
    key_name="water-key",
    guard=HeaderKey("X-Water-Key"),
    path="/water/permits",
    asked=_asked,
    record=record,
    answer=_answer,
    missing=(200, {"code": "0", "data": None}),
)
