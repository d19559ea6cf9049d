"""Step 5's preparation: who is asking about whom, in the words that policies judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.records import NewSubject
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.plan import Plan
from gateway.runtime import Runtime
from policies import Request


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """Who asks about whom.

    `id`: of the resolution. `request`: as policies judge it; its `subject_keys` are blind indexes by role.
    `subject_refs`: blind index → reference, as far as remembered; `new_subjects`: what to store of the others, should
    they have none.
    """

    id: str
    command: ResolveCommand
    request: Request
    subject_refs: Mapping[str, str]
    new_subjects: Mapping[str, NewSubject]


def identify(plan: Plan, command: ResolveCommand, now: datetime, runtime: Runtime) -> Identified:
    """The request as policies see it, under a new id. Nothing is read: the gate does that."""
    form = plan.compiled.form
    keys = {role: runtime.subjects.key_of(subject) for role, subject in plan.subjects.items()}
    refs = {key: ref for key in keys.values() if (ref := runtime.subjects.known(key)) is not None}
    new = {
        key: NewSubject(plan.subjects[role].kind, runtime.new_reference("sub", now), now)
        for role, key in keys.items()
        if key not in refs
    }
    request = Request(
        matter=form.matter,
        form=form.id,
        purpose=form.purpose,
        department=command.caller.department,
        caller_roles=command.caller.roles,
        subject_keys=keys,
        now=now,
    )
    return Identified(runtime.new_reference("res", now), command, request, refs, new)
