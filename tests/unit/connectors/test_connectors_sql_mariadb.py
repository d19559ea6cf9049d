"""`sql` on a real MariaDB: it cannot write, it ends in time, and it reads what registers of that kind hold."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import SourceBroken, SourceDenied, SourceTimeout, build_connector
from connectors.protocol import Found
from field_registry import Missing, OutcomeCode, Subject, SubjectKind
from field_registry.identifiers import same_identifier
from field_registry.items import Datatype
from tests.mariadb import MariadbServer
from tests.unit.connectors.test_connectors_http import make_authority

pytestmark = pytest.mark.servers

ID = "35058219910603996X"
QUERY = "SELECT * FROM person WHERE id = :id_no"
FUNCTIONS = (
    "CREATE FUNCTION harm(i varchar(99)) RETURNS int BEGIN DELETE FROM person WHERE id = i; RETURN 1; END",
    "CREATE FUNCTION unlock_it(i varchar(99)) RETURNS int "
    "BEGIN SET SESSION tx_read_only=0, SESSION max_statement_time=0; RETURN 1; END",
    "CREATE FUNCTION spin(i varchar(99)) RETURNS int "
    "BEGIN DECLARE n bigint DEFAULT 0; WHILE n < 1e9 DO SET n = n + 1; END WHILE; RETURN 1; END",
)


@pytest.fixture
def register(mariadb_server: MariadbServer) -> Iterator[MariadbServer]:
    """A database `register` with one person, tables of other engines, and functions that do harm."""
    mariadb_server.execute(
        "CREATE OR REPLACE DATABASE register CHARACTER SET utf8mb4",
        "USE register",
        "CREATE TABLE person (id varchar(20), name varchar(50))",
        f"INSERT INTO person VALUES ('{ID}', '陈小满')",
        "CREATE TABLE plain (id int) ENGINE=MyISAM",
        "CREATE SEQUENCE numbers",
        *FUNCTIONS,
    )
    yield mariadb_server
    mariadb_server.start()
    mariadb_server.execute("DROP DATABASE IF EXISTS register")


Make = Callable[..., Any]


@pytest.fixture
async def connect(register: MariadbServer, source: Any, environment: Any) -> AsyncIterator[Make]:
    """A connector to the register, closed afterwards; by an account that may read, unless another is named."""
    made: list[Any] = []

    def make(
        query: str = QUERY,
        *,
        user: str = "reader",
        host: str = "127.0.0.1",
        url: str = "",
        seconds: float = 5.0,
        environment: Any = environment(),  # noqa: B008 — never changed
        **config: Any,
    ) -> Any:
        url = url or register.url("register", user, host)
        described = source(
            connector="sql",
            timeout=timedelta(seconds=seconds),
            max_concurrent=1,
            config={"url": url, "query": query} | config,
        )
        made.append(build_connector(described, environment))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


async def fetch(connector: Any, who: Subject, *asks: Any, seconds: float = 5.0) -> Any:
    """The replies, within so many seconds."""
    return await connector.fetch(who, list(asks), asyncio.get_running_loop().time() + seconds)


def slip_past(connector: Any, statement: str) -> None:
    """Have a connector run a statement that no configuration may hold."""
    connector._query = type(connector._query)(statement)


def state(register: MariadbServer) -> list[Any]:
    """What a statement could have changed."""
    return register.execute(
        "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM plain), "
        "(SELECT count(*) FROM information_schema.tables WHERE table_schema='register'), "
        "(SELECT next_not_cached_value FROM numbers)",
        database="register",
    )


# --- it cannot write


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM person WHERE id = :id_no",
        "SELECT harm(:id_no)",
        "INSERT INTO plain VALUES (1)",
        "SELECT nextval(numbers)",
        "SELECT NEXT VALUE FOR numbers",
        "CREATE TABLE copy AS SELECT * FROM person",
        "/*! CREATE TABLE copy */ SELECT * FROM person",
        "CREATE TEMPORARY TABLE copy (a int)",
        "DROP TABLE plain",
        "TRUNCATE TABLE person",
        "ALTER TABLE person ADD COLUMN more int",
        "SELECT * FROM person FOR UPDATE",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE person",
        "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE person",
        "SELECT 1; DELETE FROM person",
        "GRANT ALL ON *.* TO reader",
        "CREATE USER other",
    ],
)
async def test_nothing_is_written_even_by_who_may_do_everything(
    register: MariadbServer, connect: Make, person: Subject, ask: Any, statement: str
) -> None:
    """Run past the check of configurations and as the server's administrator: the session itself refuses."""
    before = state(register)
    connector = connect(user="root")
    slip_past(connector, statement)

    with pytest.raises((SourceBroken, SourceDenied)):
        await fetch(connector, person, ask(attribute="name"))
    assert state(register) == before


