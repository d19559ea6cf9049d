"""`oncegate connector list|check|new`: the kinds there are, whether sources answer, and a start for a new kind."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from connectors.registry import build_connector, kinds
from connectors.scaffold import new_kind
from gateway.app import environment_of_sources
from gateway.cli.common import (
    FOUND_FAULTS,
    AsJson,
    State,
    command,
    guarded,
    out,
    print_json,
    print_table,
    runtime_of,
)

group = typer.Typer(help="Connectors: kinds, health, a new kind.", no_args_is_help=True)


@group.command("list")
@guarded
def list_(as_json: AsJson = False) -> None:
    """The connector kinds that can be configured, built in and installed."""
    rows = [(name, (kind.__doc__ or "").partition("\n")[0]) for name, kind in kinds().items()]
    if as_json:
        print_json({"kinds": [{"name": name, "description": description} for name, description in rows]})
    else:
        print_table("connector kinds", ("kind", "what it asks"), rows)


@group.command("check")
@command
async def check(
    source: Annotated[str | None, typer.Argument(help="One source; else all.")] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Whether sources can be reached, without asking about any person; exit 1 when one cannot."""
    async with runtime_of(state) as runtime:
        registry = runtime.library.published.registry
        wanted = [registry.source(source)] if source else list(registry.sources.values())
        environment = environment_of_sources(runtime)
        connectors = [build_connector(each, environment) for each in wanted]
        try:
            found = await asyncio.gather(*(connector.health() for connector in connectors))
        finally:
            await asyncio.gather(*(connector.close() for connector in connectors))
    rows = [
        (each.id, each.name, "ok" if health.ok else "no", health.detail)
        for each, health in zip(wanted, found, strict=True)
    ]
    if as_json:
        keys = ("source", "name", "ok", "detail")
        print_json({"sources": [{**dict(zip(keys, row, strict=True)), "ok": row[2] == "ok"} for row in rows]})
    else:
        print_table("sources", ("source", "name", "answers", "detail"), rows)
    if any(not health.ok for health in found):
        raise typer.Exit(FOUND_FAULTS)


@group.command("new")
@guarded
def new(
    name: Annotated[str, typer.Argument(help="Name of the kind, e.g. soap_xml.")],
    directory: Annotated[Path, typer.Option(help="Where to write it.")] = Path(),
) -> None:
    """Write a connector kind that passes the first half of the conformance suite."""
    for path in new_kind(name, directory):
        out.print(str(path), markup=False, highlight=False)
