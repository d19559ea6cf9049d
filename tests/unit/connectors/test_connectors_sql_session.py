"""`sql` on MySQL and MariaDB without a server of theirs: what a session is told, and a server that misbehaves."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors import BadConfiguration, SourceBroken, SourceDenied, SourceTimeout, build_connector
from connectors.kinds import sql_session as words
from field_registry import Subject
from tests import fake_mysql
from tests.fake_mysql import OK, FakeMysql, table

QUERY = "SELECT id, name FROM person WHERE id = :id_no"


@pytest.mark.parametrize(
    ("version", "read_only", "limit"),
    [
        ("8.0.36", "transaction_read_only=1", "max_execution_time=1500"),
        ("8.4.3-log", "transaction_read_only=1", "max_execution_time=1500"),
        ("9.1.0", "transaction_read_only=1", "max_execution_time=1500"),
        ("5.7.44-log", "tx_read_only=1", "max_execution_time=1500"),
        ("10.1.48-MariaDB", "tx_read_only=1", "max_statement_time=1.500"),
        ("5.5.5-10.11.6-MariaDB-0+deb12u1", "tx_read_only=1", "max_statement_time=1.500"),
        ("5.5.5-10.6.18-MariaDB-log", "tx_read_only=1", "max_statement_time=1.500"),
        ("11.4.2-MariaDB", "transaction_read_only=1", "max_statement_time=1.500"),
        ("something else", "tx_read_only=1", "max_execution_time=1500"),
    ],
)
def test_a_session_is_told_in_the_words_of_its_server(version: str, read_only: str, limit: str) -> None:
    """The two limit a statement in different words and units, and changed the word for read-only at different times."""
    told = words.session(version, 1.5)

    assert told.startswith("SET SESSION ")
    assert f"SESSION {read_only}," in told
    assert told.endswith(f"SESSION {limit}")


@pytest.mark.parametrize("version", ["8.0.36", "10.11.6-MariaDB"])
@pytest.mark.parametrize("seconds", [0.0, 0.0001, -3.0])
def test_no_time_left_is_not_no_limit(version: str, seconds: float) -> None:
    """Zero would mean as long as it takes, to both."""
    limit = words.session(version, seconds).rpartition("=")[2]

    assert 0 < float(limit) <= 1


@pytest.fixture
async def ask_server(source: Any, environment: Any, person: Subject, ask: Any) -> AsyncIterator[Any]:
    """Ask a fake server for a name, with a connector that is closed afterwards."""
    made: list[Any] = []

    async def run(server: FakeMysql, seconds: float = 2.0) -> Any:
        timeout = timedelta(seconds=min(seconds, 2.0))
        config = {"url": f"mysql://u@127.0.0.1:{server.port}/x", "query": QUERY, "echo": "id"}
        connector = build_connector(source(connector="sql", timeout=timeout, config=config), environment())
        made.append(connector)
        deadline = asyncio.get_running_loop().time() + seconds
        return await connector.fetch(person, [ask(attribute="name")], deadline)

    yield run
    for connector in made:
        await connector.close()


def answering(*packets: bytes) -> Callable[[str], list[bytes]]:
    """Settings are taken; everything else gets these packets."""
    return lambda statement: [OK] if statement.startswith("SET ") else list(packets)


async def test_mysql_is_told_before_it_is_asked(ask_server: Any, person: Subject) -> None:
    """Whatever the session was told before, each batch begins with read-only and the time that is left."""
    record = table(["id", "name"], [person.id_no, "陈小满"])
    async with FakeMysql("8.0.36", answering(*record)).running() as server:
        [reply] = await ask_server(server)
        told, asked = server.statements[-2:]

    assert reply.raw == "陈小满"
    assert "transaction_read_only=1" in told
    assert 0 < int(told.rpartition("max_execution_time=")[2]) <= 2000
    assert asked == f"SELECT id, name FROM person WHERE id = '{person.id_no}'"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (3024, SourceTimeout),
        (1969, SourceTimeout),
        (1317, SourceTimeout),
        (1142, SourceDenied),
        (1370, SourceDenied),
        (3118, SourceDenied),
        (1146, SourceBroken),
    ],
)
async def test_an_error_is_told_by_its_number(ask_server: Any, code: int, fault: type[Exception]) -> None:
    """MySQL and MariaDB have numbers of their own for a statement that took too long; neither's text is repeated."""
    async with FakeMysql("8.0.36", answering(fake_mysql.error(code))).running() as server:
        with pytest.raises(fault) as caught:
            await ask_server(server)

    assert caught.value.__context__ is None


