"""Step 5's preparation: who is asking about whom, in the words that policies judge."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from gateway.audit.entries import finding_key
from gateway.records import NewSubject
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.plan import Plan
from gateway.runtime import Runtime
from policies import Request


class Identified(Struct, frozen=True, eq=False):
    """Who asks about whom.

    `id`: of the resolution. `request`: as policies judge it; its `subject_keys` are blind indexes by role.
    `new_subjects`: what to store of each subject, should it be new.
    """

    id: str
    command: ResolveCommand
    request: Request
    new_subjects: Mapping[str, NewSubject]


def identify(plan: Plan, command: ResolveCommand, now: datetime, runtime: Runtime) -> Identified:
    """The request as policies see it, under a new id. Nothing is read: the gate does that."""
    form = plan.compiled.form
    keys = {role: runtime.subjects.key_of(subject) for role, subject in plan.subjects.items()}
    new = {key: runtime.subjects.new(plan.subjects[role].kind, now) for role, key in keys.items()}
    request = Request(
        matter=form.matter,
        form=form.id,
        purpose=form.purpose,
        department=command.caller.department,
        caller_roles=command.caller.roles,
        subject_keys=keys,
        now=now,
        case_key=finding_key("case", command.case, runtime.fingerprint) if command.case else None,
    )
    return Identified(runtime.new_reference("res", now), command, request, new)
