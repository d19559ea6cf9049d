"""What is known at present of registered clients, so that a token ends with what it rests on, within seconds.

A token cannot be called back, but who it was given to can be disabled, lose a role, or be told to bind its tokens.
Every worker reads the short table of clients every couple of seconds; a request pays nothing for it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from gateway.ports import Clients
from gateway.records import Client

_PAGE = 500


class Standing(NamedTuple):
    """What one client may, as it was read last."""

    is_disabled: bool
    roles: frozenset[str]
    bound: str | None

    def covers(self, roles: frozenset[str], key: str | None, certificate: str | None) -> bool:
        """Whether a token with those roles, bound to that key or certificate, is one it could be given."""
        is_bound = {None: True, "dpop": key is not None, "mtls": certificate is not None}
        return roles <= self.roles and is_bound.get(self.bound, False)


class Registered:
    """The clients as they were at `read_at`, in seconds. Who is not among them may be newer than the last look."""

    def __init__(self) -> None:
        self._clients: Mapping[str, Standing] = {}
        self.read_at = 0.0

    def standing(self, client_id: str) -> Standing | None:
        """That client as it was read last; None when it was not there."""
        return self._clients.get(client_id)

    def take_up(self, clients: Iterable[Client], read_at: datetime) -> bool:
        """Know these from now on; whether anything has changed. `read_at`: when reading them began."""
        found = {each.id: Standing(each.disabled_at is not None, each.roles, each.bound) for each in clients}
        has_changed = found != self._clients
        self._clients, self.read_at = found, read_at.timestamp()
        return has_changed


async def read_all(clients: Clients) -> list[Client]:
    """Every registered client, disabled ones too. Raises `StoreUnavailable`."""
    found: list[Client] = []
    while page := await clients.listing(after=found[-1].id if found else "", limit=_PAGE):
        found += page
    return found
