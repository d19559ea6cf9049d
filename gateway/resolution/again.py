"""再来一单: a form begun from an application of before. Pure.

Registers are asked anew; what they give wins, and what changed is marked. What no source gives is offered as the person
typed it then: tier C, to be confirmed. What a register had said then is not offered again: its consent may have ended
since. What was submitted serves only its purpose (国务院令第716号 art. 7), so only the same department is offered it,
for the same purpose and about the same subject; see `gateway.resolution.recalling`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from field_registry import OutcomeCode, Provenance, Tier
from field_registry.errors import NotNormal
from field_registry.normalise import normaliser_for
from forms.answers import is_blank
from forms.outcomes import FieldOutcome, counts
from gateway.resolution.compiled import CompiledForm
from gateway.resolution.settle import Reoffered, Settled
from policies import Ground, GroundKind

LAST_APPLICATION = "last-application"
"""The source of what is offered from there; no source of a registry is called so."""
RULE = "S-again"
GROUND = Ground(GroundKind.other_law, "again", "国务院令第716号 第七条")

_NEVER = frozenset(
    {
        *(OutcomeCode.skipped_hidden, OutcomeCode.office_use, OutcomeCode.refused_by_person),
        *(OutcomeCode.disputed, OutcomeCode.wrong_subject, OutcomeCode.conflict),
        *(OutcomeCode.identity_unbound, OutcomeCode.identity_ambiguous),
    }
)
"""Outcomes that stay as they are whatever was typed once: the person said no, or it is not known what is right."""


@dataclass(frozen=True, slots=True)
class Again:
    """An application of before, as far as it is about the same subjects. By the path of this form's field.

    `values`: what was submitted there. `typed`: where the person had typed it.
    """

    submission_id: str
    submitted_on: date
    values: Mapping[str, Any] = field(repr=False)
    typed: frozenset[str]


def offer_again(settled: Settled, again: Again, now: datetime) -> Settled:
    """The same with what the application of before adds. Never in the place of anything a source or the person gave."""
    compiled = settled.plan.compiled
    provenance = Provenance(LAST_APPLICATION, Tier.C, again.submitted_on, now)
    outcomes: list[FieldOutcome] = []
    offered, changed = set(), set()
    for outcome in settled.filled.outcomes:
        then = _then(compiled, outcome, again)
        shown = outcome
        if then is not None and outcome.has_value and then != outcome.value:
            changed.add(outcome.path)
        elif then is not None and _is_open(outcome) and outcome.path in again.typed:
            offered.add(outcome.path)
            shown = replace(outcome, outcome=OutcomeCode.filled, value=then, provenance=provenance, reason="")
        outcomes.append(shown)
    filled = replace(settled.filled, outcomes=tuple(outcomes))
    done = Reoffered(again.submission_id, frozenset(offered), frozenset(changed))
    return replace(settled, filled=filled, counts=counts(filled.outcomes), again=done)


def _is_open(outcome: FieldOutcome) -> bool:
    is_empty = not outcome.has_value and not outcome.answered
    return is_empty and outcome.eligible and outcome.outcome not in _NEVER


def _then(compiled: CompiledForm, outcome: FieldOutcome, again: Again) -> object:
    """The normal value of then; None where there was none, or none that could be one today."""
    raw = again.values.get(outcome.path)
    if is_blank(raw) or outcome.row is not None:
        return None
    item = compiled.registry.items.get(outcome.field.item or "")
    if item is None:
        return raw
    try:
        return normaliser_for(item, compiled.code_list_of(item))(raw)
    except NotNormal:
        return None
