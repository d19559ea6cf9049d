"""`oncegate demo`: a small city with real sources on loopback lives through a month; it is told of, then served."""

import asyncio
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer

from gateway.app import make_runtime, open_sources
from gateway.cli.common import AsJson, guarded, out, print_json, print_table, progress
from gateway.cli.resolve import print_answer
from gateway.cli.serve import run_server
from gateway.demo.arrivals import month_until
from gateway.demo.citizens import applicants
from gateway.demo.city import RunningCity, start_city
from gateway.demo.clock import MovedClock
from gateway.demo.house import Credentials, furnish, publish_city, register_callers
from gateway.demo.month import Month
from gateway.demo.report import SHOWN, MonthReport, month_report
from gateway.demo.story import FIRST, Told, tell
from gateway.demo.subjects import typical_subjects
from gateway.reports.periods import begins
from gateway.reports.rates import DEFINITION, RATES
from gateway.runtime import Runtime
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
    traffic: Annotated[
        int | None,
        typer.Option(
            "--traffic",
            "--month",
            min=0,
            max=100_000,
            help="Applications in the four weeks before today; 100 with --once, else 200.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the traffic: the same seed, the same people.")] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to serve on; a free one when taken.")
    ] = 8000,
    citizens: Annotated[
        bool,
        typer.Option(
            "--citizens",
            help="Let visitors log in to /my, and to links, as anybody of the city while it is served.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring up the demonstration city, let it live through a month, print forms and rates, then serve."""
    begun = time.monotonic()
    with _directory(keep) as directory:
        progress.print("starting the city's registers …", style="dim")
        with start_city(directory / "city") as city:
            settings = furnish(directory, city, port=_free_port(port))
            configure_logging(settings.model_copy(update={"log_level": "ERROR"}))
            wanted = _Wanted(people, _default(traffic, 100 if once else 200), seed, quiet=as_json)
            shown = asyncio.run(_show(settings, city, wanted))
            told = shown.forms
            seconds = round(time.monotonic() - begun, 1)
            if as_json:
                print_json(
                    {
                        "sources": len(_sources(city)),
                        "forms": [each.row() for each in told],
                        "report": shown.month.document() if shown.month else None,
                        "seconds": seconds,
                    }
                )
            else:
                _print_rates(told, len(_sources(city)), seconds)
                if shown.month:
                    _print_month(shown.month)
            if not once:
                _say_what_to_open(settings, shown.credentials, city, told)
                run_server(_with_citizens(settings, city) if citizens else settings)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How much is to be shown."""

    people: int
    traffic: int
    seed: int
    quiet: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was done before serving."""

    forms: list[Told]
    month: MonthReport | None
    credentials: Credentials


def _default(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


async def _show(settings: Settings, city: RunningCity, wanted: _Wanted) -> _Shown:
    """A month of traffic in the past, then every form in the present."""
    first = month_until(city.city.today)
    clock = MovedClock(begins(first))
    if not wanted.traffic:
        clock.release()
    runtime = make_runtime(settings, clock=clock)
    try:
        await publish_city(runtime)
        credentials = await register_callers(runtime)
        month = await _live(city, runtime, clock, wanted) if wanted.traffic else None
        if wanted.traffic:
            clock.release()
            await runtime.sources.close()
        runtime.sources = open_sources(runtime.library.published.registry, runtime)
        return _Shown(await _tell(runtime, city, wanted), month, credentials)
    finally:
        await runtime.ledger.drain()
        await runtime.sources.close()
        await runtime.store.close()


async def _live(city: RunningCity, runtime: Runtime, clock: MovedClock, wanted: _Wanted) -> MonthReport:
    def at_work(done: int) -> None:
        progress.print(f"{done}/{wanted.traffic} applications of the month", style="dim")

    month = Month(city, runtime, clock, first=month_until(city.city.today), seed=wanted.seed)
    return await month_report(await month.live(wanted.traffic, at_work), runtime)


async def _tell(runtime: Runtime, city: RunningCity, wanted: _Wanted) -> list[Told]:
    told: list[Told] = []
    total = len(runtime.library.published.forms)
    async for each in tell(city.city, runtime, most=wanted.people):
        told.append(each)
        if each.form.id == FIRST and not wanted.quiet:
            labels = {field.path: field.label for field in each.form.fields}
            print_answer(dict(each.first), title=f"{each.form.name} v{each.form.version}", labels=labels)
        progress.print(f"{len(told)}/{total} {each.form.name}", style="dim")
    return told


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


def _print_month(month: MonthReport) -> None:
    """The month by form, the next steps, and what was asked again."""
    rows = [
        (name, measures.applications, *(str(RATES[rate].of(measures)) for rate in SHOWN))
        for _, name, measures in (*month.forms, ("", "合计 all forms", month.total))
    ]
    lived = month.lived
    title = (
        f"{lived.applications} applications in four weeks from {lived.first}: {lived.submitted} handed in, "
        f"{lived.abandoned} abandoned, {lived.tests} tests, {lived.disputed} with a dispute ({DEFINITION})"
    )
    headings = (f"{rate} {RATES[rate].zh}" for rate in SHOWN)
    print_table(title, ("form", "applications", *headings), rows)
    out.print("缺口 What to do next; each gain on top of those above:", style="bold")
    for step in month.gaps["steps"]:
        _say(f"{step['rank']}. {step['sentence']}")
        _say(f"   {step['sentence_en']}")
    out.print(f"重复采集 Asked again though held: M7 {RATES['M7'].of(month.total)}", style="bold")
    for row in month.repeat["rows"]:
        _say(f"{row['times']}× {row['form_name']} · {row['label']}: {row['what']}")


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)


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


def _with_citizens(settings: Settings, city: RunningCity) -> Settings:
    """Settings for as long as the city runs: what is kept of it names no issuer that is no more."""
    someone = city.city.persons[applicants(city.city)[0]]
    _say(
        f"Own pages: {settings.public_url}/my — log in as anybody, e.g. {someone.name} {someone.id_no}; "
        "links people are sent are confirmed there too"
    )
    return settings.model_copy(update={"person_oidc_issuer": city.citizens_url})


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
