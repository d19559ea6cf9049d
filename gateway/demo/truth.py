"""What people of the city know about themselves and type when nobody fills it in for them. Pure.

What they know is what the city knows, in the item's normal form; for anything else they have something to say that
fits the field.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from field_registry import Item, Registry
from field_registry.items import Datatype
from forms.definition import Field, FieldKind
from gateway.demo.naming import Payload
from gateway.demo.records import City, Enterprise, Person, Vehicle

_OF_PERSON: Mapping[str, Callable[[Person], object]] = {
    "person.name": lambda person: person.name,
    "person.id_no": lambda person: person.id_no,
    "person.sex": lambda person: person.sex,
    "person.birth_date": lambda person: person.birth_date.isoformat(),
    "person.ethnicity": lambda person: person.ethnicity,
    "person.marital_status": lambda person: person.marital,
    "person.education": lambda person: person.education,
    "person.phone": lambda person: person.phone,
    "person.address": lambda person: person.home.text,
    "person.hukou_address": lambda person: person.hukou.text or None,
}
_OF_ENTERPRISE: Mapping[str, Callable[[Enterprise], object]] = {
    "org.name": lambda enterprise: enterprise.name,
    "org.uscc": lambda enterprise: enterprise.uscc,
    "org.registered_address": lambda enterprise: enterprise.seat.text,
    "org.contact_phone": lambda enterprise: enterprise.phone,
}
_OF_VEHICLE: Mapping[str, Callable[[Vehicle], object]] = {
    "vehicle.plate_number": lambda vehicle: vehicle.plate,
    "vehicle.vin": lambda vehicle: vehicle.vin,
}
_TEXTS = ("示例内容", "按实际情况填写", "详见所附材料", "城区中心路一号", "日常经营")


class Typist:
    """What somebody types into a field that stands empty before them."""

    def __init__(self, city: City, registry: Registry) -> None:
        """`registry`: which items there are, and their code lists."""
        self._city, self._registry = city, registry

    def typed(self, field: Field, item_id: str | None, subject: Payload | None, random: Random) -> Any:
        """A value that the field takes: the truth where the city knows it, else something that fits."""
        known = None if item_id is None or subject is None else self._known(item_id, subject)
        return known if known is not None else self.invented(field, item_id, random)

    def invented(self, field: Field, item_id: str | None, random: Random) -> Any:
        """A value that the field takes, whatever is true."""
        if field.kind is FieldKind.consent_box:
            return True
        if field.kind is not FieldKind.input:
            return "已签" if field.kind is FieldKind.signature else "附件一"
        item = self._registry.items.get(item_id or "")
        return self._of_schema(field, random) if field.schema or item is None else self._of_item(item, random)

    def _known(self, item_id: str, subject: Payload) -> object:
        if subject["kind"] == "person":
            person = self._city.person(subject["id_no"], subject["id_type"])
            return _OF_PERSON[item_id](person) if person and item_id in _OF_PERSON else None
        if subject["kind"] == "organisation" and item_id in _OF_ENTERPRISE:
            return _OF_ENTERPRISE[item_id](self._city.enterprises[subject["uscc"]])
        if subject["kind"] == "vehicle" and item_id in _OF_VEHICLE:
            return _OF_VEHICLE[item_id](self._city.vehicles[subject["plate_number"]])
        return None

    def _of_schema(self, field: Field, random: Random) -> Any:
        schema = field.schema
        if "enum" in schema:
            return random.choice(list(schema["enum"]))
        if schema.get("type") == "boolean":
            return random.random() < 0.5
        if schema.get("type") == "integer":
            return random.randint(1, 12)
        if schema.get("format") == "date":
            return self._day(random)
        if "pattern" in schema:
            return f"{random.randint(3, 900) * 100}.00"
        if "电话" in field.label:
            return self._phone(random)
        return random.choice(_TEXTS)

    def _of_item(self, item: Item, random: Random) -> Any:
        if item.datatype is Datatype.code:
            return random.choice(list(self._registry.code_lists[item.code_list or ""].names))
        if item.datatype in (Datatype.id_no, Datatype.name):
            person = random.choice(list(self._city.persons.values()))
            return person.id_no if item.datatype is Datatype.id_no else person.name
        if item.datatype is Datatype.uscc:
            return random.choice(list(self._city.enterprises))
        if item.datatype is Datatype.plate:
            return random.choice(list(self._city.vehicles))
        simple: Mapping[Datatype, Callable[[], Any]] = {
            Datatype.date: lambda: self._day(random),
            Datatype.datetime: lambda: f"{self._day(random)}T02:00:00Z",
            Datatype.integer: lambda: random.randint(1, 60),
            Datatype.boolean: lambda: random.random() < 0.5,
            Datatype.phone: lambda: self._phone(random),
            Datatype.amount: lambda: (
                f"{random.randint(10, 900)}{'.' + '0' * item.scale if item.scale else ''}"
            ),
            Datatype.address: lambda: random.choice(list(self._city.persons.values())).home.text,
        }
        return simple.get(item.datatype, lambda: random.choice(_TEXTS)[: item.max_length or None])()

    def _day(self, random: Random) -> str:
        return (self._city.today - timedelta(days=random.randint(40, 2000))).isoformat()

    @staticmethod
    def _phone(random: Random) -> str:
        return f"139999{random.randint(10_000, 99_999)}"


def misspelt(value: Any, random: Random) -> Any:
    """The same value as somebody in a hurry writes it: full-width digits, spaces, a date with dots. Never an edit."""
    if not isinstance(value, str):
        return value
    try:
        day = date.fromisoformat(value)
    except ValueError:
        full = value.translate({ord(str(digit)): chr(ord("０") + digit) for digit in range(10)})
        return random.choice((f" {value} ", full))
    return random.choice((f"{day.year}.{day.month}.{day.day}", f"{day.year}年{day.month}月{day.day}日"))
