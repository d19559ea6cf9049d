"""What handing a form in costs the database: one statement to read, and as many to write whatever the form is like."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from field_registry import SubjectKind
from forms.definition import Field, Form, Role
from gateway.store import bulk

TO_READ = 1
TO_WRITE = {"sqlite": 8, "postgresql": 4}
"""The consents; the entry and its place in the queue; the draft emptied; application, subjects, slots, what to count.

On a server the second and the last are one statement each; in one's own process a statement is no round trip.
"""
ITEMS = ("person.name", "person.sex", "person.address", "person.birth_date")


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to any database meanwhile; the beginning of a transaction is none."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    of_sqlite = bulk._of_sqlite  # what goes past SQLAlchemy, goes past its events

    @contextmanager
    def noted(connection: Connection) -> Iterator[Any]:
        with of_sqlite(connection) as cursor:
            yield _Noting(cursor, sent)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk, "_of_sqlite", noted)
            yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


class _Noting:
    """A cursor that notes what it sends."""

    def __init__(self, cursor: Any, sent: list[str]) -> None:
        self._cursor, self._sent = cursor, sent
        self.fetchall = cursor.fetchall

    def execute(self, statement: str, values: Any) -> None:
        self._sent.append(statement)
        self._cursor.execute(statement, values)

    def executemany(self, statement: str, rows: Any) -> None:
        self._sent.append(statement)
        self._cursor.executemany(statement, rows)


def form_of(slots: int) -> Form:
    """A form with so many fields that a register fills."""
    fields = tuple(Field(f"f{number}", f"字段{number}", item=ITEMS[number % 4]) for number in range(slots))
    role = Role("applicant", "申请人", frozenset({SubjectKind.person}))
    return Form(f"of-{slots}", 1, "许多字段", "M-1", "family", "民政", fields=fields, roles=(role,))


async def handed_in(hall: Any, form: str, **more: Any) -> list[str]:
    """What the database is sent while that form is resolved before and handed in meanwhile."""
    resolved = await hall.resolve(form)
    values = {path: each["value"] for path, each in resolved["fields"].items()}
    path, body = f"/v1/resolutions/{resolved['id']}/submission", {"values": values, **more}
    await hall.call("GET", "/v1/submissions", None)  # whatever is read once a minute has been
    with statements() as sent:
        answer = await hall.call("POST", path, body)
    assert answer.status_code == 200, answer.text
    return sent


@pytest.mark.parametrize("slots", [4, 50])
async def test_a_form_is_read_in_one_statement_and_written_in_few(hall_on_disk, slots):
    """Fifty slots or four, on both databases: drafts, keys, records and open disputes come in one answer."""
    await hall_on_disk.publish(form_of(slots))
    await handed_in(hall_on_disk, f"of-{slots}")

    sent = await handed_in(hall_on_disk, f"of-{slots}")

    reads = [each for each in sent if each.lstrip().startswith("SELECT")]
    kind = hall_on_disk.runtime.settings.database_url.partition(":")[0].partition("+")[0]
    assert len(sent) == TO_READ + TO_WRITE[kind]
    assert len(reads) == TO_READ + 1  # the other one reads the consents again, in the transaction that writes
    assert reads[0] == sent[0]


async def test_the_same_handed_in_again_is_read_once(hall_on_disk):
    """What became of it stands in the same statement; the slots are one more, and nothing is written."""
    resolved = await hall_on_disk.resolve()
    first = await hall_on_disk.submit(resolved)

    with statements() as sent:
        again = await hall_on_disk.submit(resolved)

    assert again.json() == first.json()
    assert len(sent) == TO_READ + 1
    assert all(each.lstrip().startswith("SELECT") for each in sent)
