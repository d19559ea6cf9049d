"""`oncegate report gaps|repeat|sources|exempt`: what to connect next, who was asked again, how sources did."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from gateway.cli.common import AsJson, State, command, out, print_json, print_table, progress, runtime_of
from gateway.reports.exempt_report import exempt_document, exempt_report
from gateway.reports.folding import fold_waiting
from gateway.reports.gap_report import gap_document, gap_report
from gateway.reports.gap_words import points_of
from gateway.reports.league_report import league_report
from gateway.reports.outside import this_month_and_last
from gateway.reports.periods import day_of
from gateway.reports.repeat_report import repeat_document, repeat_report
from gateway.reports.survey import Period, Scope
from gateway.runtime import Runtime

Since = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; 30 days before --to.")
]
Until = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Day after the last; else tomorrow.")
]
Form = Annotated[str | None, typer.Option(help="Only this form.")]
Department = Annotated[str | None, typer.Option(help="Only what this department handed in.")]
Steps = Annotated[int, typer.Option(min=1, max=500, help="Steps to propose.")]


def register(group: typer.Typer) -> None:
    """Add these commands."""
    for name, function in (("gaps", gaps), ("repeat", repeat), ("sources", sources), ("exempt", exempt)):
        group.command(name)(function)


@command
async def gaps(
    state: State = None,
    since: Since = None,
    until: Until = None,
    form: Form = None,
    department: Department = None,
    segment: Annotated[str | None, typer.Option(help="Only this kind of applicant, e.g. taiwan.")] = None,
    limit: Steps = 10,
    as_json: AsJson = False,
) -> None:
    """What to connect next, and what the backfill rate gains by it; each step on top of those before."""
    async with runtime_of(state) as runtime:
        await fold_waiting(runtime)
        is_usual = segment is not None and since is None and until is None
        period = this_month_and_last(runtime) if is_usual else _period(since, until, runtime)
        wanted = Scope(form, department, segment)
        report = await gap_report(wanted, period, runtime, steps=limit, progress=_told)
    document = gap_document(report)
    if as_json:
        print_json(document)
        return
    out.print(f"M4 {report.m4}, {_read(document)}", highlight=False)
    for step in document["steps"]:
        out.print(f"{step['rank']}. {step['sentence']}", markup=False, highlight=False, soft_wrap=True)
        out.print(f"   {step['sentence_en']}", markup=False, highlight=False, soft_wrap=True)
        out.print(f"   M4 → {100 * step['m4_after']:.1f} %", highlight=False)
    _print_causes(document["causes"][:limit])
    _print_segments(document["segments"])


@command
async def repeat(
    state: State = None,
    since: Since = None,
    until: Until = None,
    form: Form = None,
    department: Department = None,
    limit: Annotated[int, typer.Option(min=1, help="Fields to show.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Who was asked again for what a department holds already (重复采集), by department, form and field."""
    async with runtime_of(state) as runtime:
        await fold_waiting(runtime)
        wanted, period = Scope(form, department), _period(since, until, runtime)
        report = await repeat_report(wanted, period, runtime, limit=limit, progress=_told)
    document = repeat_document(report, limit=limit)
    if as_json:
        print_json(document)
        return
    out.print(f"M7 {_shown(document['m7'])}, {_read(document)}", highlight=False)
    print_table(
        "重复采集 asked again",
        (
            "部门 department",
            "表单 form",
            "栏目 field",
            "数据项 item",
            "数源 sources",
            "人次 times",
            "最近 last",
            "办法",
        ),
        (
            (
                row["department"],
                row["form_name"],
                row["label"],
                f"{row['item_name']} {row['item']}" if row["item"] else None,
                "、".join(each["name"] for each in row["sources"]),
                row["times"],
                row["last_seen"],
                row["what"],
            )
            for row in document["rows"]
        ),
    )


