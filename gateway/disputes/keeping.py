"""What stands sealed in a dispute and in its steps: words and values, under the key of the subject they are about."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.errors import Gone
from gateway.records import Dispute, DisputeEvent, SubjectKey
from gateway.runtime import Runtime

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """What a person says is wrong, and why.

    `shown`: what the form offered; None where it is no longer known. `own`: what they hold to be right; None where they
    do not say. `evidence`: what shows it, in words or as references.
    """

    reason: str = field(repr=False)
    shown: Any = field(repr=False)
    own: Any = field(repr=False)
    evidence: tuple[str, ...] = field(default=(), repr=False)


def seal_claim(claim: Claim, dispute_id: str, runtime: Runtime, key: SubjectKey | None) -> bytes:
    """The claim as it is kept."""
    document = {
        "v": _VERSION,
        "reason": claim.reason,
        "shown": claim.shown,
        "own": claim.own,
        "evidence": list(claim.evidence),
    }
    return runtime.sealer.seal(
        orjson.dumps(document), table="dispute", column="sealed", row=dispute_id, key=key
    )


def open_claim(dispute: Dispute, runtime: Runtime) -> Claim:
    """What was sealed when it was opened; raises `CannotOpen` when it was altered or moved, `Gone` once emptied."""
    if not dispute.sealed:
        raise Gone("dispute_emptied", "What was said in this dispute is no longer kept.")
    opened = runtime.sealer.open(
        dispute.sealed, table="dispute", column="sealed", row=dispute.id, key=key_of(dispute, runtime)
    )
    kept = orjson.loads(opened)
    return Claim(kept["reason"], kept["shown"], kept["own"], tuple(kept["evidence"]))


def seal_again(claim: Claim, event_id: str, runtime: Runtime, key: SubjectKey | None) -> bytes:
    """What is said again of a disputed value, as the step keeps it that joins the ticket."""
    document = {"reason": claim.reason, "own": claim.own, "evidence": list(claim.evidence)}
    return runtime.sealer.seal(
        orjson.dumps(document), table="dispute_event", column="sealed", row=event_id, key=key
    )


def open_again(event: DisputeEvent, dispute: Dispute, runtime: Runtime) -> Claim | None:
    """What was said by a step that joined; None of any other step, and where it was erased."""
    if event.step != "joined" or event.sealed is None:
        return None
    kept = orjson.loads(_opened(event, event.sealed, dispute, runtime))
    return Claim(kept["reason"], None, kept["own"], tuple(kept["evidence"]))


def seal_words(words: str, event_id: str, runtime: Runtime, key: SubjectKey | None) -> bytes:
    """The words of a step as they are kept."""
    return runtime.sealer.seal(words.encode(), table="dispute_event", column="sealed", row=event_id, key=key)


def open_words(event: DisputeEvent, dispute: Dispute, runtime: Runtime) -> str | None:
    """The words of a step of that dispute; None where there are none, or they were erased."""
    if event.sealed is None:
        return None
    again = open_again(event, dispute, runtime)
    return _opened(event, event.sealed, dispute, runtime).decode() if again is None else again.reason


def _opened(event: DisputeEvent, sealed: bytes, dispute: Dispute, runtime: Runtime) -> bytes:
    key = key_of(dispute, runtime)
    return runtime.sealer.open(sealed, table="dispute_event", column="sealed", row=event.id, key=key)


def last_words(events: Sequence[DisputeEvent], dispute: Dispute, runtime: Runtime) -> str | None:
    """What whoever closed the dispute said; None while it is open."""
    closing = [each for each in events if each.step == dispute.state.value]
    return open_words(closing[-1], dispute, runtime) if closing and dispute.closed_at is not None else None


def key_of(dispute: Dispute, runtime: Runtime) -> SubjectKey | None:
    """The key of the dispute's subject; None where the root's has to do."""
    return runtime.keys.open(dispute.wrapped_key, dispute.subject_ref)
