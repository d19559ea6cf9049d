"""`oncegate demo`: a small city with real sources on loopback, its forms filled, its rates printed, then served."""

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer

from gateway.app import make_runtime, open_sources
from gateway.cli.common import AsJson, guarded, out, print_json, print_table, progress
from gateway.cli.resolve import print_answer
from gateway.cli.serve import run_server
from gateway.demo.city import RunningCity, start_city
from gateway.demo.house import Credentials, furnish, publish_city, register_callers
from gateway.demo.story import FIRST, Told, tell
from gateway.demo.subjects import typical_subjects
from gateway.settings import Settings
from gateway.telemetry import configure_logging


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)


@guarded
def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit after the tables instead of serving.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the state in this directory.")] = None,
    people: Annotated[int, typer.Option(min=1, max=50, help="Casts of people per form.")] = 4,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to serve on; a free one when taken.")
    ] = 8000,
    as_json: AsJson = False,
) -> None:
    """Bring up the demonstration city, resolve its forms for several people, print rates, then serve."""
    begun = time.monotonic()
    with _directory(keep) as directory:
        progress.print("starting the city's registers …", style="dim")
        with start_city(directory / "city") as city:
            settings = furnish(directory, city, port=_free_port(port))
            configure_logging(settings.model_copy(update={"log_level": "ERROR"}))
            told, credentials = asyncio.run(_tell(settings, city, people, quiet=as_json))
            seconds = round(time.monotonic() - begun, 1)
            if as_json:
                print_json(
                    {
                        "sources": len(_sources(city)),
                        "forms": [each.row() for each in told],
                        "seconds": seconds,
                    }
                )
            else:
                _print_rates(told, len(_sources(city)), seconds)
            if not once:
                _say_what_to_open(settings, credentials, city, told)
                run_server(settings)


async def _tell(
    settings: Settings, city: RunningCity, people: int, *, quiet: bool
) -> tuple[list[Told], Credentials]:
    runtime = make_runtime(settings)
    try:
        await publish_city(runtime)
        credentials = await register_callers(runtime)
        runtime.sources = open_sources(runtime.library.published.registry, runtime)
        told = []
        total = len(runtime.library.published.forms)
        async for each in tell(city.city, runtime, most=people):
            told.append(each)
            if each.form.id == FIRST and not quiet:
                labels = {field.path: field.label for field in each.form.fields}
                print_answer(dict(each.first), title=f"{each.form.name} v{each.form.version}", labels=labels)
            progress.print(f"{len(told)}/{total} {each.form.name}", style="dim")
        return told, credentials
    finally:
        await runtime.ledger.drain()
        await runtime.sources.close()
        await runtime.store.close()


def _print_rates(told: list[Told], sources: int, seconds: float) -> None:
    rows = []
    for each in told:
        rates, counts = each.rates(), each.counts
        others = ", ".join(f"{code} {n}" for code, n in counts["by_outcome"].items() if code != "filled")
        rows.append(
            (each.form.name, each.people, counts["fields"], counts["eligible"], counts["filled"],
             rates["M1"], rates["M3"], others)
        )  # fmt: skip
    title = (
        f"{len(told)} forms from {sources} sources in {seconds} s; counts of the first application (rates/1)"
    )
    columns = (
        "form",
        "people",
        "fields",
        "eligible",
        "filled",
        "M1 mapped",
        "M3 pre-filled",
        "other outcomes",
    )
    print_table(title, columns, rows)


def _say_what_to_open(
    settings: Settings, credentials: Credentials, city: RunningCity, told: list[Told]
) -> None:
    cast = typical_subjects(city.city, next(each.form for each in told if each.form.id == FIRST))[0]
    url = settings.public_url
    out.print(
        f"\nServing on {url} — API description: {url}/openapi.json, readiness: {url}/readyz, metrics: {url}/metrics"
    )
    out.print("Try it (the README walks through it):", style="bold")
    lines = (
        f"export ONCEGATE={url}",
        f"export CLIENT={credentials.client_id}:{credentials.client_secret}",
        f"export AUDITOR={credentials.auditor_id}:{credentials.auditor_secret}",
        f"export SUBJECTS='{orjson.dumps(cast).decode()}'",
        f"export FAULTS={city.control_url}/faults",
        'curl -s -u "$CLIENT" -d grant_type=client_credentials "$ONCEGATE/oauth/token"',
    )
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _sources(city: RunningCity) -> tuple[str, ...]:
    return tuple(city.places)


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="oncegate-demo-") as directory:
        yield Path(directory)


def _free_port(wanted: int) -> int:
    """The port asked for when it is free, else any free one."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise typer.BadParameter("no port of the loopback address is free")