async def test_a_function_cannot_unlock_the_next_statement(
    register: MariadbServer, connect: Make, person: Subject, ask: Any
) -> None:
    """What a function of the database tells the session is untold before the next batch on that connection."""
    connector = connect("SELECT unlock_it(:id_no) AS name", user="root", seconds=0.5)
    assert isinstance((await fetch(connector, person, ask(attribute="name")))[0], Found)
    slip_past(connector, "SELECT harm(:id_no) AS name")
    with pytest.raises(SourceBroken):
        await fetch(connector, person, ask(attribute="name"))
    slip_past(connector, "SELECT sleep(9), :id_no AS name")
    with pytest.raises(SourceTimeout):
        await fetch(connector, person, ask(attribute="name"), seconds=9)

    assert register.execute("SELECT count(*) FROM register.person") == [(1,)]


async def test_a_reader_has_no_files(
    register: MariadbServer, connect: Make, person: Subject, ask: Any, tmp_path: Path
) -> None:
    """A read-only session would write a file on the server; an account with SELECT alone may not, nor read one."""
    written = register.certificates / "written"
    writer = connect()
    slip_past(writer, f"SELECT * FROM person WHERE id = :id_no INTO OUTFILE '{written}'")
    with pytest.raises(SourceDenied):
        await fetch(writer, person, ask(attribute="name"))
    reader = connect("SELECT load_file('/etc/hostname') AS name, :id_no")

    assert list(await fetch(reader, person, ask(attribute="name"))) == [Missing(OutcomeCode.empty_at_source)]
    assert not written.exists()


# --- it ends in time

ENDLESS = (
    "SELECT sleep(20) AS name, :id_no",
    "SELECT spin(:id_no) AS name",
    "SELECT unlock_it(:id_no) + sleep(20) AS name",
    "SELECT count(*) AS name, :id_no FROM information_schema.columns a, information_schema.columns b, "
    "information_schema.columns c",
    "SELECT name, benchmark(1000000000000, sha2(name, 512)) FROM person WHERE id = :id_no",
)


@pytest.mark.parametrize("query", ENDLESS)
async def test_a_statement_that_runs_away_is_ended_by_the_server(
    register: MariadbServer, connect: Make, person: Subject, ask: Any, query: str
) -> None:
    """The caller is free at its deadline, and nothing of ours runs on the server soon after; the connector works on."""
    connector = connect(query, seconds=0.4)
    begun = time.monotonic()
    with pytest.raises(SourceTimeout):
        await fetch(connector, person, ask(attribute="name"), seconds=0.4)
    assert time.monotonic() - begun < 1.5
    await asyncio.to_thread(_wait_until_idle, register)
    assert time.monotonic() - begun < 3

    slip_past(connector, QUERY)
    [reply] = await fetch(connector, person, ask(attribute="name"))
    assert reply.raw == "陈小满"


def _wait_until_idle(register: MariadbServer) -> None:
    """Until no statement of the reader runs."""
    give_up_at = time.monotonic() + 10
    running = "SELECT count(*) FROM information_schema.processlist WHERE user='reader' AND command='Query'"
    while register.execute(running) != [(0,)]:
        assert time.monotonic() < give_up_at, "a statement still runs on the server"
        time.sleep(0.05)


