"""Recalling an application of before, for a form that is begun from it: who may, and what of it can be used.

Only to the department it was handed in to, for the purpose it served, about the same subject; what cannot be used is a
finding, and the form is resolved as if nothing had been said. The intent that names it is durable by then.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta, timezone
from typing import Any

from msgspec.structs import replace

from field_registry.outcomes import Disposition, Tier
from forms.definition import Field, Form
from forms.findings import Finding
from gateway.errors import NotFound
from gateway.records import Submission
from gateway.resolution.again import Again
from gateway.resolution.gates import Passage
from gateway.runtime import Runtime
from gateway.slots import Slot
from gateway.submissions.keeping import open_values

_CHINA = timezone(timedelta(hours=8))
_POINTER = "/again"
_UNKNOWN = "There is no such application of this department; nothing was begun from it."
_OTHER_SUBJECT = "That application is about somebody else; nothing was begun from it."
_OTHER_PURPOSE = (
    "That application served another purpose, and what was submitted serves only its own. Nothing was begun."
)
_GONE = "What was submitted then is kept no more, or was a test; nothing was begun from it."
_BY_HAND = frozenset({Disposition.typed, Disposition.edited})
_REGISTERS = frozenset({Tier.A, Tier.B})


async def recall(passage: Passage, runtime: Runtime) -> Passage:
    """The passage with the application that its command names, or with a finding that says why not."""
    found = await _recall(passage, runtime)
    if isinstance(found, Again):
        return replace(passage, again=found)
    plan = replace(passage.plan, findings=(*passage.plan.findings, found))
    return replace(passage, plan=plan)


async def _recall(passage: Passage, runtime: Runtime) -> Again | Finding:
    made = await runtime.store.submissions.read(passage.command.again or "")
    if made is None or made.department != passage.command.caller.department:
        return Finding(_POINTER, "again_unknown", _UNKNOWN)
    if not _is_same_applicant(made, passage):
        return Finding(_POINTER, "again_other_subject", _OTHER_SUBJECT)
    form = passage.plan.compiled.form
    before = await _form_of(made, runtime)
    if before is None or before.purpose != form.purpose:
        return Finding(_POINTER, "again_other_purpose", _OTHER_PURPOSE)
    values = await open_values(made, runtime)
    shots = await runtime.store.submissions.snapshots(made.id)
    if values is None or not shots or shots[-1].is_test:
        return Finding(_POINTER, "again_gone", _GONE)
    paths = dict(_same_fields(before, made.roles, form, passage.subject_refs))
    typed = {slot.path for slot in shots[-1].slots if _was_typed(slot)}
    return Again(
        made.id,
        made.submitted_at.astimezone(_CHINA).date(),
        _by_new_path(values, paths),
        frozenset(now for now, then in paths.items() if then in typed),
    )


def _is_same_applicant(made: Submission, passage: Passage) -> bool:
    """Whether both are about the same applicant; where a form has no such role, about the same of its first."""
    then, now = made.roles, passage.subject_refs
    role = "applicant" if "applicant" in now else min(now, default="")
    before = "applicant" if "applicant" in then else min(then, default="")
    return role in now and then.get(before) == now[role]


async def _form_of(made: Submission, runtime: Runtime) -> Form | None:
    try:
        return await runtime.library.form(made.form, made.form_version)
    except NotFound:
        return None


def _same_fields(
    before: Form, roles: Mapping[str, str], form: Form, refs: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Path in this form and path in that one, of fields that ask the same about the same subject."""
    by_path = {field.path: field for field in before.fields} if before.id == form.id else {}
    by_item: dict[tuple[str, str], Field] = {}
    for field in before.fields:
        if field.item is not None and field.group is None and field.role in roles:
            by_item.setdefault((roles[field.role], field.item), field)
    for field in form.fields:
        ref = refs.get(field.role)
        same = by_path.get(field.path)
        if same is None or same.item != field.item or roles.get(same.role) != ref:
            same = by_item.get((ref, field.item)) if ref and field.item else None
        if same is not None and field.group is None:
            yield field.path, same.path


def _was_typed(slot: Slot) -> bool:
    """Whether the person gave the value: typed now or before, not taken over from a register."""
    kept_own = slot.disposition is Disposition.kept and slot.tier is not None and slot.tier not in _REGISTERS
    return slot.disposition in _BY_HAND or kept_own


def _by_new_path(values: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    return {now: values[then] for now, then in paths.items() if then in values}
