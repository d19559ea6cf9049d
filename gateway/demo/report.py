"""What the demonstration tells of its month: rates by form, what to do next, who was asked again. From the reports."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from gateway.demo.arrivals import DAYS
from gateway.demo.month import Lived
from gateway.reports.backfill import Asked, Line, backfill_report
from gateway.reports.gap_report import gap_document, gap_report
from gateway.reports.measures import Measures
from gateway.reports.rates import DEFINITION, RATES
from gateway.reports.repeat_report import repeat_document, repeat_report
from gateway.reports.survey import Period, Scope
from gateway.runtime import Runtime

SHOWN = ("M3", "M4", "M4a", "M7")
"""The rates that are told of every form."""
_STEPS, _ROWS, _ALL = 3, 3, 1_000


@dataclass(frozen=True, slots=True)
class MonthReport:
    """What there is to tell. `forms`: id, name and measures. The last two as their routes answer them."""

    lived: Lived
    total: Measures
    forms: tuple[tuple[str, str, Measures], ...]
    gaps: dict[str, Any]
    repeat: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """The report for machines."""
        happened = {name: count for name, count in asdict(self.lived).items() if name != "first"}
        return {
            "definition": DEFINITION,
            "from": self.lived.first.isoformat(),
            "to": (self.lived.first + timedelta(days=DAYS)).isoformat(),
            "happened": happened,
            "rates": _rates(self.total),
            "forms": [
                {"id": form, "name": name, "applications": measures.applications, **_rates(measures)}
                for form, name, measures in self.forms
            ],
            "gaps": self.gaps["steps"],
            "repeat": {"m7": self.repeat["m7"], "rows": self.repeat["rows"]},
        }


async def month_report(lived: Lived, runtime: Runtime) -> MonthReport:
    """The report of a month that was lived."""
    period = Period(lived.first, lived.first + timedelta(days=DAYS))
    report = await backfill_report(Asked(("form",), period.since, period.until), runtime, limit=_ALL)
    lines = [line for line in report.sections[0].lines if line.measures is not None]
    everything = Scope()
    return MonthReport(
        lived=lived,
        total=report.total.measures or Measures(),
        forms=tuple([(line.key, await _name(line.key, runtime), _measured(line)) for line in lines]),
        gaps=gap_document(await gap_report(everything, period, runtime, steps=_STEPS)),
        repeat=repeat_document(await repeat_report(everything, period, runtime), limit=_ROWS),
    )


async def _name(form_id: str, runtime: Runtime) -> str:
    return (await runtime.library.form(form_id, None)).name


def _measured(line: Line) -> Measures:
    return line.measures or Measures()


def _rates(measures: Measures) -> dict[str, Any]:
    return {name: RATES[name].of(measures).as_dict() for name in SHOWN}
