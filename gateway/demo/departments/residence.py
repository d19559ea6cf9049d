"""公安 · residence permits. Textual codes, dates 1991-06-03; some numbers still of 15 digits, addresses careless."""

from datetime import timedelta

from gateway.demo.auth import BearerToken
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, person_of
from gateway.demo.departments.spelling import ETHNICITY, SEX, address_variant, dashed, digits, pick, sometimes
from gateway.demo.identifiers import fifteen_digits
from gateway.demo.records import City, Person


def record(city: City, lookup: Lookup) -> Record | None:
    """What the office knows of somebody who lives where they are not registered."""
    person = person_of(city, lookup)
    if person is None or person.home == person.hukou or person.age(city.today) < 16:
        return None
    since = city.today - timedelta(days=200 + int(digits(4, person.id_no)) % 2000)
    issued = since + timedelta(days=185)
    return {
        "holder": {
            "certNo": _number(person, lookup),
            "fullName": person.name,
            "gender": SEX[person.sex],
            "birthday": dashed(person.birth_date),
            "nation": ETHNICITY[person.ethnicity],
            "mobile": person.old_phone or person.phone,
        },
        "residence": {
            "address": address_variant(person.home.text, person.id_no),
            "since": dashed(since),
            "reason": pick(("务工", "经商", "就学", "随迁"), person.id_no),
            "kind": pick(("租赁房屋", "单位宿舍", "自购房屋"), person.id_no, "kind"),
            "street": person.home.town,
            "landlord": pick(("陈志强", "林丽华", "黄建国"), person.id_no, "landlord"),
        },
        "permit": {
            "no": f"{person.home.county}{issued.year}{digits(6, person.id_no)}",
            "issuedOn": dashed(min(issued, city.today)),
            "validTo": dashed(city.today + timedelta(days=30 + int(digits(3, person.id_no)) % 300)),
        },
        "updated": dashed(person.recorded_on),
    }


def _number(person: Person, lookup: Lookup) -> str:
    is_old_card = lookup.id_type == "111" and person.birth_date.year < 2000
    if is_old_card and sometimes("fifteen_digit", person.id_no):
        return fifteen_digits(person.id_no)
    return lookup.number


def _asked(call: Call) -> Lookup:
    return Lookup(str(call.body.get("certType")), str(call.body.get("certNo")))


SERVICE = HttpService(
    source="residence",
    place="residence_url",
    key_name="residence-token",
    guard=BearerToken(),
    method="POST",
    path="/api/query",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"status": "OK", "body": record},
    missing=(200, {"status": "NO_DATA", "body": None}),
)
