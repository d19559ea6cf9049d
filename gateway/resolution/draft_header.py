"""What a draft keeps beside the answer, so that it can be submitted: who was meant, by which policy, what was offered.

The answer itself is what the caller was given, byte for byte; this was not given to anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.plan import Plan
from gateway.resolution.settle import Settled
from gateway.submissions.segments import segment_of_application


@dataclass(frozen=True, slots=True)
class DraftHeader:
    """Beside an answer: everything a submission needs that the caller was not told.

    `roles`: role → reference of its subject. `consents`: those the caller named, used or not. `case_key`: keyed digest
    of the case. `offered`: slot path → value, where the answer shows it masked; empty where it shows it. `row_keys`:
    group → row of the answer → what the person had typed in its identity column.
    """

    roles: Mapping[str, str]
    policy: int
    segment: str
    consents: tuple[str, ...] = ()
    case_key: str | None = None
    offered: Mapping[str, Any] = field(default_factory=dict, repr=False)
    row_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)


def make_header(
    settled: Settled, command: ResolveCommand, subject_refs: Mapping[str, str], case_key: str | None
) -> bytes:
    """The header of an answer, as `read_header` reads it."""
    plan = settled.plan
    said: dict[str, Any] = {
        "roles": subject_refs,
        "policy": plan.compiled.policy_version,
        "segment": segment_of_application(plan.subjects).value,
    }
    if command.consents:
        said["consents"] = command.consents
    if case_key is not None:
        said["case_key"] = case_key
    if command.delivery is not Delivery.values:
        said["offered"] = {each.path: each.value for each in settled.filled.outcomes if each.provenance}
    if plan.answers and plan.compiled.form.groups:
        said["row_keys"] = _row_keys(settled, plan)
    return orjson.dumps(said)


def read_header(header: bytes) -> DraftHeader | None:
    """The header; None of a draft from before there were any."""
    if not header:
        return None
    said = orjson.loads(header)
    return DraftHeader(**{**said, "consents": tuple(said.get("consents", ()))})


def _row_keys(settled: Settled, plan: Plan) -> dict[str, dict[str, Any]]:
    keys: dict[str, dict[str, Any]] = {}
    identities = {f"{group.path}.{group.identity_key}": group.path for group in plan.compiled.form.groups}
    for outcome in settled.filled.outcomes:
        group = identities.get(outcome.field.path)
        if group is not None and outcome.answered and outcome.answer_path is not None:
            keys.setdefault(group, {})[str(outcome.row)] = plan.answers[outcome.answer_path]
    return keys
