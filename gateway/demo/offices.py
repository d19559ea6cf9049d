"""What the city's offices do when the day is over: answer disputes, count, and let end what has ended."""

from random import Random

from gateway.consents.expiry import expire_consents
from gateway.demo.arrivals import load_traffic
from gateway.disputes.clockwork import push_disputes
from gateway.disputes.steps import take_step
from gateway.records import Caller, CallerRole, Dispute, DisputeState
from gateway.reports.folding import fold_waiting
from gateway.resolution.drafts import purge_drafts
from gateway.runtime import Runtime

_SAID = {
    "correct": "经核实，登记有误，已更正。",
    "uphold": "经核实，登记与原始凭证一致，维持原值。",
}
_AT_ONCE = 200


async def answer_disputes(runtime: Runtime, *, seed: int) -> int:
    """Answer what is open, as the city's departments do: most within days, some not at all; how many were answered."""
    await push_disputes(runtime)
    waiting = await runtime.store.disputes.listing(
        department=None, states={DisputeState.open}, due_before=None, after="", limit=_AT_ONCE
    )
    steps = [(dispute, _decision(dispute, seed, runtime)) for dispute in waiting]
    for dispute, how in steps:
        if how is not None:
            office = Caller("demo-office", dispute.department, frozenset({CallerRole.data_admin.value}))
            await take_step(dispute.id, how, office, runtime, reason=_SAID[how])
    return sum(how is not None for _, how in steps)


async def close_month(runtime: Runtime) -> None:
    """Expire and purge what is over, and count what waits."""
    await expire_consents(runtime)
    await purge_drafts(runtime)
    await fold_waiting(runtime)


def _decision(dispute: Dispute, seed: int, runtime: Runtime) -> str | None:
    """What becomes of it today. It follows from what is disputed and when, for its id is another in every run."""
    shares, random = load_traffic()["shares"], Random(f"{seed} {dispute.item} {dispute.opened_at:%Y-%m-%d}")
    days = (runtime.clock() - dispute.opened_at).days
    is_forgotten = random.random() < shares["forgets_disputes"]
    if is_forgotten or days < random.randint(1, 4):
        return None
    return "correct" if random.random() < shares["finds_disputes_right"] else "uphold"
