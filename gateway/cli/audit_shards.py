"""`oncegate audit shard …` and `audit cosign`: what an operator does about the log's trees and their witnesses."""

from typing import Annotated

import typer

from gateway.app import make_sequencer
from gateway.audit.cosigning import add_cosignatures
from gateway.audit.opening import open_shard
from gateway.audit.reading import every_shard
from gateway.cli.common import AsJson, State, command, fail, out, print_json, print_table, runtime_of

group = typer.Typer(help="The log's trees: there is one as long as nothing goes wrong.", no_args_is_help=True)


def register(audit: typer.Typer) -> None:
    """Add these commands to those of the log."""
    audit.add_typer(group, name="shard")
    audit.command("cosign")(cosign)


_ASK = (
    "The database is not the log that was signed. Restore the newest database if there is one: what it holds and this "
    "one does not is lost to the log for good. Open a new shard all the same?"
)


@group.command("open")
@command
async def open_(
    reason: Annotated[
        str, typer.Option(help="Why, in your words; kept sealed in the log. No names of applicants.")
    ],
    state: State = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let the log go on after its database was rolled back, forked or altered, from the last good checkpoint on."""
    if not reason.strip():
        fail("--reason must say why.")
    async with runtime_of(state) as runtime:
        if not yes and not typer.confirm(_ASK):
            fail("Nothing was changed.")
        sequencer = make_sequencer(runtime)
        broken = await open_shard(sequencer, runtime, reason=reason.strip())
        await sequencer.run()
    held = 0 if broken.held is None else broken.held.size
    out.print(
        f"Shard {broken.shard} is open: {broken.origin}. Its first entry names the last good checkpoint, "
        f"{broken.last.size} entries of {broken.last.origin}, root {broken.last.root.hex()}; "
        f"the database held {held}. Witnesses and mirrors must be told.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@group.command("list")
@command
async def list_(state: State = None, as_json: AsJson = False) -> None:
    """Every tree of the log with what its newest checkpoint states."""
    async with runtime_of(state) as runtime:
        trees = await every_shard(runtime.store.log, make_sequencer(runtime).keys)
    rows = [
        (tree.shard, tree.checkpoint.origin, tree.checkpoint.size, tree.checkpoint.root.hex())
        for tree in trees
    ]
    columns = ("shard", "origin", "size", "root")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Trees of the log", columns, rows)


@command
async def cosign(
    note: Annotated[
        typer.FileText, typer.Argument(encoding="utf-8", help="What a witness printed, - for standard input.")
    ],
    key: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of the witness; else log_witness_keys of the settings."),
    ] = None,
    state: State = None,
) -> None:
    """Keep a witness' cosignature with the checkpoint it is under, so that whoever reads that is shown it."""
    async with runtime_of(state) as runtime:
        settings = runtime.settings
        witnesses = key or (*settings.log_witness_keys, *settings.log_witnesses.values())
        found = await add_cosignatures(
            note.read(1_000_000), witnesses, runtime.store.log, make_sequencer(runtime).keys
        )
    out.print(
        f"Kept with the checkpoint of {found.size} entries: {', '.join(found.witnesses)}.",
        markup=False,
        highlight=False,
    )
