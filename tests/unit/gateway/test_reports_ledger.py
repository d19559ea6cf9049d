"""A person's ledger in words: every way a use can end, refusals, lost outcomes, two roles, consents, look-ups."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from field_registry import OutcomeCode, SubjectKind
from field_registry.outcomes import FILLED
from forms.definition import Field, Form, Group, Role
from gateway.records import EntryKind
from gateway.reports.ledger import Names, uses
from gateway.reports.ledger_lines import lines_of
from gateway.reports.ledger_words import (
    ABOUT_NOBODY,
    EVENTS,
    GROUNDS,
    REASONS,
    RESULTS,
    SILENCES,
    Language,
)
from gateway.reports.use import Use, as_document
from policies.grounds import GroundKind, ReasonCode

ME, SPOUSE, CHILD = "sub_me", "sub_spouse", "sub_child"
AT = "2026-11-21T18:30:00.000000Z"
LATER = "2026-11-21T18:30:05.000000Z"
LOST_BEFORE = datetime(2026, 11, 22, tzinfo=UTC)
CONSENT = "consent:cns_1"

PERSON = frozenset({SubjectKind.person})
FORM = Form(
    "marriage",
    2,
    "结婚登记申请表",
    "MZ-001",
    "civil-affairs.marriage",
    "民政",
    (
        Field("name", "姓名", item="person.name"),
        Field("phone", "电话", item="person.phone"),
        Field("spouse.name", "配偶姓名", role="spouse", item="person.name"),
        Field("children.name", "子女姓名", item="child.name", group="children"),
        Field("remark", "备注"),
    ),
    (Role("applicant", "申请人", PERSON), Role("spouse", "配偶", PERSON, label_en="Spouse")),
    (Group("children", "子女", "applicant", "id_no", item="person.children"),),
    name_en="Marriage application",
)
NAMES = Names(
    "zh",
    items={"person.name": "姓名", "person.phone": "手机号码", "person.children": "子女"},
    sources={"civil": "人口基础库", "telecom": "通信实名库"},
    purposes={"civil-affairs.marriage": "办理结婚登记"},
    forms={("marriage", 2): FORM},
    callers={"hall": ("政务大厅一号窗", "行政服务中心")},
    citations={(1, "R-041"): "《婚姻登记条例》"},
)
ENGLISH = Names("en", forms=NAMES.forms)


def ask(item: str, *, role: str = "applicant", source: str = "civil", refused: str = "") -> list[Any]:
    """One ask as an intent tells it: on a consent, unless it is refused."""
    return [role, source, [item], not refused, "R-000" if refused else "R-040", refused or CONSENT]


def intent(*asks: list[Any], **overrides: Any) -> dict[str, Any]:
    """The leaf of an intent about two spouses."""
    return {
        "v": 1,
        "id": "aud_1",
        "kind": "intent",
        "at": AT,
        "caller": "hall",
        "request": "res_1",
        "form": ["marriage", 2],
        "matter": "MZ-001",
        "purpose": "civil-affairs.marriage",
        "registry": 1,
        "policy": 1,
        "department": "民政",
        "actor": "clerk",
        "subjects": {"applicant": ME, "spouse": SPOUSE},
        "asks": list(asks),
    } | overrides


def outcome(fields: Mapping[str, list[str]], **overrides: Any) -> dict[str, Any]:
    """The leaf of the outcome that belongs to it."""
    released = any(code in fields for code in ("filled", "filled_stale"))
    told = {
        "id": "aud_2",
        "kind": "outcome",
        "at": LATER,
        "result": "released" if released else "nothing_released",
        "fields": fields,
        "refusals": [],
        "discarded": 0,
    }
    return intent() | told | overrides


def reread(result: str = "released", **overrides: Any) -> dict[str, Any]:
    """The leaf of an answer read again; it names no subject."""
    leaf = {"id": "aud_3", "kind": "outcome.reread", "at": LATER, "caller": "hall", "request": "res_1"}
    return leaf | {"form": ["marriage", 2], "department": "民政", "result": result, "ended": []} | overrides


def consent(kind: str = "consent.given", **overrides: Any) -> dict[str, Any]:
    """The leaf of a step in a consent's life."""
    return {
        "id": "aud_4",
        "kind": kind,
        "at": AT,
        "caller": "hall",
        "request": "cns_1",
        "subject": ME,
        "purpose": "civil-affairs.marriage",
        "form": "marriage",
        "permitted": ["person.name"],
        "denied": ["person.phone"],
        "recipients": ["民政"],
        "expires_at": "2026-11-22T18:30:00.000000Z",
    } | overrides


