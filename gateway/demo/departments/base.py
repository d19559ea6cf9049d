"""What a register of the city is made of. A department's module says how *it* spells a record; nothing else.

`HttpService`: asked over HTTP. `Database`: an SQLite file. `FileDrop`: a file replaced now and then.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo.auth import Guard
from gateway.demo.records import City, Enterprise, Person

Record = dict[str, Any]
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Whom a call is about: `id_type` is a GA/T 517 code, "uscc", "plate" or "project_code"."""

    id_type: str
    number: str

    def __repr__(self) -> str:
        """The type only."""
        return f"Lookup({self.id_type}, …)"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a service sees it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def number(self, name: str, default: int) -> int:
        """A small number of the body or the query, e.g. a page; the default when it is none."""
        text = str(self.body.get(name, self.query.get(name, default)))
        return int(text) if text.isdecimal() and 0 < len(text) < 6 else default


@dataclass(frozen=True, slots=True)
class HttpService:
    """One HTTP register.

    `place`: the name under which its address is published. `key_name`: names the secret its callers hold. `asked`
    reads whom a call is about, `record` gives what the office holds (None: nothing), `answer` wraps a record,
    `missing` and `refused` are the status and body when there is none, and when the caller may not ask. `seconds`:
    how long it takes on a good day, least and most.
    """

    source: str
    place: str
    key_name: str
    guard: Guard
    path: str
    asked: Callable[[Call], Lookup]
    record: Callable[[City, Lookup], Any]
    answer: Callable[[Any, Call], object]
    missing: tuple[int, object]
    method: str = "GET"
    refused: tuple[int, object] = (401, {"error": "unauthorized"})
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Database:
    """One SQL register: `tables` is table name → its columns, `rows` gives (table name, row) for the whole city."""

    source: str
    place: str
    tables: Mapping[str, str] = field(hash=False)
    rows: Callable[[City], Iterable[tuple[str, Row]]]


@dataclass(frozen=True, slots=True)
class FileDrop:
    """One register that arrives as a file: `write` writes it to a path whose name ends in `suffix`."""

    source: str
    place: str
    suffix: str
    write: Callable[[City, Path], None]


def person_of(city: City, lookup: Lookup) -> Person | None:
    """The person a lookup names, or None."""
    return city.person(lookup.number, lookup.id_type)


def enterprise_of(city: City, lookup: Lookup) -> Enterprise | None:
    """The enterprise a lookup names, or None."""
    return city.enterprises.get(lookup.number) if lookup.id_type == "uscc" else None


def employer_name(city: City, person: Person) -> str | None:
    """The name of the enterprise somebody works for, or None."""
    return None if person.employer is None else city.enterprises[person.employer].name