async def test_the_time_is_that_of_the_batch(connect: Make, person: Subject, ask: Any) -> None:
    """A rows statement is not begun when the main one has used the time up."""
    rows = {"all": "SELECT id, name FROM person WHERE id = :id_no AND sleep(1) = 0"}
    connector = connect(
        "SELECT *, sleep(0.3) FROM person WHERE id = :id_no", rows=rows, rows_echo={"all": "id"}, seconds=0.6
    )
    begun = time.monotonic()
    wanted = ask("person.all", "all", datatype=Datatype.rows, columns=(("all.n", "name"),))
    with pytest.raises(SourceTimeout):
        await fetch(connector, person, wanted, seconds=0.6)

    assert time.monotonic() - begun < 1.5


async def test_too_many_rows_cost_no_memory(connect: Make, person: Subject, ask: Any) -> None:
    """A statement that finds a hundred million is ambiguous at the second; the rest is not read."""
    connector = connect("SELECT seq, repeat('x', 100) AS name, :id_no FROM seq_1_to_100000000")
    begun = time.monotonic()
    for _ in range(3):
        replies = await fetch(connector, person, ask(attribute="name"))
        assert replies == [Missing(OutcomeCode.identity_ambiguous)]

    assert time.monotonic() - begun < 3


# --- the line to it


async def test_a_killed_connection_is_opened_anew(
    register: MariadbServer, connect: Make, person: Subject, ask: Any
) -> None:
    """A pooled connection that the server has ended costs nobody an answer."""
    connector = connect()
    await fetch(connector, person, ask(attribute="name"))
    for [number] in register.execute("SELECT id FROM information_schema.processlist WHERE user='reader'"):
        register.execute(f"KILL {number}")
    [reply] = await fetch(connector, person, ask(attribute="name"))

    assert reply.raw == "陈小满"


async def test_a_server_that_stops_is_broken_and_comes_back(
    register: MariadbServer, connect: Make, person: Subject, ask: Any
) -> None:
    """Stopped in the middle of a statement, away, and back: two faults that name nobody, then an answer."""
    connector = connect("SELECT name, sleep(0.5) FROM person WHERE id = :id_no")
    await fetch(connector, person, ask(attribute="name"))
    under_way = asyncio.create_task(fetch(connector, person, ask(attribute="name")))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(register.stop)
    with pytest.raises(SourceBroken) as caught:
        await under_way
    assert person.id_no not in repr(caught.value) + repr(caught.value.__context__)
    assert not (await connector.health()).ok

    await asyncio.to_thread(register.start)
    [reply] = await fetch(connector, person, ask(attribute="name"))
    assert reply.raw == "陈小满"
    assert (await connector.health()).ok


async def test_whom_the_server_refuses_is_denied(
    register: MariadbServer, connect: Make, person: Subject, ask: Any
) -> None:
    """No such account, a wrong password, a locked account, no right to the table: `denied_by_source`, not an outage."""
    register.execute(
        "CREATE OR REPLACE USER stranger@'%'",
        "CREATE OR REPLACE USER keyed@'%' IDENTIFIED BY 'right'",
        "CREATE OR REPLACE USER locked@'%' ACCOUNT LOCK",
    )
    for user in ("nobody-known", "stranger", "keyed:wrong", "locked"):
        connector = connect("SELECT name FROM register.person WHERE id = :id_no", user=user)
        with pytest.raises(SourceDenied):
            await fetch(connector, person, ask(attribute="name"))


async def test_it_is_reached_by_name_at_the_judged_address(
    connect: Make, environment: Any, person: Subject, ask: Any
) -> None:
    """A name is resolved by us, and those of its addresses that are allowed are connected to."""
    closed = environment(allow_private_addresses=False, allowed_networks=("127.0.0.1/32",))
    [reply] = await fetch(connect(host="localhost", environment=closed), person, ask(attribute="name"))

    assert isinstance(reply, Found)


@pytest.fixture
def tls(register: MariadbServer) -> Path:
    """The register speaks TLS, and one account must bring a certificate; gives the directory of certificates."""
    make_authority(register.certificates)
    for file in register.certificates.iterdir():
        file.chmod(0o644)
    other = register.certificates / "other"
    other.mkdir(exist_ok=True)
    make_authority(other)
    register.stop()
    register.start(tls=True)
    register.execute(
        "CREATE OR REPLACE USER certified@'%' REQUIRE X509", "GRANT SELECT ON *.* TO certified@'%'"
    )
    return register.certificates


