"""公安 · motor vehicles. No envelope: the body is the record; dates are epoch milliseconds in Shanghai."""

from datetime import timedelta

from gateway.demo.auth import BearerToken
from gateway.demo.departments.base import Call, HttpService, Lookup, Record
from gateway.demo.departments.spelling import epoch_ms, pick
from gateway.demo.records import City

KIND = {"H11": "重型普通货车", "K21": "中型普通客车"}


def record(city: City, lookup: Lookup) -> Record | None:
    """The registration of one vehicle."""
    vehicle = city.vehicles.get(lookup.number)
    if vehicle is None:
        return None
    year = timedelta(days=365)
    return {
        "hphm": vehicle.plate,
        "clsbdh": vehicle.vin,
        "fdjh": vehicle.engine_no,
        "cllx": vehicle.type,
        "cllxmc": KIND[vehicle.type],
        "clpp": f"{vehicle.brand}牌{vehicle.model}",
        "csys": pick(("白", "蓝", "红"), vehicle.plate),
        "syxz": "B" if vehicle.type == "K21" else "F",
        "rlzl": vehicle.fuel,
        "hdzk": vehicle.seats,
        "zzl": vehicle.mass_kg,
        "ccdjrq": epoch_ms(vehicle.registered_on),
        "yxqz": epoch_ms(vehicle.reviewed_on + year),
        "bfrq": epoch_ms(vehicle.registered_on + 15 * year),
        "syr": city.enterprises[vehicle.owner].name,
        "syrzjhm": vehicle.owner,
        "gxrq": epoch_ms(vehicle.reviewed_on),
    }


def _asked(call: Call) -> Lookup:
    return Lookup("plate", call.path["plate"])


SERVICE = HttpService(
    source="vehicle-registration",
    place="vehicle_url",
    key_name="vehicle-token",
    guard=BearerToken(),
    path="/v2/motor-vehicles/{plate}",
    asked=_asked,
    record=record,
    answer=lambda record, call: record,
    missing=(404, {"message": "no such vehicle"}),
)
