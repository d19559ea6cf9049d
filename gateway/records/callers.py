"""Who calls and who works here: clients, operators, their sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from field_registry.words import Word


class CallerRole(Word):
    """What a caller may do; several may be held, but audit never together with data_admin or operator (GB/T 39477)."""

    renderer = "renderer"
    """Resolve forms and read its own resolutions."""
    consent_desk = "consent_desk"
    """Record, read and end consents."""
    data_admin = "data_admin"
    """Read and change the registry, forms and policies."""
    operator = "operator"
    """Read metrics and health in detail."""
    auditor = "auditor"
    """Read the log."""
    security = "security"
    """Manage operators and keys, and erase subjects."""
    portal = "portal"
    """An application that has identified a person and may exchange that for the person's own token."""
    person = "person"
    """The applicant themself: their own uses and consents."""


class Caller(Struct, frozen=True):
    """Who calls, from the token. `department`: the recipient of whatever is released.

    `person`: reference of the subject whose own token it is; None for a system or an operator.
    `session`: of an operator, to be asked whether it still stands; None for a system or a person.
    """

    id: str
    department: str
    roles: frozenset[str]
    person: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """One registered caller and its credentials. Exactly one of `secret_hash` and `jwks` is set.

    `secret_hash`: scrypt, for `client_secret_basic` (development only). `jwks`: the public JWK Set, for
    `private_key_jwt` (RFC 7523). `bound`: "dpop" or "mtls" when its tokens must be bound to a key or a certificate.
    `webhook`: where it wants to be told of what concerns it; None when nowhere.
    """

    id: str
    name: str
    department: str
    roles: frozenset[str]
    secret_hash: str | None = None
    jwks: Mapping[str, Any] | None = None
    disabled_at: datetime | None = None
    bound: str | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a memory says of a key. `memory`: its name, another one whenever it may have forgotten.

    `since`: from when it remembers everything, by the clock of whoever began it; None when it only stands in for
    another one.
    """

    is_new: bool
    memory: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One person who administers, secures or audits the service.

    `id`: random. `login_key`: keyed digest of what they log in by. `sealed`: login and name. `password_hash` (scrypt)
    and `totp` (sealed secret): None for those whom an OpenID issuer logs in. `totp_last_step`: the newest 30 seconds
    whose code was accepted; no older code ever is. `failed_logins`, `locked_until`: of strangers, from places that are
    not known as this operator's: tries so far, counted before each, and when the next one counts.
    """

    id: str
    login_key: str
    sealed: bytes
    department: str
    roles: frozenset[str]
    created_at: datetime
    password_hash: str | None = field(default=None, repr=False)
    must_change_password: bool = False
    totp: bytes | None = field(default=None, repr=False)
    totp_last_step: int = 0
    failed_logins: int = 0
    locked_until: datetime | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """From where somebody logs in, as keyed digests: the device they present the token of, and the network address.

    None where they present none, or where addresses are not told apart (behind a proxy).
    """

    device: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """How long nobody may try after so many tries: from that place, and for all strangers together. Pure."""

    here: Callable[[int], timedelta]
    strangers: Callable[[int], timedelta]


@dataclass(frozen=True, slots=True)
class Tried:
    """A try to log in that counts. `here`: tries from that place, this one included, since the last success there.

    `strangers`: the same of every place together that the operator is not known to log in from; 0 for a try from a
    known one. `by_device`: the place is a device the operator is known by.
    """

    here: int
    strangers: int
    by_device: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whence an operator came in: the places that are theirs until `known_until` from now on.

    `forgets_strangers`: they came as a stranger, so what strangers failed at is forgotten.
    """

    origin: Origin
    known_until: datetime
    forgets_strangers: bool


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """One log-in. It stands until `expires_at`, unless it was ended (`ended_at`) before."""

    id: str
    operator: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """The natural person at work: `clerk`, `applicant`, `agent` or `terminal`, with the caller's own id for them."""

    kind: str
    id: str = field(repr=False)