async def test_tls_judges_the_server(
    register: MariadbServer, tls: Path, connect: Make, person: Subject, ask: Any
) -> None:
    """With its authority we are let in, encrypted; another authority, another name, no file or no TLS is a fault."""

    async def cipher(parameters: str, user: str = "reader", host: str = "127.0.0.1") -> Any:
        url = register.url("register", user, host) + "?" + parameters
        query = "SELECT variable_value AS name, :id_no FROM information_schema.session_status WHERE variable_name='Ssl_cipher'"
        [reply] = await fetch(connect(query, url=url), person, ask(attribute="name"))
        return reply

    ours, certificate = f"ssl_ca={tls}/ca.pem", f"ssl_cert={tls}/client.pem&ssl_key={tls}/client.key"
    assert "AES" in (await cipher(ours)).raw or "CHACHA" in (await cipher(ours)).raw
    assert isinstance(await cipher(f"{ours}&{certificate}", "certified"), Found)
    assert isinstance(await cipher(f"{ours}&ssl_check_hostname=false", host="localhost"), Found)
    with pytest.raises(SourceDenied):
        await cipher(ours, "certified")
    for wrong in (f"ssl_ca={tls}/other/ca.pem", f"ssl_ca={tls}/missing.pem"):
        with pytest.raises(SourceBroken):
            await cipher(wrong)
    with pytest.raises(SourceBroken):
        await cipher(ours, host="localhost")
    register.stop()
    register.start()
    with pytest.raises(SourceBroken):
        await cipher(ours)


# --- what it holds


CELLS: list[tuple[str, str, object]] = [
    ("varchar(50)", "'霍𬭎䶮𠮷'", "霍𬭎䶮𠮷"),
    ("varchar(50) CHARACTER SET gbk", "'朱镕基喆'", "朱镕基喆"),
    ("varchar(50) CHARACTER SET utf8mb3", "'闽C·12345'", "闽C·12345"),
    ("varchar(50) CHARACTER SET latin1", "'Müller'", "Müller"),
    ("char(10)", "'陈'", "陈"),
    ("char(10)", "'  陈  '", "  陈"),
    ("text", "'一\\n二'", "一\n二"),
    ("varchar(5)", "''", None),
    ("varchar(5)", "NULL", None),
    ("decimal(12,2)", "1234.50", "1234.50"),
    ("decimal(20,10)", "0", "0.0000000000"),
    ("decimal(30,0)", "123456789012345678901234567890", "123456789012345678901234567890"),
    ("decimal(65,30)", "0.000000000000000000000000000001", "0.000000000000000000000000000001"),
    ("double", "0.1", 0.1),
    ("bigint unsigned", "18446744073709551615", 18446744073709551615),
    ("tinyint(1)", "1", 1),
    ("tinyint(1)", "0", 0),
    ("boolean", "true", 1),
    ("bit(1)", "b'1'", 1),
    ("bit(1)", "b'0'", 0),
    ("bit(12)", "b'101000000001'", 2561),
    ("year", "2026", 2026),
    ("date", "'1991-06-03'", "1991-06-03"),
    ("date", "'0000-00-00'", "0000-00-00"),
    ("date", "'1991-06-00'", "1991-06-00"),
    ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("datetime", "'2026-03-01 23:30:00'", "2026-03-01T23:30:00"),
    ("datetime(3)", "'2026-03-01 23:30:00.120'", "2026-03-01T23:30:00.120000"),
    ("timestamp", "from_unixtime(1772292600)", "2026-02-28T23:30:00"),
    ("time", "'08:30:00'", "08:30:00"),
    ("time", "'-25:00:00'", "-25:00:00"),
    ("enum('男','女')", "'女'", "女"),
    ("set('a','b')", "'a,b'", "a,b"),
    ("json", "'{\"a\": 1}'", '{"a": 1}'),
    ("blob", "x'00ff'", {"unreadable": "bytes"}),
    ("varbinary(9)", "'text'", {"unreadable": "bytes"}),
    ("varchar(20) COLLATE utf8mb4_bin", "'陈'", "陈"),
]
"""Type of a column, what is written into it, what comes of it; None is nothing."""


