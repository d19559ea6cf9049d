"""交通运输 · road transport: one ledger of vehicles and of the operators that run them. Plates are spelled freely."""

from datetime import timedelta

from gateway.demo.auth import HeaderKey
from gateway.demo.departments.base import Call, HttpService, Lookup, Record, enterprise_of
from gateway.demo.departments.spelling import dashed, digits
from gateway.demo.departments.vehicle_registration import KIND
from gateway.demo.records import City, Enterprise, Quirk, Trade, Vehicle

_COLOUR = {"1": "蓝牌", "2": "黄牌", "5": "绿牌"}


def licence_of(enterprise: Enterprise) -> str:
    """The number of the operator's licence."""
    return f"闽交运管许可泉字{digits(12, enterprise.uscc, 'licence')}号"


def record(city: City, lookup: Lookup) -> Record | None:
    """The ledger's page of one vehicle or one operator."""
    if lookup.id_type == "plate":
        vehicle = city.vehicles.get(lookup.number)
        return None if vehicle is None else _page(city, lookup, vehicle=_vehicle(city, vehicle))
    enterprise = enterprise_of(city, lookup)
    if enterprise is None or enterprise.trade is not Trade.transport:
        return None
    return _page(city, lookup, operator=_operator(city, enterprise))


def _page(
    city: City, lookup: Lookup, *, vehicle: Record | None = None, operator: Record | None = None
) -> Record:
    is_odd = city.quirk("transport-vehicles", lookup.number) is Quirk.legacy
    return {
        "ztbh": f"{lookup.number[:2]}·{lookup.number[2:]}".lower() if is_odd else lookup.number,
        "vehicle": vehicle,
        "operator": operator,
        "updated": dashed(city.today - timedelta(days=int(digits(3, lookup.number)) % 90)),
    }


def _vehicle(city: City, vehicle: Vehicle) -> Record:
    return {
        "plate": vehicle.plate,
        "plateColor": _COLOUR[vehicle.colour],
        "permitNo": _permit_of(vehicle),
        "permitValidTo": dashed(vehicle.reviewed_on + timedelta(days=1400)),
        "scope": "道路旅客运输" if vehicle.load_kg == 0 else "道路普通货物运输",
        "kind": KIND[vehicle.type],
        "grade": "一级",
        "lastReview": dashed(vehicle.reviewed_on),
        "owner": city.enterprises[vehicle.owner].name,
        "ownerCode": vehicle.owner,
        "tonnage": f"{vehicle.load_kg / 1000:.2f}",
        "axles": 2 if vehicle.length_mm < 9000 else 3,
        "satelliteTerminal": "是",
    }


def _operator(city: City, enterprise: Enterprise) -> Record:
    return {
        "licenceNo": licence_of(enterprise),
        "licenceValidTo": dashed(city.today + timedelta(days=500)),
        "scope": "道路普通货物运输；道路旅客运输",
        "creditGrade": "AA",
        "safetyHead": city.persons[enterprise.shareholders[-1].id_no].name,
        "vehicles": [
            {
                "plate": vehicle.plate,
                "plateColor": _COLOUR[vehicle.colour],
                "kind": KIND[vehicle.type],
                "permitNo": _permit_of(vehicle),
                "lastReview": dashed(vehicle.reviewed_on),
            }
            for vehicle in city.vehicles_of(enterprise.uscc)
        ],
    }


def _permit_of(vehicle: Vehicle) -> str:
    return f"闽交运管许可泉字{digits(12, vehicle.plate)}号"


def _asked(call: Call) -> Lookup:
    return Lookup(call.path["id_type"], call.path["number"])


SERVICE = HttpService(
    source="transport-vehicles",
    place="transport_url",
    key_name="transport-key",
    guard=HeaderKey("X-Transport-Key"),
    path="/ledger/{id_type}/{number}",
    asked=_asked,
    record=record,
    answer=lambda record, call: {"state": 1, "ledger": record},
    missing=(200, {"state": 0, "ledger": None}),
)
