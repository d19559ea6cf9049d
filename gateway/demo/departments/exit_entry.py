"""公安 · exit and entry documents. English keys, sex M/F, dates 17/08/1988; nobody by a resident card."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, person_of
from gateway.demo.departments.spelling import british
from gateway.demo.records import City

_NATIONALITY = {"511": "中国台湾", "516": "中国香港", "414": "USA"}
_NAME_EN = {"王俊傑": "WANG CHUN-CHIEH", "陳子軒": "CHAN TSZ HIN", "DEMO ALEX": "DEMO ALEX"}


def record(city: City, lookup: Lookup) -> Record | None:
    """What is known of the holder of a passport or permit."""
    person = None if lookup.id_type == "111" else person_of(city, lookup)
    if person is None:
        return None
    return {
        "docType": lookup.id_type,
        "docNo": lookup.number,
        "nameZh": person.name,
        "nameEn": _NAME_EN.get(person.name, "DEMO RESIDENT"),
        "sex": "M" if person.sex == "1" else "F",
        "dob": british(person.birth_date),
        "nationality": _NATIONALITY[lookup.id_type],
        "docValidTo": british(city.today + timedelta(days=840)),
        "lastEntry": british(city.today - timedelta(days=50)),
        "residencePlace": person.home.text,
        "asOf": british(person.recorded_on),
    }


def _asked(call: Call) -> Lookup:
    return Lookup(call.query.get("type", ""), call.query.get("no", ""))


SERVICE = HttpService(
    source="exit-entry",
    place="exit_url",
    key_name="exit-key",
    guard=HeaderKey("X-Key"),
    path="/travellers",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"found": True, "traveller": record},
    missing=(200, {"found": False}),
)
