"""Combining: checked for whose it is, read, ranked; the same whatever the order in which sources answered."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from msgspec import structs

from connectors.protocol import Found, Record, Reply
from field_registry import Missing, OutcomeCode, Provenance, Tier, Value
from field_registry.errors import NotNormal
from forms.definition import Field
from gateway.resolution.combine import Combined, combine, read
from policies import ReasonCode

NAME = Field("name", "姓名", item="person.name")
PHONE = Field("phone", "电话", item="person.phone")
SEX = Field("sex", "性别", item="person.sex")
CIVIL, LICENCE, PROFILE = ("civil", "person.name"), ("licence", "person.name"), ("profile", "person.name")


def combined(bench: Any, fields: tuple[Field, ...], said: Mapping[Any, Reply], **decide: Any) -> Combined:
    """What comes of these fields once sources have said that."""
    plan = bench.plan(bench.form(*fields))
    return combine(plan, read(plan, bench.decisions(plan, **decide), bench.replies(plan, said), bench.now))


def the_one(answers: Combined) -> object:
    """The value, or the reason, of the only item there is."""
    (answer,) = answers.found.values()
    return answer.value if isinstance(answer, Value) else answer.reason


def test_a_value_says_where_it_comes_from(bench: Any) -> None:
    """A value is normal and carries source, tier, day of record and moment of asking."""
    answers = combined(bench, (SEX,), {"person.sex": bench.found("男", recorded_at="20260131")})

    provenance = Provenance("civil", Tier.A, date(2026, 1, 31), bench.now)
    assert answers.found == {("applicant", "person.sex"): Value("1", provenance)}
    assert answers.alarms == ()


@pytest.mark.parametrize(
    "echo", [None, "35058219910603996X", "35058219910603996x", "３５０５８２１９９１０６０３９９６Ｘ"]
)
def test_an_answer_about_the_asked_subject_is_used(bench: Any, echo: str | None) -> None:
    """An echo in any spelling of the asked identifier, or none, is no reason to refuse."""
    answers = combined(bench, (SEX,), {"person.sex": bench.found("1", echo=echo)})

    assert the_one(answers) == "1"
    assert answers.alarms == ()


@pytest.mark.parametrize("echo", ["110102199101010078", "", "350582********996X1", "nonsense"])
def test_an_answer_about_somebody_else_is_never_used(bench: Any, echo: str) -> None:
    """Another subject's record is `wrong_subject` for every item in it, and one alarm."""
    said = {"person.sex": bench.found("1", echo=echo), "person.name": bench.found("张三")}
    answers = combined(bench, (SEX, NAME), said)

    assert answers.found["applicant", "person.sex"] == Missing(OutcomeCode.wrong_subject)
    assert answers.alarms == ("civil",)


@pytest.mark.parametrize("echo", [35058219910603996, b"35058219910603996X", ["35058219910603996X"], {}, 1.5])
def test_an_echo_that_is_no_text_names_nobody(bench: Any, echo: object) -> None:
    """A connector that hands on what is no identifier costs its own fields, never the request."""
    answers = combined(bench, (SEX,), {"person.sex": bench.found("1", echo=echo)})

    assert the_one(answers) is OutcomeCode.wrong_subject


def test_a_connector_may_notice_itself(bench: Any) -> None:
    """A source that says it found somebody else raises the same alarm; alarms stand once, by id."""
    wrong = Missing(OutcomeCode.wrong_subject)
    said = {LICENCE: wrong, CIVIL: bench.found("李四", echo="110102199101010078"), PROFILE: wrong}
    answers = combined(bench, (NAME,), said)

    assert the_one(answers) is OutcomeCode.wrong_subject
    assert answers.alarms == ("civil", "licence", "profile")


def test_a_wrong_record_makes_way_for_a_right_one(bench: Any) -> None:
    """The next source may answer where the first named somebody else; the alarm stays."""
    said = {
        CIVIL: bench.found("李四", echo="110102199101010078"),
        LICENCE: bench.found("张三"),
        PROFILE: bench.found("张五"),
    }
    answers = combined(bench, (NAME,), said)

    assert the_one(answers) == "张三"
    assert answers.alarms == ("civil",)


@pytest.mark.parametrize("raw", [None, "", "  ", "-", "NULL", [], {}])
def test_nothing_is_empty_at_source(bench: Any, raw: object) -> None:
    """A blank is no value."""
    assert the_one(combined(bench, (SEX,), {"person.sex": bench.found(raw)})) is OutcomeCode.empty_at_source