async def test_a_cell_comes_as_json_could_carry_it(
    register: MariadbServer, connect: Make, person: Subject, ask: Any
) -> None:
    """Rare characters from any character set, decimals with their scale, clocks of China; bytes are no value."""
    columns = ", ".join(f"c{place} {column}" for place, (column, _, _) in enumerate(CELLS))
    values = ", ".join(value for _, value, _ in CELLS)
    register.execute(
        "SET SESSION sql_mode=''",
        "USE register",
        f"CREATE TABLE cells (id varchar(20), {columns})",
        f"INSERT INTO cells VALUES ('{ID}', {values})",
    )
    asks = [ask(f"person.c{place}", f"c{place}") for place in range(len(CELLS))]
    replies = await fetch(connect("SELECT * FROM cells WHERE id = :id_no"), person, *asks)

    raws = [reply.raw if isinstance(reply, Found) else None for reply in replies]
    assert raws == [raw for _, _, raw in CELLS]
    assert [type(raw) for raw in raws] == [type(raw) for _, _, raw in CELLS]


ATTACKS = [
    "x' OR '1'='1",
    "x\\' OR 1=1 -- ",
    "\\",
    "x\\\\' OR 1=1 #",
    "縗' OR 1=1 -- ",
    "%' OR '1%",
    "\0' OR 1=1 #",
]


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "PAD_CHAR_TO_FULL_LENGTH"])
async def test_an_identifier_is_never_part_of_the_statement(
    register: MariadbServer, connect: Make, person: Subject, ask: Any, mode: str
) -> None:
    """Whatever quoting the server is set to, an identifier that is SQL finds nobody, and comes back as it was."""
    register.execute(f"SET GLOBAL sql_mode='{mode}'")
    try:
        finding = connect("SELECT *, 'x%' AS share FROM person WHERE id = :id_no AND id NOT LIKE '%zz'")
        echoing = connect("SELECT :id_no AS name")
        for attack in ATTACKS:
            who = Subject(person.kind, "414", attack)
            assert await fetch(finding, who, ask(attribute="name")) == [Missing(OutcomeCode.not_found)]
            [echo] = await fetch(echoing, who, ask(attribute="name"))
            assert echo.raw == attack
    finally:
        register.execute("SET GLOBAL sql_mode=DEFAULT")


async def test_a_gbk_column_is_found_by_its_characters(
    register: MariadbServer, connect: Make, ask: Any
) -> None:
    """The identifier is compared as text, not as bytes: a plate in a GBK table is found."""
    register.execute(
        "USE register",
        "CREATE TABLE plates (hphm varchar(20) CHARACTER SET gbk, name varchar(9) CHARACTER SET gbk)",
        "INSERT INTO plates VALUES ('闽C12345', '陈')",
    )
    vehicle = Subject(SubjectKind.vehicle, "plate", "闽C12345")
    connector = connect("SELECT * FROM plates WHERE hphm = :id_no", echo="hphm")
    [reply] = await fetch(connector, vehicle, ask(attribute="name"))

    assert (reply.raw, reply.record.echo) == ("陈", "闽C12345")


# --- whose it is

LOOSE = [
    (
        "decimal(18,0)",
        "350582199106039961",
        "350582199106039960",
    ),  # in a list they are floating numbers, and equal
    ("bigint", "E12345678", "0"),  # text that is no number is the number 0
    ("varchar(20) COLLATE utf8mb4_general_ci", "闽𬭎12345", "闽𠮷12345"),  # all rare characters are one
    ("varchar(20) COLLATE utf8mb4_general_ci", "E1234567E", "E1234567É"),
    ("varchar(20) COLLATE utf8mb4_unicode_ci", "E1234567O", "E1234567Ö"),
]
"""Column, identifier asked for, identifier of somebody else that the database takes for the same."""


