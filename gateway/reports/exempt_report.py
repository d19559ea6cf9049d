"""The 免提交 list of all published forms: read, and said as data."""

from collections.abc import Sequence
from typing import Any

from forms.materials import Missing, Obstacle
from gateway.records import CellFilter
from gateway.reports.exempt import MaterialLine, material_lines, share_exempt, share_observed
from gateway.reports.measures import COUNTERS
from gateway.reports.periods import stretches
from gateway.reports.rates import Rate
from gateway.reports.survey import Period
from gateway.runtime import Runtime

_PAGE = 500
_OFFERED_AB, _ELIGIBLE = COUNTERS.index("offered_ab"), COUNTERS.index("eligible")

_WHY: dict[Obstacle, tuple[str, str]] = {
    Obstacle.not_in_catalogue: ("目录中没有对应的数据项", "no item of the catalogue stands for it"),
    Obstacle.not_shared: ("属于不予共享的数据", "its share attribute is: not shared"),
    Obstacle.not_connected: ("尚未接入数源", "no source is connected"),
    Obstacle.not_authoritative: ("没有权威数源", "no authoritative source"),
}


async def exempt_report(
    period: Period, runtime: Runtime, *, form: str | None = None, department: str | None = None
) -> list[MaterialLine]:
    """Every paper of the newest versions of those forms, with how often it could have stayed at home in that period.

    `department`: of those who publish the form. Raises `StoreUnavailable`.
    """
    published = runtime.library.published
    wanted = [form_id for form_id in sorted(published.forms) if form in (None, form_id)]
    forms = [await runtime.library.form(form_id, None) for form_id in wanted]
    listed = [each for each in forms if each.materials and department in (None, each.department)]
    filled: dict[tuple[str, str], Rate] = {}
    for each in listed:
        filled.update(await _filled(each.id, period, runtime))
    return material_lines(listed, published.registry, published.day, filled)


async def _filled(form_id: str, period: Period, runtime: Runtime) -> dict[tuple[str, str], Rate]:
    """Per field of a form, how many of its slots a register or licence filled, by the roll-ups."""
    wanted = CellFilter("field", ("form", "key"), tuple(stretches(period.since, period.until)), form=form_id)
    found: dict[tuple[str, str], Rate] = {}
    after: tuple[str, ...] = ()
    while page := await runtime.store.rollups.cells(wanted, after=after, limit=_PAGE):
        for (form, path), counts in page:
            found[form, path] = Rate(counts[_OFFERED_AB], counts[_ELIGIBLE])
        after = page[-1][0]
    return found


def exempt_document(
    period: Period, lines: Sequence[MaterialLine], shown: Sequence[MaterialLine], *, observed: bool
) -> dict[str, Any]:
    """The list as JSON: shares of all lines, and those to be shown. `observed`: whether counts may be told."""
    return {
        "from": period.since.isoformat(),
        "to": period.until.isoformat(),
        "exempt": share_exempt(lines).as_dict(),
        "exempt_required": share_exempt(line for line in lines if line.material.required).as_dict(),
        "exempt_in_practice": share_observed(lines).as_dict() if observed else None,
        "materials": [_line(line, observed=observed) for line in shown],
        "materials_in_all": len(lines),
    }


def _line(line: MaterialLine, *, observed: bool) -> dict[str, Any]:
    rate = line.observed if observed else None
    return {
        "form": line.form.id,
        "form_name": line.form.name,
        "department": line.form.department,
        "material": line.material.id,
        "name": line.material.name,
        "name_en": line.material.name_en or None,
        "role": line.material.role,
        "required": line.material.required,
        "exempt": line.is_exempt,
        "missing": [_missing(each) for each in line.missing],
        "least_filled": line.least if observed else None,
        "filled": None if rate is None else rate.as_dict(),
    }


def _missing(missing: Missing) -> dict[str, Any]:
    zh, en = _WHY[missing.obstacle]
    item = missing.item
    return {
        "what": missing.what,
        "name": item.name if item is not None else missing.what,
        "department": item.department if item is not None else None,
        "why": missing.obstacle.value,
        "message": zh,
        "message_en": en,
    }