@pytest.mark.parametrize("raw", ["3", 1.5, {"a": 1}, ["1"], True, b"1", float("nan"), "\ud800", object()])
def test_what_cannot_be_read_is_invalid(bench: Any, raw: object) -> None:
    """A value that is not one of the item is not used, whatever its type."""
    assert the_one(combined(bench, (SEX,), {"person.sex": bench.found(raw)})) is OutcomeCode.invalid_value


@pytest.mark.parametrize(
    "recorded_at", [None, "", "yesterday", "0000-00-00", [], {"a": 1}, object(), 1.5, True]
)
def test_a_day_of_record_that_cannot_be_read_is_unknown(bench: Any, recorded_at: object) -> None:
    """The value counts all the same."""
    answers = combined(bench, (SEX,), {"person.sex": bench.found("1", recorded_at=recorded_at)})
    (value,) = answers.found.values()

    assert isinstance(value, Value)
    assert value.provenance.recorded_at is None


def test_an_ask_without_reply_is_a_source_error(bench: Any) -> None:
    """What was allowed and never answered says so."""
    assert the_one(combined(bench, (SEX,), {})) is OutcomeCode.source_error


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (ReasonCode.no_rule, OutcomeCode.no_ground),
        (ReasonCode.consent_withdrawn, OutcomeCode.no_ground),
        (ReasonCode.item_refused, OutcomeCode.refused_by_person),
        (ReasonCode.consent_refused, OutcomeCode.refused_by_person),
    ],
)
def test_a_refusal_stands_whatever_the_source_said(
    bench: Any, reason: ReasonCode, outcome: OutcomeCode
) -> None:
    """A refused ask gives its reason even if a reply lies there; the reply is not read."""
    answers = combined(bench, (SEX,), {"person.sex": bench.found("1")}, refused={"person.sex": reason})

    assert answers.found == {("applicant", "person.sex"): Missing(outcome, reason)}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ({CIVIL: "甲", LICENCE: "乙", PROFILE: "丙"}, "甲"),
        ({LICENCE: "乙", PROFILE: "丙"}, "乙"),
        ({PROFILE: "丙"}, "丙"),
    ],
)
def test_the_most_trusted_value_counts(bench: Any, said: dict[Any, str], value: str) -> None:
    """A lower tier fills in for a higher one that has nothing, and never replaces what it has."""
    replies = {
        key: bench.found(said[key]) if key in said else Missing(OutcomeCode.not_found)
        for key in (CIVIL, LICENCE, PROFILE)
    }

    assert the_one(combined(bench, (NAME,), replies)) == value


def test_a_tier_outranks_a_rank(bench: Any) -> None:
    """A register of a lower rank goes before a profile of the first."""
    plan = bench.plan(bench.form(NAME))
    rank = {"civil": 3, "licence": 2, "profile": 1}
    asks = tuple(
        replace(ask, binding=replace(ask.binding, rank=rank[ask.binding.source])) for ask in plan.asks
    )
    upside_down = structs.replace(plan, asking=replace(plan.asking, asks=asks))
    said = {CIVIL: bench.found("甲"), LICENCE: bench.found("乙"), PROFILE: bench.found("丙")}
    replies = bench.replies(upside_down, said)

    answers = combine(upside_down, read(upside_down, bench.decisions(upside_down), replies, bench.now))

    assert the_one(answers) == "甲"


def test_the_first_source_explains_why_there_is_nothing(bench: Any) -> None:
    """Where no source has a value, the reason is that of the most trusted one."""
    replies = {
        CIVIL: Missing(OutcomeCode.timeout),
        LICENCE: Missing(OutcomeCode.not_found),
        PROFILE: Missing(OutcomeCode.source_error),
    }

    assert the_one(combined(bench, (NAME,), replies)) is OutcomeCode.timeout


def phones(bench: Any, civil: str, licence: str, profile: str) -> dict[Any, Reply]:
    """What three sources say of an item whose registers are compared."""
    said = {"civil": civil, "licence": licence, "profile": profile}
    return {(source, "person.phone"): bench.found(raw) for source, raw in said.items()}


def test_registers_that_differ_are_a_conflict(bench: Any) -> None:
    """Where the item says to compare, neither of two different registers wins."""
    said = phones(bench, "13800138000", "13900139000", "13800138000")

    assert the_one(combined(bench, (PHONE,), said)) is OutcomeCode.conflict