def told(*leaves: dict[str, Any], ref: str = ME, names: Names = NAMES) -> list[Use]:
    """The uses these leaves tell of."""
    return uses(leaves, ref, names, LOST_BEFORE)


def only(*leaves: dict[str, Any], ref: str = ME, names: Names = NAMES) -> Use:
    """The one use they tell of."""
    (use,) = told(*leaves, ref=ref, names=names)
    return use


def text(use: Use, language: Language = "zh") -> str:
    """Its paragraph."""
    return "\n".join(lines_of(use, language))


def test_a_use_is_told_in_plain_words() -> None:
    """When in China's time, who, for what matter, which items of which source, on which ground, with what result."""
    use = only(
        intent(ask("person.name"), ask("person.children"), ask("person.phone", source="telecom")),
        outcome({"filled": ["name", "children.0.name", "children.1.name"], "timeout": ["phone"]}),
    )

    assert text(use).splitlines() == [
        "2026-11-22 02:30:00  政务大厅一号窗（民政、窗口工作人员）",
        "    事项：办理结婚登记",
        "    表单：结婚登记申请表（第 2 版）",
        "    身份：申请人",
        "    调取：人口基础库：姓名、子女；通信实名库：手机号码",
        "    依据：授权 cns_1（规则 R-040）",
        "    结果：已提供 3 个字段；未取得：1 个字段（数源未及时答复）",
        "    留痕：aud_1",
    ]


def test_a_use_is_told_in_english_too() -> None:
    """The same, with the form's English names; what has none stands for itself."""
    use = only(
        intent(ask("person.name", role="spouse")),
        outcome({"filled": ["spouse.name"]}),
        ref=SPOUSE,
        names=ENGLISH,
    )

    assert text(use, "en").splitlines() == [
        "2026-11-22 02:30:00  hall (民政, clerk)",
        "    Matter: civil-affairs.marriage",
        "    Form: Marriage application (version 2)",
        "    As: Spouse",
        "    Fetched: civil: person.name",
        "    Ground: consent cns_1 (rule R-040)",
        "    Result: 1 fields were provided",
        "    Entry: aud_1",
    ]


def test_a_duty_is_told_with_its_law_and_rule() -> None:
    """A ground that is no consent cites what it rests on."""
    by_duty = ["applicant", "civil", ["person.name"], True, "R-041", "statutory_duty:MZ-0301"]

    use = only(intent(by_duty), outcome({"filled": ["name"]}))

    assert "依据：法定职责（《婚姻登记条例》、MZ-0301、规则 R-041）" in text(use)


def test_a_refusal_is_told_with_its_reason() -> None:
    """Nothing was fetched, and it says why; also beside what was allowed."""
    refused = ask("person.phone", refused="no_consent")
    nothing = only(intent(refused), outcome({"no_ground": ["phone"]}, refusals=["no_consent"]))
    in_part = only(
        intent(ask("person.name"), refused),
        outcome({"filled": ["name"], "no_ground": ["phone"]}, refusals=["no_consent"]),
    )

    assert nothing.result.code == "refused"
    assert "未调取：手机号码（未取得授权）" in text(nothing)
    assert "结果：拒绝调取，未提供" in text(nothing)
    assert "依据" not in text(nothing)
    assert in_part.result.code == "released"
    assert "未调取：手机号码（未取得授权）" in text(in_part)
    assert "未提供" not in text(in_part)


