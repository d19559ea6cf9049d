"""The answer to a submission: what became of each slot, what it comes to, and how to prove it. Pure; no value in it.

It is made of what is stored and of nothing else, so that reading it again gives the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from field_registry.outcomes import Disposition
from forms.findings import Finding
from gateway.audit.entries import receipt_of, rfc3339
from gateway.records import Submission
from gateway.reports.measures import application
from gateway.reports.rates import rates_of
from gateway.slots import Slot, Snapshot

_EMPTY = frozenset({Disposition.blank, Disposition.cleared})


def make_said(
    *,
    findings: Sequence[Finding],
    reasons: Mapping[str, str],
    disputes: Sequence[str],
    kept: Sequence[str],
) -> bytes:
    """What is answered beside the slots, as `Submission.said` keeps it."""
    said = {
        "findings": [dict(finding.to_document()) for finding in findings],
        "reasons": dict(reasons),
        "disputes": list(disputes),
        "kept": list(kept),
    }
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def answer_of(made: Submission, shot: Snapshot) -> dict[str, Any]:
    """The answer. `shot`: the snapshot that counts; the first one says what was answered at once."""
    said = orjson.loads(made.said)
    rates = rates_of(application(shot.slots, shot.baseline))
    return {
        "id": made.id,
        "resolution": made.resolution_id,
        "form": {"id": made.form, "version": made.form_version},
        "submitted_at": rfc3339(made.submitted_at),
        "registry_version": shot.registry_version,
        "policy_version": shot.policy_version,
        "definition": shot.definition,
        "segment": shot.segment,
        "snapshot": shot.number,
        "test": shot.is_test,
        "fields": {slot.path: _field(slot, said["reasons"].get(slot.path)) for slot in shot.slots},
        "counts": counts_of(shot.slots),
        "rates": {name: rate.as_dict() for name, rate in rates.items()},
        "disputes": said["disputes"],
        "kept": said["kept"],
        "findings": said["findings"],
        "receipt": {"id": receipt_of(made.resolution_id), "entry": made.entry_id},
    }


def counts_of(slots: Iterable[Slot]) -> dict[str, int]:
    """How many slots: all of them are eligible, and the dispositions add up to them."""
    each = list(slots)
    return {
        "eligible": len(each),
        "mapped": sum(slot.mapped for slot in each),
        "attempted": sum(slot.attempted for slot in each),
        "offered": sum(slot.is_offered for slot in each),
        "answered": sum(slot.disposition not in _EMPTY for slot in each),
        "obtainable": sum(slot.obtainable for slot in each),
        **{kind.value: sum(slot.disposition is kind for slot in each) for kind in Disposition},
    }


def _field(slot: Slot, reason: str | None) -> dict[str, Any]:
    return {
        "disposition": slot.disposition.value,
        "outcome": slot.outcome.value,
        "reason": reason,
        "tier": None if slot.tier is None else slot.tier.value,
        "source": slot.source,
        "item": slot.item,
        "obtainable": slot.obtainable,
    }
