"""`sql`: one SELECT with bound parameters, on a connection that cannot write, ended when it takes too long."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from connectors import BadConfiguration, SourceBroken, SourceDenied, SourceTimeout, build_connector
from connectors.kinds import sql_mapping as m
from connectors.protocol import Found
from field_registry import Missing, OutcomeCode, Subject, SubjectKind
from field_registry.items import Datatype

QUERY = "SELECT * FROM person WHERE id = :id_no"


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """A directory with a register of three lines, two of them about one number."""
    with closing(sqlite3.connect(tmp_path / "r.db")) as database:
        database.execute("CREATE TABLE person (id TEXT, name TEXT, income NUMERIC, photo BLOB)")
        database.execute("INSERT INTO person VALUES ('35058219910603996X', '陈小满', 12.5, x'00')")
        database.executemany("INSERT INTO person VALUES ('twice', ?, 0, NULL)", [("一",), ("二",)])
        database.commit()
    return tmp_path


@pytest.fixture
def fetch(register: Path, source: Any, environment: Any, person: Subject) -> Any:
    """Ask the register with some configuration; everything is closed afterwards."""

    async def run(asks: Any, who: Subject = person, seconds: float = 2.0, **config: Any) -> Any:
        made = source(connector="sql", config={"url": "sqlite:///r.db", "query": QUERY} | config)
        connector = build_connector(made, environment(base_dir=str(register)))
        try:
            return await connector.fetch(who, asks, asyncio.get_running_loop().time() + seconds)
        finally:
            await connector.close()

    return run


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM person WHERE id = :id_no",
        "INSERT INTO person VALUES (:id_no)",
        "SELECT 1; DROP TABLE person",
        "SELECT * INTO copy FROM person WHERE id = :id_no",
        "WITH gone AS (DELETE FROM person RETURNING *) SELECT * FROM gone WHERE id = :id_no",
        "/* SELECT */ UPDATE person SET name = :id_no",
        "-- SELECT\nDROP TABLE person",
        "PRAGMA query_only = OFF",
        "SELECT * FROM person WHERE id = :id_no INTO OUTFILE 'x'",
        "SELECT * FROM person WHERE id = :id_no FOR UPDATE",
        "SELECT * FROM person WHERE id = :id_no LOCK IN  SHARE MODE",
        "SELECT get_lock('x', 9) FROM person WHERE id = :id_no",
        "SELECT set_config('default_transaction_read_only', 'off', false), :id_no",
        "/*! CREATE TABLE copy */ SELECT * FROM person WHERE id = :id_no",
        "SELECT /*M!100101 1 */ FROM person WHERE id = :id_no",
        "SELECT /*!50000 1 */ FROM person WHERE id = :id_no",
        "SELECT /*+ MAX_EXECUTION_TIME(0) */ * FROM person WHERE id = :id_no",
        "SELECT /*+ NO_ICP(t) SET_VAR(max_execution_time=0) */ * FROM person WHERE id = :id_no",
        "",
    ],
)
def test_only_a_single_select_may_be_configured(statement: str) -> None:
    """Anything that could write, or a second statement, is refused with the key's name."""
    with pytest.raises(BadConfiguration, match=r"^query:"):
        m.check_statement(statement, "query")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("  select 1 ; ", "select 1"),
        ("-- why\nSELECT 1", "-- why\nSELECT 1"),
        ("SELECT /*+ NO_INDEX_MERGE(t) */ 1", "SELECT /*+ NO_INDEX_MERGE(t) */ 1"),
        (
            "/* a\nb */ WITH x AS (SELECT 1) SELECT * FROM x",
            "/* a\nb */ WITH x AS (SELECT 1) SELECT * FROM x",
        ),
    ],
)
def test_a_select_may_be_dressed(given: str, kept: str) -> None:
    """Comments, WITH and a closing semicolon are fine."""
    assert m.check_statement(given, "query") == kept


@pytest.mark.parametrize(
    ("names", "says"), [(["id_no", "name"], ":name"), ([], ":id_no"), (["id_type"], ":id_no")]
)
def test_a_statement_asks_for_one_subject(names: list[str], says: str) -> None:
    """It names the identifier, and nothing we do not have."""
    with pytest.raises(BadConfiguration, match=says):
        m.check_parameters(names, "query")


