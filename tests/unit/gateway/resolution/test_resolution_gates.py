"""The gates: consents re-read where the entry is written; what no longer stands is not pulled, or not released."""

from dataclasses import replace
from itertools import product
from typing import Any

import orjson
import pytest

from field_registry import OutcomeCode
from forms.definition import Field
from gateway.audit.entries import open_private
from gateway.records import EntryKind
from gateway.resolution.drafts import open_answer
from gateway.runtime import Runtime
from policies import ConsentState, Decision, Ground, GroundKind, ReasonCode

NAME = Field("name", "姓名", item="person.name")
SEX = Field("sex", "性别", item="person.sex")
SPOUSE = Field("spouse.sex", "配偶性别", "spouse", "person.sex")
BY_SPOUSE = Ground(GroundKind.consent, "cns_b")


@pytest.fixture
def couple(bench: Any) -> Any:
    """A plan about Ann and Bob."""
    return bench.plan(bench.form(SEX, SPOUSE), subjects={"applicant": bench.ann, "spouse": bench.bob})


def leaf(ledger: Any) -> dict[str, Any]:
    """What the entry written last tells."""
    told: dict[str, Any] = orjson.loads(ledger.writes[-1].entry.leaf)
    return told


def replied(bench: Any, plan: Any) -> Any:
    """Everybody's sex."""
    return bench.replies(plan, {"person.sex": bench.found("1")})


def fields_of(released: Any) -> dict[str, Any]:
    """The fields of the answer that left."""
    return dict(orjson.loads(released.body)["fields"])


# --- the first gate: before any pull


