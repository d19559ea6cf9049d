"""Linking two documents of one subject, reading links, and ending them. Each is an entry; so is refusing.

Nobody is linked on a guess: a document that is somebody else's already is refused. Where its number may have been given
to several people, the refusal is kept as a claim, and the document counts for nobody until a desk has ended either.
"""

from dataclasses import dataclass, replace
from typing import Any

from field_registry import Subject
from gateway.audit.entries import make_entry
from gateway.audit.noting import note
from gateway.errors import Conflict, NotAllowed, NotFound, NotValid
from gateway.identities.commands import LinkIdentities
from gateway.identities.documents import seal_document
from gateway.identities.keeping import digest, key_of, seal_evidence, view
from gateway.identities.persons import are_one
from gateway.identities.rules import Finding, findings_of, may_be_shared
from gateway.records import Caller, Entry, EntryKind, IdentityLink, LinkVerdict, SubjectKey
from gateway.runtime import Runtime


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both subjects with reference and key. `other`: whose document is added."""

    subject: Subject
    other: Subject
    refs: tuple[str, str]
    keys: dict[str, SubjectKey]


async def link_identities(command: LinkIdentities, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The link as made. Raises `NotValid` or `Conflict` once the refusal is an entry.

    `identity_ambiguous`: one of the documents is linked to, or claimed for, somebody else.
    """
    subjects, findings = findings_of(command, runtime.clock())
    if subjects is None or findings:
        raise await _not_valid(command, findings, caller, runtime)
    pair = await _pair(*subjects, caller, runtime)
    link = _link(pair, command, caller, runtime)
    documents = {
        ref: seal_document(subject, ref, runtime.sealer, pair.keys.get(ref))
        for ref, subject in zip(pair.refs, subjects, strict=True)
    }
    claim = None
    if may_be_shared(pair.other):
        claim = _entry(link, EntryKind.identity_refused, command, pair, runtime, codes=["identity_ambiguous"])
    linked = _entry(link, EntryKind.identity_linked, command, pair, runtime)
    verdict = await runtime.store.identities.link(
        replace(link, entry_id=linked.id), documents, linked, claim=claim
    )
    if verdict is not LinkVerdict.linked:
        raise await _refusal(verdict, link, caller, runtime)
    runtime.telemetry.entries(EntryKind.identity_linked)
    return await read_link(link.id, caller, runtime)


