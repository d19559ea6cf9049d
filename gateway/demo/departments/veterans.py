"""退役军人 · veterans. Chinese keys, days as 2010年12月1日; old files still hold numbers of 15 digits."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, person_of
from gateway.demo.departments.spelling import chinese, digits, pick, thousands
from gateway.demo.facts import load_facts
from gateway.demo.identifiers import fifteen_digits
from gateway.demo.records import City, Quirk


def record(city: City, lookup: Lookup) -> Record | None:
    """The file of one veteran."""
    person = person_of(city, lookup)
    if person is None or person.id_no not in city.veterans:
        return None
    is_old = city.quirk("veterans", person.id_no) is Quirk.legacy
    enlisted = person.birth_date.replace(year=person.birth_date.year + 19, month=9, day=1)
    years = min(city.today.year - enlisted.year, 2 + int(digits(2, person.id_no, "years")) % 12)
    discharged = min(enlisted.replace(year=enlisted.year + years), city.today - timedelta(days=30))
    return {
        "公民身份号码": fifteen_digits(person.id_no) if is_old else person.id_no,
        "姓名": person.name,
        "退役军人优待证编号": f"35{digits(11, person.id_no)}",
        "入伍时间": chinese(enlisted),
        "退役时间": chinese(discharged),
        "退役方式": "自主就业",
        "服役部队": "（不提供）",
        "军衔": pick(("上等兵", "下士", "四级军士长"), person.id_no),
        "立功受奖": pick((None, "三等功一次"), person.id_no, "merit"),
        "残疾等级": None,
        "安置地": f"福建省{load_facts().county_name(person.home.county)}",
        "一次性退役金": thousands(years * 7200),
        "报到日期": None,
        "更新时间": chinese(person.recorded_on),
    }


def _asked(call: Call) -> Lookup:
    return Lookup("111", call.path["number"])


SERVICE = HttpService(
    source="veterans",
    place="veterans_url",
    key_name="veterans-key",
    guard=HeaderKey("X-Vet-Key"),
    path="/veteran/{number}",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"结果": "1", "档案": record},
    missing=(200, {"结果": "0", "档案": None}),
)
