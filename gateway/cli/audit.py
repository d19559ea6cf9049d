"""`oncegate audit entries`: the log as it stands, oldest first."""

from typing import Annotated

import orjson
import typer

from gateway.cli.common import AsJson, State, command, out, print_json, runtime_of

group = typer.Typer(help="The log: entries.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """The log: entries."""


@group.command("entries")
@command
async def entries(
    state: State = None,
    request: Annotated[str | None, typer.Option(help="Only those of a resolution or consent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="Entry id to begin after.")] = "",
    as_json: AsJson = False,
) -> None:
    """Entries without their private part: references, codes and times."""
    async with runtime_of(state) as runtime:
        found = await runtime.store.entries.find(request=request, after=cursor, limit=limit)
    leaves = [orjson.loads(entry.leaf) for entry in found]
    if as_json:
        print_json({"entries": leaves, "next_cursor": found[-1].id if len(found) == limit else None})
        return
    for leaf in leaves:
        head = f"{leaf.pop('at')} {leaf.pop('kind')} {leaf.pop('id')}"
        out.print(head, orjson.dumps(leaf).decode(), markup=False, highlight=False, soft_wrap=True)
