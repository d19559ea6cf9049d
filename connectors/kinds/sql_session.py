"""What a session of MySQL or MariaDB is told before each batch. Pure.

The two name their limits differently, and a function of the database may change what a session was told when it was
opened: so it is told anew each time, in the words of the server that answered, together with the time that is left.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import BadConfiguration

TOO_OLD = "the database knows no limit for a statement: it must be MySQL 5.7.8, MariaDB 10.1 or newer"

_VERSION = re.compile(r"(?:5\.5\.5-)?([0-9]+)\.([0-9]+)")  # MariaDB 10 says 5.5.5- first, for old clients
_RENAMED = {True: (11, 1), False: (8, 0)}
"""Since when `tx_read_only` is called `transaction_read_only`: by whether the server is a MariaDB."""

# Registers keep their calendar in China (`field_registry.dates`). A TIMESTAMP is stored as an instant and comes as the
# session's wall clock; on a server that keeps UTC an evening's record would else be of the day before.
_ZONE = "time_zone='+08:00'"


def session(version: str, seconds: float) -> str:
    """The statement that leaves a session nothing but reading, for so long, on a server of that version.

    >>> session("8.0.36", 1.5).partition(", ")[2]
    'SESSION transaction_read_only=1, SESSION max_execution_time=1500'
    >>> session("5.5.5-10.11.6-MariaDB", 1.5).partition(", ")[2]
    'SESSION tx_read_only=1, SESSION max_statement_time=1.500'
    """
    is_mariadb = "mariadb" in version.lower()
    parts = _VERSION.match(version)
    number = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    read_only = "transaction_read_only" if number >= _RENAMED[is_mariadb] else "tx_read_only"
    # Zero would be no limit at all, for both.
    limit = (
        f"max_statement_time={max(seconds, 0.001):.3f}"
        if is_mariadb
        else f"max_execution_time={max(int(seconds * 1000), 1)}"
    )
    return "SET " + ", ".join(f"SESSION {each}" for each in (_ZONE, f"{read_only}=1", limit))


def check_url(parameters: Mapping[str, Any]) -> None:
    """Raises `BadConfiguration` for parameters of a URL that lose characters, or only seem to judge the server."""
    charset = parameters.get("charset", "utf8mb4")
    if charset != "utf8mb4":
        raise BadConfiguration(
            f"url: charset={charset} has no place for every character of a name, and the server would put '?' instead; "
            "leave it out: the server translates from whatever its tables hold"
        )
    judging = sorted(key for key in parameters if key.startswith("ssl_"))
    if judging and "ssl_ca" not in parameters:
        raise BadConfiguration(
            f"url: {judging[0]} without ssl_ca: the driver would then trust any server; name the certificate authority"
        )


def whole_number(cell: bytes) -> int:
    """What a BIT column holds, as a number: 0 or 1 of a BIT(1)."""
    return int.from_bytes(cell)
