"""Step 4, map: a form, its subjects and the answers so far become a plan: which asks, and why the rest is not asked.

Pure. Nothing is asked for a field that is hidden, whose visibility hangs on an unanswered question, or that the person
has filled in already (国务院令第716号 art. 7; PIPL art. 6: no more than is needed).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from msgspec import Struct, field

from field_registry import Ask, Missing, OutcomeCode, Subject, SubjectKind
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from forms.answers import Answers, flatten, nest
from forms.definition import Role
from forms.findings import Finding
from gateway.resolution.asking import UNBOUND, Asking, Documents, Key, asking_of
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.compiled import CompiledForm


class Plan(Struct, frozen=True, eq=False):
    """What is to be asked, of whom, and what is known already without asking.

    `asking`: the asks, grouped by the calls they make. `known`: (role, item) → why it, or one of its sources, cannot
    be asked; an answer of another source takes its place. `findings`: what is wrong with the request. `documents`: of
    subjects that are known by several; mostly of none.
    """

    compiled: CompiledForm
    subjects: Mapping[str, Subject]
    answers: Mapping[str, object]
    visible: Mapping[str, bool | None]
    asking: Asking
    known: Mapping[Key, Missing]
    findings: tuple[Finding, ...]
    documents: Documents = field(default_factory=dict)

    def __repr__(self) -> str:
        """The form and the roles: neither subjects nor answers ever stand in a traceback."""
        return f"Plan({self.compiled.form.id}, {sorted(self.subjects)}, …)"

    @property
    def asks(self) -> tuple[Ask, ...]:
        """At most one per (role, item, source)."""
        return self.asking.asks


def make_plan(compiled: CompiledForm, command: ResolveCommand) -> Plan:
    """The plan for this request. Total: a bad subject or answer becomes a finding, never an error."""
    answers = flatten(compiled.form, command.answers)
    visible = compiled.visibility.of(answers.values)
    shown = {path: answer for path, answer in answers.values.items() if visible.get(path)}
    subjects, unbound, findings = _subjects_of(compiled, command, shown)
    asking = asking_of(compiled, subjects, visible, answers.values)
    known = asking.unasked
    if unbound:
        known = {
            key: unbound.get(key[0], missing) if missing is UNBOUND else missing
            for key, missing in asking.unasked.items()
        }
    findings.extend(_about(compiled, answers))
    return Plan(compiled, subjects, answers.values, visible, asking, known, tuple(findings))


def _about(compiled: CompiledForm, answers: Answers) -> Iterator[Finding]:
    """What is to be said about the answers. What is typed wrong is said, and stays as it is typed."""
    found = answers.findings
    if answers.values:
        found += tuple(compiled.validator.errors(nest(compiled.form, answers.values), complete=False))
    for finding in found:
        yield replace(finding, pointer=f"/answers{finding.pointer}")


def _subjects_of(
    compiled: CompiledForm, command: ResolveCommand, answers: Mapping[str, object]
) -> tuple[dict[str, Subject], dict[str, Missing], list[Finding]]:
    subjects: dict[str, Subject] = {}
    unbound: dict[str, Missing] = {}
    findings = [
        Finding(_pointer(name), "unknown_role", "This form has no such role; the subject was not used.")
        for name in command.subjects
        if compiled.form.role(name) is None
    ]
    for role in compiled.form.roles:
        payload = command.subjects.get(role.name) or _named_by_answer(role, answers)
        if payload is None:
            continue
        subject, problem = _subject_of(role, payload)
        if subject is not None:
            subjects[role.name] = subject
        if problem is not None:
            unbound[role.name] = Missing(OutcomeCode.identity_unbound, problem.code)
            findings.append(problem)
    return subjects, unbound, findings


def _named_by_answer(role: Role, answers: Mapping[str, object]) -> Mapping[str, object] | None:
    """The subject that an answer names: choosing the plate brings the vehicle.

    Where the role takes several kinds, the first that the answer is an identifier of.
    """
    answer = answers.get(role.identity_field) if role.identity_field else None
    if answer is None:
        return None
    payloads = [{"kind": kind, _IDENTIFIER_OF[kind]: answer} for kind in SubjectKind if kind in role.kinds]
    fitting = [payload for payload in payloads if _subject_of(role, payload)[0] is not None]
    return next(iter(fitting or payloads), None)


_IDENTIFIER_OF = {
    "person": "id_no",
    "organisation": "uscc",
    "vehicle": "plate_number",
    "project": "project_code",
}


def _subject_of(role: Role, payload: Mapping[str, object]) -> tuple[Subject | None, Finding | None]:
    pointer = _pointer(role.name)
    try:
        subject = subject_from(payload)
    except BadIdentifier as error:
        return None, Finding(pointer, error.code, str(error))
    if subject.kind not in role.kinds:
        wanted = ", ".join(sorted(role.kinds))
        return None, Finding(pointer, "wrong_kind", f"The role {role.name!r} takes: {wanted}.")
    return subject, None


def _pointer(role: str) -> str:
    return "/subjects/" + role.replace("~", "~0").replace("/", "~1")
