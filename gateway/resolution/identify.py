"""Step 5's preparation: who is asking about whom, and the consents they bring, read fresh."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from forms.findings import Finding
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.gates import Passage
from gateway.resolution.plan import Plan
from gateway.runtime import Runtime
from policies import Consent, Request


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """What decisions are made of, beside the asks and the rules."""

    request: Request
    consents: Mapping[str, Consent]
    passage: Passage


async def identify(plan: Plan, command: ResolveCommand, now: datetime, runtime: Runtime) -> Identified:
    """The request as policies see it. A consent that does not exist becomes a finding; its items have no ground."""
    stored = await runtime.consents.read(command.consents)
    keys = {role: runtime.subjects.key_of(subject) for role, subject in plan.subjects.items()}
    # A consent brings its subject's reference along; only subjects without one have to be looked up.
    brought = {each.consent.subject_key: each.subject_ref for each in stored.values()}
    refs = {
        role: brought.get(key) or await runtime.subjects.ref_of(key, plan.subjects[role].kind)
        for role, key in keys.items()
    }
    form = plan.compiled.form
    request = Request(
        matter=form.matter,
        form=form.id,
        purpose=form.purpose,
        department=command.caller.department,
        caller_roles=command.caller.roles,
        subject_keys=keys,
        now=now,
    )
    unknown = tuple(_unknown(number) for number, each in enumerate(command.consents) if each not in stored)
    noted = replace(plan, findings=(*plan.findings, *unknown)) if unknown else plan
    passage = Passage(runtime.new_reference("res", now), now, command, noted, refs)
    return Identified(request, {consent_id: each.consent for consent_id, each in stored.items()}, passage)


def _unknown(number: int) -> Finding:
    detail = f"There is no consent of the id given as number {number + 1}; it was not counted."
    return Finding("/consent", "consent_unknown", detail)
