"""Operators: the people who administer, secure and audit the service. Added, given roles, reset, disabled.

Whoever does it is told by an entry; so is what was refused: roles that no one may unite, and a change of one's own.
Names and logins are sealed. An operator is found by a keyed digest of the login and known to the log by a random id.
"""

import asyncio
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF, note
from gateway.errors import BadRequest, Conflict, NotAllowed, NotFound
from gateway.records import Entry, EntryKind, Operator
from gateway.runtime import Runtime
from gateway.security import totp
from gateway.security.duties import operator_conflict
from gateway.security.passwords import hash_password, new_password

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_PREFIX = "op:"
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a new operator is handed, once: a one-time password and the address of their authenticator's secret."""

    operator: Operator
    password: str = field(repr=False)
    uri: str = field(repr=False)


def caller_id(operator: Operator) -> str:
    """The name under which the log and tokens know an operator."""
    return f"{_PREFIX}{operator.id}"


def login_key(login: str, runtime: Runtime) -> str:
    """What an operator is found by; tells nothing of the login without the key."""
    return runtime.fingerprint(f"operator\x1f{login.strip().lower()}".encode())


async def find_operator(login: str, runtime: Runtime) -> Operator:
    """The operator of that login or id; raises `NotFound`."""
    operators = runtime.store.operators
    found = await operators.find(login_key(login, runtime)) or await operators.operator(login)
    if found is None:
        raise NotFound(
            "unknown_operator",
            "There is no operator of that login or id; list them with `oncegate operator list`.",
        )
    return found


async def add_operator(
    login: str, name: str, department: str, roles: Collection[str], runtime: Runtime, *, by: str = ITSELF
) -> Enrolment:
    """A new operator and what to hand them. Raises `BadRequest` for a login or roles that cannot be, `Conflict`."""
    login = login.strip().lower()
    if _LOGIN.fullmatch(login) is None:
        detail = "A login has 2 to 64 of: a-z 0-9 . _ @ - and begins with a letter or digit."
        raise BadRequest("login_invalid", detail)
    await require_separate_duties(None, roles, runtime, by=by)
    now = runtime.clock()
    made = Operator(
        id=runtime.new_reference("opr", now),
        login_key=login_key(login, runtime),
        sealed=b"",
        department=department,
        roles=frozenset(roles),
        created_at=now,
    )
    made = replace(made, sealed=seal_name(made.id, login, name, runtime))
    return await _enrol(None, made, "added", by, runtime)


async def reset_operator(operator: Operator, runtime: Runtime, *, by: str = ITSELF) -> Enrolment:
    """The operator with a new one-time password and authenticator, unlocked; their sessions end.

    Raises `Conflict`, as every change does, when somebody else changed them since they were read.
    """
    await _require_other(operator, by, operator.roles, runtime)
    return await _enrol(operator, replace(operator, disabled_at=None), "reset", by, runtime)


async def disable_operator(operator: Operator, runtime: Runtime, *, by: str = ITSELF) -> Operator:
    """The operator, who cannot log in any more; their sessions end at the next statement.

    Whatever else was done to them meanwhile: shutting somebody out waits for nobody's second thought.
    """
    read = operator
    for _ in range(_TRIES):
        disabled = replace(read, disabled_at=read.disabled_at or runtime.clock())
        with suppress(Conflict):
            return await _put(read, disabled, "disabled", by, runtime)
        read = await find_operator(operator.id, runtime)
    return await _put(read, replace(read, disabled_at=runtime.clock()), "disabled", by, runtime)


async def assign_roles(
    operator: Operator, roles: Collection[str], runtime: Runtime, *, by: str = ITSELF
) -> Operator:
    """The operator with exactly these roles; their sessions end, for those had the roles of before.

    Raises `BadRequest` for roles no one may unite, `NotAllowed` for one's own; both are entries.
    """
    await _require_other(operator, by, roles, runtime)
    await require_separate_duties(operator.id, roles, runtime, by=by)
    return await _put(operator, replace(operator, roles=frozenset(roles)), "roles", by, runtime)


