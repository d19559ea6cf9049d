"""`oncegate report example|backfill|recount|rebuild|baseline`: rates with their counts, and counting them again."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from gateway.audit.noting import ITSELF
from gateway.cli.common import (
    FOUND_FAULTS,
    WRONG_USE,
    AsJson,
    State,
    command,
    fail,
    guarded,
    out,
    print_json,
    print_table,
    runtime_of,
)
from gateway.records import Baseline
from gateway.reports.backfill import BY, Asked, Report, backfill_report
from gateway.reports.backfill_document import (
    Names,
    period_words,
    report_document,
    section_columns,
    section_rows,
    total_rows,
)
from gateway.reports.baselines import freeze_baseline
from gateway.reports.example import example, example_document
from gateway.reports.folding import fold_waiting, rebuild
from gateway.reports.naming import names_of
from gateway.reports.rates import DEFINITION, RATES, rates_of, shown
from gateway.reports.recounting import Recounted, recount

group = typer.Typer(help="Reports: rates with their counts.", no_args_is_help=True)
baseline_group = typer.Typer(help="Baselines of forms for M5: add, list.", no_args_is_help=True)
group.add_typer(baseline_group, name="baseline")

_MOST = 500
_IN_TABLES = ("M1", "M2", "M3", "M4", "M4_without_identity", "M5", "M7", "M9")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day is written like 2026-10-01") from None


From = Annotated[date | None, typer.Option("--from", parser=_day, help="First day, in China.")]
To = Annotated[date | None, typer.Option("--to", parser=_day, help="The day before which it ends, in China.")]


@group.callback()
def _group() -> None:
    """Reports: rates with their counts."""


@group.command("example")
@guarded
def example_(as_json: AsJson = False) -> None:
    """The worked example of the rates, computed from its fourteen slots. Needs no database."""
    if as_json:
        print_json(example_document())
        return
    rates = rates_of(example())
    rows = [(name, of.zh, of.en, shown(name, rates[name])) for name, of in RATES.items()]
    print_table(f"worked example, {DEFINITION}", ("id", "指标", "rate", "rate (numerator/denominator)"), rows)
    out.print("20 slots: 14 eligible (4 hidden, 1 signature, 1 consent box are not). M5: 1 − 6/20.")


@group.command("backfill")
@command
async def backfill(
    state: State = None,
    by: Annotated[str, typer.Option(help=f"Tables, with commas between: {', '.join(BY)}.")] = "form",
    since: From = None,
    to: To = None,
    form: Annotated[str | None, typer.Option(help="Only that form.")] = None,
    department: Annotated[str | None, typer.Option(help="Only what that department submitted.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only such subjects: resident, taiwan …")] = None,
    public: Annotated[bool, typer.Option(help="As it may be seen outside the hall.")] = False,
    rates: Annotated[str, typer.Option(help="Rates in the tables.")] = ",".join(_IN_TABLES),
    as_json: AsJson = False,
) -> None:
    """Every rate of a period, micro and macro, and tables by form, field, item, source, department …"""
    names, wanted = _listed(by, BY, "--by"), _listed(rates, RATES, "--rates")
    asked = Asked(names, since, to, form, department, segment, public)
    async with runtime_of(state) as runtime:
        await fold_waiting(runtime)
        report = await backfill_report(asked, runtime, limit=_MOST)
        called = await names_of(asked.by, runtime)
    if as_json:
        print_json(report_document(report, called))
    else:
        _tell(report, wanted, called)


@group.command("recount")
@command
async def recount_(
    state: State = None,
    since: From = None,
    to: To = None,
    bundle: Annotated[Path | None, typer.Option(help="An exported log to count instead of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count the log again, slot by slot, and compare with the roll-ups; exit 1 where a number differs."""
    async with runtime_of(state) as runtime:
        with _progress("applications counted from the log") as report:
            done = await recount(
                runtime, since=since, until=to, bundle=bundle, progress=lambda so_far: report(so_far, None)
            )
    _tell_recount(done, as_json=as_json)