async def read_link(link_id: str, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The link, for the department that recorded it and the person whose documents they are; else `NotFound`."""
    return view(await _theirs(link_id, caller, runtime), runtime)


async def end_link(link_id: str, reason: str, caller: Caller, runtime: Runtime) -> dict[str, Any]:
    """The link or claim after its end; ending it twice is harmless. Raises `NotFound`, `NotAllowed`.

    From now on the documents are two subjects again, each with what was recorded under it, whenever that was.
    """
    link = await _theirs(link_id, caller, runtime)
    if link.is_claim and caller.person is not None:
        raise NotAllowed(
            "desk_required", "Two subjects claim this document; a desk looks at both, then ends one."
        )
    return view(await unlink(link_id, reason, caller.id, runtime, person=caller.person), runtime)


async def unlink(
    link_id: str, reason: str, caller: str, runtime: Runtime, *, person: str | None = None
) -> IdentityLink:
    """The link or claim after its end, whoever asks; raises `NotFound`. `person`: who did it by their own token."""
    entry = _end_entry(await _read(link_id, runtime), reason, caller, runtime, person)
    if await runtime.store.identities.end(link_id, entry.at, entry):
        runtime.telemetry.entries(EntryKind.identity_unlinked)
    return await _read(link_id, runtime)


def _end_entry(link: IdentityLink, reason: str, caller: str, runtime: Runtime, person: str | None) -> Entry:
    now = runtime.clock()
    by = {} if person is None else {"person": person}
    opened = {ref: runtime.keys.open(wrapped, ref) for ref, wrapped in link.wrapped_keys.items()}
    return make_entry(
        runtime.new_reference("aud", now),
        EntryKind.identity_unlinked,
        now,
        caller=caller,
        request=link.id,
        facts={"subjects": _roles((link.to_ref, link.from_ref)), "contested": link.is_claim, **by},
        private={"reason": reason},
        sealer=runtime.sealer,
        key=opened.get(link.from_ref),  # of the role `other`, whom `owner_of` names
    )


# ---------------------------------------------------------------- linking, step by step


async def _pair(subject: Subject, other: Subject, caller: Caller, runtime: Runtime) -> _Pair:
    keys = {each: runtime.subjects.key_of(each) for each in (subject, other)}
    new = {key: runtime.subjects.new(each.kind, runtime.clock()) for each, key in keys.items()}
    found = await runtime.store.subjects.refs(new)
    if len(found) < len(new):  # a contested document leads to nobody
        await _note_refused([*found.values()], ["identity_ambiguous"], caller, runtime)
        raise _ambiguous()
    refs = (found[keys[subject]], found[keys[other]])
    return _Pair(subject, other, refs, await runtime.subjects.keys_of(refs))


def _link(pair: _Pair, command: LinkIdentities, caller: Caller, runtime: Runtime) -> IdentityLink:
    now = runtime.clock()
    link_id = runtime.new_reference("idl", now)
    whose, added = pair.refs
    return IdentityLink(
        id=link_id,
        from_ref=added,
        to_ref=whose,
        kind=pair.subject.kind.value,
        at=now,
        recorded_by=caller.id,
        department=caller.department,
        is_claim=False,
        entry_id="",
        sealed=seal_evidence(command.evidence, link_id, runtime, key_of(pair.refs, pair.keys, runtime)),
    )


def _entry(
    link: IdentityLink,
    kind: EntryKind,
    command: LinkIdentities,
    pair: _Pair,
    runtime: Runtime,
    **more: Any,
) -> Entry:
    evidence = command.evidence
    return make_entry(
        runtime.new_reference("aud", link.at),
        kind,
        link.at,
        caller=link.recorded_by,
        request=link.id,
        facts={
            "subjects": _roles(pair.refs),
            "department": link.department,
            "evidence": evidence.kind.value,
            "presence": evidence.presence.value,
            **more,
        },
        private={"record": digest(evidence), "checked_by": evidence.checked_by},
        sealer=runtime.sealer,
        key=pair.keys.get(link.from_ref),  # of the role `other`, whom `owner_of` names
    )


def _roles(refs: tuple[str, str]) -> dict[str, str]:
    return {"subject": refs[0], "other": refs[1]}


# ---------------------------------------------------------------- refusing


async def _not_valid(
    command: LinkIdentities, findings: list[Finding], caller: Caller, runtime: Runtime
) -> NotValid:
    subjects, _ = findings_of(command, runtime.clock())
    found = [await runtime.store.subjects.find(runtime.subjects.key_of(each)) for each in subjects or ()]
    known = [ref for ref in found if ref is not None]
    await _note_refused(known, [finding["code"] for finding in findings], caller, runtime)
    return NotValid(
        "identity_link_not_valid", "Nothing was linked; correct what `errors` names.", errors=findings
    )


async def _refusal(verdict: LinkVerdict, link: IdentityLink, caller: Caller, runtime: Runtime) -> Conflict:
    if verdict is LinkVerdict.claimed:
        runtime.telemetry.entries(EntryKind.identity_refused)
        return _ambiguous(
            f"Its number may be two people's, so it counts for nobody until the other link or this claim, {link.id}, "
            "is ended (POST /v1/identity-links/{id}/end)."
        )
    is_known = verdict is LinkVerdict.already
    code = "identity_already_linked" if is_known else "identity_ambiguous"
    await _note_refused([link.to_ref, link.from_ref], [code], caller, runtime)
    if is_known:
        return Conflict(code, "Both documents count as one subject already; there is nothing to do.")
    return _ambiguous(
        "If that is the same subject, name a document of theirs as `subject` and the new one as `other`."
    )


def _ambiguous(more: str = "Have it looked into where it was linked.") -> Conflict:
    return Conflict(
        "identity_ambiguous",
        f"One of these documents is linked to another subject; nothing was linked. {more}",
    )


async def _note_refused(refs: list[str], codes: list[str], caller: Caller, runtime: Runtime) -> None:
    facts = {"subjects": sorted(set(refs)), "department": caller.department, "codes": sorted(set(codes))}
    await note(EntryKind.identity_refused, facts, runtime, caller=caller.id)


# ---------------------------------------------------------------- reading


async def _theirs(link_id: str, caller: Caller, runtime: Runtime) -> IdentityLink:
    link = await _read(link_id, runtime)
    if caller.person is None:
        concerns = caller.department == link.department
    elif link.is_claim:  # the claimant is somebody else
        concerns = await are_one(caller.person, link.to_ref, runtime)
    else:
        concerns = caller.person in (link.from_ref, link.to_ref) or await are_one(
            caller.person, link.to_ref, runtime
        )
    if not concerns:
        raise _unknown()
    return link


async def _read(link_id: str, runtime: Runtime) -> IdentityLink:
    found = await runtime.store.identities.read(link_id)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("unknown_identity_link", "There is no such link for your department; check its id.")
