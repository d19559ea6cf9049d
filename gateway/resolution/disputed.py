"""What a person says is wrong is not offered as fact: allowed asks for it are refused before anything is pulled.

A dispute is about an item of a subject, so it holds whichever field, role, form or source asks. Of a repeating item one
disputed column withholds the rows: who knows which of them is meant, once the source has changed them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from field_registry import Ask, OutcomeCode, Registry
from field_registry.outcomes import FILLED, OUTCOME_TEXTS
from gateway.resolution.plan import Plan
from policies import Decision, ReasonCode

Disputed = Mapping[str, Mapping[str, str]]
"""Reference of a subject → item → the open dispute about it."""


def withhold_disputed(
    plan: Plan, decisions: tuple[Decision, ...], subject_refs: Mapping[str, str], disputed: Disputed
) -> tuple[Decision, ...]:
    """The same decisions, less those that would release what is disputed; the dispute then stands as the rule.

    `subject_refs`: role → reference. The same tuple when nothing is withheld.
    """
    if not disputed:
        return decisions
    judged = [
        _judged(ask, decision, disputed.get(subject_refs.get(ask.role, ""), {}))
        for ask, decision in zip(plan.asks, decisions, strict=True)
    ]
    return decisions if _same(judged, decisions) else tuple(judged)


def _judged(ask: Ask, decision: Decision, items: Mapping[str, str]) -> Decision:
    if not items or not decision.allowed:
        return decision
    asked = (ask.item.id, *(item.id for item, _ in ask.columns))
    ticket = next((items[item] for item in asked if item in items), None)
    return decision if ticket is None else Decision(False, ticket, ReasonCode.disputed)


def _same(judged: Sequence[Decision], decisions: Sequence[Decision]) -> bool:
    return all(one is other for one, other in zip(judged, decisions, strict=True))


def without_disputed(body: bytes, disputed: Disputed, registry: Registry, *, english: bool) -> bytes:
    """An answer that was kept, less the values of items that one of its subjects disputes by now.

    Of two subjects with the same item both lose it: an answer does not say whose a field is. The same bytes when
    nothing of it is disputed.
    """
    tickets = {
        _group(item, registry): ticket for items in disputed.values() for item, ticket in items.items()
    }
    if not tickets:
        return body
    answer = orjson.loads(body)
    withheld = {
        path: _withheld(field, tickets[group], english)
        for path, field in answer["fields"].items()
        if field["outcome"] in FILLED and (group := _group(field["item"], registry)) in tickets
    }
    if not withheld:
        return body
    answer["fields"] |= withheld
    answer["counts"] |= _counted(answer["fields"])
    if answer.get("sealed") is not None:  # what is sealed cannot be taken out of it
        answer["sealed"] = None
        answer["findings"].append(_UNSEALED)
    return orjson.dumps(answer)


_UNSEALED = {
    "pointer": "/sealed",
    "code": "sealed_withheld",
    "detail": "A value in it is disputed by now. Resolve again for a sealed answer without that value.",
}


def _group(item_id: str, registry: Registry) -> str:
    """What is withheld together: a repeating item with all its columns, any other item by itself."""
    item = registry.items.get(item_id)
    return item_id if item is None or item.within is None else item.within


def _withheld(field: Mapping[str, Any], ticket: str, english: bool) -> dict[str, Any]:
    text = OUTCOME_TEXTS[OutcomeCode.disputed]
    return {
        "outcome": OutcomeCode.disputed.value,
        "value": None,
        "message": text.en if english else text.zh,
        "reason": ReasonCode.disputed.value,
        "retry": text.retry,
        "fixed_by": text.fixed_by.value,
        "answered": False,
        "item": field["item"],
        "source": field["source"],
        "rule": ticket,
    }


def _counted(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    outcomes = Counter(field["outcome"] for field in fields.values())
    return {"filled": sum(outcomes[code.value] for code in FILLED), "by_outcome": dict(outcomes)}
