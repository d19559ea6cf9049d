"""`oncegate consent list|show`: consents as they stand."""

from typing import Annotated

import typer

from gateway.cli.common import AsJson, State, command, fail, out, print_json, print_table, runtime_of
from gateway.consents.service import view

group = typer.Typer(help="Consents: list, show.", no_args_is_help=True)


@group.command("list")
@command
async def list_(
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="Id to begin after.")] = "",
    as_json: AsJson = False,
) -> None:
    """Consents, oldest first."""
    async with runtime_of(state) as runtime:
        stored = await runtime.store.consents.listing(after=cursor, limit=limit)
        seen = [view(each, runtime) for each in stored]
    if as_json:
        print_json({"consents": seen, "next_cursor": seen[-1]["id"] if len(seen) == limit else None})
        return
    rows = [
        (c["id"], c["state"], c["purpose"], c["form"], len(c["items"]), c["uses_left"], c["expires_at"])
        for c in seen
    ]
    print_table("consents", ("id", "state", "purpose", "form", "items", "uses left", "expires"), rows)


@group.command("show")
@command
async def show(
    consent: Annotated[str, typer.Argument(help="Consent id.")], state: State = None, as_json: AsJson = False
) -> None:
    """One consent, with what was agreed and how it stands now."""
    async with runtime_of(state) as runtime:
        stored = (await runtime.store.consents.read((consent,))).get(consent)
        if stored is None:
            fail("There is no such consent; `oncegate consent list` shows them.")
        seen = view(stored, runtime)
    if as_json:
        print_json(seen)
        return
    for name, value in seen.items():
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