def test_what_lost_its_ground_before_it_left_is_told_as_withheld() -> None:
    """Fetched, then withdrawn: not provided, and why; what was refused from the first is no reason for it."""
    refused = ask("person.phone", refused="no_rule")
    withdrawn = {"no_ground": ["name", "phone"]}

    use = only(
        intent(ask("person.name"), refused),
        outcome(withdrawn, refusals=["consent_withdrawn", "no_rule"], discarded=1),
    )

    assert (use.result.code, use.result.fields) == ("withheld", 0)
    assert "结果：已调取，但提供前依据已失效，未提供；未提供：姓名（授权已撤回）" in text(use)


def test_part_of_an_answer_may_be_withheld() -> None:
    """What left is counted, what did not is named."""
    use = only(
        intent(ask("person.name"), ask("person.phone")),
        outcome({"filled_stale": ["name"], "no_ground": ["phone"]}, refusals=["consent_paused"], discarded=1),
    )

    assert "结果：已提供 1 个字段；未提供：手机号码（授权已暂停）" in text(use)


SILENT = sorted(set(OutcomeCode) - FILLED - {OutcomeCode.no_ground, OutcomeCode.refused_by_person})


@pytest.mark.parametrize("code", SILENT)
def test_every_way_of_getting_nothing_has_its_words(code: OutcomeCode) -> None:
    """Nothing provided, and the reason in words."""
    use = only(intent(ask("person.name")), outcome({code.value: ["name"]}))

    assert use.result.code == "nothing_found"
    assert f"没有取得数据，未提供；未取得：1 个字段（{SILENCES[code][0]}）" in text(use)


def test_an_outcome_that_nobody_knows_counts_as_provided() -> None:
    """Lost, whether the log says so already or not; a moment ago it may still be at work."""
    asked = intent(ask("person.name"))
    said = only(asked, outcome({}, result="unknown", caller="oncegate"))
    missing = only(asked)
    at_work = only(intent(ask("person.name"), at="2026-11-22T00:00:30.000000Z"))

    assert "结果：结果不明，按已提供看待" in text(said)
    assert "结果：结果不明，按已提供看待" in text(missing)
    assert said.who == "政务大厅一号窗"
    assert at_work.result.code == "in_progress"


def test_an_outcome_that_came_after_all_counts() -> None:
    """Taken for lost, then told: what is known is told."""
    lost = outcome({}, id="aud_2", result="unknown")
    late = outcome({"filled": ["name"]}, id="aud_9")

    assert only(intent(ask("person.name")), lost, late).result.code == "released"


def test_what_was_typed_in_is_not_called_refused() -> None:
    """It was not fetched because nobody needed it."""
    use = only(intent(ask("person.name", refused="already_answered")), outcome({}))

    assert use.result.code == "not_asked"
    assert only(intent(), outcome({"identity_unbound": ["name"]})).result.code == "not_asked"


def test_each_sees_their_own_role_alone() -> None:
    """What was asked about the spouse is no use of the applicant's data."""
    leaves = (
        intent(ask("person.phone"), ask("person.name", role="spouse", source="telecom")),
        outcome({"filled": ["phone", "spouse.name"]}),
    )
    mine, theirs = only(*leaves), only(*leaves, ref=SPOUSE)

    assert ([each.id for each in mine.items], mine.result.fields) == (["person.phone"], 1)
    assert ([each.id for each in theirs.items], theirs.roles) == (["person.name"], ("配偶",))
    assert "通信实名库" not in text(mine)
    assert told(*leaves, ref=CHILD) == []


def test_who_stands_for_two_roles_sees_both_in_one() -> None:
    """One use, both roles named, an item wanted twice told once."""
    both = {"applicant": ME, "spouse": ME}

    use = only(
        intent(ask("person.name"), ask("person.name", role="spouse"), subjects=both),
        outcome({"filled": ["name", "spouse.name"]}, subjects=both),
    )

    assert "身份：申请人、配偶" in text(use)
    assert "调取：人口基础库：姓名\n" in text(use)
    assert use.result.fields == 2