@pytest.mark.parametrize(("issuer", "name"), [("USA", "甲"), ("FRA", "乙"), ("DEU", None), ("", None)])
async def test_a_statement_may_name_the_country(
    register: Path, fetch: Any, ask: Any, issuer: str, name: str | None
) -> None:
    """Of two passports of one number the one of the named country answers, and none of another."""
    with closing(sqlite3.connect(register / "r.db")) as database:
        database.execute("CREATE TABLE passport (no TEXT, country TEXT, name TEXT)")
        database.execute("INSERT INTO passport VALUES ('E1', 'USA', '甲'), ('E1', 'FRA', '乙')")
        database.commit()
    who = Subject(SubjectKind.person, "414", "E1", issuer)
    query = "SELECT * FROM passport WHERE no = :id_no AND country = :issuer"
    (reply,) = await fetch([ask(attribute="name")], who=who, query=query)

    assert (reply.raw if isinstance(reply, Found) else None) == name


def test_cells_become_what_json_could_carry() -> None:
    """Dates in ISO 8601, decimals with their scale; a blob is nothing an item can take."""
    row = m.plain(
        {
            "a": date(2026, 1, 2),
            "b": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 — databases give naive ones
            "c": Decimal("10.50"),
            "d": UUID(int=1),
            "e": b"\x00",
            "f": [1],
            "g": True,
            "h": Decimal("0E-10"),
        }.items()
    )

    assert list(row.values()) == [
        "2026-01-02",
        "2026-01-02T03:04:05",
        "10.50",
        "00000000-0000-0000-0000-000000000001",
        {"unreadable": "bytes"},
        [1],
        True,
        "0.0000000000",
    ]


async def test_an_identifier_is_bound_not_pasted(fetch: Any, ask: Any, person: Subject) -> None:
    """An identifier that is SQL finds nobody and harms nothing."""
    attack = Subject(person.kind, "414", "x' OR '1'='1")
    [reply] = await fetch([ask(attribute="name")], attack)
    [after] = await fetch([ask(attribute="name")])

    assert reply == Missing(OutcomeCode.not_found)
    assert isinstance(after, Found)


async def test_two_records_are_ambiguous(fetch: Any, ask: Any, person: Subject) -> None:
    """More than one record where one was expected is said so, and nothing is taken."""
    replies = await fetch(
        [ask(attribute="name"), ask("person.x", "income")], Subject(person.kind, "414", "twice")
    )

    assert replies == [Missing(OutcomeCode.identity_ambiguous)] * 2


async def test_nothing_can_be_written_whatever_the_statement(
    register: Path, source: Any, environment: Any, person: Subject
) -> None:
    """The connection itself refuses: here a statement is run past the check."""
    made = source(connector="sql", config={"url": "sqlite:///r.db", "query": QUERY})
    connector: Any = build_connector(made, environment(base_dir=str(register)))
    connector._query = type(connector._query)("DELETE FROM person WHERE id = :id_no")
    with pytest.raises(SourceBroken):
        await connector.fetch(person, [], asyncio.get_running_loop().time() + 2)
    await connector.close()
    with closing(sqlite3.connect(register / "r.db")) as database:
        assert database.execute("SELECT count(*) FROM person").fetchone() == (3,)


