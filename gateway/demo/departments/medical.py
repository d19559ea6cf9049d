"""医保 · medical insurance. SQL: one row per insured person; now and then one too many."""

from collections.abc import Iterator
from datetime import timedelta

from gateway.demo.departments.base import Database, Row
from gateway.demo.departments.spelling import compact, dashed, digits, pick
from gateway.demo.records import City, Person, Quirk

_COLUMNS = "zjhm TEXT, xzlx TEXT, cbzt TEXT, cbd TEXT, cbrq TEXT, jfjs REAL, mtb TEXT, zhye REAL, ddyy TEXT, gxsj TEXT"


def rows(city: City) -> Iterator[tuple[str, Row]]:
    """Everybody who lives in the city, by the document they are insured with."""
    for person in city.persons.values():
        if person.is_newborn(city.today):
            continue
        yield "cbxx", _row(city, person)
        if city.quirk("medical", person.id_no) is Quirk.twice:
            yield "cbxx", _row(city, person)


def _row(city: City, person: Person) -> Row:
    is_employee = person.employer is not None
    begun = city.today - timedelta(days=100 + int(digits(4, person.id_no)) % 3000)
    return (
        next(iter(person.documents.values()), person.id_no),
        "310" if is_employee else "390",
        "4" if person.deceased_on else "1",
        person.home.county,
        compact(begun),
        float(4000 + int(digits(4, person.id_no, "base"))) if is_employee else None,
        pick((None, None, None, "高血压", "糖尿病"), person.id_no) if person.age(city.today) > 50 else None,
        int(digits(6, person.id_no, "balance")) / 100,
        pick(("示范市第一医院", "示范市中医院"), person.id_no),
        dashed(city.today - timedelta(days=5 + int(digits(2, person.id_no)) % 20)),
    )


DATABASE = Database(source="medical", place="medical_db", tables={"cbxx": _COLUMNS}, rows=rows)