@pytest.mark.parametrize(
    ("result", "words"),
    [("released", "已提供的结果被再次查看"), ("withheld", "再次查看时授权已终止，未提供")],
)
def test_an_answer_read_again_is_a_use_of_its_own(result: str, words: str) -> None:
    """With the items it shows, though nothing was fetched for it."""
    first, again = told(
        reread(result),
        intent(ask("person.name"), ask("person.phone", refused="no_consent")),
        outcome({"filled": ["name"]}),
    )

    assert (first.kind, again.kind, again.entry) == ("use", "reread", "aud_3")
    assert [each.name for each in again.items] == ["姓名"]
    assert words in text(again)


def test_a_consent_is_told_with_what_it_covers() -> None:
    """What was agreed to and what was not, for whom, until when."""
    assert text(only(consent())).splitlines() == [
        "2026-11-22 02:30:00  政务大厅一号窗（行政服务中心）",
        "    事项：办理结婚登记",
        "    同意：姓名",
        "    不同意：手机号码",
        "    接收部门：民政",
        "    有效期至：2026-11-23 02:30:00",
        "    依据：授权 cns_1",
        "    结果：给出授权",
        "    留痕：aud_4",
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("consent.paused", "暂停授权"),
        ("consent.resumed", "恢复授权"),
        ("consent.withdrawn", "撤回授权"),
    ],
)
def test_every_step_of_a_consent_is_told(kind: str, words: str) -> None:
    """Under its own name."""
    use = only(consent(kind))

    assert use.result.code == kind.removeprefix("consent.")
    assert f"结果：{words}" in text(use)


def test_a_look_up_is_told_too() -> None:
    """Whoever asked about me stands in my ledger."""
    lookup = {
        "id": "aud_5",
        "kind": "audit.lookup",
        "at": AT,
        "caller": "oncegate",
        "subject": ME,
        "shown": 7,
    }

    assert "结果：查询本人数据的使用记录；显示了 7 条记录" in text(only(lookup))
    assert told(lookup, ref=SPOUSE) == []


def test_what_has_no_words_yet_is_not_left_out() -> None:
    """An entry about me of a kind to come is noted, never silently dropped."""
    coming = {"id": "aud_6", "kind": "subject.erased", "at": AT, "caller": "oncegate", "subject": ME}

    use = only(coming)

    assert (use.kind, use.result.code) == ("subject.erased", "noted")
    assert "留痕：aud_6" in text(use)


def test_uses_are_in_order_of_time() -> None:
    """Newest last, whatever order the entries came in."""
    early = consent(at="2026-11-20T00:00:00.000000Z")

    found = told(outcome({"filled": ["name"]}), intent(ask("person.name")), reread(), early)

    assert [use.entry for use in found] == ["aud_4", "aud_1", "aud_3"]


def test_codes_without_a_name_stand_for_themselves() -> None:
    """Retired items, forms nobody can read, clients that are gone: still told."""
    use = only(intent(ask("person.name")), outcome({"filled": ["name"]}), names=Names("zh"))

    assert (use.who, use.form) == ("hall", "marriage（第 2 版）")
    assert "调取：civil：person.name" in text(use)
    assert "结果：已提供数据" in text(use)
    empty = only(intent(ask("person.name")), outcome({"not_found": ["name"]}), names=Names("zh"))
    assert empty.result.code == "nothing_found"


def test_fields_a_form_does_not_have_are_nobodys() -> None:
    """A path that fits no field of the version is not counted."""
    use = only(intent(ask("person.name")), outcome({"filled": ["name", "of.another", "remark"]}))

    assert use.result.fields == 1


def test_machines_read_the_same() -> None:
    """Times in UTC, absent as null, items with id, name and source."""
    document = as_document(
        only(
            intent(ask("person.name"), ask("person.phone", refused="no_consent")),
            outcome({"filled": ["name"], "no_ground": ["phone"]}, refusals=["no_consent"]),
        )
    )

    assert document == {
        "at": AT,
        "kind": "use",
        "who": "政务大厅一号窗",
        "department": "民政",
        "actor": "窗口工作人员",
        "matter": "办理结婚登记",
        "form": "结婚登记申请表（第 2 版）",
        "roles": ["申请人"],
        "items": [{"id": "person.name", "name": "姓名", "source": "人口基础库"}],
        "refused": [
            {"id": "person.phone", "name": "手机号码", "source": "人口基础库", "reason": "no_consent"}
        ],
        "ground": [{"kind": "consent", "id": "cns_1", "rule": "R-040", "citation": None}],
        "result": {
            "code": "released",
            "text": "已提供 1 个字段",
            "fields": 1,
            "withheld": [],
            "reasons": [],
            "not_obtained": {},
        },
        "entry": "aud_1",
    }
    assert as_document(only(consent()))["actor"] is None


