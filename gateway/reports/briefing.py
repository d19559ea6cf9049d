"""The monthly briefing: two pages that an official reads, from figures to what typst sets. Pure.

Every percentage stands beside its counts. What changed is told in percentage points against the month before, and only
where both months have something to divide by. Charts are the same SVG that pages show; their words stand in the tables
or beside the bars as text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from typing import Any

from gateway.reports.charts import Bar, Point, bar_chart, line_chart
from gateway.reports.measures import Measures
from gateway.reports.periods import day_of
from gateway.reports.rates import DEFINITION, RATES, Rate, shown

SOURCE = files("gateway.reports").joinpath("templates", "briefing.typ").read_text(encoding="utf-8")
"""The layout; fixed, whatever the data says."""

_FIGURES = ("M3", "M4a", "M7", "M9", "M5", "M6_correction")
_MOST_FORMS, _MOST_DEPARTMENTS, _MOST_ROWS = 16, 12, 8
_MOST_OF_A_NAME = 40
"""Characters of a name in the points at the head, so that each keeps to its line."""


@dataclass(frozen=True, slots=True)
class Group:
    """One department or form. `now`: None when it is withheld; `before`: of the month before, None when unknown."""

    name: str
    now: Measures | None
    before: Measures | None = None


@dataclass(frozen=True, slots=True)
class GapLine:
    """One cause of fields not filled. `gain`: by how many points its repair would raise M4, after those above it."""

    cause: str
    fixed_by: str
    slots: int
    forms: int
    gain: float | None


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source. `answered`: calls that were answered, of all; `confirmed`: disputes found right, of its values."""

    name: str
    answered: Rate
    p95_ms: int | None
    confirmed: Rate | None


@dataclass(frozen=True, slots=True)
class Briefing:
    """Everything a briefing says.

    `month`: its first day. `hall`: who issues it. `days`: day → measures, days without any left out. `repeat`:
    departments with their measures; `disputes`: (Chinese, English, how many), in the order shown.
    """

    month: date
    made_at: datetime
    hall: str
    scope: str
    now: Measures
    before: Measures | None
    days: Mapping[date, Measures]
    departments: Sequence[Group]
    forms: Sequence[Group]
    gaps: Sequence[GapLine]
    repeat: Sequence[Group]
    sources: Sequence[SourceLine]
    disputes: Sequence[tuple[str, str, int]]


def document_of(briefing: Briefing) -> dict[str, Any]:
    """What the layout sets: JSON-ready, every number already in words."""
    month = f"{briefing.month.year}年{briefing.month.month}月"
    return {
        "title": f"数据最多采一次 · {month}简报",
        "title_en": f"Collected at most once: monthly briefing, {briefing.month:%B %Y}",
        "issuer": briefing.hall,
        "scope": briefing.scope,
        "made": _made(briefing),
        "footer": f"{briefing.hall} · {month} · 口径 {DEFINITION}",
        "headline": _headline(briefing),
        "figures": [_figure(name, briefing.now, briefing.before) for name in _FIGURES],
        "summary": _summary(briefing),
        "points": list(_points(briefing)),
        "trend": _trend(briefing),
        "departments": _bars(
            "departments", "各部门回填率", "Backfill rate by department", briefing.departments
        ),
        "forms": _bars("forms", "各表单回填率", "Backfill rate by form", briefing.forms),
        "gaps": _gaps(briefing.gaps),
        "repeat": _repeat(briefing.repeat),
        "sources": _sources(briefing.sources),
        "disputes": _disputes(briefing.disputes),
        "method": _method(),
    }


def _made(briefing: Briefing) -> str:
    """When it was made; of a month under way, that its figures will still change."""
    day = day_of(briefing.made_at)
    is_under_way = (day.year, day.month) == (briefing.month.year, briefing.month.month)
    return f"编制 {day} · 口径 {DEFINITION}" + (
        "\n本月未完，数据截至编制时 · month under way" if is_under_way else ""
    )