@group.command("rebuild")
@command
async def rebuild_(state: State = None, as_json: AsJson = False) -> None:
    """Count all roll-ups anew from the snapshots; what is shown meanwhile stays, what comes meanwhile waits."""
    async with runtime_of(state) as runtime:
        with _progress("snapshots counted") as report:
            counted = await rebuild(runtime, report)
        folded = await fold_waiting(runtime)
    if as_json:
        print_json({"counted": counted, "folded": folded})
    else:
        out.print(f"{counted} snapshots counted anew, {folded} that came meanwhile folded.")


@baseline_group.command("add")
@command
async def baseline_add(
    form: Annotated[str, typer.Argument(help="Form id.")],
    name: Annotated[str, typer.Argument(help="A name, never used again for this form: paper-2025.")],
    dated: Annotated[date, typer.Argument(parser=_day, help="Of what day the counted form is: 2025-12-31.")],
    slots: Annotated[int, typer.Argument(min=1, help="How many slots it asked people to fill.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Freeze how many slots a form asked for before; M5 compares with it from now on. It is never changed."""
    async with runtime_of(state) as runtime:
        frozen = await freeze_baseline(form, name, dated, slots, runtime, caller=ITSELF)
    if as_json:
        print_json(frozen)
    else:
        out.print(f"{form} is compared with {name} ({dated}, {slots} slots) from now on.", markup=False)


@baseline_group.command("list")
@command
async def baseline_list(state: State = None, as_json: AsJson = False) -> None:
    """Every baseline, by form and name; of a form the one frozen last counts."""
    async with runtime_of(state) as runtime:
        found: list[Baseline] = []
        after = ("", "")
        while page := await runtime.store.rollups.baselines(after=after, limit=_MOST):
            found += page
            after = page[-1].form, page[-1].name
    if as_json:
        print_json({"baselines": found})
        return
    rows = [(each.form, each.name, each.dated, each.slots, each.frozen_at, each.frozen_by) for each in found]
    print_table("baselines", ("form", "name", "of", "slots", "frozen at", "by"), rows)


def _listed(text: str, known: Any, option: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    if not names or not set(names) <= set(known):
        fail(f"{option} names some of: {', '.join(known)}.", WRONG_USE)
    return names


def _tell(report: Report, rates: tuple[str, ...], names: Names) -> None:
    asked = report.asked
    print_table(
        f"{DEFINITION}, {period_words(asked)}", ("id", "rate", "micro", "macro"), total_rows(report.total)
    )
    for section in report.sections:
        print_table(f"by {section.by}", section_columns(rates), section_rows(section, rates, names))
        if section.cursor is not None:
            out.print(f"The first {_MOST} of more; --json, or the API pages through all.")
    if report.waiting:
        out.print(f"{report.waiting} snapshots are not counted yet.")


def _tell_recount(done: Recounted, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "applications": done.applications,
                "slots": done.slots,
                "cells": done.cells,
                "sealed": done.sealed,
                "bundle_ends": done.bundle_ends,
                "is_behind": done.is_behind,
                "equal": not done.differences,
                "differences": done.differences,
            }
        )
    else:
        out.print(
            f"{done.applications} applications, {done.slots} slots, {done.cells} cells counted from the log."
        )
        if done.sealed:
            out.print(
                f"{done.sealed} more have too many slots for a leaf; they open only on the server itself."
            )
        if done.is_behind:
            out.print(
                f"The bundle ends at {done.bundle_ends}. Applications handed in or corrected later are not in it, but "
                "in the roll-ups: numbers differ for that alone. Export the log anew to compare.",
                soft_wrap=True,
            )
        for each in done.differences:
            out.print(str(each), style="red", markup=False, soft_wrap=True)
        if not done.differences:
            out.print("The roll-ups are equal, to the slot.", style="green")
    if done.differences:
        raise typer.Exit(FOUND_FAULTS)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """How far it is, on stderr; silent where that is no terminal."""
    with Progress(disable=not sys.stderr.isatty(), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
