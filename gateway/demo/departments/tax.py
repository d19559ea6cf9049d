"""税务 · taxpayers. Abbreviated keys, dates 2014-12-02, sums in 元 as 18,650,000.00, yes and no as Y and N."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of
from gateway.demo.departments.spelling import address_variant, dashed, digits, thousands
from gateway.demo.facts import load_facts
from gateway.demo.records import City


def record(city: City, lookup: Lookup) -> Record | None:
    """The taxpayer's record; a struck-off enterprise is no longer one."""
    enterprise = enterprise_of(city, lookup)
    if enterprise is None or enterprise.is_struck_off:
        return None
    county = load_facts().county_name(enterprise.seat.county)
    head = city.persons[enterprise.shareholders[-1].id_no]
    turnover = enterprise.employees * (200_000 + int(digits(5, enterprise.uscc)))
    return {
        "nsrsbh": enterprise.uscc,
        "nsrmc": enterprise.name,
        "nsrlx": "小规模纳税人" if enterprise.type == "9500" else "增值税一般纳税人",
        "nsrzt": "正常",
        "djrq": dashed(enterprise.founded_on + timedelta(days=17)),
        "zgswjg": f"国家税务总局{county}税务局",
        "xydj": "A",
        "qsbz": "N",
        "ndsr": thousands(turnover),
        "ndlr": thousands(turnover * 0.07),
        "zcze": thousands(turnover * 1.2),
        "cyrs": enterprise.employees,
        "cwfzr": head.name,
        "cwfzrdh": head.phone,
        "khyh": f"中国农业银行{county}支行",
        "yhzh": f"1363{digits(13, enterprise.uscc, 'account')}",
        "scjydz": address_variant(enterprise.site.text, enterprise.uscc),
        "gxrq": dashed(city.today - timedelta(days=5 + enterprise.employees % 60)),
    }


def _asked(call: Call) -> Lookup:
    return Lookup("uscc", call.path["number"])


SERVICE = HttpService(
    source="tax",
    place="tax_url",
    key_name="tax-key",
    guard=HeaderKey("X-Tax-Token"),
    path="/taxpayer/{number}",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"ret_code": "00", "nsrxx": record},
    missing=(200, {"ret_code": "01", "nsrxx": None}),
    refused=(200, {"ret_code": "09", "nsrxx": None}),
)
