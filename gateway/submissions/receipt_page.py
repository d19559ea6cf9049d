"""What anybody who holds a receipt's number may see of it: that it is genuine, and what it is about. Never a value.

Told from the log alone. A digest off a paper is compared with those that were logged when papers were handed out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.audit.reading import proof_of
from gateway.runtime import Runtime
from gateway.submissions.receipt_claims import SHORT_DIGEST, Story, number_of, record_of
from gateway.submissions.receipts import Told, find_receipt, policy_at

_HEX = re.compile(rf"[0-9a-f]{{{SHORT_DIGEST},64}}")
_NOISE = re.compile(r"sha-?256|[\s:：-]+")


@dataclass(frozen=True, slots=True)
class Handed:
    """A paper that was handed out under that digest. `kind`: "receipt.issued" or "form.printed"."""

    kind: str
    at: str
    stage: str


@dataclass(frozen=True, slots=True, eq=False)
class PublicReceipt:
    """A receipt as the public sees it.

    `record`: without digests of values. `places`: entry → its place in the log; None while it waits for one. `asked`:
    whether a digest was given; `handed`: the papers that bear it, none when nothing was handed out under it.
    """

    number: str | None
    record: Mapping[str, Any]
    places: Mapping[str, int | None]
    asked: bool
    handed: Sequence[Handed]


async def public_receipt(
    number: str, digest: str, runtime: Runtime, *, log_keys: Sequence[str]
) -> PublicReceipt:
    """The receipt of that number. `digest`: off the paper, or the part of it in its code; "" without one.

    Raises `NotFound` for a number that leads to nothing, whatever the reason.
    """
    told = await find_receipt(number, runtime)
    log = runtime.store.log_for_readers
    proofs = {entry.id: await proof_of(entry.id, log, log_keys) for entry in told.entries}
    places = {entry: None if proof is None else proof.index for entry, proof in proofs.items()}
    place, receipt = places[told.outcome.id], told.leaf["receipt"]
    short = None if place is None else number_of(receipt, place)
    wanted = _NOISE.sub("", digest.lower())
    return PublicReceipt(
        number=short,
        record=record_of(await _story(told, runtime), number=short or receipt, salt=lambda _: ""),
        places=places,
        asked=bool(wanted),
        handed=_handed(told, wanted) if _HEX.fullmatch(wanted) else (),
    )


async def _story(told: Told, runtime: Runtime) -> Story:
    """What the log alone tells: the answer is not opened for anybody who holds a paper."""
    outcome = told.leaf
    return Story(
        form=await runtime.library.form(*outcome["form"]),
        registry=runtime.library.published.registry,
        intent=orjson.loads(told.intent.leaf),
        outcome=outcome,
        submission=None if told.handed_in is None else orjson.loads(told.handed_in.leaf),
        policy=await policy_at(outcome["policy"], runtime),
    )


def _handed(told: Told, wanted: str) -> list[Handed]:
    return [
        Handed(leaf["kind"], leaf["at"], leaf["stage"])
        for leaf in told.issued
        if leaf["digest"].startswith(wanted)
    ]