async def test_a_server_without_a_limit_is_not_asked(ask_server: Any) -> None:
    """One too old to end a statement is refused with what it must be; nothing is asked of it."""
    async with FakeMysql("5.6.51", lambda _: [fake_mysql.error(1193)]).running() as server:
        with pytest.raises(SourceBroken, match=r"MySQL 5\.7\.8"):
            await ask_server(server)

    assert not [asked for asked in server.statements if "person" in asked]


async def test_a_server_does_not_get_our_files(ask_server: Any) -> None:
    """A server that answers a question with the wish for a file of ours gets none, and its answer is a fault."""
    wish = b"\xfb/etc/hostname"
    async with FakeMysql("8.0.36", answering(wish)).running() as server:
        with pytest.raises(SourceBroken):
            await ask_server(server)


@pytest.mark.parametrize(
    "nonsense",
    [
        [b"\x02"],
        [b"\x01", b"\xff"],
        [b"\x01", b"def"],
        [b"\xfe" * 9],
        [b""],
        [*table(["id", "name"])[:-1], b"\x02\xff\xfe"],
    ],
)
async def test_nonsense_is_a_fault(ask_server: Any, nonsense: list[bytes]) -> None:
    """Bytes that are not the protocol are the source's trouble, told without its words."""
    async with FakeMysql("8.0.36", answering(*nonsense)).running() as server:
        with pytest.raises((SourceBroken, SourceTimeout)):
            await ask_server(server, seconds=0.5)


@pytest.mark.parametrize("begins", ["", "SELECT @@", "SET SESSION", "SELECT id"])
async def test_a_server_that_drips_holds_nobody(ask_server: Any, person: Subject, begins: str) -> None:
    """Wherever it begins: the caller is free at its deadline; soon after, the line is cut and the thread is free too."""
    server = FakeMysql("8.0.36", answering(*table(["id", "name"], *[[person.id_no, "陈小满"]] * 9)))
    server.drips_from = begins
    begun = time.monotonic()
    async with server.running():
        with pytest.raises(SourceTimeout):
            await ask_server(server, seconds=0.5)
        freed = time.monotonic()
        await asyncio.to_thread(_wait_for_threads)

    assert freed - begun < 1.5
    assert time.monotonic() - freed < 3


def _wait_for_threads() -> None:
    """Until no thread of a connector reads."""
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        frames = sys._current_frames()
        working = [
            thread
            for thread in threading.enumerate()
            if thread.name.startswith("oncegate-sql") and _is_reading(frames.get(thread.ident or 0))
        ]
        if not working:
            return
        time.sleep(0.05)
    raise AssertionError("a thread still waits for the server")


def _is_reading(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "_retrying":
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ("charset=gbk", "charset=gbk"),
        ("charset=utf8", "charset=utf8"),
        ("ssl_check_hostname=true", "ssl_ca"),
        ("ssl_cert=us.pem&ssl_key=us.key", "ssl_ca"),
    ],
)
def test_a_url_that_would_lose_or_trust_too_much_is_refused(
    source: Any, environment: Any, parameters: str, says: str
) -> None:
    """A character set without rare characters, and TLS that judges nobody, are found when built."""
    made = source(connector="sql", config={"url": f"mysql://u@db.example/x?{parameters}", "query": QUERY})
    with pytest.raises(BadConfiguration, match=says):
        build_connector(made, environment())


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql"])
def test_rows_that_repeat_nobody_are_refused(source: Any, environment: Any, scheme: str) -> None:
    """Where numbers compare loosely, a rows statement says whom its rows are about, or somebody why it need not."""
    rows = {"children": "SELECT xm FROM child WHERE parent = :id_no"}
    config = {"url": f"{scheme}://u@db.example/x", "query": QUERY, "rows": rows}

    with pytest.raises(BadConfiguration, match=r"rows_echo: \{children"):
        build_connector(source(connector="sql", config=config), environment())
    for excuse in ({"rows_echo": {"children": "parent"}}, {"no_echo": "by contract"}):
        build_connector(source(connector="sql", config=config | excuse), environment())
