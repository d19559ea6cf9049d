"""The way of one request: the story of the product, from a form and its subjects to an answer with provenance.

This module alone may import `policies.decide` and `connectors.gather`: there is one door out, and both gates stand
in it. Nothing is pulled before its intent is durable; nothing leaves before its outcome is.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from connectors.gather import Gatherer
from connectors.protocol import Reply
from field_registry import Ask, Missing, OutcomeCode, Subject
from gateway.resolution.asking import MOST_OTHERS, Replies
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.resolution.gates import Released, note_intent, note_release
from gateway.resolution.identify import identify
from gateway.resolution.measure import measure
from gateway.resolution.plan import Plan, make_plan
from gateway.resolution.recalling import recall
from gateway.resolution.settle import settle
from gateway.runtime import Runtime
from policies import Consent, Decision, Request
from policies.decide import decide
from policies.rejudge import are_allowed

SourcePool = Gatherer
"""What `pull` asks; the composition root opens one per registry version, without importing `gather` itself."""


async def resolve(command: ResolveCommand, runtime: Runtime) -> Released:
    """The form, filled as far as grounds and sources allow, with one outcome for every field.

    Raises `NotFound` for an unknown form or version and `StoreUnavailable` when an entry cannot be made durable;
    then nothing was released. Whatever a source does stays with its own fields.
    """
    begun, now = time.perf_counter(), runtime.clock()
    deadline = asyncio.get_running_loop().time() + command.patience_seconds

    form = await runtime.library.form(command.form_id, command.version)
    compiled = runtime.library.compiled(form, compile_form)
    plan = make_plan(compiled, command)
    who = identify(plan, command, now, runtime)
    judge = partial(decide, rules=compiled.rules, tier_of=compiled.tiers, scopes=compiled.scopes)
    passage, decisions = await note_intent(plan, who, judge, runtime)
    if command.again is not None:
        passage = await recall(passage, runtime)
    # What sources said goes once it is settled: nobody needs it while the commit is waited for.
    settled = settle(
        passage.plan, decisions, await pull(passage.plan, decisions, deadline, now, runtime), now
    )
    released = await note_release(passage, settled, runtime)

    measure(released.settled, time.perf_counter() - begun, runtime.telemetry)
    return released


def could_release(
    compiled: CompiledForm, asks: Sequence[Ask], consents: Mapping[str, Consent], request: Request
) -> tuple[bool, ...]:
    """Whether each of these would be released, were it asked for: what a report says was missed. Nothing is."""
    decisions = decide(asks, consents, request, compiled.rules, compiled.tiers, scopes=compiled.scopes)
    return tuple(decision.allowed for decision in decisions)


async def pull(
    plan: Plan, decisions: tuple[Decision, ...], deadline: float, now: datetime, runtime: Runtime
) -> Replies:
    """Step 7: one call per (source, subject) for what was allowed; a reply for every such ask."""
    asks: dict[tuple[str, Subject], tuple[Ask, ...]] = {}
    places: list[tuple[int, ...]] = []  # of those asks, in their order
    whole, calls = are_allowed(decisions), plan.asking.calls  # mostly: then no ask is looked at by itself
    for call in calls:
        at, wanted = call.places, call.asks
        if not whole:
            at = tuple(place for place in at if decisions[place].allowed)
            wanted = tuple(plan.asks[place] for place in at)
        if not at:
            continue
        key = call.source, call.under or plan.subjects[call.role]
        before = asks.setdefault(key, wanted)
        if before is wanted:
            places.append(at)
        else:  # two roles are the same person: what both want of a source goes out as one call
            number = list(asks).index(key)
            asks[key], places[number] = (*before, *wanted), (*places[number], *at)
    said = await runtime.sources.gather(asks, deadline, now) if asks else {}
    if whole and len(said) == len(calls) and not plan.documents:  # mostly: every call went out as it is
        return list(said.values())
    replies: dict[int, Reply] = {}
    for at, of in zip(places, said.values(), strict=True):
        replies.update(zip(at, of, strict=True))
    if plan.documents:
        for number in range(MOST_OTHERS):
            replies |= await _pull_by_another(plan, replies, number, deadline, now, runtime)
    return [[replies.get(place) for place in call.places] for call in calls]


async def _pull_by_another(
    plan: Plan, replies: Mapping[int, Reply], number: int, deadline: float, now: datetime, runtime: Runtime
) -> dict[int, Reply]:
    """What sources that knew nobody by any document before say to the next one of the same subject, if it has any.

    A register that takes two kinds of document has filed its holder under the one they came with.
    """
    together: dict[tuple[str, Subject], list[int]] = {}
    for call in plan.asking.calls:
        asked = [place for place in call.places if place in replies]
        if number < len(call.others) and asked and all(_is_not_found(replies[place]) for place in asked):
            together.setdefault((call.source, call.others[number]), []).extend(asked)
    if not together:
        return {}
    asks = {key: [plan.asks[place] for place in places] for key, places in together.items()}
    said = await runtime.sources.gather(asks, deadline, now)
    return {
        place: reply
        for key, places in together.items()
        for place, reply in zip(places, said[key], strict=True)
    }


def _is_not_found(reply: Reply) -> bool:
    return isinstance(reply, Missing) and reply.reason is OutcomeCode.not_found