def test_every_code_has_its_words() -> None:
    """The closed lists and the words go together, in both languages."""
    assert set(REASONS) == set(ReasonCode)
    assert set(GROUNDS) == set(GroundKind)
    assert set(SILENCES) == set(OutcomeCode) - FILLED
    tables = (REASONS, GROUNDS, SILENCES, EVENTS, RESULTS)
    assert all(zh and en and zh != en for table in tables for zh, en in table.values())


def test_every_kind_of_entry_about_a_person_has_its_words() -> None:
    """A new kind is either told in words or declared to be about nobody; forgetting both fails here."""
    of_resolutions = {"intent", "outcome", "outcome.reread"}

    assert set(EntryKind) - of_resolutions - set(EVENTS) - ABOUT_NOBODY == set()
    assert set(EVENTS) & ABOUT_NOBODY == set()
    assert set(EVENTS) | ABOUT_NOBODY <= set(EntryKind)


@pytest.mark.parametrize("kind", sorted(set(EVENTS) - {"audit.lookup"}))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_an_entry_does_not_tell_stays_out(kind: str, language: Language) -> None:
    """Of any kind, the barest entry that names the person is told in its words and breaks nothing."""
    bare = {"id": "aud_9", "kind": kind, "at": AT, "caller": "hall", "subjects": [ME]}

    use = only(bare, names=Names(language))

    assert (use.kind, use.entry, use.items, use.ground) == (kind, "aud_9", (), ())
    assert EVENTS[kind][language == "en"] in text(use, language)


def handed_in(**overrides: Any) -> dict[str, Any]:
    """The leaf of a form that two spouses handed in; the applicant's phone is disputed."""
    told = {
        "id": "aud_9",
        "kind": "submission.received",
        "is_test": False,
        "slots": [
            ["kept", "filled", "A", "civil", "11111", [["name", "name", "person.name"]]],
            ["kept", "filled", "A", "civil", "11101", [["children.0.name", "children.name", "child.name"]]],
            ["disputed", "filled", "A", "telecom", "11101", [["phone", "phone", "person.phone"]]],
            ["edited", "filled", "A", "civil", "11111", [["spouse.name", "spouse.name", "person.name"]]],
            ["blank", "no_binding", None, None, "00000", [["remark", "remark", None]]],
        ],
        "disputes": [["dsp_1", "phone", "person.phone", "telecom"]],
    }
    return intent() | told | overrides


def test_a_form_handed_in_says_which_and_what_became_of_it() -> None:
    """Form, role, and how many of the subject's own fields were kept, changed or disputed; which were disputed."""
    mine = text(only(handed_in()))
    assert "表单：结婚登记申请表（第 2 版）" in mine
    assert "结果：提交了表单；2 项沿用已填内容，1 项提出异议（手机号码）\n" in mine
    theirs = text(only(handed_in(), ref=SPOUSE, names=ENGLISH), "en")
    assert "As: Spouse\n" in theirs
    assert "Result: The form was handed in; 1 changed\n" in theirs


def test_a_form_that_cannot_be_read_any_more_was_handed_in_all_the_same() -> None:
    """Without its form nobody knows whose the fields are: only that it was handed in is told."""
    assert "结果：提交了表单\n" in text(only(handed_in(), names=Names("zh")))
    assert "结果：提交了表单；测试申请\n" in text(only(handed_in(slots=[], is_test=True)))


def test_what_an_event_was_about_is_not_called_fetched() -> None:
    """Keeping or disputing a value fetches nothing, and does not read as if it did."""
    kept = consent("profile.kept", items=["person.phone"], permitted=None, denied=None, expires_at=None)
    assert "数据项：手机号码" in text(only(kept))
    assert "调取" not in text(only(kept))
