"""金融监管 · vehicle insurance, the slow one of the city. Days as 20261201000000, money as numbers."""

from datetime import date, timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record
from gateway.demo.departments.spelling import digits, pick
from gateway.demo.records import City

_INSURERS = ("中国人民财产保险股份有限公司示范支公司", "中国平安财产保险股份有限公司示范支公司")


def record(city: City, lookup: Lookup) -> Record | None:
    """The policy in force for one vehicle."""
    vehicle = city.vehicles.get(lookup.number)
    if vehicle is None:
        return None
    year = vehicle.insured_until.year - 1
    return {
        "plateNo": vehicle.plate,
        "compulsoryNo": f"PDZA{year}350500{digits(10, vehicle.plate)}",
        "insurer": pick(_INSURERS, vehicle.plate),
        "from": _midnight(vehicle.insured_until - timedelta(days=365)),
        "to": _midnight(vehicle.insured_until),
        "premium": 4480.0,
        "carrierNo": f"PZAA{year}350500{digits(10, vehicle.plate, 'carrier')}",
        "carrierTo": _midnight(vehicle.insured_until),
        "queried": f"{city.today:%Y%m%d}093000",
    }


def _midnight(day: date) -> str:
    return f"{day:%Y%m%d}000000"


def _asked(call: Call) -> Lookup:
    return Lookup("plate", str(call.body.get("plateNo")))


SERVICE = HttpService(
    source="vehicle-insurance",
    place="insurance_url",
    key_name="insurance-key",
    guard=HeaderKey("X-Ins-Key"),
    method="POST",
    path="/policies/search",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"head": {"ret": "S"}, "policy": record},
    missing=(200, {"head": {"ret": "N"}, "policy": None}),
    seconds=(0.4, 0.8),
)
