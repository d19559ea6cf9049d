"""Who may call and who may work here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.records import Arrival, Client, Entry, Operator, OperatorSession, Origin, Tried, Waits


class Clients(Protocol):
    """Registered callers."""

    async def client(self, client_id: str) -> Client | None:
        """The client of that id, None when there is none or it is disabled."""
        ...

    async def put(self, registered: Client, at: datetime) -> None:
        """Register a client or replace its credentials and roles; raises `BadRequest` for roles no one may unite."""
        ...

    async def change(self, registered: Client, entry: Entry) -> None:
        """The same, with its entry, in one transaction."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[Client]:
        """All clients by id, disabled ones too."""
        ...


class Operators(Protocol):
    """The people who administer, secure and audit the service, and their sessions."""

    async def find(self, login_key: str) -> Operator | None:
        """Whoever logs in by that key, disabled ones too."""
        ...

    async def operator(self, operator_id: str) -> Operator | None:
        """The operator of that id, disabled ones too."""
        ...

    async def listing(self, *, after: str, limit: int) -> Sequence[Operator]:
        """All operators, by id."""
        ...

    async def add(self, made: Operator, entry: Entry) -> None:
        """Add an operator with their entry.

        Raises `BadRequest` for roles no one may unite, `Conflict` for an id or a key to log in by that is taken.
        """
        ...

    async def change(self, read: Operator, changed: Operator, entry: Entry) -> None:
        """Put `changed` in the place of `read`, with its entry; sessions end at once, the newest step used stays.

        Raises `BadRequest` for roles no one may unite. Raises `Conflict`, and writes nothing, when the operator has
        other roles, another department or password than when `read` was read, or was disabled or enabled since: what
        is changed was judged by those, and would undo what was done meanwhile. Only what differs is written; with
        another password no place is known as theirs any more.
        """
        ...

    async def attempt(self, operator_id: str, origin: Origin, now: datetime, *, waits: Waits) -> Tried | None:
        """Count one try to log in, before anything is checked; how many there were since the last success.

        None, and nothing counted, for an operator who is unknown or disabled, for a place that has to wait, and for a
        stranger (a place the operator is not known at) while strangers have to, unless the operator holds a one-time
        password. Tries from one place never make a known place wait.
        """
        ...

    async def log_in(
        self,
        operator: Operator,
        step: int | None,
        session: OperatorSession,
        entry: Entry,
        *,
        password: str | None,
        arrival: Arrival | None = None,
    ) -> bool:
        """Use up a code's step, forget the failures, open the session, set a new password hash if one is given.

        Where they came from is known as theirs from now on; without `arrival` what strangers failed at is forgotten.

        False, and nothing written, when the step is not newer than the last one, the operator is disabled, or has
        other roles, another department or password than when `operator` was read: it was judged by those.
        `step`: None where an OpenID issuer has checked everything.
        """
        ...

    async def session(self, session_id: str) -> OperatorSession | None:
        """That session as it stands now; never from a cache."""
        ...

    async def end(self, session_id: str, at: datetime, entry: Entry) -> bool:
        """End a session; False, and nothing written, when there is none that stands."""
        ...


class ClientStore(Protocol):
    """Where the token endpoint looks callers up; `Clients` is one."""

    async def client(self, client_id: str) -> Client | None:
        """The client of that id; None when there is none. Raises `StoreUnavailable`."""
        ...
