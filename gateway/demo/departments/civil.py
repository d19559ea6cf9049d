"""公安 · population register. Keys are pinyin initials, dates 19910603, a business status in `code`."""

from typing import Any

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, employer_name, person_of
from gateway.demo.departments.spelling import compact, sometimes
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Person, Quirk


def record(city: City, lookup: Lookup) -> Record | None:
    """The register's record of a person, as it is spelled there."""
    person = person_of(city, lookup)
    if person is None or person.documents or person.is_newborn(city.today):
        return None
    quirk = city.quirk("civil", person.id_no)
    blank = quirk is Quirk.blank
    county = load_facts().county_name(person.hukou.county)
    members = [each for each in city.household_of(person) if not each.is_newborn(city.today)]
    return {
        "gmsfhm": person.id_no,
        "xm": person.name,
        "cym": person.former_name,
        "xb": person.sex,
        "mz": person.ethnicity,
        "csrq": "19780230" if quirk is Quirk.invalid else compact(person.birth_date),
        "jg": f"福建省{county}",
        "csd": f"福建省{county}",
        "hkszd": person.hukou.text,
        "xzqh": person.hukou.county,
        "hh": person.household,
        "hklb": "家庭户",
        "pcs": f"{county}公安局{person.hukou.town.removesuffix('街道')}派出所",
        "hzxm": next((each.name for each in members if each.relation == "02"), person.name),
        "yhzgx": person.relation,
        "whcd": None if blank or sometimes("null", person.id_no, "whcd") else person.education,
        "zzmm": person.political,
        "hyzk": person.marital,
        "zy": _occupation(city, person),
        "xzz": _address(person),
        "lxdh": "" if blank else person.phone,
        "swbz": "0" if person.deceased_on is None else "1",
        "swrq": compact(person.deceased_on),
        "gxsj": compact(person.recorded_on),
        "hnry": [_member(each) for each in members],
    }


def _member(person: Person) -> dict[str, Any]:
    return {
        "xm": person.name,
        "gmsfhm": person.id_no,
        "gx": person.relation,
        "csrq": compact(person.birth_date),
        "xb": person.sex,
    }


def _occupation(city: City, person: Person) -> str:
    age = person.age(city.today)
    if age < 18:
        return "学生" if age > 6 else "学龄前儿童"
    return "退休人员" if age >= 60 else "企业职员" if employer_name(city, person) else "自由职业"


def _address(person: Person) -> str:
    """Who moved within the city has not told this office yet."""
    return person.home.text if person.is_resident_elsewhere else person.hukou.text


def _asked(call: Call) -> Lookup:
    return Lookup("111", call.path["number"])


SERVICE = HttpService(
    source="civil",
    place="civil_url",
    key_name="civil-key",
    guard=HeaderKey("X-Api-Key"),
    path="/persons/{number}",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"code": 0, "msg": "成功", "data": record},
    missing=(200, {"code": 404, "msg": "查无此人", "data": None}),
    refused=(200, {"code": 403, "msg": "无访问权限", "data": None}),
)
