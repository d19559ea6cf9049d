"""The answer: a value with everything that justifies it, or the reason it must be asked; never both."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from msgspec import structs

from field_registry import Missing, OutcomeCode
from field_registry.outcomes import OUTCOME_TEXTS
from forms.definition import Field
from gateway.resolution.commands import Delivery
from gateway.resolution.shape import describe_source, shape
from policies import Ground, GroundKind, ReasonCode
from policies.reasons import sentence_of

NAME = Field("name", "姓名", item="person.name")
SEX = Field("sex", "性别", item="person.sex")
INCOME = Field("income", "收入", item="person.income")
# Decisions do not come with these: one allows, the other is about a field that was never asked for.
UNSAID = (ReasonCode.allowed, ReasonCode.already_answered)
IDS = {"resolution": "res_1", "receipt": "rcp_1", "entry": "aud_1"}


def answer(bench: Any, fields: tuple[Field, ...], said: Any, *, decide: Any = None, **changes: Any) -> Any:
    """The answer, through JSON and back as a caller gets it."""
    given = {key: value for key, value in changes.items() if key in ("answers", "subjects")}
    settled = bench.settled(bench.form(*fields), said, decide=decide, **given)
    shaped = shape(settled, bench.command(**changes), ids=IDS, valid_until=bench.now + timedelta(minutes=30))
    return orjson.loads(orjson.dumps(shaped))


def test_a_value_comes_with_its_whole_justification(bench: Any) -> None:
    """Value, display, tier, source, days, ground and rule."""
    told = answer(bench, (INCOME,), {"person.income": bench.found("1.5万元")})

    assert told["fields"]["income"] == {
        "outcome": "filled",
        "value": "15000.00",
        "display": "15,000.00元",
        "tier": "A",
        "locked": True,
        "item": "person.income",
        "source": {"id": "civil", "name": "人口基础库", "department": "公安"},
        "recorded_at": "2026-11-01",
        "retrieved_at": "2026-11-21T02:03:04Z",
        "stale": False,
        "ground": {"kind": "consent", "id": "cns_a"},
        "rule": "R-010",
    }


def test_the_answer_as_a_whole(bench: Any) -> None:
    """Form, versions, validity, references, counts that add up, and what was not used."""
    told = answer(
        bench, (NAME, SEX), {"person.sex": bench.found("1")}, subjects={"applicant": bench.ann, "x": {}}
    )

    assert {key: told[key] for key in told if key != "fields"} == {
        "id": "res_1",
        "form": {"id": "test-form", "version": 2},
        "registry_version": 3,
        "valid_until": "2026-11-21T02:33:04Z",
        "counts": {
            "fields": 2,
            "eligible": 2,
            "mapped": 2,
            "filled": 1,
            "by_outcome": {"filled": 1, "source_error": 1},
        },
        "receipt": {"id": "rcp_1", "entry": "aud_1"},
        "findings": [
            {
                "pointer": "/subjects/x",
                "code": "unknown_role",
                "detail": "This form has no such role; the subject was not used.",
            }
        ],
    }


@pytest.mark.parametrize("text", ["张三", "欧阳修文"])
def test_masked_delivery_has_no_value(bench: Any, text: str) -> None:
    """Nowhere in a masked answer stands what the mask hides."""
    told = answer(bench, (NAME,), {"person.name": bench.found(text)}, delivery=Delivery.masked)

    assert told["fields"]["name"]["value"] is None
    assert "*" in told["fields"]["name"]["display"]
    assert text not in orjson.dumps(told).decode()


def test_a_value_is_whole_unless_masked(bench: Any) -> None:
    """In clear, the display is not masked either."""
    told = answer(bench, (NAME,), {"person.name": bench.found("张三")})["fields"]["name"]

    assert (told["value"], told["display"]) == ("张三", "张三")


def test_what_is_missing_says_why_and_who_can_help(bench: Any) -> None:
    """Reason, sentence, retry, fixer, and the source that was asked."""
    said = {"person.sex": Missing(OutcomeCode.timeout)}
    text = OUTCOME_TEXTS[OutcomeCode.timeout]

    assert answer(bench, (SEX,), said)["fields"]["sex"] == {
        "outcome": "timeout",
        "value": None,
        "message": text.zh,
        "reason": None,
        "retry": True,
        "fixed_by": "source",
        "answered": False,
        "item": "person.sex",
        "source": {"id": "civil", "name": "人口基础库", "department": "公安"},
        "rule": "R-010",
    }


def test_messages_follow_the_language(bench: Any) -> None:
    """Sentences and the names of sources are English when English was asked for."""
    told = answer(bench, (SEX,), {"person.sex": Missing(OutcomeCode.timeout)}, language="en")["fields"]["sex"]

    assert told["message"] == OUTCOME_TEXTS[OutcomeCode.timeout].en
    assert told["source"] == {"id": "civil", "name": "Civil register", "department": "Police"}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("reason", [each for each in ReasonCode if each not in UNSAID])
def test_a_refusal_explains_itself(bench: Any, reason: ReasonCode, language: str) -> None:
    """Each reason for a refusal has its own sentence, which says more than the outcome's."""
    decide = {"refused": {"person.sex": reason}}
    told = answer(bench, (SEX,), {}, decide=decide, language=language)["fields"]["sex"]

    assert told["message"] == sentence_of(reason)[language == "en"]
    assert (told["reason"], told["rule"]) == (reason.value, "R-090")


