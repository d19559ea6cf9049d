"""Every built-in kind of connector passes the suite that ships for strangers, by the same public door."""

import asyncio
import csv
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import psycopg
import pytest

from connectors.conformance import ConnectorConformance, ConnectorShape, World
from connectors.kinds import file, http_json, profile, sandbox, sql
from connectors.protocol import Environment, Kind, Remembered
from field_registry import Ask, Binding, Item, Source, Subject, SubjectKind, Tier
from field_registry.items import Datatype
from tests.mariadb import MariadbServer

KNOWN = Subject(SubjectKind.person, "111", "35058219910603996X")
UNKNOWN = Subject(SubjectKind.person, "111", "350582198802159987")
RECORD = {"gmsfhm": KNOWN.id_no, "xm": "陈小满", "zz": "示范路1号", "bz": None, "gxsj": "2026-01-01"}
CHILDREN = [{"xm": "陈一一"}, {"xm": "陈二二"}]


def ask(item: str, attribute: str, datatype: Datatype = Datatype.text) -> Ask:
    """An ask of the known person."""
    made = Item(item, item, SubjectKind.person, datatype, "公安")
    column = Item("child.name", "姓名", SubjectKind.person, Datatype.name, "公安", within=item)
    columns = ((column, Binding(column.id, "civil", "xm")),) if datatype is Datatype.rows else ()
    return Ask(made, Binding(item, "civil", attribute), "applicant", columns)


def world_of(
    kind: Kind, config: dict[str, Any], *, places: dict[str, str], base_dir: str = ".", rows: str = ""
) -> World:
    """A world with the one record that every kind's source holds here."""
    asks = [ask("person.name", "xm"), ask("person.address", "zz")]
    expected: list[object] = [RECORD["xm"], RECORD["zz"]]
    if rows:
        asks.append(ask("person.children", rows, Datatype.rows))
        expected.append([{"child.name": child["xm"]} for child in CHILDREN])
    return World(
        source=Source("civil", "人口库", "公安", kind.name, config=config, timeout=timedelta(seconds=5)),
        environment=Environment(
            secrets={"key": "s3cret"},
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            places=places,
            allow_private_addresses=True,
            base_dir=base_dir,
        ),
        known=KNOWN,
        unknown=UNKNOWN,
        asks=asks,
        expected=expected,
        absent=ask("person.note", "bz"),
    )