async def require_separate_duties(
    target: str | None, roles: Collection[str], runtime: Runtime, *, by: str
) -> None:
    """Nothing, or `BadRequest` after an entry: an operator may not hold these roles together."""
    conflict = operator_conflict(roles)
    if conflict is not None:
        await note_refusal(target, roles, "incompatible", runtime, by=by)
        raise BadRequest("roles_incompatible", conflict)


async def note_refusal(
    target: str | None, roles: Collection[str], reason: str, runtime: Runtime, *, by: str
) -> None:
    """The entry about roles that were not given. `target`: operator or client; None for one not yet there."""
    facts = {"target": target, "roles": sorted(roles), "reason": reason}
    await note(EntryKind.roles_refused, facts, runtime, caller=by)


def view(operator: Operator, runtime: Runtime) -> dict[str, Any]:
    """The operator as whoever manages them sees them; nothing they prove themselves by."""
    known = _known(operator, runtime)
    return {
        "id": operator.id,
        "login": known["login"],
        "name": known["name"],
        "department": operator.department,
        "roles": sorted(operator.roles),
        "method": "password" if operator.password_hash else "oidc",
        "created_at": operator.created_at,
        "locked_until": _if_to_come(operator.locked_until, runtime),
        "disabled_at": operator.disabled_at,
    }


def _if_to_come(moment: datetime | None, runtime: Runtime) -> datetime | None:
    return moment if moment is not None and runtime.clock() < moment else None


def login_of(operator: Operator, runtime: Runtime) -> str:
    """What they log in by."""
    return _known(operator, runtime)["login"]


async def _require_other(operator: Operator, by: str, roles: Collection[str], runtime: Runtime) -> None:
    if by == caller_id(operator):
        await note_refusal(operator.id, roles, "own", runtime, by=by)
        raise NotAllowed(
            "own_roles", "Nobody changes their own roles or credentials. Ask a colleague in security."
        )


async def _enrol(
    read: Operator | None, operator: Operator, what: str, by: str, runtime: Runtime
) -> Enrolment:
    password, secret = new_password(), totp.new_secret()
    # In a thread: some 200 ms of scrypt would hold up every other request.
    hashed = await asyncio.to_thread(hash_password, password)
    enrolled = replace(
        operator,
        password_hash=hashed,
        must_change_password=True,
        totp=runtime.sealer.seal(secret, table="operator", column="totp", row=operator.id),
        failed_logins=0,
        locked_until=None,
    )
    uri = totp.provisioning_uri(secret, account=login_of(operator, runtime), issuer="OnceGate")
    return Enrolment(await _put(read, enrolled, what, by, runtime), password, uri)


async def _put(read: Operator | None, operator: Operator, what: str, by: str, runtime: Runtime) -> Operator:
    entry = changed_entry(operator, what, by, runtime)
    await put_operator(read, operator, entry, runtime)
    return operator


async def put_operator(read: Operator | None, operator: Operator, entry: Entry, runtime: Runtime) -> None:
    """Add an operator, or change the one that was read. Raises `Conflict` when they changed since."""
    if read is None:
        await runtime.store.operators.add(operator, entry)
    else:
        await runtime.store.operators.change(read, operator, entry)
    runtime.telemetry.entries(entry.kind)


def changed_entry(operator: Operator, what: str, by: str, runtime: Runtime) -> Entry:
    """What the log says of a change. `what`: added, reset, disabled or roles."""
    now = runtime.clock()
    facts = {"operator": operator.id, "what": what, "roles": sorted(operator.roles)}
    entry_id = runtime.new_reference("aud", now)
    return make_entry(entry_id, EntryKind.operator_changed, now, caller=by, request=None, facts=facts)


def seal_name(operator_id: str, login: str, name: str, runtime: Runtime) -> bytes:
    """Login and name as they are kept."""
    document = orjson.dumps({"login": login, "name": name})
    return runtime.sealer.seal(document, table="operator", column="sealed", row=operator_id)


def _known(operator: Operator, runtime: Runtime) -> Mapping[str, str]:
    document = runtime.sealer.open(operator.sealed, table="operator", column="sealed", row=operator.id)
    known: Mapping[str, str] = orjson.loads(document)
    return known