def test_spellings_are_no_conflict(bench: Any) -> None:
    """What is compared is the normal value."""
    said = phones(bench, "13800138000", "+86 138-0013-8000", "13800138000")

    assert the_one(combined(bench, (PHONE,), said)) == "13800138000"


def test_a_profile_contradicts_no_register(bench: Any) -> None:
    """Only registers are compared: a profile that differs changes nothing."""
    said = phones(bench, "13800138000", "13800138000", "13900139000")

    assert the_one(combined(bench, (PHONE,), said)) == "13800138000"


def test_a_register_without_value_contradicts_nobody(bench: Any) -> None:
    """A reason is not a different value."""
    said = phones(bench, "13800138000", "", "13900139000")

    assert the_one(combined(bench, (PHONE,), said)) == "13800138000"


def test_registers_are_not_compared_unless_the_item_says_so(bench: Any) -> None:
    """By default the first rank wins."""
    said = {CIVIL: bench.found("甲"), LICENCE: bench.found("乙"), PROFILE: bench.found("丙")}

    assert the_one(combined(bench, (NAME,), said)) == "甲"


def test_the_order_of_calls_changes_nothing(bench: Any) -> None:
    """Whichever source is asked first, the answer is the same."""
    plan = bench.plan(bench.form(NAME, PHONE, SEX))
    said: dict[Any, Reply] = {
        CIVIL: bench.found("李四", echo="110102199101010078"),
        LICENCE: bench.found("张三"),
        PROFILE: Missing(OutcomeCode.wrong_subject),
        "person.sex": bench.found("?"),
        **phones(bench, "13800138000", "13900139000", "13700137000"),
    }
    replies = bench.replies(plan, said)
    decisions = bench.decisions(plan)

    seen = []
    for order in permutations(zip(plan.asking.calls, replies, strict=True)):
        asking = replace(plan.asking, calls=tuple(call for call, _ in order))
        ordered = structs.replace(plan, asking=asking)
        seen.append(combine(ordered, read(ordered, decisions, [said for _, said in order], bench.now)))

    assert all(each.found == seen[0].found and each.chosen == seen[0].chosen for each in seen)
    assert {each.alarms for each in seen} == {("civil", "profile")}


def test_one_record_is_judged_once_per_source(bench: Any) -> None:
    """A record that two sources share is tiered for each of them."""
    record = Record(None, "2026-11-01")
    said = {
        CIVIL: Missing(OutcomeCode.not_found),
        PROFILE: Found("丙", record),
        "person.sex": Found("1", record),
    }
    answers = combined(bench, (NAME, SEX), said)

    tiers = {
        item: value.provenance.tier for (_, item), value in answers.found.items() if isinstance(value, Value)
    }
    assert tiers == {"person.name": Tier.C, "person.sex": Tier.A}


def test_items_that_could_not_be_asked_keep_their_reason(bench: Any) -> None:
    """What the plan knows already stands beside what was asked."""
    spouse = Field("spouse.name", "配偶", "spouse", "person.name")
    answers = combined(bench, (SEX, spouse), {"person.sex": bench.found("1")})

    assert answers.found["spouse", "person.name"] == Missing(OutcomeCode.identity_unbound, "no_subject")
    assert ("spouse", "person.name") not in answers.chosen


def test_a_reader_may_refuse(bench: Any) -> None:
    """What a reader says is not normal is `invalid_value`, and its text stays with it."""
    plan = bench.plan(bench.form(SEX))

    def refuse(raw: object) -> object:
        raise NotNormal(f"{raw}")

    (call,) = plan.asking.calls
    plan = structs.replace(plan, asking=replace(plan.asking, calls=(replace(call, readers=(refuse,)),)))
    replies = bench.replies(plan, {"person.sex": bench.found("secret")})

    assert combine(plan, read(plan, bench.decisions(plan), replies, bench.now)).found == {
        ("applicant", "person.sex"): Missing(OutcomeCode.invalid_value)
    }


@pytest.mark.parametrize("nothing", [[], None, ""])
def test_a_list_without_rows_is_empty(bench: Any, nothing: object) -> None:
    """A register that knows of no rows has no value, so the next source's rows are used."""
    plan = bench.plan(bench.family_form())
    rows = [{"child.name": "小明"}]

    def found(profile: Reply) -> object:
        said = {("civil", "person.children"): bench.found(nothing), ("profile", "person.children"): profile}
        replies = bench.replies(plan, said)
        return the_one(combine(plan, read(plan, bench.decisions(plan), replies, bench.now)))

    assert found(bench.found(rows)) == rows
    assert found(bench.found([])) is OutcomeCode.empty_at_source