async def test_a_statement_that_runs_away_is_ended(fetch: Any, ask: Any) -> None:
    """At the deadline the caller is free, and SQLite itself stops soon after: closing does not hang."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS name FROM n WHERE :id_no <> ''"
    begun = time.monotonic()
    with pytest.raises(SourceTimeout):
        await fetch([ask(attribute="name")], seconds=0.1, query=endless)

    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "config",
    [
        {"query": "SELECT * FROM nowhere WHERE id = :id_no"},
        {"url": "sqlite:///missing.db"},
        {"echo": "nothing"},
    ],
)
async def test_a_database_that_is_not_as_agreed_is_a_fault(
    fetch: Any, ask: Any, config: Any, person: Subject
) -> None:
    """No table, no file, no echo: a fault whose text and company hold no identifier."""
    with pytest.raises(SourceBroken) as caught:
        await fetch([ask(attribute="name")], **config)

    assert person.id_no not in repr(caught.value) + repr(caught.value.__context__) + repr(
        caught.value.__cause__
    )


async def test_a_rows_statement_runs_only_when_asked_for(fetch: Any, ask: Any) -> None:
    """A broken rows statement does not matter to whoever wants no rows; too many rows are a fault."""
    rows = {
        "all": "SELECT 'x' AS n WHERE :id_no <> ''",
        "broken": "SELECT * FROM nowhere WHERE id = :id_no",
        "many": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) "
        "SELECT i FROM n WHERE :id_no <> ''",
    }
    wanted = ask("person.rows", "all", datatype=Datatype.rows, columns=(("row.n", "n"),))
    [name, listed] = await fetch([ask(attribute="name"), wanted], rows=rows)

    assert name.raw == "陈小满"
    assert listed.raw == [{"row.n": "x"}]
    with pytest.raises(SourceBroken, match="1000"):
        await fetch([ask("person.rows", "many", datatype=Datatype.rows)], rows=rows)


ROWS_ECHO = {"rows": {"all": "SELECT * FROM child WHERE parent = :id_no"}, "rows_echo": {"all": "parent"}}


@pytest.mark.parametrize(
    ("parents", "reason", "echo"),
    [
        (["35058219910603996X", "35058219910603996x "], None, "35058219910603996X"),
        (["35058219910603996X", "110101199003078515"], None, "110101199003078515"),
        (["110101199003078515", "110101199003078518"], OutcomeCode.wrong_subject, None),
    ],
)
async def test_a_rows_statement_says_whom_its_rows_are_about(
    register: Path, fetch: Any, ask: Any, parents: list[str], reason: OutcomeCode | None, echo: str | None
) -> None:
    """Of the subject alone: the record. One other among them: that other, to be judged. Several: nobody's."""
    with closing(sqlite3.connect(register / "r.db")) as database:
        database.execute("CREATE TABLE child (parent TEXT, name TEXT)")
        database.executemany("INSERT INTO child VALUES (?, '一')", [(parent,) for parent in parents])
        database.commit()
    query = {
        "query": "SELECT * FROM person JOIN (SELECT 1 WHERE :id_no <> '') WHERE id = '35058219910603996X'"
    }
    everybody = {"rows": {"all": "SELECT * FROM child WHERE :id_no <> ''"}}
    columns = (("row.n", "name"),)
    wanted = ask("person.rows", "all", datatype=Datatype.rows, columns=columns)
    name, listed = await fetch([ask(attribute="name"), wanted], echo="id", **ROWS_ECHO | query | everybody)

    assert (name.raw, name.record.echo) == ("陈小满", "35058219910603996X")
    assert getattr(listed, "reason", None) is reason
    assert reason is not None or listed.record.echo == echo


async def test_rows_that_repeat_nobody_though_they_should_are_a_fault(
    register: Path, fetch: Any, ask: Any
) -> None:
    """As a record's missing echo is: they could be anybody's."""
    with closing(sqlite3.connect(register / "r.db")) as database:
        database.execute("CREATE TABLE child (parent TEXT, name TEXT)")
        database.execute("INSERT INTO child VALUES ('35058219910603996X', '一')")
        database.commit()
    wanted = ask("person.rows", "all", datatype=Datatype.rows, columns=(("row.n", "name"),))
    with pytest.raises(SourceBroken, match="does not repeat"):
        await fetch([wanted], echo="id", **ROWS_ECHO | {"rows_echo": {"all": "nothing"}})


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"url": "nonsense"}, "url"),
        ({"rows_echo": {"all": "parent"}}, r"rows_echo\.all"),
        ({"url": "oracle://x"}, "oracle"),
        ({"url": "sqlite:///:memory:"}, "needs a file"),
        ({"password": {"secret": "unheard-of"}}, "unheard-of"),
        ({"rows": {"a": "DROP TABLE x"}}, r"rows\.a"),
        ({"query": "SELECT :name"}, ":name"),
    ],
)
def test_what_cannot_work_is_refused_when_built(
    source: Any, environment: Any, config: Any, says: str
) -> None:
    """The message names the key."""
    made = source(connector="sql", config={"url": "sqlite:///r.db", "query": QUERY} | config)
    with pytest.raises(BadConfiguration, match=says):
        build_connector(made, environment())


