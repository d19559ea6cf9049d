"""Which machine a database's address leads to: judged like every other source's, at each new connection.

The driver is then given the judged addresses, so that it cannot look the name up again and find another. Parameters of
a URL are let through by name: several drivers have some that lead to another host, socket or file of settings.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence

from connectors.addresses import address_refusal, is_address, may_connect, parse_networks
from connectors.errors import BadConfiguration, SourceBroken
from connectors.protocol import Environment

PARAMETERS = {
    "postgresql": frozenset(
        {
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "sslcrl",
            "ssl_min_protocol_version",
            "channel_binding",
        }
        | {"require_auth", "gssencmode", "client_encoding", "target_session_attrs"}
        | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
    ),
    "mysql": frozenset({"charset", "ssl_ca", "ssl_cert", "ssl_key", "ssl_check_hostname"}),
}
"""What may follow the "?" of a URL, by database."""


class Server:
    """The host a URL names. Raises `BadConfiguration` for an address that no source may live on."""

    def __init__(self, host: str, port: int, environment: Environment) -> None:
        self._host, self._port, self._environment = host, port, environment
        self._networks = parse_networks(environment.allowed_networks)
        if is_address(host) and not self._may_connect(host):
            raise BadConfiguration(address_refusal("url", host))

    def look_up(self) -> Sequence[str]:
        """Its allowed addresses, best first; at least one. Raises `SourceBroken`. Blocks."""
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        return self._judged(str(entry[4][0]) for entry in found)

    async def look_up_soon(self) -> Sequence[str]:
        """The same without blocking."""
        return await asyncio.to_thread(self.look_up)

    def connect(self, seconds: float) -> socket.socket:
        """A line to the first of its addresses that answers; raises `SourceBroken` or `OSError`. Blocks."""
        addresses = self.look_up()
        for address in addresses[:-1]:
            try:
                return socket.create_connection((address, self._port), seconds)
            except OSError:
                continue
        return socket.create_connection((addresses[-1], self._port), seconds)

    def _judged(self, found: Iterable[str]) -> Sequence[str]:
        addresses = list(dict.fromkeys(found))
        if not addresses:
            raise SourceBroken("the database's name cannot be resolved")
        allowed = [address for address in addresses if self._may_connect(address)]
        if not allowed:
            raise SourceBroken("the database's name leads to an address that is not allowed")
        return allowed

    def _may_connect(self, address: str) -> bool:
        return may_connect(
            address, allow_private=self._environment.allow_private_addresses, allowed=self._networks
        )


def check_parameters(database: str, names: Iterable[str]) -> None:
    """Raises `BadConfiguration` naming a parameter of the URL that is not one of `PARAMETERS`."""
    known = PARAMETERS[database]
    for name in names:
        if name not in known:
            raise BadConfiguration(
                f"url: the parameter {name!r} is not passed on. Known for {database}: {', '.join(sorted(known))}"
            )