async def serve_register(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A register over HTTP: the record under its number, else an empty list."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            data = [RECORD | {"zn": CHILDREN}] if KNOWN.id_no.encode() in head else []
            body = json.dumps({"code": 0, "data": data}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


class TestHttpJson(ConnectorConformance):
    """`http_json`."""

    kind = http_json
    config: ClassVar = {"base_url": "${place}", "request": {"path": "/p/{id_no}"}, "answer": {}}
    bad_configs: ClassVar = (
        {},
        {"base_url": "${place}", "request": {"path": "/p/{idno}"}, "answer": {}},
        {"base_url": "${elsewhere}", "request": {"path": "/p"}, "answer": {}},
        {"base_url": "ftp://x", "request": {"path": "/p"}, "answer": {}},
        {**config, "auth": {"kind": "bearer", "secret": "unheard-of"}},
    )

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """A real HTTP service on loopback."""
        server = await asyncio.start_server(serve_register, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        config = {
            "base_url": "${place}",
            "request": {"path": "/persons/{id_no}"},
            "auth": {"kind": "bearer", "secret": "key"},
            "answer": {
                "success": {"pointer": "/code", "equals": [0]},
                "record": "/data",
                "echo": "/gmsfhm",
                "recorded_at": "/gxsj",
            },
        }
        try:
            yield world_of(http_json, config, places={"place": f"http://127.0.0.1:{port}"}, rows="/zn")
        finally:
            server.close()


class Records:
    """A `ProfileReader` over one record."""

    async def held(self, subject: Subject, items: frozenset[str]) -> list[Remembered] | None:
        """What the known person has kept, of these items."""
        if subject != KNOWN:
            return None
        given = datetime(2026, 1, 1, tzinfo=UTC)
        return [Remembered(item, RECORD[item], given) for item in sorted(items) if RECORD.get(item)]


class TestProfile(ConnectorConformance):
    """`profile`: an attribute is what the value is kept under."""

    kind = profile
    config: ClassVar = {"kept": {"person.phone": "730d"}}
    bad_configs: ClassVar = ({"no_such_key": 1}, {"kept": {"person.phone": "two years"}}, {"kept": []})

    def environment(self) -> Environment:
        """As everywhere, and a record."""
        return replace(super().environment(), profile=Records())

    def source(self) -> Source:
        """As everywhere, but of the only tier that a record may have."""
        return replace(super().source(), tier=Tier.C)

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """The record in this process."""
        world = world_of(profile, {}, places={})
        yield replace(
            world,
            source=replace(world.source, tier=Tier.C),
            environment=replace(world.environment, profile=Records()),
        )


SQL_CONFIG = {
    "url": "${place}",
    "query": "SELECT gmsfhm, xm, zz, bz, gxsj FROM person WHERE gmsfhm = :id_no",
    "rows": {"children": "SELECT xm FROM child WHERE parent = :id_no ORDER BY place"},
    "echo": "gmsfhm",
    "recorded_at": "gxsj",
}
TABLES = (
    "CREATE TABLE person (gmsfhm varchar(18), xm varchar(50), zz varchar(99), bz varchar(9), gxsj date)",
    "CREATE TABLE child (parent varchar(18), place integer, xm varchar(50))",
)


class TestSqlite(ConnectorConformance):
    """`sql` on SQLite."""

    kind = sql
    config: ClassVar = {"url": "sqlite:///register.db", "query": "SELECT 1 WHERE :id_no = ''"}
    bad_configs: ClassVar = (
        {},
        {"url": "sqlite:///x.db", "query": "DELETE FROM person WHERE gmsfhm = :id_no"},
        {"url": "sqlite:///x.db", "query": "SELECT 1"},
        {"url": "oracle://x/y", "query": "SELECT :id_no"},
        {"url": "sqlite://", "query": "SELECT :id_no"},
    )

    @pytest.fixture(autouse=True)
    def _register(self, tmp_path: Path) -> None:
        self.directory = tmp_path
        with closing(sqlite3.connect(tmp_path / "register.db")) as database:
            for table in TABLES:
                database.execute(table)
            database.execute("INSERT INTO person VALUES (:gmsfhm, :xm, :zz, :bz, :gxsj)", RECORD)
            for place, child in enumerate(CHILDREN):
                database.execute("INSERT INTO child VALUES (?, ?, ?)", (KNOWN.id_no, place, child["xm"]))
            database.commit()

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """A database file."""
        places = {"place": "sqlite:///register.db"}
        yield world_of(sql, SQL_CONFIG, places=places, base_dir=str(self.directory), rows="children")


@pytest.mark.servers
class TestPostgresql(ConnectorConformance):
    """`sql` on PostgreSQL."""

    kind = sql
    config: ClassVar = {"url": "postgresql://nobody@127.0.0.1:9/x", "query": "SELECT 1 WHERE :id_no = ''"}

    @pytest.fixture(autouse=True)
    def _register(self, postgres_url: str) -> Iterator[None]:
        self.url = postgres_url
        dsn = postgres_url.replace("+psycopg", "")
        with psycopg.connect(dsn, autocommit=True) as database:
            database.execute("DROP SCHEMA IF EXISTS conformance CASCADE")
            database.execute("CREATE SCHEMA conformance")
            database.execute("SET search_path TO conformance")
            for table in TABLES:
                database.execute(table.encode())
            database.execute(
                "INSERT INTO person VALUES (%(gmsfhm)s, %(xm)s, %(zz)s, %(bz)s, %(gxsj)s)", RECORD
            )
            for place, child in enumerate(CHILDREN):
                database.execute("INSERT INTO child VALUES (%s, %s, %s)", (KNOWN.id_no, place, child["xm"]))
            yield
            database.execute("DROP SCHEMA conformance CASCADE")

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """The tests' own server."""
        config = json.loads(json.dumps(SQL_CONFIG).replace("FROM ", "FROM conformance."))
        yield world_of(sql, config, places={"place": self.url}, rows="children")


@pytest.mark.servers
class TestMariadb(ConnectorConformance):
    """`sql` on MariaDB."""

    kind = sql
    config: ClassVar = {"url": "mariadb://nobody@127.0.0.1:9/x", "query": "SELECT 1 WHERE :id_no = ''"}
    bad_configs: ClassVar = (
        {**config, "rows": {"children": "SELECT xm FROM child WHERE parent = :id_no"}},
        {**config, "rows_echo": {"children": "parent"}},
        {**config, "url": "mysql://nobody@127.0.0.1:9/x?charset=gbk"},
        {**config, "url": "mysql://nobody@127.0.0.1:9/x?ssl_check_hostname=true"},
    )

    @pytest.fixture(autouse=True)
    def _register(self, mariadb_server: MariadbServer) -> Iterator[None]:
        self.url = mariadb_server.url("conformance")
        person = ", ".join(f"'{cell}'" if cell else "NULL" for cell in RECORD.values())
        mariadb_server.execute(
            "CREATE OR REPLACE DATABASE conformance CHARACTER SET utf8mb4",
            "USE conformance",
            *TABLES,
            f"INSERT INTO person VALUES ({person})",
            *(
                f"INSERT INTO child VALUES ('{KNOWN.id_no}', {place}, '{child['xm']}')"
                for place, child in enumerate(CHILDREN)
            ),
        )
        yield
        mariadb_server.execute("DROP DATABASE conformance")

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """The tests' own server."""
        rows = {"children": "SELECT parent, xm FROM child WHERE parent = :id_no ORDER BY place"}
        config = SQL_CONFIG | {"rows": rows, "rows_echo": {"children": "parent"}}
        yield world_of(sql, config, places={"place": self.url}, rows="children")


class TestMysqlShape(ConnectorShape):
    """`sql` on MySQL, as far as it can be seen without a server."""

    kind = sql
    config: ClassVar = {
        "url": "mysql://reader@127.0.0.1:9/x",
        "password": {"secret": "secret"},
        "query": "SELECT 1 WHERE :id_no = ''",
    }


class FileConformance(ConnectorConformance):
    """What both formats share."""

    kind = file
    config: ClassVar = {"path": "drop.csv", "key": "gmsfhm"}
    bad_configs: ClassVar = ({}, {"path": "drop.txt", "key": "gmsfhm"}, {**config, "encoding": "klingon"})
    name = "drop.csv"

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """A file in a directory."""
        config = {"path": self.name, "key": "gmsfhm", "echo": "gmsfhm", "recorded_at": "gxsj"}
        yield world_of(file, config, places={}, base_dir=str(self.directory))


class TestCsv(FileConformance):
    """`file` from CSV."""

    @pytest.fixture(autouse=True)
    def _drop(self, tmp_path: Path) -> None:
        self.directory = tmp_path
        with (tmp_path / self.name).open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(RECORD))
            writer.writeheader()
            writer.writerow(RECORD)


class TestXlsx(FileConformance):
    """`file` from XLSX."""

    name = "drop.xlsx"

    @pytest.fixture(autouse=True)
    def _drop(self, tmp_path: Path) -> None:
        self.directory = tmp_path
        book = openpyxl.Workbook()
        book.active.append(list(RECORD))
        book.active.append(list(RECORD.values()))
        book.save(tmp_path / self.name)
        book.close()


class TestSandbox(ConnectorConformance):
    """`sandbox`."""

    kind = sandbox
    config: ClassVar = {"personas": {}}
    bad_configs: ClassVar = ({}, {"personas": {"x": {"fault": "earthquake"}}}, {"personas": "nowhere.yaml"})

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """One persona."""
        config = {
            "personas": {KNOWN.id_no: RECORD | {"zn": CHILDREN}},
            "echo": "gmsfhm",
            "recorded_at": "gxsj",
        }
        yield world_of(sandbox, config, places={}, rows="zn")
