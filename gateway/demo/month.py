"""A month in the city: people come, agree or refuse, are filled for, hand in or walk away, while registers fail.

Everything passes through the use cases that serve real callers, so that the log, the grounds and the slots are what
they would be. Only the clock is moved; the registers are asked over real connections.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import orjson

from forms.definition import Form
from gateway.app import make_sequencer, open_sources, utc_now
from gateway.consents import record_consent
from gateway.consents.moves import move_consent
from gateway.demo.applicants import Applicant, Townspeople
from gateway.demo.arrivals import CHINA, Moment, Outage, arrivals, is_after_hours, outages
from gateway.demo.city import RunningCity
from gateway.demo.clock import MovedClock
from gateway.demo.habits import Habits, Plan
from gateway.demo.house import HALL
from gateway.demo.offices import answer_disputes, close_month
from gateway.demo.story import PATIENCE_SECONDS, consent_command, consent_items
from gateway.errors import Conflict, GatewayError
from gateway.records import Caller, CallerRole
from gateway.reports.baselines import freeze_baseline
from gateway.reports.health import HealthFlush
from gateway.resolution.commands import ResolveCommand
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.resolution.pipeline import resolve
from gateway.runtime import Runtime
from gateway.submissions.commands import Claim, SubmitCommand
from gateway.submissions.service import Answer, submit

_ROLES = frozenset({CallerRole.renderer.value, CallerRole.consent_desk.value})
_AT_A_FORM = timedelta(minutes=9)
_TO_HAND_IN = timedelta(minutes=3)

Progress = Callable[[int], None]


@dataclass(slots=True)
class Lived:
    """What came of a month, in applications; `answered`: disputes, `kept`: values for next time.

    `first`: its first day. `refused`: problem code → how often handing in was refused.
    """

    first: date
    applications: int = 0
    abandoned: int = 0
    tests: int = 0
    disputed: int = 0
    answered: int = 0
    kept: int = 0
    submitted: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Coming:
    """Somebody at a counter: whose counter it is, what they will do, and the case it is about."""

    applicant: Applicant
    caller: Caller
    plan: Plan
    case: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """A form that was filled for somebody who is about to hand it in. `consents`: those that stand."""

    coming: _Coming
    consents: tuple[str, ...]
    answer: Mapping[str, Any] = field(repr=False)


class Month:
    """One month of one city, lived by that seed."""

    def __init__(
        self, city: RunningCity, runtime: Runtime, clock: MovedClock, *, first: date, seed: int
    ) -> None:
        """`clock`: that of `runtime`. `first`: the first day of the month."""
        self._city, self._runtime, self._clock, self._first = city, runtime, clock, first
        self._seed, self._random, self._health = seed, Random(seed), HealthFlush(runtime)
        self._habits = Habits(city.city, runtime.library.published.registry)
        self._outages, self._failing = outages(first), frozenset[Outage]()
        self.lived = Lived(first)

    async def live(self, applications: int, progress: Progress = lambda done: None) -> Lived:
        """So many people come; at the end every register is well again."""
        published = self._runtime.library.published
        forms = [await self._runtime.library.form(name, None) for name in sorted(published.forms)]
        people = Townspeople(self._city.city, forms, self._random)
        await self._open_sources()
        await self._freeze_baselines(forms)
        for moment in arrivals(self._first, applications, self._random):
            comers = [people.next(after_hours=is_after_hours(moment)) for _ in range(moment.people)]
            await self._serve(moment, comers)
            progress(self.lived.applications)
        await self._fail(frozenset())
        await close_month(self._runtime)
        await make_sequencer(self._runtime).run()
        return self.lived

    async def _serve(self, moment: Moment, comers: Sequence[Applicant]) -> None:
        """Everybody of one moment: filled for together, handed in together."""
        is_new_day = moment.local.date() != self._clock().astimezone(CHINA).date()
        self._clock.move(moment.at)
        if is_new_day:
            self.lived.answered += await answer_disputes(self._runtime, seed=self._seed)
        await self._fail(frozenset(each for each in self._outages if each.covers(moment)))
        begun = await asyncio.gather(*(self._begin(applicant) for applicant in comers))
        self.lived.applications += len(begun)
        self._clock.move(moment.at + _AT_A_FORM)
        staying = [each for each in begun if not each.coming.plan.abandons]
        self.lived.abandoned += len(begun) - len(staying)
        await asyncio.gather(*(self._withdraw(each) for each in staying if each.coming.plan.withdraws))
        self._clock.move(moment.at + _AT_A_FORM + _TO_HAND_IN)
        await asyncio.gather(*(self._finish(each) for each in staying))
        await self._health.flush()

    async def _begin(self, applicant: Applicant) -> _Begun:
        runtime, form = self._runtime, applicant.form
        compiled = runtime.library.compiled(form, compile_form)
        items = {role: wanted for role in applicant.cast if (wanted := consent_items(compiled, role))}
        plan = self._habits.plan(applicant, [item for each in items.values() for item in each])
        case = f"demo-{form.matter}-{applicant.habits.randint(1, 999_999):06d}"
        coming = _Coming(applicant, _caller(applicant), plan, case)
        agreeing = (self._agree(compiled, role, items[role], coming) for role in items)
        agreed = dict(await asyncio.gather(*agreeing))
        command = ResolveCommand(
            form_id=form.id,
            version=form.version,
            caller=coming.caller,
            actor=applicant.actor,
            patience_seconds=PATIENCE_SECONDS,
            subjects=applicant.cast,
            consents=tuple(agreed),
            answers=plan.answers,
            case=case,
        )
        answer = orjson.loads((await resolve(command, runtime)).body)
        given = tuple(consent for consent, state in agreed.items() if state == "given")
        return _Begun(coming, given, answer)

    async def _agree(
        self, compiled: CompiledForm, role: str, items: Sequence[str], coming: _Coming
    ) -> tuple[str, str]:
        """The id of what that party agreed to, and what they did not; and how it stands."""
        plan, department = coming.plan, coming.caller.department
        command = consent_command(compiled, role, coming.applicant.cast[role], items, self._runtime.clock())
        command = replace(
            command,
            items={item: not plan.refuses_all and item not in plan.refuses for item in items},
            recipients=(department,),
            case=coming.case,
        )
        recorded = await record_consent(command, coming.caller, self._runtime)
        return recorded["id"], recorded["state"]

    async def _withdraw(self, begun: _Begun) -> None:
        for consent_id in begun.consents[:1]:
            await move_consent(
                consent_id, "withdraw", begun.coming.caller, self._runtime, actor_kind="applicant"
            )

    async def _finish(self, begun: _Begun) -> None:
        """Hand in; whoever has withdrawn a consent meanwhile states its values themself."""
        handed = self._habits.hand_in(begun.coming.applicant, begun.coming.plan, begun.answer["fields"])
        command = SubmitCommand(
            values=handed.values,
            disputes={
                path: Claim(each["reason"], tuple(each["evidence"])) for path, each in handed.disputes.items()
            },
            keep=frozenset(handed.keep),
            is_test=begun.coming.plan.is_test,
            actor=begun.coming.applicant.actor,
        )
        try:
            taken = await self._hand_in(begun, command)
        except GatewayError as refusal:
            self.lived.refused[refusal.code] = self.lived.refused.get(refusal.code, 0) + 1
            return
        self.lived.submitted += 1
        self.lived.tests += begun.coming.plan.is_test
        self.lived.disputed += bool(taken["disputes"])
        self.lived.kept += len(taken["kept"])

    async def _hand_in(self, begun: _Begun, command: SubmitCommand) -> Answer:
        resolution_id = begun.answer["id"]
        try:
            return await submit(resolution_id, command, begun.coming.caller, self._runtime)
        except Conflict as refusal:
            if refusal.code != "consent_ended":
                raise
            pointers = (each["pointer"].removeprefix("/values/") for each in refusal.errors)
            paths = frozenset(pointer.replace("/", ".") for pointer in pointers)
            owned = replace(command, own_word=paths)
            return await submit(resolution_id, owned, begun.coming.caller, self._runtime)

    async def _freeze_baselines(self, forms: Sequence[Form]) -> None:
        """The forms as they were on paper: every field was typed."""
        for form in forms:
            slots = sum(each.may_be_eligible for each in form.fields)
            await freeze_baseline(form.id, "paper", self._first, slots, self._runtime, caller="demo")

    async def _fail(self, failing: frozenset[Outage]) -> None:
        """Let exactly these registers fail. One that is well again is asked at once, as after a night's rest."""
        for outage in self._failing - failing:
            await asyncio.to_thread(self._city.fault, outage.source, "none")
        for outage in failing - self._failing:
            await asyncio.to_thread(self._city.fault, outage.source, outage.fault)
        if self._failing - failing:
            await self._open_sources()
        self._failing = failing

    async def _open_sources(self) -> None:
        """New connections with the wall clock: the registers live in the present and check when a call was signed."""
        runtime = self._runtime
        old = runtime.sources
        runtime.sources = open_sources(runtime.library.published.registry, replace(runtime, clock=utc_now))
        await old.close()


def _caller(applicant: Applicant) -> Caller:
    """Whose counter it is: two in three go to the department itself, the rest to the hall that serves for all."""
    if applicant.habits.random() < 1 / 3:
        return Caller("demo-hall", HALL, _ROLES)
    office = applicant.form.matter.partition("-")[0].lower()
    return Caller(f"demo-office-{office}", applicant.form.department, _ROLES)
