"""市场监管 · enterprise register. Nested camelCase, dates 2014年11月15日, money in 万元; shareholders come in pages."""

from datetime import timedelta
from typing import Any

from gateway.demo.auth import BearerToken
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of
from gateway.demo.departments.spelling import ENTERPRISE_TYPE, chinese, digits
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Enterprise, Trade

_SCOPE = {
    Trade.transport: ("道路运输业", "5430", "道路普通货物运输；道路旅客运输经营。"),
    Trade.food: ("餐饮业", "6210", "餐饮服务；食品销售。"),
    Trade.construction: ("房屋建筑业", "4710", "房屋建筑工程施工；市政公用工程施工。"),
    Trade.industry: ("制造业", "1952", "产品制造与销售；货物进出口。"),
}


def record(city: City, lookup: Lookup) -> Record | None:
    """The registration of one enterprise, with all its shareholders."""
    enterprise = enterprise_of(city, lookup)
    if enterprise is None:
        return None
    head = city.persons[enterprise.legal_rep]
    return {
        "base": _base(enterprise),
        "address": {
            "registered": enterprise.seat.text,
            "business": enterprise.site.text,
            "postcode": _postcode(enterprise),
        },
        "capital": {
            "registered": enterprise.capital_wan,
            "paidIn": enterprise.capital_wan / 2,
            "currency": "人民币",
        },
        "legalRep": {
            "name": head.name,
            "certType": "居民身份证",
            "certNo": head.id_no,
            "mobile": head.old_phone or head.phone,
            "position": "经营者" if enterprise.type == "9500" else "执行董事",
        },
        "contact": {
            "name": head.name,
            "mobile": head.phone,
            "landline": enterprise.phone,
            "email": f"office{digits(5, enterprise.uscc)}@example.cn",
        },
        "shareholders": [
            _shareholder(city, enterprise, number) for number in range(len(enterprise.shareholders))
        ],
        "updatedOn": chinese(enterprise.recorded_on),
    }


def _base(enterprise: Enterprise) -> Record:
    industry, code, scope = _SCOPE[enterprise.trade]
    return {
        "unifiedCreditCode": enterprise.uscc,
        "name": enterprise.name,
        "type": ENTERPRISE_TYPE[enterprise.type],
        "status": "吊销" if enterprise.is_struck_off else "存续",
        "establishedOn": chinese(enterprise.founded_on),
        "approvedOn": chinese(enterprise.recorded_on),
        "authority": f"{load_facts().county_name(enterprise.seat.county)}市场监督管理局",
        "division": enterprise.seat.county,
        "industry": industry,
        "industryCode": code,
        "scope": scope,
        "termFrom": chinese(enterprise.founded_on),
        "termTo": chinese(enterprise.founded_on + timedelta(days=10_950))
        if enterprise.type == "1130"
        else None,
        "registrationNo": f"{enterprise.seat.county}{digits(9, enterprise.uscc)}",
    }


def _postcode(enterprise: Enterprise) -> str:
    county = enterprise.seat.county
    return f"{load_facts()['postcode_prefix'][county[:4]]}{digits(3, county)}"


def _shareholder(city: City, enterprise: Enterprise, number: int) -> dict[str, Any]:
    holder = enterprise.shareholders[number]
    return {
        "name": holder.name,
        "certType": "居民身份证",
        "certNo": holder.id_no,
        "subscribed": holder.paid_wan,
        "paid": holder.paid_wan / 2,
        "method": "货币",
        "contributedOn": chinese(enterprise.founded_on + timedelta(days=1800)),
    }


def _answer(record: Record, call: Call) -> object:
    """One page: everything but the shareholders is repeated on each."""
    page, size = call.number("page", 1), call.number("size", 5)
    holders = record["shareholders"]
    shown = {"total": len(holders), "list": holders[(page - 1) * size : page * size]}
    return {"resultCode": 200, "result": {**record, "shareholders": shown}}


def _asked(call: Call) -> Lookup:
    return Lookup("uscc", str(call.body.get("unifiedCreditCode")))


SERVICE = HttpService(
    source="enterprise",
    place="enterprise_url",
    key_name="enterprise-token",
    guard=BearerToken(),
    method="POST",
    path="/enterprise/v1/detail",
    asked=_asked,
    record=record,
    answer=_answer,
    missing=(200, {"resultCode": 404, "result": None}),
    refused=(200, {"resultCode": 403, "result": None}),
)
