"""`oncegate report export|briefing|open`: reports to file, to print, and for everybody."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import AsJson, State, command, fail, out, print_json, progress, runtime_of
from gateway.cli.report_gaps import Since, Until
from gateway.reports.export_files import briefing_file, briefing_pages, open_files, workbook_file
from gateway.reports.folding import fold_waiting
from gateway.reports.open_data import may_be_published
from gateway.reports.periods import day_of
from gateway.reports.survey import Period
from gateway.runtime import Runtime

Month = Annotated[
    datetime | None, typer.Option("--month", formats=["%Y-%m"], help="Month, e.g. 2026-10; else the newest.")
]
Target = Annotated[Path, typer.Option("--out", help="File to write.")]


def register(group: typer.Typer) -> None:
    """Add these commands."""
    for name, function in (("export", export), ("briefing", briefing), ("open", open_)):
        group.command(name)(function)


@command
async def export(
    target: Target, state: State = None, since: Since = None, until: Until = None, as_json: AsJson = False
) -> None:
    """All reports of a period as one workbook (XLSX): a sheet per table, rates as numbers with their counts."""
    async with runtime_of(state) as runtime:
        await _counted(runtime)
        last = until.date() if until else day_of(runtime.clock()) + timedelta(days=1)
        period = Period(since.date() if since else last - timedelta(days=30), last)
        if not period.days:
            fail("--from must lie before --to.")
        made = await workbook_file(period, runtime)
    _written({target: made}, as_json=as_json)


@command
async def briefing(
    target: Target,
    state: State = None,
    month: Month = None,
    pages: Annotated[
        bool, typer.Option("--png", help="Write PNG pictures, a number behind the name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The monthly briefing: two pages with charts, as PDF. Without --month of the month that is under way."""
    async with runtime_of(state) as runtime:
        await _counted(runtime)
        wanted = _first_of(month.date() if month else day_of(runtime.clock()))
        if pages:
            pictures = await briefing_pages(wanted, runtime)
            numbered = enumerate(pictures, start=1)
            made = {target.with_name(f"{target.stem}-{number}.png"): picture for number, picture in numbered}
        else:
            made = {target: await briefing_file(wanted, runtime)}
    _written(made, as_json=as_json)


@command
async def open_(
    target: Annotated[Path, typer.Option("--out", help="Directory to write into.")],
    state: State = None,
    month: Month = None,
    as_json: AsJson = False,
) -> None:
    """Open statistics of a month that is over: k-anonymous CSV and JSON files, with what they mean."""
    async with runtime_of(state) as runtime:
        await _counted(runtime)
        made = await open_files(_first_of(month.date()) if month else _newest(runtime), runtime)
    _written({target / name: content for name, content in made.items()}, as_json=as_json)


async def _counted(runtime: Runtime) -> None:
    """Count first what waits, where no service does that at the moment."""
    done = await fold_waiting(runtime)
    if done:
        progress.print(f"{done} applications counted", style="dim")


def _newest(runtime: Runtime) -> date:
    """The newest month that may be published."""
    today, delay = day_of(runtime.clock()), runtime.settings.open_delay_days
    month = _first_of(today)
    while not may_be_published(month, today, delay):
        month = _first_of(month - timedelta(days=1))
    return month


def _first_of(day: date) -> date:
    return day.replace(day=1)


def _written(files: dict[Path, bytes], *, as_json: bool) -> None:
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    told = [{"file": str(path), "bytes": len(content)} for path, content in files.items()]
    if as_json:
        print_json({"files": told})
        return
    for each in told:
        out.print(f"{each['file']}  {each['bytes']:,} bytes", markup=False, highlight=False, soft_wrap=True)
