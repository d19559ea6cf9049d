"""The gap report of a period: read, count, and say it as data."""

import asyncio
from dataclasses import dataclass
from typing import Any

from field_registry.outcomes import OUTCOME_TEXTS
from gateway.reports.gap_causes import Catalogue, Fix
from gateway.reports.gap_segments import SegmentGap, segment_gaps
from gateway.reports.gap_tally import Tally
from gateway.reports.gap_words import department_of, sentence_of, what_to_do
from gateway.reports.gaps import Step, gaps_of, steps_of
from gateway.reports.measures import Measures
from gateway.reports.outside_causes import survey_outside
from gateway.reports.rates import DEFINITION, Rate
from gateway.reports.survey import (
    Extent,
    Period,
    Progress,
    Scope,
    catalogue_of,
    extent_of,
    measured,
    survey,
)
from gateway.runtime import Runtime

_MOST_CAUSES = 100
_MOST_FORMS_NAMED = 20


@dataclass(frozen=True, slots=True, eq=False)
class GapReport:
    """Everything a gap report says. `steps` are in order; each gains on top of those before."""

    extent: Extent
    tally: Tally
    steps: list[Step]

    @property
    def m4(self) -> Rate:
        """The backfill rate as it is."""
        return self.tally.total.m4


async def gap_report(
    scope: Scope, period: Period, runtime: Runtime, *, steps: int, progress: Progress = lambda _: None
) -> GapReport:
    """The report of those applications, with at most so many steps.

    Raises `NotValid` for part of a month by segment, `StoreUnavailable`.
    """
    tally = Tally(catalogue_of(runtime))
    await survey(scope, period, tally.take, runtime, catalogue=tally.catalogue, progress=progress)
    tally.rates(await measured("segment", scope, period, runtime))
    extent = await extent_of(period, tally.total.applications, runtime)
    return GapReport(extent, tally, await asyncio.to_thread(steps_of, tally, steps))


async def gap_report_outside(scope: Scope, period: Period, runtime: Runtime, *, steps: int) -> GapReport:
    """The report as others than the hall are told it, of whole months; it tells no kinds of applicants apart."""
    tally = Tally(catalogue_of(runtime))
    whole = await survey_outside(scope, period, tally.take, runtime, tally.catalogue)
    tally.segments.clear()
    tally.total.add(whole.total(scope.form).measures or Measures())
    extent = await extent_of(period, tally.total.applications, runtime)
    return GapReport(extent, tally, await asyncio.to_thread(steps_of, tally, steps))


def gap_document(report: GapReport, *, skip: int = 0, at_least: int = 0) -> dict[str, Any]:
    """The report as JSON. `skip`: steps shown before. `at_least`: applications a cell must have to be told."""
    tally, extent, catalogue = report.tally, report.extent, report.tally.catalogue
    is_told = extent.counted >= at_least
    shown = [
        step_document(number, step, extent, catalogue)
        for number, step in enumerate(report.steps[skip:], skip + 1)
        if is_told and step.applications >= at_least
    ]
    causes = [
        {
            "outcome": gap.outcome.value,
            "message": OUTCOME_TEXTS[gap.outcome].zh,
            "message_en": OUTCOME_TEXTS[gap.outcome].en,
            "source": gap.source,
            "fixed_by": gap.fixed_by.value,
            "share": gap.share.as_dict(),
            "done": gap.done,
        }
        for gap in gaps_of(tally)[:_MOST_CAUSES]
        if is_told and gap.share.numerator >= at_least
    ]
    return {
        "definition": DEFINITION,
        **extent_document(extent),
        "m4": report.m4.as_dict() if is_told else None,
        "causes": causes,
        "steps": shown,
        "withheld": len(report.steps[skip:]) - len(shown),
        "segments": [_segment(each) for each in segment_gaps(tally)],
    }


def extent_document(extent: Extent) -> dict[str, Any]:
    """What a report was made of."""
    return {
        "from": extent.period.since.isoformat(),
        "to": extent.period.until.isoformat(),
        "applications": {"counted": extent.counted, "waiting": extent.waiting},
    }


def step_document(number: int, step: Step, extent: Extent, catalogue: Catalogue) -> dict[str, Any]:
    """One step as JSON. Gains are in percentage points."""
    zh, en = sentence_of(step, catalogue, extent)
    return {
        "rank": number,
        "sentence": zh,
        "sentence_en": en,
        "fixes": [_fix(fix, catalogue) for fix in step.fixes],
        "points": _points(float(step.gain)),
        "points_alone": _points(float(step.alone)),
        "m4_after": round(float(step.m4), 5),
        "at_most": step.at_most,
        "slots": step.slots,
        "applications": step.applications,
        "applications_a_month": extent.a_month(step.applications),
        "form_count": len(step.forms),
        "forms": list(step.forms[:_MOST_FORMS_NAMED]),
        "kept_of_answered": None if step.expected is None else step.expected.as_dict(),
    }


def _fix(fix: Fix, catalogue: Catalogue) -> dict[str, Any]:
    zh, en = what_to_do(fix, catalogue)
    return {
        "kind": fix.kind.value,
        "item": fix.item or None,
        "source": fix.source or None,
        "form": fix.form or None,
        "field": fix.field or None,
        "department": department_of(fix, catalogue) or None,
        "what": zh,
        "what_en": en,
    }


def _segment(gap: SegmentGap) -> dict[str, Any]:
    return {
        "segment": gap.segment,
        "applications": gap.applications,
        "m4": gap.m4.as_dict(),
        "points_behind": _points(gap.behind),
        "causes": [
            {
                "outcome": each.outcome.value,
                "source": each.source,
                "share": each.share.as_dict(),
                "overall": each.overall.as_dict(),
            }
            for each in gap.causes
        ],
    }


def _points(share: float) -> float:
    return round(100 * share, 3)
