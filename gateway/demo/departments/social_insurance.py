"""人社 · social insurance, of persons and of employers. A signed query; dates 2019/3/1, money as text."""

from datetime import timedelta

from gateway.demo.auth import SignedQuery
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of, person_of
from gateway.demo.departments.spelling import digits, pick, slashed
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Enterprise, Person, Quirk


def record(city: City, lookup: Lookup) -> Record | None:
    """The account of one person or one employer, the other half null."""
    enterprise = enterprise_of(city, lookup)
    if enterprise is not None:
        return _wrapped(lookup, city, employer=_employer(city, enterprise))
    person = None if lookup.id_type == "uscc" else person_of(city, lookup)
    if person is None or person.age(city.today) < 16:
        return None
    return _wrapped(lookup, city, person=_person(city, person))


def _wrapped(
    lookup: Lookup, city: City, *, person: Record | None = None, employer: Record | None = None
) -> Record:
    is_outdated = city.quirk("social-insurance", lookup.number) is Quirk.outdated
    days = 1100 if is_outdated else 5 + int(digits(3, lookup.number)) % 60
    updated = city.today - timedelta(days=days)
    return {"idNo": lookup.number, "person": person, "employer": employer, "updated": slashed(updated)}


def _person(city: City, person: Person) -> Record:
    employer = None if person.employer is None else city.enterprises[person.employer]
    months = 12 + int(digits(3, person.id_no)) % 200
    return {
        "name": person.former_name or person.name,
        "siNo": person.id_no,
        "cardNo": f"A{digits(8, person.id_no, 'card')}",
        "mobile": person.old_phone or person.phone,
        "status": _status(city, person),
        "firstInsured": slashed(city.today - timedelta(days=31 * months)),
        "base": f"{4000 + int(digits(4, person.id_no, 'base'))}.00",
        "months": months,
        "employer": employer.name if employer else None,
        "employerCode": employer.uscc if employer else None,
        "employerFrom": slashed(city.today - timedelta(days=20 * months)) if employer else None,
        "job": pick(("调度员", "操作工", "会计", "驾驶员", "业务员"), person.id_no) if employer else None,
        "bank": f"中国建设银行{load_facts().city_name(person.home.county)}分行",
        "bankAccount": f"6217{digits(15, person.id_no, 'account')}",
    }


def _status(city: City, person: Person) -> str:
    if person.age(city.today) >= 60:
        return "待遇领取"
    return "正常参保" if person.employer else "暂停参保"


def _employer(city: City, enterprise: Enterprise) -> Record:
    county = load_facts().county_name(enterprise.seat.county)
    return {
        "siCode": f"{enterprise.seat.county}{digits(7, enterprise.uscc)}",
        "insured": enterprise.employees,
        "firstInsured": slashed(enterprise.founded_on + timedelta(days=60)),
        "status": "暂停缴费" if enterprise.is_struck_off else "正常缴费",
        "arrears": "否",
        "agency": f"{county}社会劳动保险中心",
    }


def _asked(call: Call) -> Lookup:
    return Lookup(call.query.get("idType", ""), call.query.get("idNo", ""))


SERVICE = HttpService(
    source="social-insurance",
    place="social_url",
    key_name="social-key",
    guard=SignedQuery("oncegate-demo"),
    path="/si/query",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"rc": "0000", "rm": "查询成功", "data": record},
    missing=(200, {"rc": "1001", "rm": "未查询到参保信息", "data": None}),
    refused=(200, {"rc": "4003", "rm": "签名错误", "data": None}),
)
