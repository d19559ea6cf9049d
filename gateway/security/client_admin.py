"""Calling systems: registered, given roles, disabled. Every change and every refusal is an entry.

A secret is made for development alone; everywhere else a client registers its public keys.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.records import CallerRole, Client, EntryKind
from gateway.runtime import Runtime
from gateway.security.client_keys import check_jwks
from gateway.security.client_secrets import hash_client_secret, new_client_secret
from gateway.security.duties import conflict_of
from gateway.security.operators import note_refusal
from gateway.security.registered import read_all

BINDINGS = ("dpop", "mtls")
_RESERVED = frozenset({ITSELF, "person", "command-line"})
"""Callers that entries name when no client called: a client of that name would be taken for them."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A client as registered, and its secret if one was made: shown once, kept as a hash."""

    client: Client
    secret: str | None = field(default=None, repr=False)


async def register_client(
    wanted: Client, jwks: Mapping[str, Any] | None, runtime: Runtime, *, by: str = ITSELF
) -> Registration:
    """A new client with those keys, or in development with a secret. Raises `BadRequest`, or `Conflict`."""
    if wanted.id in _RESERVED:
        raise BadRequest(
            "client_id_reserved", f"Entries name {wanted.id!r} where no client called. Choose another id."
        )
    if any(each.id == wanted.id for each in await read_all(runtime.store.clients)):
        raise Conflict(
            "client_exists", f"There is a client {wanted.id!r}. Give it roles, or choose another id."
        )
    await _require_possible(wanted.id, wanted.roles, runtime, by)
    if wanted.bound not in (None, *BINDINGS):
        raise BadRequest("binding_unknown", f"Tokens are bound by one of: {', '.join(BINDINGS)}.")
    if jwks is None and not runtime.settings.client_secret_basic:
        raise BadRequest(
            "client_keys", "Register public keys (a JWK Set); secrets are for development alone."
        )
    if jwks is not None:
        check_jwks(jwks)
        return Registration(await _put(replace(wanted, jwks=jwks), "added", runtime, by))
    secret = new_client_secret()
    made = replace(wanted, secret_hash=hash_client_secret(secret))
    return Registration(await _put(made, "added", runtime, by), secret)


async def assign_client_roles(
    client: Client, roles: Collection[str], runtime: Runtime, *, by: str = ITSELF
) -> Client:
    """The client with exactly these roles; its tokens end within seconds. Raises `BadRequest` after an entry."""
    await _require_possible(client.id, roles, runtime, by)
    return await _put(replace(client, roles=frozenset(roles)), "roles", runtime, by)


async def disable_client(client: Client, runtime: Runtime, *, by: str = ITSELF) -> Client:
    """The client, which gets no token any more; those it has end within seconds."""
    disabled = replace(client, disabled_at=client.disabled_at or runtime.clock())
    return await _put(disabled, "disabled", runtime, by)


async def set_client_webhook(
    client: Client, webhook: str | None, runtime: Runtime, *, by: str = ITSELF
) -> Client:
    """The client, told at that address from now on; nowhere when None."""
    return await _put(replace(client, webhook=webhook), "webhook", runtime, by)


async def find_client(client_id: str, runtime: Runtime) -> Client:
    """The client of that id, also a disabled one; raises `NotFound`."""
    found = [each for each in await read_all(runtime.store.clients) if each.id == client_id]
    if not found:
        raise NotFound("unknown_client", "There is no client of that id; `oncegate client list` shows them.")
    return found[0]


def client_view(client: Client) -> dict[str, Any]:
    """The client as whoever manages it sees it; no secret."""
    return {
        "id": client.id,
        "name": client.name,
        "department": client.department,
        "roles": sorted(client.roles),
        "proof": "private_key_jwt" if client.jwks else "secret",
        "bound": client.bound,
        "webhook": client.webhook,
        "disabled_at": client.disabled_at,
    }


async def _require_possible(client_id: str, roles: Collection[str], runtime: Runtime, by: str) -> None:
    unknown = sorted(set(roles) - set(CallerRole))
    if unknown or not roles:
        raise BadRequest("role_unknown", f"A client holds some of: {', '.join(sorted(CallerRole))}.")
    conflict = conflict_of(roles)
    if conflict is not None:
        await note_refusal(client_id, roles, "incompatible", runtime, by=by)
        raise BadRequest("roles_incompatible", conflict)


async def _put(client: Client, what: str, runtime: Runtime, by: str) -> Client:
    now = runtime.clock()
    facts = {"client": client.id, "what": what, "roles": sorted(client.roles)}
    kind, entry_id = EntryKind.client_changed, runtime.new_reference("aud", now)
    entry = make_entry(entry_id, kind, now, caller=by, request=None, facts=facts)
    await runtime.store.clients.change(client, entry)
    runtime.telemetry.entries(kind)
    return client
