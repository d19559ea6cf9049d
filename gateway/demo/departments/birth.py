"""卫健 · birth certificates, by a parent or by the certificate. The record is the only element of a list."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, person_of
from gateway.demo.departments.spelling import SEX, dashed, digits
from gateway.demo.records import Birth, City


def record(city: City, lookup: Lookup) -> list[Record] | None:
    """The births of a parent, or the one birth of a certificate."""
    if lookup.id_type == "117":
        birth = next((each for each in city.births if each.number == lookup.number), None)
        return None if birth is None else [_wrapped(city, lookup, [], birth)]
    parent = person_of(city, lookup)
    births = [] if parent is None else [b for b in city.births if parent.id_no in (b.mother, b.father)]
    return [_wrapped(city, lookup, births, None)] if births else None


def _wrapped(city: City, lookup: Lookup, children: list[Birth], certificate: Birth | None) -> Record:
    known = [*children, *([certificate] if certificate else [])]
    last = max(city.persons[birth.child].birth_date for birth in known)
    return {
        "zjlx": lookup.id_type,
        "zjhm": lookup.number,
        "gxrq": dashed(last + timedelta(days=3)),
        "zn": [_child(city, birth) for birth in children],
        "cs": None if certificate is None else _certificate(city, certificate),
    }


def _child(city: City, birth: Birth) -> Record:
    child = city.persons[birth.child]
    return {
        "xm": child.name,
        "zjhm": None if child.is_newborn(city.today) else child.id_no,
        "xb": SEX[child.sex],
        "csrq": dashed(child.birth_date),
        "cszbh": birth.number,
        "csjg": birth.hospital,
    }


def _certificate(city: City, birth: Birth) -> Record:
    child = city.persons[birth.child]
    return {
        "xm": child.name,
        "xb": SEX[child.sex],
        "cssj": f"{dashed(child.birth_date)} {int(digits(2, birth.number)) % 24:02d}:15:00",
        "cstz": birth.weight_g,
        "cssc": 46 + int(digits(3, birth.number, "length")) % 8,
        "yz": 37 + int(digits(3, birth.number, "weeks")) % 5,
        "csjg": birth.hospital,
        "csdz": child.home.county,
        "qfrq": dashed(child.birth_date + timedelta(days=3)),
        "jkzk": "良好",
        "mq": _parent(city, birth.mother),
        "fq": _parent(city, birth.father),
    }


def _parent(city: City, number: str | None) -> Record | None:
    parent = city.persons.get(number or "")
    return None if parent is None else {"xm": parent.name, "zjhm": parent.id_no}


def _asked(call: Call) -> Lookup:
    return Lookup(call.query.get("zjlx", ""), call.query.get("zjhm", ""))


SERVICE = HttpService(
    source="birth",
    place="birth_url",
    key_name="birth-key",
    guard=HeaderKey("X-Api-Key"),
    path="/birth/records",
    asked=_asked,
    record=record,
    answer=lambda records, call: {"success": True, "records": records},
    missing=(200, {"success": True, "records": []}),
)