@command
async def sources(
    state: State = None, since: Since = None, until: Until = None, as_json: AsJson = False
) -> None:
    """The league table of sources: availability, times, freshness, confirmed errors; the least available first."""
    async with runtime_of(state) as runtime:
        document = await league_report(_period(since, until, runtime), runtime)
    if as_json:
        print_json(document)
        return
    print_table(
        "数源 sources",
        (
            "数源 source",
            "部门",
            "可用 available",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "陈旧 stale",
            "确认有误 wrong",
        ),
        (
            (
                f"{each['name']} {each['source']}",
                each["department"],
                _shown(each["available"]),
                *each["ms"].values(),
                _shown(each["stale"]),
                _shown(each["confirmed_wrong"]),
            )
            for each in document["sources"]
        ),
    )
    out.print(
        f"A worker that dies takes its last {document['lost_at_most_seconds']:.0f} seconds with it.",
        highlight=False,
    )


@command
async def exempt(
    state: State = None,
    since: Since = None,
    until: Until = None,
    form: Form = None,
    department: Annotated[str | None, typer.Option(help="Only forms that this department publishes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Papers that need not be handed in (免提交), because their content is shared; and what keeps the others."""
    async with runtime_of(state) as runtime:
        period = _period(since, until, runtime)
        lines = await exempt_report(period, runtime, form=form, department=department)
    document = exempt_document(period, lines, lines, observed=True)
    if as_json:
        print_json(document)
        return
    print_table(
        "免提交 exempt",
        ("表单 form", "材料 paper", "免提交 exempt", "缺 missing", "实际 filled"),
        (
            (
                each["form_name"],
                each["name"],
                "是 yes" if each["exempt"] else "否 no",
                "；".join(f"{part['name']}：{part['message']}" for part in each["missing"]),
                _shown(each["filled"]) if each["filled"] else None,
            )
            for each in document["materials"]
        ),
    )
    out.print(
        f"免提交率 exempt {_shown(document['exempt'])}, of required papers {_shown(document['exempt_required'])}, "
        f"in practice {_shown(document['exempt_in_practice'])}",
        highlight=False,
        soft_wrap=True,
    )


def _print_causes(causes: list[dict[str, Any]]) -> None:
    print_table(
        "未回填原因 why not",
        ("原因 outcome", "数源 source", "占比 share", "谁能解决 fixed by", ""),
        (
            (
                each["outcome"],
                each["source"],
                _shown(each["share"]),
                each["fixed_by"],
                "已解决 done since" if each["done"] else None,
            )
            for each in causes
        ),
    )


def _print_segments(segments: list[dict[str, Any]]) -> None:
    print_table(
        "人群差距 segments",
        ("人群 segment", "办件 applications", "M4", "差 points behind", "突出原因 over-represented"),
        (
            (
                each["segment"],
                each["applications"],
                _shown(each["m4"]),
                points_of(each["points_behind"] / 100),
                "; ".join(
                    f"{cause['outcome']}{' ' + cause['source'] if cause['source'] else ''} "
                    f"{_shown(cause['share'])} / {_shown(cause['overall'])}"
                    for cause in each["causes"]
                ),
            )
            for each in segments
        ),
    )


def _read(document: dict[str, Any]) -> str:
    counted, waiting = document["applications"]["counted"], document["applications"]["waiting"]
    more = f", {waiting:,} snapshots not counted yet" if waiting else ""
    return f"{counted:,} applications, {document['from']} to {document['to']}{more}"


def _shown(rate: dict[str, Any] | None) -> str | None:
    if rate is None:
        return None
    counts = f"({rate['numerator']}/{rate['denominator']})"
    return f"– {counts}" if rate["rate"] is None else f"{100 * rate['rate']:.1f} % {counts}"


def _told(read: int) -> None:
    if progress.is_terminal and read:
        progress.print(f"{read:,} sums read", end="\r")


def _period(since: datetime | None, until: datetime | None, runtime: Runtime) -> Period:
    last = until.date() if until is not None else day_of(runtime.clock()) + timedelta(days=1)
    first = since.date() if since is not None else last - timedelta(days=30)
    if first >= last:
        raise typer.BadParameter("--from must lie before --to; the day of --to is not counted")
    return Period(first, last)