def _points(briefing: Briefing) -> Iterator[str]:
    """What to look at first, each with its counts: the lowest department, the first gap, the least reliable source."""
    shares = {each: _share(RATES["M4"].of(each.now)) for each in briefing.departments if each.now is not None}
    told = {each: share for each, share in shares.items() if share is not None}
    if len(told) > 1:
        lowest = min(told, key=lambda each: (told[each], each.name))
        rate = RATES["M4"].of(lowest.now) if lowest.now is not None else Rate(0, 0)
        yield f"回填率最低的部门：{_short(lowest.name)}，{shown('M4', rate)}。"
    if briefing.gaps:
        first = briefing.gaps[0]
        gain = "" if first.gain is None else f"，可使回填率提高 {first.gain:.1f} 个百分点"
        yield f"最先解决：{_short(first.cause)}（{_short(first.fixed_by)}）{gain}。"
    failing = [each for each in briefing.sources if each.answered.numerator < each.answered.denominator]
    if failing:
        worst = min(failing, key=lambda each: (_share(each.answered) or 0.0, each.name))
        yield f"可用率最低的数源：{_short(worst.name)}，{worst.answered}。"


def _short(name: str) -> str:
    return name if len(name) <= _MOST_OF_A_NAME else f"{name[: _MOST_OF_A_NAME - 1]}…"


def _headline(briefing: Briefing) -> dict[str, str]:
    rate = RATES["M4"].of(briefing.now)
    change = _change("M4", briefing.now, briefing.before)
    return {
        "zh": "回填率",
        "en": "backfill rate (M4)",
        "rate": percent(rate),
        "counts": f"{rate.numerator:,} / {rate.denominator:,} 个已答字段",
        "change": f"较上月 {change}" if change else "上月无数据，无从比较",
    }


def _figure(name: str, now: Measures, before: Measures | None) -> dict[str, str]:
    rate, change = RATES[name].of(now), _change(name, now, before)
    return {
        "zh": f"{RATES[name].zh} {name.partition('_')[0]}",
        "rate": percent(rate),
        "counts": f"{rate.numerator:,}/{rate.denominator:,}",
        "change": change,
    }


def _change(name: str, now: Measures, before: Measures | None) -> str:
    """The change in percentage points, with its sign; "" where there is nothing to compare."""
    rates = [RATES[name].of(each) for each in (now, before) if each is not None]
    if len(rates) < 2 or not all(rate.denominator for rate in rates):
        return ""
    points = 100 * (rates[0].numerator / rates[0].denominator - rates[1].numerator / rates[1].denominator)
    return "持平" if abs(points) < 0.05 else f"{points:+.1f} 个百分点"


def _summary(briefing: Briefing) -> str:
    now = briefing.now
    return (
        f"本月受理 {now.applications:,} 件申请，应答字段 {now.answered:,} 个：数源回填并保留 "
        f"{now.kept_a + now.kept_b + now.kept_c:,} 个，人工填写 {now.manual:,} 个，其中本可取得而仍由群众填写 "
        f"{now.missed:,} 个。 Applications, answered fields, kept as filled, typed, typed though obtainable."
    )


def percent(rate: Rate) -> str:
    """The share with one decimal, or a dash.

    >>> percent(Rate(7, 13))
    '53.8 %'
    """
    return f"{100 * rate.numerator / rate.denominator:.1f} %" if rate.denominator else "–"


def _trend(briefing: Briefing) -> dict[str, Any]:
    """M4 day by day; a day on which nobody came breaks the line."""
    points = []
    for day in sorted(briefing.days):
        rate = RATES["M4"].of(briefing.days[day])
        points.append(Point(f"{day.month}/{day.day}", _share(rate), ""))
    said = "；".join(
        f"{day.month}月{day.day}日 {RATES['M4'].of(each)}" for day, each in sorted(briefing.days.items())
    )
    chart = line_chart(points, title="逐日回填率", description=said or "本月没有申请", name="trend")
    beside = "Backfill rate day by day  仅列有申请的日子 · days with applications only"
    return _chart(chart, f"逐日回填率：{said}", "逐日回填率", beside)


def _bars(name: str, zh: str, en: str, groups: Sequence[Group]) -> dict[str, Any]:
    most = _MOST_FORMS if name == "forms" else _MOST_DEPARTMENTS
    kept = sorted(groups, key=_by_size)[:most]
    bars = [
        Bar(
            group.name,
            None if group.now is None else _share(RATES["M4"].of(group.now)),
            "件数不足，不公布" if group.now is None else shown("M4", RATES["M4"].of(group.now)),
            None if group.before is None else _share(RATES["M4"].of(group.before)),
        )
        for group in kept
    ]
    said = "；".join(f"{bar.label} {bar.text}" for bar in bars)
    beside = "橙线为上月 · orange mark: month before" if any(bar.mark is not None for bar in bars) else ""
    if len(groups) > most:
        beside = f"{beside} 按应答字段数列前 {most} 个，共 {len(groups)} 个".strip()
    chart = bar_chart(bars, title=zh, description=said or "没有数据", name=name)
    return _chart(chart, f"{zh}：{said}", zh, f"{en}  {beside}".rstrip())


