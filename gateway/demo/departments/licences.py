"""数据管理 · electronic licences (tier B): the face of each document as it was issued, by kind."""

from datetime import timedelta

from gateway.demo.auth import BearerToken
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of, person_of
from gateway.demo.departments.food_permits import number_of, valid_from
from gateway.demo.departments.spelling import ETHNICITY, SEX, dashed, digits
from gateway.demo.departments.transport_vehicles import licence_of
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Enterprise, Person, Trade


def record(city: City, lookup: Lookup) -> Record | None:
    """The faces of the licences one person or enterprise holds."""
    enterprise = enterprise_of(city, lookup)
    person = None if lookup.id_type == "uscc" else person_of(city, lookup)
    if enterprise is not None and not enterprise.is_struck_off:
        faces = _faces_of_enterprise(city, enterprise)
    elif person is not None and person.age(city.today) >= 16 and not person.documents:
        faces = _faces_of_person(city, person)
    else:
        return None
    as_of = city.today - timedelta(days=int(digits(3, lookup.number)) % 90)
    return {"code": lookup.number, "asOf": dashed(as_of), "faces": faces}


def _faces_of_person(city: City, person: Person) -> Record:
    marriage = city.marriage_of(person.id_no)
    is_married = marriage is not None and marriage.ended_on is None
    has_driving = 20 <= person.age(city.today) < 65 and int(digits(2, person.id_no)) % 3
    renewed = city.today + timedelta(days=int(digits(4, person.id_no)) % 3000)
    return {
        "idCard": {
            "name": person.name,
            "no": person.id_no,
            "sex": SEX[person.sex],
            "nation": ETHNICITY[person.ethnicity].removesuffix("族"),
            "address": person.hukou.text,
            "validTo": dashed(renewed),
            "issuer": f"{load_facts().county_name(person.hukou.county)}公安局",
        },
        "marriage": {"no": marriage.number, "date": dashed(marriage.registered_on)}
        if marriage is not None and is_married
        else None,
        "driving": {"no": person.id_no, "class": "A2", "validTo": dashed(renewed)} if has_driving else None,
        "businessLicence": None,
        "food": None,
        "transport": None,
    }


def _faces_of_enterprise(city: City, enterprise: Enterprise) -> Record:
    issued = city.today - valid_from(city, enterprise)
    return {
        "idCard": None,
        "marriage": None,
        "driving": None,
        "businessLicence": {
            "name": enterprise.name,
            "no": enterprise.uscc,
            "address": enterprise.seat.text,
            "legalRep": city.persons[enterprise.legal_rep].name,
            "capital": _in_numerals(enterprise.capital_wan * 10_000),
            "established": dashed(enterprise.founded_on),
        },
        "food": {"no": number_of(enterprise), "validTo": dashed(issued + timedelta(days=5 * 365))}
        if enterprise.trade is Trade.food
        else None,
        "transport": {"no": licence_of(enterprise), "validTo": dashed(city.today + timedelta(days=500))}
        if enterprise.trade is Trade.transport
        else None,
    }


def _asked(call: Call) -> Lookup:
    return Lookup(call.path["id_type"], call.path["number"])


SERVICE = HttpService(
    source="licences",
    place="licences_url",
    key_name="licences-token",
    guard=BearerToken(),
    path="/licence/holder/{id_type}/{number}",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"errcode": 0, "holder": record},
    missing=(200, {"errcode": 30001, "holder": None}),
)


def _in_numerals(yuan: int) -> str:
    import cn2an

    return str(cn2an.an2cn(yuan, "rmb")).replace("元", "圆")
