"""The call receipt 调用凭证 of a resolution: made when it is asked for, signed, with the proofs that the log holds it.

It is told from the log alone, and from the answer while that is kept: once the values are purged it goes without their
digests. That it is handed out is an entry first, with the digest of what it states: by that digest anybody can ask
later whether a paper is genuine.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.audit.entries import (
    UNDER_SUBJECT,
    disclosure_of,
    owner_of,
    resolution_of,
    subjects_of,
)
from gateway.audit.noting import note
from gateway.audit.proofs import TlogProof
from gateway.audit.reading import proof_of
from gateway.errors import NotFound, Unavailable
from gateway.identities.persons import refs_of
from gateway.ports import TreeLog
from gateway.records import Caller, CallerRole, Entry, EntryKind, Submission
from gateway.resolution.draft_header import read_header
from gateway.resolution.drafts import key_of_draft, open_draft
from gateway.runtime import Runtime
from gateway.security.receipt_keys import CALL_RECEIPT_TYPE, ReceiptKeys
from gateway.submissions.keeping import open_dates, open_values
from gateway.submissions.receipt_claims import (
    RECEIPT_VERSION,
    SHORT_DIGEST,
    Story,
    digest_of,
    in_order,
    number_of,
    place_in,
    record_of,
    salt_of,
)
from policies import Policy
from policies.document import policy_from_document

_RECEIPT = "rcp_"
_OURS = re.compile(r"(rcp|res)_[0-9A-Z]{26}")
_TELLING = (EntryKind.intent, EntryKind.outcome, EntryKind.receipt_issued, EntryKind.form_printed)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What the log tells of one resolution. `issued`: leaves of the receipts and forms handed out, by time."""

    intent: Entry
    outcome: Entry
    handed_in: Entry | None = None
    submission: Submission | None = None
    issued: Sequence[Mapping[str, Any]] = ()

    @property
    def leaf(self) -> Mapping[str, Any]:
        """The outcome's leaf."""
        told: Mapping[str, Any] = orjson.loads(self.outcome.leaf)
        return told

    @property
    def entries(self) -> list[Entry]:
        """The entries that a receipt rests on, by time."""
        return [each for each in (self.intent, self.outcome, self.handed_in) if each is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Issued:
    """A receipt about to be handed out. `document`: as `GET /v1/receipts/{number}` answers. `story`: behind it."""

    record: Mapping[str, Any]
    digest: str
    url: str
    document: Mapping[str, Any]
    told: Told
    story: Story = field(repr=False)


async def find_receipt(number: str, runtime: Runtime) -> Told:
    """What the log tells of the resolution of that receipt: its id, the short number, or the resolution's own id.

    Raises `NotFound`.
    """
    placed = place_in(number)
    receipt = number.strip() if placed is None else await _receipt_at(placed, runtime.store.log_for_readers)
    if receipt is not None and _OURS.fullmatch(receipt):
        told = await _told(resolution_of(receipt), runtime)
        if told is not None:
            return told
    raise NotFound(
        "unknown_receipt", "No receipt of that number is known here; check it character by character."
    )


async def _receipt_at(placed: tuple[int, str], log: TreeLog) -> str | None:
    """The receipt whose entry stands at that place in one of the log's trees and ends in that secret."""
    place, secret = placed
    for head in reversed(await log.shards()):
        for leaf in await log.leaves(place, place + 1, shard=head.shard):
            receipt = orjson.loads(leaf).get("receipt")
            if isinstance(receipt, str) and receipt.startswith(_RECEIPT) and receipt.endswith(secret):
                return receipt
    return None


async def _told(resolution: str, runtime: Runtime) -> Told | None:
    entries = await runtime.store.search.of_requests([resolution], _TELLING)
    by_kind: dict[EntryKind, list[Entry]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    intent = next(iter(by_kind.get(EntryKind.intent, ())), None)
    # One that was taken for lost states no receipt.
    outcome = next((e for e in by_kind.get(EntryKind.outcome, ()) if "receipt" in orjson.loads(e.leaf)), None)
    if intent is None or outcome is None:
        return None
    submission = await runtime.store.submissions.of_resolution(resolution)
    handed_in = None if submission is None else await runtime.store.search.entry(submission.entry_id)
    issued = [
        orjson.loads(each.leaf)
        for kind in (EntryKind.receipt_issued, EntryKind.form_printed)
        for each in by_kind.get(kind, ())
    ]
    return Told(intent, outcome, handed_in, submission, issued)


async def require_reader(told: Told, caller: Caller, runtime: Runtime) -> None:
    """Nothing, for the system that resolved, the person concerned, and auditors. Raises `NotFound` for anybody else.

    That there is such a receipt is not for others to learn.
    """
    if CallerRole.auditor in caller.roles:
        return
    if caller.person is not None and not subjects_of(told.leaf).isdisjoint(
        await refs_of(caller.person, runtime)
    ):
        return
    if caller.person is None and told.intent.caller == caller.id and CallerRole.renderer in caller.roles:
        return
    raise NotFound(
        "unknown_receipt", "No receipt of that number is known here; check it character by character."
    )


async def issue(
    told: Told,
    caller: Caller,
    runtime: Runtime,
    *,
    keys: ReceiptKeys,
    log_keys: Sequence[str],
    with_officer: bool,
) -> Issued:
    """The receipt, once its handing out is durable. `with_officer`: show who worked on which case beside it.

    Raises `Unavailable` ("proof_pending") while an entry waits for its place in the log, and `StoreUnavailable`.
    """
    made = await prepare(told, runtime, keys=keys, log_keys=log_keys, with_officer=with_officer)
    await note_issue(EntryKind.receipt_issued, made, made.digest, caller, runtime)
    return made


async def prepare(
    told: Told, runtime: Runtime, *, keys: ReceiptKeys, log_keys: Sequence[str], with_officer: bool
) -> Issued:
    """The same, not yet noted: nothing of it may leave before `note_issue`."""
    proofs = [await _proof(entry, runtime.store.log_for_readers, log_keys) for entry in told.entries]
    story = await story_of(told, runtime)
    receipt = told.leaf["receipt"]
    number = number_of(receipt, proofs[1].index)
    record = record_of(
        story, number=number, salt=lambda path: salt_of(story.salted, path, runtime.fingerprint)
    )
    digest = digest_of(record)
    url = url_of(number, digest, runtime)
    document = {
        "number": number,
        "digest": digest,
        "url": url,
        "receipt": keys.sign(_claims(record, digest, url, told, runtime), CALL_RECEIPT_TYPE),
        "receipt_key": dict(keys.jwk),
        "verifier_keys": list(log_keys),
        "entries": [
            {"entry": entry.id, "leaf": entry.leaf.decode(), "proof": proof.text()}
            for entry, proof in zip(told.entries, proofs, strict=True)
        ],
        "officer": await _officer(told.intent, runtime) if with_officer else None,
    }
    return Issued(record, digest, url, document, told, story)


async def note_issue(
    kind: EntryKind, made: Issued, digest: str, caller: Caller, runtime: Runtime, **more: Any
) -> None:
    """Note that a receipt, or a form printed with it, is handed out; durable when this returns."""
    leaf = made.told.leaf
    facts = {
        "receipt": leaf["receipt"],
        "digest": digest,
        "stage": made.record["stage"],
        "form": leaf["form"],
        "department": caller.department,
        "subjects": sorted(subjects_of(leaf)),
        **more,
    }
    await note(kind, facts, runtime, caller=caller.id, request=leaf["request"])


def url_of(number: str, digest: str, runtime: Runtime) -> str:
    """What a code on paper holds: where anybody can check it, its number, and what to compare. Nothing of a person."""
    return f"{runtime.settings.public_url}/r/{number}?d={digest[:SHORT_DIGEST]}"


def _claims(record: Mapping[str, Any], digest: str, url: str, told: Told, runtime: Runtime) -> dict[str, Any]:
    settings = runtime.settings
    return {
        "iss": settings.issuer,
        # The time of what it tells of, not of its making: the same receipt is the same text.
        "iat": int(told.entries[-1].at.timestamp()),
        "jti": record["receipt"],
        "ver": RECEIPT_VERSION,
        "log": settings.log_origin,
        "digest": digest,
        "url": url,
        "record": record,
    }


async def _proof(entry: Entry, log: TreeLog, log_keys: Sequence[str]) -> TlogProof:
    found = await proof_of(entry.id, log, log_keys)
    if found is None:
        raise Unavailable(
            "proof_pending",
            "The log has not signed these entries yet; ask for the receipt again in a second.",
        )
    return found


async def _officer(intent: Entry, runtime: Runtime) -> dict[str, str] | None:
    """Who worked on which case, with what it takes to check that it is what was logged; None of an erased subject."""
    if intent.sealed is None:
        return None
    owner = owner_of(orjson.loads(intent.leaf))
    key = None if owner is None else await runtime.subjects.key_for(owner)
    if key is None and intent.sealed[:1] == UNDER_SUBJECT:
        return None
    salt, document = disclosure_of(intent, runtime.sealer, key)
    private = orjson.loads(document)
    return {
        "actor": private.get("actor"),
        "case": private.get("case"),
        "salt": salt.hex(),
        "document": document.decode(),
    }


async def story_of(told: Told, runtime: Runtime) -> Story:
    """Everything that is still known of the resolution; without values once those are purged."""
    outcome = told.leaf
    form = await runtime.library.form(*outcome["form"])
    fields, values = await _answered(outcome["request"], runtime)
    if told.submission is not None:
        values = in_order(form, await open_values(told.submission, runtime) or {})
        fields = await _dated(told.submission, runtime)
    return Story(
        form=form,
        registry=runtime.library.published.registry,
        intent=orjson.loads(told.intent.leaf),
        outcome=outcome,
        submission=None if told.handed_in is None else orjson.loads(told.handed_in.leaf),
        policy=await policy_at(outcome["policy"], runtime),
        answer=fields,
        values=values,
    )


async def _dated(made: Submission, runtime: Runtime) -> dict[str, Mapping[str, Any]]:
    """When each value was recorded and fetched, as an answer tells it; what else there is stands in the slots."""
    dates = await open_dates(made, runtime)
    return {
        path: {"recorded_at": recorded, "retrieved_at": retrieved}
        for path, (recorded, retrieved) in dates.items()
    }


async def policy_at(version: int, runtime: Runtime) -> Policy:
    """The policy that was followed; the present one where that version is no more."""
    current = runtime.library.published.policy
    if current.version == version:
        return current
    try:
        published = await runtime.store.publications.load("policy", version)
    except NotFound:
        return current
    return policy_from_document({**orjson.loads(published.document), "version": version})


async def _answered(
    resolution: str, runtime: Runtime
) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Any]]:
    """Fields and values of the answer while it is kept and valid; nothing after.

    For digests: no value of it may leave by this way, which passes no gate.
    """
    draft = await runtime.store.drafts.read(resolution)
    if draft is None or draft.sealed is None or runtime.clock() >= draft.valid_until:
        return {}, {}
    key = key_of_draft(await runtime.subjects.keys_of(draft.subjects), draft.subjects, runtime.keys)
    if draft.subjects and key is None:
        return {}, {}
    answer, said = open_draft(draft.sealed, resolution, runtime.sealer, key)
    fields, header = orjson.loads(answer)["fields"], read_header(said)
    offered = header.offered if header is not None else {}
    shown = {path: each["value"] for path, each in fields.items() if each["value"] is not None}
    return fields, {**shown, **offered}
