"""`oncegate sealing-key add|list|end`: the keys that departments have values sealed to. Each change is an entry."""

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
    print_json,
    print_lines,
    print_records,
    runtime_of,
)
from gateway.records import SealingKey
from gateway.runtime import Runtime
from gateway.security.sealing import add_sealing_key, end_sealing_key, key_view

group = typer.Typer(help="Keys that departments have values sealed to: add, list, end.", no_args_is_help=True)
_PAGE = 500


@group.command()
@command
async def add(
    department: Annotated[str, typer.Argument(help="The receiving department, as its clients name it.")],
    jwk: Annotated[
        Path, typer.Option(help='File of its public key, a JWK marked "use": "enc" (EC, X25519 or RSA).')
    ],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Register a department's public key; sealed answers to it are sealed to this one from now on."""
    async with runtime_of(state) as runtime:
        _show(await add_sealing_key(department, _read(jwk), runtime), as_json)


@group.command("list")
@command
async def list_(state: State = None, as_json: AsJson = False) -> None:
    """The keys of all departments, ended ones too; of several that stand the last one is used."""
    async with runtime_of(state) as runtime:
        seen = [key_view(each) for each in await _all(runtime)]
    columns = ("id", "department", "kid", "alg", "added_at", "ended_at")
    print_records("sealing_keys", seen, columns, as_json=as_json)


@group.command()
@command
async def end(
    key: Annotated[str, typer.Argument(help="Key id, as `list` shows it.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Seal nothing to a key any more; the one before it counts again where it still stands."""
    async with runtime_of(state) as runtime:
        _show(await end_sealing_key(key, runtime), as_json)


async def _all(runtime: Runtime) -> list[SealingKey]:
    found: list[SealingKey] = []
    keys = runtime.store.sealing_keys
    while page := await keys.listing(after=found[-1].id if found else "", limit=_PAGE):
        found += page
    return found


def _show(key: SealingKey, as_json: bool) -> None:
    seen = key_view(key)
    if as_json:
        print_json(seen)
        return
    print_lines({name: value for name, value in seen.items() if name != "jwk"})


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        fail(f"{path} cannot be read as JSON; a public JWK is wanted.", WRONG_USE)
