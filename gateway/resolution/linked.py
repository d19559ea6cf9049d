"""Subjects known by several documents: judged as one, and asked about by whichever document a source understands.

Only requests about such a subject come here, once the gate has read it; for all others nothing is done. Records keep
the reference of the document that a request named. What was taken from another document beside it, the data asked for
under it or a consent given under it, stands in the leaf as `under`, so that it is told to whoever holds that one even
when the link is ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from field_registry import Missing, OutcomeCode, Subject
from forms.findings import Finding
from gateway.identities.documents import open_document
from gateway.records import GateView, LinkedDocument, NewSubject
from gateway.resolution.asking import UNBOUND, Documents, asking_under
from gateway.resolution.identify import Identified
from gateway.resolution.plan import Plan
from gateway.runtime import Runtime
from policies import Consent, Decision, ReasonCode, Request
from policies.rejudge import consents_of

AMBIGUOUS = Missing(OutcomeCode.identity_ambiguous, "document_contested")
_SAYS_WHY = (
    "Two subjects claim this document; name another one of this subject, or have it looked into at a counter."
)
_Groups = Mapping[str, tuple[LinkedDocument, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Acquainted:
    """What a gate has found out about the documents of a request's subjects.

    `plan`: with their other documents. `request`, `consents`: with one key for all documents of a subject, to be judged
    by. `groups`: role → the documents its subject is known by; `own`: role → blind index of the one that was named,
    both of such roles alone. `named`: document → its reference. `new_subjects`: as the gate wants them to look again.
    """

    plan: Plan
    request: Request
    consents: Mapping[str, Consent]
    groups: _Groups
    own: Mapping[str, str]
    named: Mapping[Subject, str] = field(repr=False)
    new_subjects: Mapping[str, NewSubject]

    def under(self, decisions: Sequence[Decision], view: GateView) -> dict[str, list[str]]:
        """Role → references of documents that something is taken from beside the one that the request names.

        Those too that a source may be asked by after the first: it is written before anybody is asked.
        """
        taken: dict[str, set[str]] = {}
        for call in self.plan.asking.calls:
            allowed = tuple(decisions[place] for place in call.places if decisions[place].allowed)
            if call.role in self.groups and allowed:
                refs = taken.setdefault(call.role, set())
                refs |= self._given(call.role, allowed, view)
                if call.under is not None:
                    refs.add(self.named[call.under])
                refs.update(self.named[each] for each in call.others)
        apart = {role: refs - {view.subject_refs[self.own[role]]} for role, refs in taken.items()}
        return {role: sorted(refs) for role, refs in apart.items() if refs}

    def _given(self, role: str, allowed: tuple[Decision, ...], view: GateView) -> set[str]:
        """The documents under which consents were given that these decisions stand on."""
        refs = {each.key: each.ref for each in self.groups[role]}
        keys = (view.consents[each].subject_key for each in consents_of(allowed))
        return {refs[key] for key in keys if key in refs}


def acquaint(plan: Plan, who: Identified, view: GateView, runtime: Runtime) -> Acquainted | None:
    """The request as its subjects' documents make it; None when every subject is known by one, as nearly always."""
    keys = who.request.subject_keys
    groups = {role: view.linked[key] for role, key in keys.items() if key in view.linked}
    if not groups:
        return None
    contested = [role for role, group in groups.items() if any(each.is_contested for each in group)]
    whole = {role: group for role, group in groups.items() if role not in contested}
    opened = {
        each.key: open_document(each, runtime.sealer, runtime.keys)
        for group in whole.values()
        for each in group
    }
    first = {each.key: group[0].key for group in view.linked.values() for each in group}
    return Acquainted(
        plan=_with(plan, _candidates(whole, keys, opened), contested),
        request=replace(who.request, subject_keys={role: first.get(key, key) for role, key in keys.items()}),
        consents={
            consent_id: replace(consent, subject_key=first.get(consent.subject_key, consent.subject_key))
            for consent_id, consent in view.consents.items()
        },
        groups=groups,
        own={role: keys[role] for role in groups},
        named={opened[each.key]: each.ref for group in whole.values() for each in group},
        new_subjects=who.new_subjects,
    )


def less_parted(before: Acquainted, decisions: tuple[Decision, ...], view: GateView) -> tuple[Decision, ...]:
    """The same decisions, less those about a role whose documents are not linked any more as they were.

    Which of two persons the answers are about is then no longer known. The same tuple when nothing has changed.
    """
    parted = {
        role
        for role, key in before.own.items()
        if _refs(view.linked.get(key, ())) != _refs(before.groups[role])
    }
    if not parted:
        return decisions
    return tuple(
        Decision(False, each.rule, ReasonCode.consent_other_subject)
        if each.allowed and ask.role in parted
        else each
        for ask, each in zip(before.plan.asks, decisions, strict=True)
    )


def _refs(group: Sequence[LinkedDocument]) -> list[tuple[str, bool]]:
    return [(each.ref, each.is_contested) for each in group]


def _candidates(groups: _Groups, keys: Mapping[str, str], opened: Mapping[str, Subject]) -> Documents:
    """Role → documents to ask by, the best first: those that the request names, in order of roles, then the others.

    Two roles of one subject have the same, so that what both want of a source goes out as one call.
    """
    candidates = {}
    for role, group in groups.items():
        theirs = {each.key for each in group}
        named = [key for key in keys.values() if key in theirs]
        ordered = dict.fromkeys([*named, *(each.key for each in group)])
        candidates[role] = tuple(opened[key] for key in ordered)
    return candidates


def _with(plan: Plan, documents: Documents, contested: Sequence[str]) -> Plan:
    subjects = {role: subject for role, subject in plan.subjects.items() if role not in contested}
    asking = asking_under(plan.compiled, subjects, plan.visible, plan.answers, documents)
    known = {
        key: (AMBIGUOUS if key[0] in contested else plan.known.get(key, UNBOUND))
        if missing is UNBOUND
        else missing
        for key, missing in asking.unasked.items()
    }
    findings = tuple(Finding(f"/subjects/{role}", "identity_ambiguous", _SAYS_WHY) for role in contested)
    return replace(
        plan,
        subjects=subjects,
        asking=asking,
        known=known,
        documents=documents,
        findings=(*plan.findings, *findings),
    )
