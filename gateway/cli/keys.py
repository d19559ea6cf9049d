"""`oncegate keys rotate`: a new root key for everything sealed from now on."""

import typer

from gateway.audit.noting import note
from gateway.cli.common import AsJson, State, command, out, print_json, runtime_of, settings_of
from gateway.records import EntryKind
from gateway.security import rotate_root_key

group = typer.Typer(help="Keys: rotate.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Keys: rotate."""


@group.command("rotate")
@command
async def rotate(state: State = None, as_json: AsJson = False) -> None:
    """Make a new root key the newest; what older keys sealed can still be opened. Restart the workers afterwards."""
    path = settings_of(state).root_key_file
    is_first = not path.exists()
    key = rotate_root_key(path)
    entry_id = None if is_first else await _note(key, state)  # before the first key there is no log to tell
    if as_json:
        print_json({"key": key, "entry": entry_id})
    else:
        out.print(f"Key {key} seals from now on. Restart the workers to take it up.")


async def _note(key: str, state: State) -> str:
    async with runtime_of(state) as runtime:
        return await note(EntryKind.keys_rotated, {"key": key}, runtime)