# --- where a database may live


def closed(environment: Any, **overrides: Any) -> Any:
    """An environment as production has it."""
    return environment(allow_private_addresses=False, **overrides)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@127.0.0.1/db",
        "postgresql://u@[::1]:5432/db",
        "postgresql://u@10.0.0.5/db",
        "mysql://u@169.254.169.254/db",
        "mysql://u@[::ffff:127.0.0.1]/db",
    ],
)
def test_a_database_at_a_private_address_is_refused(source: Any, environment: Any, url: str) -> None:
    """The same addresses as for every source; a network that is allowed by setting is."""
    made = source(connector="sql", config={"url": url, "query": QUERY})
    networks = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "169.254.169.254/32")

    with pytest.raises(BadConfiguration, match=r"url: .* is not an address sources may live on"):
        build_connector(made, closed(environment))
    build_connector(made, closed(environment, allowed_networks=networks))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@db.example/x?host=127.0.0.1",
        "postgresql://u@db.example/x?hostaddr=127.0.0.1",
        "postgresql://u@db.example/x?service=other",
        "postgresql://u@db.example/x?options=-csearch_path%3Dx",
        "postgresql://u@db.example/x?passfile=/etc/passwd",
        "postgresql:///x?host=/run/postgresql",
        "mysql://u@db.example/x?unix_socket=/run/mysqld.sock",
        "mysql://u@db.example/x?read_default_file=/etc/my.cnf",
        "mysql://u@db.example/x?local_infile=1",
        "mariadb://u@db.example/x?local_infile=1",
        "mysql://u@db.example/x?client_flag=65536",
        "mysql://u@db.example/x?init_command=SELECT+1",
        "postgresql:///x",
        "mysql:///x",
    ],
)
def test_nothing_in_an_address_leads_elsewhere(source: Any, environment: Any, url: str) -> None:
    """Parameters that change the host, the socket or the driver's settings are refused, in development too."""
    made = source(connector="sql", config={"url": url, "query": QUERY})
    with pytest.raises(BadConfiguration, match="url: "):
        build_connector(made, environment())


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_a_name_that_leads_to_a_private_address_is_not_followed(
    source: Any, environment: Any, person: Subject, ask: Any, kind: str
) -> None:
    """The name is judged by what it resolves to, when connecting."""
    made = source(connector="sql", config={"url": f"{kind}://u@localhost:9/x", "query": QUERY})
    connector = build_connector(made, closed(environment))
    with pytest.raises(SourceBroken, match="not allowed"):
        await connector.fetch(person, [ask()], asyncio.get_running_loop().time() + 2)
    await connector.close()


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_a_name_that_nobody_knows_is_broken(
    source: Any, environment: Any, person: Subject, ask: Any, kind: str
) -> None:
    """Even one that no resolver could take."""
    made = source(connector="sql", config={"url": f"{kind}://u@{'x' * 70}.invalid/x", "query": QUERY})
    connector = build_connector(made, environment())
    with pytest.raises(SourceBroken, match="cannot be resolved"):
        await connector.fetch(person, [ask()], asyncio.get_running_loop().time() + 2)
    await connector.close()


async def test_mysql_is_spoken_to_at_the_judged_address(
    source: Any, environment: Any, person: Subject, ask: Any
) -> None:
    """The driver talks over the line that was opened for it: here to a server that turns everybody away."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        error = b"\xff" + (1045).to_bytes(2, "little") + b"#28000no"
        writer.write(len(error).to_bytes(3, "little") + b"\0" + error)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        made = source(connector="sql", config={"url": f"mysql://u@localhost:{port}/x", "query": QUERY})
        connector = build_connector(made, closed(environment, allowed_networks=("127.0.0.1/32",)))
        with pytest.raises(SourceDenied):
            await connector.fetch(person, [ask()], asyncio.get_running_loop().time() + 2)
        await connector.close()


@pytest.mark.parametrize("url", ["sqlite:////etc/r.db", "sqlite:///../r.db", "sqlite:///${up}/../../r.db"])
def test_a_registry_does_not_lead_out_of_the_base_directory(source: Any, environment: Any, url: str) -> None:
    """Only the deployment's own settings name files elsewhere."""
    made = source(connector="sql", config={"url": url, "query": QUERY})
    with pytest.raises(BadConfiguration, match=r"url: .* below the base directory"):
        build_connector(made, closed(environment, places={"up": "up"}))


