"""A MariaDB of the tests' own: Debian's `mariadb-server-core`, in a directory that goes away with it."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymysql

PATIENCE_SECONDS = 30.0
READER = "reader"
"""An account that may read and call functions, and nothing else; it has no password."""

_SHARED = (Path("/usr/share/mysql"), Path("/usr/share/mariadb"))
_TABLES = ("system_tables.sql", "system_tables_data.sql")
_SMALL: Mapping[str, object] = {
    "innodb-buffer-pool-size": "8M",
    "innodb-log-file-size": "4M",
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": 0,
    "aria-pagecache-buffer-size": "8M",
    "aria-log-file-size": "8M",
    "key-buffer-size": "1M",
}


def installed() -> tuple[str, list[Path]] | None:
    """The server's binary and the statements that make its own tables, if this machine has them."""
    binary = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    for place in _SHARED:
        for prefix in ("mysql_", "mariadb_"):
            scripts = [place / (prefix + name) for name in _TABLES]
            if binary and all(script.is_file() for script in scripts):
                return binary, scripts
    return None


class MariadbServer:
    """A MariaDB that a test may stop, as a crash does, and start again on the same port, with TLS or without.

    `certificates`: an empty directory for ca.pem, server.pem and server.key, wanted by `start(tls=True)`.
    """

    def __init__(self, binary: str, scripts: list[Path], *, home: Path, port: int) -> None:
        """Make its own tables in `home`, without the script of Debian's client package; nothing runs yet."""
        self.port, self.certificates = port, home / "tls"
        self._binary, self._data, self._log = binary, home / "data", home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {"cwd": home, "env": {"PATH": "/usr/bin:/bin", "TZ": "UTC"}}
        for made in (self._data, self.certificates):
            made.mkdir()
        if os.geteuid() == 0:
            self._give_to_nobody(home)
        made_of = ["CREATE DATABASE mysql;", "USE mysql;", *(script.read_text() for script in scripts)]
        accounts = [
            "FLUSH PRIVILEGES;",
            f"CREATE USER {READER}@'%';",
            f"GRANT SELECT, EXECUTE ON *.* TO {READER}@'%';",
        ]
        self._once("--bootstrap", "\n".join([*made_of, *accounts, ""]))

    def _give_to_nobody(self, home: Path) -> None:
        nobody = pwd.getpwnam("nobody")  # the server refuses to run as root
        for path in (home, *home.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _command(self, *flags: str) -> list[str]:
        small = [f"--{name}={value}" for name, value in _SMALL.items()]
        # Nothing is forced to the disk: a server that is thrown away needs not survive a power failure.
        return [self._binary, "--no-defaults", f"--datadir={self._data}", "--debug-no-sync", *small, *flags]

    def _once(self, flag: str, statements: str) -> None:
        done = subprocess.run(
            self._command(flag), input=statements.encode(), capture_output=True, check=False, **self._as
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]

    def start(self, *, tls: bool = False) -> None:
        """Runs and answers when this returns."""
        if self._process is not None:
            return
        flags = ["--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve"]
        flags += [f"--socket={self._data / 'socket'}", "--secure-file-priv=", "--local-infile=1"]
        if tls:
            flags += [f"--ssl-{part}={self.certificates / file}" for part, file in _TLS.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command(*flags), stdout=log, stderr=log, **self._as)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            last_words = self._log.read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, f"the server did not start:\n{last_words}"
            assert time.monotonic() < give_up_at, f"the server does not answer:\n{last_words}"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except (OSError, pymysql.OperationalError):
            return False
        return True

    def stop(self) -> None:
        """Gone at once, open connections cut, as after a power failure."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def execute(self, *statements: str, database: str | None = None) -> list[Any]:
        """What the last statement gave, run by an account that may do everything."""
        options: dict[str, Any] = {"port": self.port, "user": "root", "database": database}
        with (
            pymysql.connect(host="127.0.0.1", autocommit=True, **options) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def url(self, database: str, user: str = READER, host: str = "127.0.0.1") -> str:
        """The URL of a database for a source."""
        return f"mysql://{user}@{host}:{self.port}/{database}"


_TLS = {"ca": "ca.pem", "cert": "server.pem", "key": "server.key"}