def test_what_was_typed_is_not_shown_back(bench: Any) -> None:
    """An answered field has no value here, says that it was answered, and names the rule of asking no more than needed."""
    told = answer(bench, (SEX,), {}, answers={"sex": "typed-by-ann"})

    assert told["fields"]["sex"]["outcome"] == "no_ground"
    assert told["fields"]["sex"]["reason"] == "already_answered"
    assert told["fields"]["sex"]["rule"] == "S-answered"
    assert told["fields"]["sex"]["answered"]
    assert told["fields"]["sex"]["message"] == sentence_of(ReasonCode.already_answered)[0]
    assert "typed-by-ann" not in orjson.dumps(told).decode()


def test_a_duty_is_cited(bench: Any) -> None:
    """A statutory ground shows the law; a consent has none to show."""
    told = answer(bench, (SEX,), {"person.sex": bench.found("1")}, decide={"ground": bench.by_duty})

    assert told["fields"]["sex"]["ground"] == {
        "kind": "statutory_duty",
        "id": "D-1",
        "citation": "道路运输条例 第1条",
    }


@pytest.mark.parametrize(
    ("source", "locked", "shown"),
    [
        ("civil", None, True),
        ("licence", None, True),
        ("profile", None, False),
        ("civil", False, False),
        ("profile", True, True),
    ],
)
def test_registers_lock_their_values(bench: Any, source: str, locked: bool | None, shown: bool) -> None:
    """A value of tier A or B is locked and a profile's is not, unless the field says otherwise."""
    said = {(source, "person.name"): bench.found("张三")}

    assert answer(bench, (replace(NAME, locked=locked),), said)["fields"]["name"]["locked"] is shown


def test_a_stale_value_says_so(bench: Any) -> None:
    """Old values are marked twice: by outcome and by flag."""
    said = {"person.address": bench.found("福州市", recorded_at="2020-01-01")}
    told = answer(bench, (Field("address", "住址", item="person.address"),), said)["fields"]["address"]

    assert (told["outcome"], told["stale"], told["recorded_at"]) == ("filled_stale", True, "2020-01-01")


def test_a_value_without_ground_is_never_shown(bench: Any) -> None:
    """Should a step before ever break its promise, there is no answer rather than an unjustified one."""
    said = {"person.sex": bench.found("1")}
    settled = bench.settled(bench.form(SEX), said)
    groundless = tuple(structs.replace(decision, ground=None) for decision in settled.decisions)

    with pytest.raises(AssertionError, match="sex"):
        shape(structs.replace(settled, decisions=groundless), bench.command(), ids=IDS, valid_until=bench.now)


def test_a_source_shows_nothing_of_its_configuration(bench: Any) -> None:
    """Id, name and department only, in the language there is."""
    source = replace(
        bench.registry().sources["profile"], config={"url": "http://10.0.0.1"}, contact="clerk@example.org"
    )

    assert describe_source(source, english=True) == {
        "id": "profile",
        "name": "一人一档",
        "department": "数据局",
    }


def test_grounds_may_differ_within_one_answer(bench: Any) -> None:
    """Each field shows the ground it rests on itself."""
    other = Ground(GroundKind.consent, "cns_b")
    said = {"person.sex": bench.found("1"), ("civil", "person.name"): bench.found("张三")}
    told = answer(bench, (NAME, SEX), said, decide={"grounds": {"person.name": other}})["fields"]

    assert [told[path]["ground"]["id"] for path in ("name", "sex")] == ["cns_b", "cns_a"]