async def test_a_place_may_be_a_file_anywhere(
    register: Path, source: Any, environment: Any, person: Subject, ask: Any
) -> None:
    """The operator's setting says where the register lies, in production too."""
    made = source(connector="sql", config={"url": "${register}", "query": QUERY})
    connector = build_connector(made, closed(environment, places={"register": f"sqlite:///{register}/r.db"}))
    [reply] = await connector.fetch(person, [ask(attribute="name")], asyncio.get_running_loop().time() + 2)
    await connector.close()

    assert isinstance(reply, Found)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL with a table and a role that may not read it."""
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as database:
        database.execute("DROP SCHEMA IF EXISTS sqlkind CASCADE")
        database.execute("DROP ROLE IF EXISTS sqlkind_stranger")
        database.execute("CREATE SCHEMA sqlkind")
        database.execute("CREATE TABLE sqlkind.person (id text, name text)")
        database.execute("INSERT INTO sqlkind.person VALUES ('35058219910603996X', '陈小满')")
        database.execute("CREATE FUNCTION sqlkind.harm(text) RETURNS text LANGUAGE sql AS "
                         "$$ DELETE FROM sqlkind.person WHERE id = $1 RETURNING name $$")  # fmt: skip
        database.execute("CREATE ROLE sqlkind_stranger LOGIN")
        yield postgres_url
        database.execute("DROP SCHEMA sqlkind CASCADE")
        database.execute("DROP ROLE sqlkind_stranger")


@pytest.mark.servers
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT sqlkind.harm(:id_no) AS name", SourceBroken),
        ("SELECT pg_sleep(5), :id_no AS name", SourceTimeout),
        ("SELECT * FROM nowhere WHERE id = :id_no", SourceBroken),
    ],
)
async def test_postgresql_is_read_only_and_has_a_limit(
    postgres: str,
    source: Any,
    environment: Any,
    person: Subject,
    ask: Any,
    query: str,
    fault: type[Exception],
) -> None:
    """A function that deletes is refused by the server, a sleeper is ended, and the connector works on."""
    timeout = timedelta(seconds=0.3)
    made = source(connector="sql", timeout=timeout, config={"url": postgres, "query": query})
    connector = build_connector(made, environment())
    loop = asyncio.get_running_loop()
    for _ in range(2):
        with pytest.raises(fault):
            await connector.fetch(person, [ask(attribute="name")], loop.time() + 2)
    await connector.close()
    with psycopg.connect(postgres.replace("+psycopg", "")) as database:
        assert database.execute("SELECT count(*) FROM sqlkind.person").fetchone() == (1,)


@pytest.mark.servers
async def test_a_database_that_refuses_us_is_denied(
    postgres: str, source: Any, environment: Any, person: Subject, ask: Any
) -> None:
    """Missing permission is `denied_by_source`, not an outage."""
    head, _, tail = postgres.partition("://")
    url = f"{head}://sqlkind_stranger@{tail.rpartition('@')[2]}"
    made = source(
        connector="sql", config={"url": url, "query": "SELECT * FROM sqlkind.person WHERE id = :id_no"}
    )
    connector = build_connector(made, environment())
    with pytest.raises(SourceDenied):
        await connector.fetch(person, [ask(attribute="name")], asyncio.get_running_loop().time() + 5)
    await connector.close()


@pytest.mark.servers
async def test_postgresql_is_reached_by_name_at_the_judged_address(
    postgres: str, source: Any, environment: Any, person: Subject, ask: Any
) -> None:
    """A name is resolved by us, and those of its addresses that are allowed are connected to."""
    url = postgres.replace("127.0.0.1", "localhost")
    made = source(
        connector="sql", config={"url": url, "query": "SELECT * FROM sqlkind.person WHERE id = :id_no"}
    )
    connector = build_connector(made, closed(environment, allowed_networks=("127.0.0.1/32",)))
    [reply] = await connector.fetch(person, [ask(attribute="name")], asyncio.get_running_loop().time() + 5)
    await connector.close()

    assert isinstance(reply, Found)