def _by_size(group: Group) -> tuple[int, str]:
    return (-(group.now.answered if group.now is not None else 0), group.name)


def _chart(svg: str, alt: str, zh: str, en: str) -> dict[str, Any]:
    return {"svg": svg, "alt": alt, "heading": [zh, en]}


def _share(rate: Rate) -> float | None:
    return rate.numerator / rate.denominator if rate.denominator else None


def _gaps(gaps: Sequence[GapLine]) -> dict[str, Any]:
    rows = [
        [
            str(rank),
            gap.cause,
            gap.fixed_by,
            f"{gap.slots:,}",
            str(gap.forms),
            "–" if gap.gain is None else f"{gap.gain:+.1f}" if gap.gain >= 0.1 else f"{gap.gain:+.2f}",
        ]
        for rank, gap in enumerate(gaps[:_MOST_ROWS], start=1)
    ]
    heads = [
        ["", "#"],
        ["缺口与措施", "gap, and what mends it"],
        ["由谁解决", "who can"],
        ["字段次数", "slots"],
        ["涉及表单", "forms"],
        ["增益·点", "gain, points"],
    ]
    note = "增益按先后累计：每一项的增益以其上各项已解决为前提，不可与单独测算的数相加。"
    return _table(["回填缺口", "What to connect or mend next"], heads, rows, note, "本月没有可解决的缺口。")


def _repeat(groups: Sequence[Group]) -> dict[str, Any]:
    counted = [group for group in groups if group.now is not None and group.now.missed]
    counted.sort(key=lambda group: (-(group.now.missed if group.now else 0), group.name))
    rows = [
        [
            group.name,
            str(RATES["M7"].of(group.now)),
            f"{group.now.missed:,}",
            _change("M7", group.now, group.before) or "–",
        ]
        for group in counted[:_MOST_ROWS]
        if group.now is not None
    ]
    heads = [
        ["部门", "department"],
        ["重复采集率（分子/分母）", "repeat-collection rate (M7)"],
        ["填写人次", "times typed"],
        ["较上月", "change"],
    ]
    note = "重复采集：政务数据共享本可取得，却仍要求申请人填写（国务院令第716号第七条）。"
    return _table(["重复采集", "Asked for again though held"], heads, rows, note, "本月没有重复采集。")


def _sources(sources: Sequence[SourceLine]) -> dict[str, Any]:
    rows = [
        [
            source.name,
            str(source.answered),
            "–" if source.p95_ms is None else f"{source.p95_ms:,} ms",
            f"{source.answered.denominator - source.answered.numerator:,}",
            "–" if source.confirmed is None else str(source.confirmed),
        ]
        for source in sources[: _MOST_ROWS + 4]
    ]
    heads = [
        ["数源", "source"],
        ["可用率（分子/分母）", "availability"],
        ["时延 p95", "latency"],
        ["未答次数", "not answered"],
        ["经核实的差错率", "confirmed errors"],
    ]
    note = "可用率：在时限内作答的调用占全部调用；查无此人也是作答。最低的排在最前。"
    return _table(["数源榜", "League table of sources"], heads, rows, note, "本月没有调用数源。")


def _table(
    heading: list[str], heads: list[list[str]], rows: list[list[str]], note: str, none: str
) -> dict[str, Any]:
    return {"heading": heading, "heads": heads, "rows": rows, "note": note, "none": none}


def _disputes(counts: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    figures = [{"zh": zh, "en": en, "value": f"{number:,}"} for zh, en, number in counts]
    return {"heading": ["异议核实与纠错", "Disputes of what registers say"], "figures": figures}


def _method() -> dict[str, Any]:
    return {
        "heading": ["口径", "How this is counted"],
        "sentences": [
            "回填率 M4＝提交时原样保留的 A、B、C 级字段 ÷ 有内容的应计字段；识别（OCR）与推算所得不计入。",
            "权威回填率 M4a 计 A、B 级；预填率 M3＝办理时已带出的字段 ÷ 应计字段；零填写率 M9＝无手填字段的申请占比。",
            "应计字段：提交时可见、需要作答的字段；签名、附件、声明、常量、办公栏、隐藏字段与测试件不计。",
            "M4: slots kept of tiers A, B, C ÷ answered slots, frozen at submission; the log gives them again.",
        ],
    }
