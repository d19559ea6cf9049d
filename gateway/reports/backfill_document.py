"""The backfill report as it is handed out: JSON for machines, *rate (numerator/denominator)* for people. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.reports.backfill import Asked, Line, Report, Section
from gateway.reports.example import counts_document
from gateway.reports.naming import key_shown
from gateway.reports.rates import DEFINITION, RATES, Rate, rates_of, shown

Names = Mapping[str, Mapping[str, str]]
"""What a section is by → key → its name, where it has one."""
WITHHELD = "少于 10 件，不予公布 / withheld"


def report_document(report: Report, names: Names) -> dict[str, Any]:
    """The answer of `GET /v1/reports/backfill`."""
    asked = report.asked
    return {
        "definition": DEFINITION,
        "from": asked.since,
        "to": asked.until,
        "period": period_words(asked),
        "form": asked.form,
        "department": asked.department,
        "segment": asked.segment,
        "public": asked.is_public,
        "waiting": report.waiting,
        "total": _cell_document(report.total),
        "sections": [_section_document(section, names) for section in report.sections],
    }


def period_words(asked: Asked) -> str:
    """The period in words, for an answer to say what it is of where no day was given.

    >>> period_words(Asked())
    '从最早至今 / from the beginning until now'
    """
    begin, end = ("从最早", "from the beginning"), ("至今", "until now")
    if asked.since is not None:
        begin = f"从 {asked.since} ", f"from {asked.since}"
    if asked.until is not None:
        end = f"至 {asked.until}（不含）", f"before {asked.until}"
    return f"{begin[0]}{end[0]} / {begin[1]} {end[1]}"


def _section_document(section: Section, names: Names) -> dict[str, Any]:
    return {
        "by": section.by,
        "rows": [
            {
                "key": key_shown(section.by, line.key),
                "form": line.form,
                "name": name_of(section.by, line, names),
                **_cell_document(line),
            }
            for line in section.lines
        ],
        "next_cursor": section.cursor,
    }


def name_of(by: str, line: Line, names: Names) -> str | None:
    """What a cell's key is called; of a field, what its form is called. Matters and departments are their own text."""
    if by in ("matter", "department"):
        return line.key or None
    known = names.get("form" if by == "field" else by, {})
    return known.get(line.form or line.key if by == "field" else line.key)


def _cell_document(line: Line) -> dict[str, Any]:
    measures = line.measures
    if measures is None:
        nothing = dict.fromkeys(("applications", "rates", "macro", "counts"))
        return {"withheld": True, "partial": False, **nothing}
    macro = None if line.macro is None else {name: mean.as_dict() for name, mean in line.macro.items()}
    return {
        "withheld": False,
        "partial": line.is_partial,
        "applications": measures.applications,
        "rates": {name: rate.as_dict() for name, rate in rates_of(measures).items()},
        "macro": macro,
        "counts": counts_document(measures),
    }


def total_rows(total: Line) -> list[tuple[str, str, str, str]]:
    """Id, names, micro and macro of every rate, as people read them."""
    if total.measures is None:
        return [(name, f"{defined.zh} {defined.en}", WITHHELD, "") for name, defined in RATES.items()]
    rates, means = rates_of(total.measures), total.macro or {}
    return [
        (
            name,
            f"{defined.zh} {defined.en}",
            shown(name, rates[name]),
            shown(name, means[name]) if means else "",
        )
        for name, defined in RATES.items()
    ]


def section_columns(rates: Sequence[str]) -> tuple[str, ...]:
    """The headings of a section's table."""
    return ("key", "applications", *rates)


def section_rows(section: Section, rates: Sequence[str], names: Names) -> list[tuple[str, ...]]:
    """The lines of a section: key with its name, applications, then those rates."""
    return [_row(section.by, line, rates, names) for line in section.lines]


def _row(by: str, line: Line, rates: Sequence[str], names: Names) -> tuple[str, ...]:
    name = name_of(by, line, names)
    key = key_shown(by, line.key)
    path = key if line.form is None else f"{line.form} · {key}"
    called = f"{path or '（无）'} {name}" if name and name != path else path or "（无）"
    if line.measures is None:
        return (called, "<10", *(WITHHELD for _ in rates[:1]), *("" for _ in rates[1:]))
    found: Mapping[str, Rate] = rates_of(line.measures)
    applications = f"{line.measures.applications}{'+' if line.is_partial else ''}"
    return (called, applications, *(shown(rate, found[rate]) for rate in rates))