async def test_an_intent_says_what_will_be_asked_and_why(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """Role, item, source, rule and ground of each ask, with form, purpose, versions, recipient and actor's kind."""
    plan = bench.plan(bench.form(SEX))

    await bench.intent(plan, bench.decisions(plan), runtime)

    entry = ledger.writes[-1].entry
    assert (entry.kind, entry.request, entry.caller) == (EntryKind.intent, "res_1", "hall")
    told = leaf(ledger)
    assert told["asks"] == [["applicant", "civil", ["person.sex"], True, "R-010", "consent:cns_a"]]
    assert {key: told[key] for key in ("form", "purpose", "registry", "policy", "department", "actor")} == {
        "form": ["test-form", 2],
        "purpose": "test.purpose",
        "registry": 3,
        "policy": 5,
        "department": "政务服务",
        "actor": "clerk",
    }
    assert told["subjects"] == {"applicant": "sub_1"}


async def test_asks_are_told_by_their_decision(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """Whether all rest on one, as mostly, or on several: each ask stands once, beside what was decided about it."""
    plan = bench.plan(bench.form(SEX, NAME, SPOUSE), subjects={"applicant": bench.ann, "spouse": bench.bob})
    duty = Decision(True, "R-1", ReasonCode.allowed, Ground(GroundKind.statutory_duty, "D-1", "law"))
    refused = Decision(False, "R-2", ReasonCode.item_refused)
    words = {id(duty): [True, "R-1", "statutory_duty:D-1"], id(refused): [False, "R-2", "item_refused"]}
    for decisions in product((duty, refused), repeat=len(plan.asks)):
        await bench.intent(plan, decisions, runtime)

        told = [
            [role, source, item, *rest]
            for role, source, items, *rest in leaf(ledger)["asks"]
            for item in items
        ]
        assert sorted(told) == sorted(
            [ask.role, ask.binding.source, ask.item.id, *words[id(decision)]]
            for ask, decision in zip(plan.asks, decisions, strict=True)
        )


async def test_entries_hold_nothing_personal(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """Neither identifiers, values, the clerk nor the case stand in clear; clerk and case are sealed beside."""
    plan = bench.plan(bench.form(NAME))
    passage, decisions = bench.passage(plan), bench.decisions(plan)
    await bench.intent(plan, decisions, runtime)
    await bench.release(
        passage, decisions, bench.replies(plan, {"person.name": bench.found("张三")}), runtime
    )

    for write in ledger.writes:
        text = write.entry.leaf.decode()
        assert not any(each in text for each in (bench.ann["id_no"], "张三", "clerk-17", "case-9"))
        assert open_private(write.entry, runtime.sealer) == {"actor": "clerk-17", "case": "case-9"}


async def test_refusals_are_in_the_intent_too(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """What was not allowed is told with its reason, and the entry is written even if nothing is left to ask."""
    plan = bench.plan(bench.form(SEX))
    decisions = bench.decisions(plan, refused={"person.sex": ReasonCode.no_consent})

    assert await bench.intent(plan, decisions, runtime) == decisions
    assert leaf(ledger)["asks"] == [["applicant", "civil", ["person.sex"], False, "R-090", "no_consent"]]
    assert (ledger.locks, ledger.writes[-1].use) == ([()], ())


async def test_one_use_is_taken_of_each_consent_in_play(
    bench: Any, ledger: Any, runtime: Runtime, couple: Any
) -> None:
    """Two asks on one consent take one use of it; a consent that only refused asks would have used gives none."""
    ledger.standings = {each: bench.standing(uses_left=2) for each in ("cns_a", "cns_b", "cns_c")}
    form = bench.form(NAME, SEX, SPOUSE)
    plan = bench.plan(form, subjects={"applicant": bench.ann, "spouse": bench.bob})
    decisions = bench.decisions(plan, grounds={"spouse": BY_SPOUSE}, refused={"profile": ReasonCode.no_rule})

    await bench.intent(plan, decisions, runtime)

    assert {each: standing.uses_left for each, standing in ledger.standings.items()} == {
        "cns_a": 1,
        "cns_b": 1,
        "cns_c": 2,
    }


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (ConsentState.withdrawn, ReasonCode.consent_withdrawn),
        (ConsentState.paused, ReasonCode.consent_paused),
        (ConsentState.invalidated, ReasonCode.consent_ended),
        (None, ReasonCode.consent_unknown),
    ],
)
async def test_a_consent_that_ended_meanwhile_is_not_used(
    bench: Any, ledger: Any, runtime: Runtime, state: ConsentState | None, reason: ReasonCode
) -> None:
    """Between deciding and the gate a consent may end: then nothing is pulled on it, and no use is taken."""
    ledger.standings = {} if state is None else {"cns_a": bench.standing(state, 2)}
    plan = bench.plan(bench.form(SEX))

    judged = await bench.intent(plan, bench.decisions(plan), runtime)

    assert judged == (Decision(False, "R-010", reason),)
    assert leaf(ledger)["asks"][0][3:] == [False, "R-010", reason.value]
    assert ledger.writes[-1].use == ()


async def test_a_used_up_consent_opens_nothing(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """Of a consent for one use the second request gets nothing."""
    ledger.standings = {"cns_a": bench.standing(uses_left=1)}
    plan = bench.plan(bench.form(SEX))
    decisions = bench.decisions(plan)

    first, second = [await bench.intent(plan, decisions, runtime) for _ in range(2)]

    assert [decision.allowed for decision in first] == [True]
    assert [decision.reason for decision in second] == [ReasonCode.consent_used_up]


async def test_a_duty_needs_no_consent(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """On a statutory ground no consent is read, none is used, and the answer rests on none."""
    ledger.standings = {}
    plan = bench.plan(bench.form(SEX))
    passage, decisions = bench.passage(plan), bench.decisions(plan, ground=bench.by_duty)

    judged = await bench.intent(plan, decisions, runtime)
    released = await bench.release(passage, judged, replied(bench, plan), runtime)

    assert ledger.locks == [(), ()]
    assert [write.use for write in ledger.writes] == [(), ()]
    assert fields_of(released)["sex"]["outcome"] == "filled"
    assert ledger.writes[-1].draft.consents == ()


# --- the second gate: before any release


async def test_the_answer_is_what_was_sealed(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """The draft holds the answer byte for byte, for as long as the settings say, and the consents it rests on."""
    plan = bench.plan(bench.form(SEX))
    released = await bench.release(bench.passage(plan), bench.decisions(plan), replied(bench, plan), runtime)
    draft = ledger.writes[-1].draft

    assert open_answer(draft.sealed, "res_1", runtime.sealer) == released.body
    assert (draft.id, draft.caller, draft.form, draft.form_version) == ("res_1", "hall", "test-form", 2)
    assert (draft.consents, draft.valid_until - draft.created_at) == (
        ("cns_a",),
        runtime.settings.resolution_valid_for,
    )


async def test_an_outcome_entry_tells_what_came_of_every_field(
    bench: Any, ledger: Any, runtime: Runtime, couple: Any
) -> None:
    """Every path stands under its outcome, and the answer names its entry and receipt."""
    decisions = bench.decisions(couple, grounds={"spouse": bench.by_duty})
    released = await bench.release(bench.passage(couple), decisions, replied(bench, couple), runtime)
    told, receipt = leaf(ledger), orjson.loads(released.body)["receipt"]

    assert ledger.writes[-1].entry.kind is EntryKind.outcome
    assert told["fields"] == {"filled": ["sex", "spouse.sex"]}
    assert (told["result"], told["refusals"], told["discarded"], told["alarms"]) == ("released", [], 0, [])
    assert (told["receipt"], ledger.writes[-1].entry.id) == (receipt["id"], receipt["entry"])


async def test_a_consent_withdrawn_between_the_gates_withholds_everything_of_it(
    bench: Any, ledger: Any, runtime: Runtime
) -> None:
    """Its values leave nowhere: not in the answer, not in the draft; the entry says that they were discarded."""
    plan = bench.plan(bench.form(NAME, replace(NAME, path="signed_by")))
    replies = bench.replies(plan, {"person.name": bench.found("张三")})
    passage = bench.passage(plan)
    judged = await bench.intent(plan, bench.decisions(plan), runtime)
    ledger.standings["cns_a"] = bench.standing(ConsentState.withdrawn)

    released = await bench.release(passage, judged, replies, runtime)
    write, told = ledger.writes[-1], leaf(ledger)
    draft = open_answer(write.draft.sealed, "res_1", runtime.sealer)

    assert released.body == draft
    assert "张三" not in released.body.decode()
    assert {field["outcome"] for field in fields_of(released).values()} == {"no_ground"}
    assert {field["reason"] for field in fields_of(released).values()} == {"consent_withdrawn"}
    assert (told["result"], told["discarded"]) == ("nothing_released", 3)
    assert told["refusals"] == ["consent_withdrawn"]
    assert write.draft.consents == ()


async def test_a_withdrawal_costs_only_what_rested_on_it(
    bench: Any, ledger: Any, runtime: Runtime, couple: Any
) -> None:
    """Of two persons' consents one ends meanwhile: the other's values are released, and the draft rests on hers alone."""
    ledger.standings["cns_b"] = bench.standing(ConsentState.withdrawn)
    decisions = bench.decisions(couple, grounds={"spouse": BY_SPOUSE})

    released = await bench.release(bench.passage(couple), decisions, replied(bench, couple), runtime)

    assert {path: field["outcome"] for path, field in fields_of(released).items()} == {
        "sex": "filled",
        "spouse.sex": "no_ground",
    }
    assert leaf(ledger)["fields"] == {"filled": ["sex"], "no_ground": ["spouse.sex"]}
    assert (leaf(ledger)["result"], leaf(ledger)["discarded"]) == ("released", 1)
    assert ledger.writes[-1].draft.consents == ("cns_a",)


async def test_the_use_taken_at_the_first_gate_opens_the_second(
    bench: Any, ledger: Any, runtime: Runtime
) -> None:
    """Taking the last use does not shut out the request that took it, and the second gate takes none."""
    ledger.standings = {"cns_a": bench.standing(uses_left=1)}
    plan = bench.plan(bench.form(SEX))
    passage = bench.passage(plan)

    judged = await bench.intent(plan, bench.decisions(plan), runtime)
    released = await bench.release(passage, judged, replied(bench, plan), runtime)

    assert fields_of(released)["sex"]["outcome"] == "filled"
    assert (ledger.writes[-1].use, ledger.standings["cns_a"].uses_left) == ((), 0)


async def test_nothing_is_settled_twice_without_need(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """When every ground still stands, the answer made before the gate is the one that leaves."""
    plan = bench.plan(bench.form(SEX))
    decisions = bench.decisions(plan)
    released = await bench.release(bench.passage(plan), decisions, replied(bench, plan), runtime)

    assert released.settled.decisions is decisions


async def test_an_alarm_is_in_the_entry(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """A source that answered about somebody else is named in the log, and its value is not shown."""
    plan = bench.plan(bench.form(SEX))
    replies = bench.replies(plan, {"person.sex": bench.found("1", echo=bench.bob["id_no"])})

    released = await bench.release(bench.passage(plan), bench.decisions(plan), replies, runtime)

    assert fields_of(released)["sex"]["outcome"] == OutcomeCode.wrong_subject
    assert leaf(ledger)["alarms"] == ["civil"]


async def test_an_alarm_outlives_the_consent(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """A consent that ends meanwhile hides the values, not the fact that the source named somebody else."""
    plan = bench.plan(bench.form(SEX))
    replies = bench.replies(plan, {"person.sex": bench.found("1", echo=bench.bob["id_no"])})
    ledger.standings["cns_a"] = bench.standing(ConsentState.withdrawn)

    released = await bench.release(bench.passage(plan), bench.decisions(plan), replies, runtime)

    assert fields_of(released)["sex"]["outcome"] == OutcomeCode.no_ground
    assert leaf(ledger)["alarms"] == ["civil"]
    assert released.settled.combined.alarms == ("civil",)
