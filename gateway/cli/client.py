"""`oncegate client add|list|disable|roles|webhook`: the systems that call. Each change is an entry of the log."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from gateway.cli.common import (
    WRONG_USE,
    AsJson,
    State,
    command,
    fail,
    out,
    print_json,
    print_lines,
    print_records,
    runtime_of,
)
from gateway.disputes.webhooks import require_address
from gateway.records import Client
from gateway.security.client_admin import (
    assign_client_roles,
    client_view,
    disable_client,
    find_client,
    register_client,
    set_client_webhook,
)
from gateway.security.registered import read_all

group = typer.Typer(help="Calling systems: add, list, disable, roles, webhook.", no_args_is_help=True)
ClientId = Annotated[str, typer.Argument(help="Client id.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="renderer, consent_desk, portal, auditor …; may be repeated.")
]


@group.command()
@command
async def add(
    client: ClientId,
    role: Roles,
    department: Annotated[str, typer.Option(help="Recipient of whatever is released to it.")],
    name: Annotated[str, typer.Option(help="What people call it; its id when left out.")] = "",
    jwks: Annotated[Path | None, typer.Option(help="File of its public keys, a JWK Set.")] = None,
    bound: Annotated[str | None, typer.Option(help="dpop or mtls: its tokens must be bound.")] = None,
    webhook: Annotated[
        str | None, typer.Option(help="https address where it is told of disputes that concern it.")
    ] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Register a client by its public keys; without any, in development, with a secret that is printed once."""
    wanted = Client(client, name or client, department, frozenset(role), bound=bound, webhook=webhook)
    async with runtime_of(state) as runtime:
        if webhook is not None:
            require_address(webhook, runtime.settings)
        made = await register_client(wanted, _read(jwks), runtime)
    if as_json:
        print_json({**client_view(made.client), "secret": made.secret})
        return
    out.print(f"client {client} is registered.", markup=False, highlight=False)
    if made.secret is not None:
        out.print(f"secret {made.secret} (shown once)", markup=False, highlight=False)


@group.command("list")
@command
async def list_(state: State = None, as_json: AsJson = False) -> None:
    """Registered clients, with their roles and how they prove themselves."""
    async with runtime_of(state) as runtime:
        seen = [client_view(each) for each in await read_all(runtime.store.clients)]
    columns = ("id", "name", "department", "roles", "proof", "bound", "disabled_at")
    print_records("clients", seen, columns, as_json=as_json)


@group.command()
@command
async def disable(client: ClientId, state: State = None, as_json: AsJson = False) -> None:
    """Give a client no token any more; those it has end within seconds."""
    async with runtime_of(state) as runtime:
        _show(await disable_client(await find_client(client, runtime), runtime), as_json)


@group.command()
@command
async def roles(client: ClientId, role: Roles, state: State = None, as_json: AsJson = False) -> None:
    """Give a client exactly these roles; refused when no one may unite them."""
    async with runtime_of(state) as runtime:
        _show(await assign_client_roles(await find_client(client, runtime), role, runtime), as_json)


@group.command()
@command
async def webhook(
    client: ClientId,
    address: Annotated[
        str | None, typer.Argument(help="https address; left out, it is told nowhere.")
    ] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Say where a client is told of disputes that concern it; messages are signed as receipts are."""
    async with runtime_of(state) as runtime:
        if address is not None:
            require_address(address, runtime.settings)
        _show(await set_client_webhook(await find_client(client, runtime), address, runtime), as_json)


def _show(client: Client, as_json: bool) -> None:
    seen = client_view(client)
    if as_json:
        print_json(seen)
        return
    print_lines(seen)


def _read(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        fail(f"{path} cannot be read as JSON; a JWK Set is wanted.", WRONG_USE)
    if not isinstance(document, dict):
        fail(f'{path} is no JWK Set; write {{"keys": [...]}}.', WRONG_USE)
    return document