@pytest.mark.parametrize(("column", "asked", "held"), LOOSE)
async def test_a_comparison_that_is_loose_is_found_out_by_the_echo(
    register: MariadbServer, connect: Make, ask: Any, column: str, asked: str, held: str
) -> None:
    """The database does give another person's record, and the record says whose it is: it is withheld further on."""
    register.execute(
        "USE register",
        f"CREATE TABLE loose (id {column}, name varchar(9))",
        f"INSERT INTO loose VALUES ('{held}', '别人')",
    )
    who = Subject(SubjectKind.person, "990", asked)
    [reply] = await fetch(
        connect("SELECT * FROM loose WHERE id IN (:id_no, 'none')", echo="id"), who, ask(attribute="name")
    )

    assert isinstance(reply, Found), "the database no longer compares loosely: the example is stale"
    assert not same_identifier(who.id_type, who.id_no, reply.record.echo or "")
    exact = connect("SELECT * FROM loose WHERE id IN (:id_no, 'none') AND CAST(id AS BINARY) = :id_no")
    assert await fetch(exact, who, ask(attribute="name")) == [Missing(OutcomeCode.not_found)]


@pytest.mark.parametrize(("column", "asked", "held"), LOOSE)
async def test_rows_of_somebody_else_are_found_out_too(
    register: MariadbServer, connect: Make, ask: Any, column: str, asked: str, held: str
) -> None:
    """The main record is right, a rows statement gives another's: its reply says so, the other item has its value."""
    register.execute(
        "USE register",
        "CREATE TABLE strict (id varchar(20) COLLATE utf8mb4_bin, name varchar(9))",
        f"INSERT INTO strict VALUES ('{asked}', '本人')",
        f"CREATE TABLE loose (parent {column}, name varchar(9))",
        f"INSERT INTO loose VALUES ('{held}', '别家孩子')",
    )
    connector = connect(
        "SELECT * FROM strict WHERE id = :id_no",
        echo="id",
        rows={"children": "SELECT * FROM loose WHERE parent IN (:id_no, 'none')"},
        rows_echo={"children": "parent"},
    )
    who = Subject(SubjectKind.person, "990", asked)
    children = ask("person.children", "children", datatype=Datatype.rows, columns=(("child.n", "name"),))
    name, listed = await fetch(connector, who, ask(attribute="name"), children)

    assert (name.raw, name.record.echo) == ("本人", asked)
    assert not same_identifier(who.id_type, who.id_no, listed.record.echo)


async def test_rows_of_several_others_are_the_wrong_subjects(
    register: MariadbServer, connect: Make, ask: Any
) -> None:
    """When rows name more than one other, no document of the subject can explain them all."""
    register.execute(
        "USE register",
        "CREATE TABLE loose (parent decimal(18,0), name varchar(9))",
        "INSERT INTO loose VALUES (350582199106039960, '甲'), (350582199106039962, '乙'), (350582199106039961, '丙')",
    )
    connector = connect(
        "SELECT :id_no AS id",
        echo="id",
        rows={"children": "SELECT * FROM loose WHERE parent IN (:id_no, 'none')"},
        rows_echo={"children": "parent"},
    )
    who = Subject(SubjectKind.person, "990", "350582199106039961")
    children = ask("person.children", "children", datatype=Datatype.rows, columns=(("child.n", "name"),))
    [reply] = await fetch(connector, who, children)

    assert reply.reason is OutcomeCode.wrong_subject


@pytest.mark.parametrize("held", ["E1234567x", "E1234567X ", "Ｅ1234567X"])
async def test_a_spelling_of_the_same_number_is_the_same_person(
    register: MariadbServer, connect: Make, ask: Any, held: str
) -> None:
    """Case, width and trailing spaces are how clerks typed it: the record is found and is the subject's."""
    register.execute(
        "USE register",
        "CREATE TABLE typed (id varchar(20) COLLATE utf8mb4_unicode_ci, name varchar(9))",
        f"INSERT INTO typed VALUES ('{held}', '陈')",
    )
    who = Subject(SubjectKind.person, "990", "E1234567X")
    connector = connect("SELECT * FROM typed WHERE id = :id_no", echo="id")
    [reply] = await fetch(connector, who, ask(attribute="name"))
    assert same_identifier(who.id_type, who.id_no, reply.record.echo)

    register.execute("INSERT INTO register.typed VALUES ('E1234567X', '李')")
    assert await fetch(connector, who, ask(attribute="name")) == [Missing(OutcomeCode.identity_ambiguous)]
