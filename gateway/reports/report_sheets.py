"""The sheets of the workbook: what each report says, as tables an office can sort and add up. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from gateway.reports.backfill import Line, Report
from gateway.reports.backfill_document import name_of
from gateway.reports.exporting import Gathered
from gateway.reports.naming import key_shown
from gateway.reports.rates import DEFINITION, RATES, Macro, Rate, rates_of
from gateway.reports.sheets import Cell, Column, Sheet, rate_cells, rate_columns, sheet

_BY = {
    "form": "按表单 by form",
    "field": "按字段 by field",
    "item": "按数据项 by item",
    "source": "按数源 by source",
    "department": "按部门 by department",
    "matter": "按事项 by matter",
    "segment": "按申请人 by applicant",
    "month": "按月 by month",
    "day": "按日 by day",
}
_SLOTS_ONLY = frozenset({"M5", "M9"})
"""Rates of whole applications; a field, an item or a source has none."""
_CODE, _NAME = Column("编码", "code", 26), Column("名称", "name", 40)
_APPLICATIONS = Column("申请件数", "applications", 12)
_SENTENCE = Column("措施", "what to do", 70)

Names = Mapping[str, Mapping[str, str]]
"""What is counted by ("form", "item", "source") → code → name."""


def report_sheets(gathered: Gathered, names: Names, made_at: datetime) -> list[Sheet]:
    """All sheets, what they are of first."""
    report = gathered.backfill
    return [
        _about(gathered, made_at),
        _overall(report),
        *(_by(section.by, section.lines, names) for section in report.sections),
        _steps(gathered.gaps),
        _causes(gathered.gaps),
        _repeat_departments(gathered.repeat),
        _repeat_rows(gathered.repeat),
        _sources(gathered.sources),
        _exempt(gathered.exempt),
    ]


def _about(gathered: Gathered, made_at: datetime) -> Sheet:
    period, total = gathered.period, gathered.backfill.total.measures
    facts: list[tuple[str, str, Cell]] = [
        ("口径", "definition of the rates", DEFINITION),
        ("期间自", "from, inclusive", period.since),
        ("期间至（不含）", "until, exclusive", period.until),
        ("生成时间（UTC）", "made at, UTC", made_at.astimezone(UTC).replace(microsecond=0)),
        ("申请件数", "applications", total.applications if total is not None else 0),
        ("尚未计入的申请", "applications not counted yet", gathered.backfill.waiting),
        ("缺口分析所计申请", "applications counted for the gaps", gathered.gaps["applications"]["counted"]),
    ]  # fmt: skip
    rates: list[tuple[str, str, Cell]] = [
        (f"{name} {defined.zh}", defined.en, "倍数 factor" if defined.is_factor else "比率 share")
        for name, defined in RATES.items()
    ]
    columns = (Column("项目", "what", 34), Column("英文", "English", 40), Column("内容", "value", 26))
    notes = (
        "数据最多采一次：回填率统计。比率按字段累计（分子/分母），不是各行比率的平均。",
        "Rates are sums over slots; the mean over forms stands apart (macro). Times in this file are UTC.",
    )
    return sheet("说明 about", columns, [*facts, *rates], notes)


def _overall(report: Report) -> Sheet:
    columns = (
        Column("指标", "id", 20),
        Column("名称", "Chinese", 26),
        Column("英文", "English", 34),
        *rate_columns("合计", "micro"),
        Column("表单平均", "macro: mean over forms", 16, is_share=True),
        Column("表单数", "forms", 10),
    )
    total, macro = report.total.measures, report.total.macro or {}
    rates = rates_of(total) if total is not None else {}
    rows = [
        (name, RATES[name].zh, RATES[name].en, *rate_cells(rate), *_macro(macro.get(name)))
        for name, rate in rates.items()
    ]
    return sheet("总体 overall", columns, rows)


def _macro(mean: Macro | None) -> tuple[Cell, Cell]:
    return (None, None) if mean is None else (mean.value, mean.forms)


def _by(by: str, lines: Sequence[Line], names: Names) -> Sheet:
    """One section: a row per cell, three columns per rate."""
    whole = by not in ("field", "item", "source")
    told = [name for name in RATES if whole or name not in _SLOTS_ONLY]
    first = (Column("表单", "form", 28), _CODE) if by == "field" else (_CODE, _NAME)
    columns = (
        *first,
        _APPLICATIONS,
        Column("应计字段", "eligible slots", 12),
        *(
            column
            for name in told
            for column in rate_columns(
                f"{RATES[name].zh} {name}", RATES[name].en, is_share=not RATES[name].is_factor
            )
        ),
    )
    return sheet(_BY[by], columns, (_cells(by, line, told, names) for line in lines))


def _cells(by: str, line: Line, told: Iterable[str], names: Names) -> tuple[Cell, ...]:
    key = key_shown(by, line.key) or "—"
    first = (line.form or "", key) if by == "field" else (key, name_of(by, line, names) or key)
    if line.measures is None:
        return (*first, None, None, *(None for _ in told for _ in range(3)))
    rates = rates_of(line.measures)
    counts = line.measures.applications, line.measures.eligible
    return (*first, *counts, *(cell for name in told for cell in rate_cells(rates[name])))


def _steps(gaps: Mapping[str, Any]) -> Sheet:
    columns = (
        Column("次序", "rank", 8),
        _SENTENCE,
        Column("措施（英文）", "in English", 60),
        Column("增益（百分点）", "gain in points, after those above", 16),
        Column("单独增益", "gain alone", 12),
        Column("字段次数", "slots", 12),
        _APPLICATIONS,
        Column("每月件数", "applications a month", 12),
        Column("表单数", "forms", 10),
    )
    rows = [
        tuple(step[name] for name in ("rank", "sentence", "sentence_en", "points", "points_alone", "slots",
                                      "applications", "applications_a_month", "form_count"))
        for step in gaps["steps"]
    ]  # fmt: skip
    note = "增益依次累计，不同于各自单独测算之和。Each gain is on top of those above; single gains do not add up to it."
    return sheet("缺口措施 gaps", columns, rows, (note,))


def _causes(gaps: Mapping[str, Any]) -> Sheet:
    columns = (
        Column("结果码", "outcome", 20),
        Column("说明", "meaning", 50),
        Column("数源", "source", 24),
        Column("由谁解决", "who can mend it", 16),
        *rate_columns("占应计字段", "of eligible slots"),
        Column("已解决", "put right since", 12),
    )
    rows = (
        (each["outcome"], each["message"], each["source"], each["fixed_by"], *_rate(each["share"]), _yes(each["done"]))
        for each in gaps["causes"]
    )  # fmt: skip
    return sheet("未回填原因 causes", columns, rows)


def _repeat_departments(repeat: Mapping[str, Any]) -> Sheet:
    columns = (
        Column("部门", "department", 26),
        _APPLICATIONS,
        *rate_columns("重复采集率 M7", "repeat-collection rate"),
    )
    rows = ((each["department"], each["applications"], *_rate(each["m7"])) for each in repeat["departments"])
    return sheet("重复采集·部门 repeat", columns, rows)


def _repeat_rows(repeat: Mapping[str, Any]) -> Sheet:
    columns = (
        Column("部门", "department", 20),
        Column("表单", "form", 34),
        Column("字段", "field", 26),
        Column("数据项", "item", 28),
        Column("数据属主", "owner", 18),
        Column("数源", "sources that hold it", 28),
        Column("填写人次", "times typed", 12),
        _APPLICATIONS,
        Column("最近一次", "last seen", 12),
        _SENTENCE,
    )
    return sheet("重复采集·字段 fields", columns, map(_repeat_row, repeat["rows"]))


def _repeat_row(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        row["department"],
        row["form_name"],
        row["label"],
        row["item_name"],
        row["owner"],
        "、".join(source["name"] for source in row["sources"]),
        row["times"],
        row["applications"],
        date.fromisoformat(row["last_seen"]),
        row["what"],
    )


def _sources(sources: Mapping[str, Any]) -> Sheet:
    columns = (
        _CODE,
        _NAME,
        Column("部门", "department", 18),
        *rate_columns("可用率", "availability"),
        *(Column(f"时延 {name}（毫秒）", f"{name}, ms", 14) for name in ("p50", "p95", "p99")),
        *rate_columns("过期值", "stale values"),
        *rate_columns("核实差错率", "confirmed errors"),
    )
    rows = (
        (
            line["source"],
            line["name"],
            line["department"],
            *_rate(line["available"]),
            *(line["ms"][name] for name in ("p50", "p95", "p99")),
            *_rate(line["stale"]),
            *_rate(line["confirmed_wrong"]),
        )
        for line in sources["sources"]
    )
    return sheet("数源榜 sources", columns, rows)


def _exempt(exempt: Mapping[str, Any]) -> Sheet:
    columns = (
        Column("部门", "department", 20),
        Column("表单", "form", 34),
        Column("材料", "paper", 34),
        Column("必交", "required", 10),
        Column("可免提交", "exempt", 10),
        *rate_columns("实际已共享", "filled by a source"),
        Column("尚缺", "what keeps it", 60),
    )
    rows = (
        (
            line["department"],
            line["form_name"],
            line["name"],
            _yes(line["required"]),
            _yes(line["exempt"]),
            *_rate(line["filled"]),
            "；".join(f"{each['name']}：{each['message']}" for each in line["missing"]),
        )
        for line in exempt["materials"]
    )
    share = exempt["exempt"]
    note = (
        f"可免提交 {Rate(share['numerator'], share['denominator'])}。Exempt by the registry, of all papers."
    )
    return sheet("免提交 exempt", columns, rows, (note,))


def _rate(told: Mapping[str, Any] | None) -> tuple[Cell, Cell, Cell]:
    return rate_cells(None if told is None else Rate(told["numerator"], told["denominator"]))


_yes: Callable[[bool], str] = {True: "是 yes", False: "否 no"}.__getitem__
