"""民政 · marriage register. SQL: one row per registration, both parties in it, superseded rows kept."""

from collections.abc import Iterator

from gateway.demo.departments.base import Database, Row
from gateway.demo.departments.spelling import dashed
from gateway.demo.records import City, Marriage

_COLUMNS = (
    "djzh TEXT, nanf_xm TEXT, nanf_sfzh TEXT, nvf_xm TEXT, nvf_sfzh TEXT, djlx TEXT, djrq TEXT, djjg TEXT, "
    "zt TEXT, gxsj TEXT"
)


def rows(city: City) -> Iterator[tuple[str, Row]]:
    """Every registration of the city; a divorce supersedes its marriage."""
    for marriage in city.marriages:
        ended = marriage.ended_on is not None
        yield "hydj", _row(city, marriage, is_divorce=False, in_force=not ended)
        if ended:
            yield "hydj", _row(city, marriage, is_divorce=True, in_force=True)


def _row(city: City, marriage: Marriage, *, is_divorce: bool, in_force: bool) -> Row:
    day = dashed(marriage.ended_on if is_divorce else marriage.registered_on)
    return (
        marriage.number.replace("J", "L", 1) if is_divorce else marriage.number,
        *_party(city, marriage.husband),
        *_party(city, marriage.wife),
        "LH" if is_divorce else "JH",
        day,
        marriage.office,
        "1" if in_force else "0",
        f"{day} 10:12:00",
    )


def _party(city: City, number: str) -> tuple[str | None, str | None]:
    """Name and number of one party; of somebody who has left the city, nothing."""
    person = city.persons.get(number)
    return (None, None) if person is None else (person.name, person.id_no)


DATABASE = Database(source="marriage", place="marriage_db", tables={"hydj": _COLUMNS}, rows=rows)
