"""What a report can be asked about, and the refusal of anything else, which names what there is.

A refusal never repeats what was asked for: somebody may have put a person's number where a form belongs.
"""

from datetime import date

from gateway.errors import BadRequest, NotFound, NotValid
from gateway.records import CellFilter
from gateway.reports.periods import stretches
from gateway.reports.rates import RATES
from gateway.runtime import Runtime
from gateway.submissions.segments import Segment

_MOST_NAMED = 50
_OPENED = tuple(name for name, defined in RATES.items() if defined.of_slots)
_NOT_OPENED = {
    "M5": "M5 compares with the form's baseline, a number that nobody's slots stand behind",
    "M9": "M9 is a share of applications, not of slots",
}


def require_period(since: date | None, until: date | None) -> None:
    """Nothing, or `BadRequest`: no day lies in that period."""
    if since is not None and until is not None and since >= until:
        raise BadRequest("period_invalid", "`from` must lie before `to`; `to` itself is not counted.")


async def require_known(form: str | None, segment: str | None, runtime: Runtime) -> None:
    """Nothing, or `NotFound` for a form neither published nor ever handed in, `NotValid` for a segment that is none."""
    if segment is not None and segment not in set(Segment):
        known = ", ".join(each.value for each in Segment)
        raise _refused("unknown_segment", "segment", f"There is no such segment. Segments: {known}.")
    forms = runtime.library.published.forms
    if form is None or form in forms or await _was_handed_in(form, runtime):
        return
    more = f" and {len(forms) - _MOST_NAMED} more; see GET /v1/forms" if len(forms) > _MOST_NAMED else ""
    named = ", ".join(sorted(forms)[:_MOST_NAMED]) or "none yet"
    raise NotFound("unknown_form", f"There is no form of that id. Published forms: {named}{more}.")


async def _was_handed_in(form: str, runtime: Runtime) -> bool:
    # A form that was withdrawn is still in the numbers.
    wanted = CellFilter("form", ("form",), tuple(stretches(None, None)), form=form)
    return bool(await runtime.store.rollups.cells(wanted, after=(), limit=1))


def require_opened(rate: str | None) -> None:
    """Nothing, or `NotValid`: that rate is not one of slots, or is none."""
    if rate is None or rate in _OPENED:
        return
    can = f"Rates that open to their slots: {', '.join(_OPENED)}."
    if rate in RATES:
        raise _refused("rate_not_of_slots", "rate", f"{_NOT_OPENED[rate]}: it cannot be opened. {can}")
    raise _refused("unknown_rate", "rate", f"There is no such rate. {can}")


def _refused(code: str, pointer: str, sentence: str) -> NotValid:
    return NotValid(code, sentence, errors=[{"pointer": f"/{pointer}", "code": code, "detail": sentence}])
