"""自然资源 · real estate. Who owns nothing is found, with an empty list; days as 2020-08-19T00:00:00."""

from datetime import timedelta

from gateway.demo.auth import BearerToken
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, person_of
from gateway.demo.departments.spelling import digits
from gateway.demo.records import City, Property


def record(city: City, lookup: Lookup) -> Record | None:
    """Everything one adult owns."""
    person = person_of(city, lookup)
    if person is None or person.age(city.today) < 18:
        return None
    owned = [each for each in city.properties if each.owner == person.id_no]
    asked = city.today - timedelta(days=1)
    return {
        "zjh": lookup.number,
        "qlr": person.name,
        "fwts": len(owned),
        "cxsj": f"{asked.isoformat()}T00:00:00",
        "bdc": [_property(each) for each in owned],
    }


def _property(each: Property) -> Record:
    return {
        "bdcqzh": each.certificate,
        "bdcdyh": each.unit_no,
        "zl": f"{each.place.text}{digits(1, each.unit_no)}幢{digits(3, each.unit_no)}室",
        "yt": "住宅",
        "jzmj": each.area,
        "gyqk": "单独所有",
        "qlxz": "出让/市场化商品房",
        "djsj": f"{each.registered_on.isoformat()}T00:00:00",
        "dyzt": "无抵押",
        "cfzt": "无查封",
    }


def _asked(call: Call) -> Lookup:
    return Lookup(str(call.body.get("zjlx")), str(call.body.get("zjh")))


SERVICE = HttpService(
    source="realestate",
    place="realestate_url",
    key_name="realestate-token",
    guard=BearerToken(),
    method="POST",
    path="/bdc/query",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"flag": "success", "info": record},
    missing=(200, {"flag": "none", "info": None}),
    refused=(200, {"flag": "forbidden", "info": None}),
)
