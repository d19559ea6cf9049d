"""The notice: made from the record alone, the same bytes for ever, in words that leave nothing out."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consents import notice
from gateway.consents.notice import LANGUAGES, NOTICE_VERSION, period, render_notice
from gateway.consents.request_facts import topics_of

TEMPLATES = Path(notice.__file__).parent / "templates"
GOLDEN = {
    (1, "zh-CN"): (
        "fd96e0b7edda2ed5ebe89466798aa0771b01892ea96d6c6be8151f634090bf9e",
        "20f820eadc36397d1c60ed92c6d202f87616d270dfa094a23546a7778fd26afb",
    ),
    (1, "en"): (
        "4b6e637343b59b777235cb5a1e20dc6506934fb8f4b064a2ea497b33f330070b",
        "fadd993ddd07f9d27aaf2c44cce36c7bd5e60587b33c1611b5714bdd45f01ab0",
    ),
}
"""Version and language → SHA-256 of its template, and of the notice of `RECORD`.

Once published a version is never changed: people have agreed to it. Change a template under a new NOTICE_VERSION, keep
the old one, and add its line here.
"""


def item(item_id: str, **changes: Any) -> dict[str, Any]:
    """An item as a request keeps it."""
    base = {
        "item": item_id,
        "name": f"数据项 {item_id}",
        "name_en": f"Item {item_id}",
        "sources": [{"department": "公安", "department_en": "Public Security"}],
        "fields": [{"label": "栏目", "label_en": "Field"}],
        "share": "conditional",
        "is_required": False,
        "is_sensitive": False,
        "names_others": False,
        "why": "经本人同意",
    }
    return base | changes


RECORD: dict[str, Any] = {
    "controller": {"name": "政务服务", "name_en": "Service hall", "contact": "0595-12345"},
    "form": {"id": "family", "version": 3, "name": "家庭登记表", "name_en": "Family", "matter": "MZ-001"},
    "purpose": {
        "code": "family",
        "name": "办理家庭登记",
        "name_en": "Registration",
        "citation": "《某条例》",
    },
    "role": {"name": "applicant", "label": "申请人", "label_en": "Applicant"},
    "items": [
        item("a", is_required=True),
        item("b", is_sensitive=True),
        item("c", names_others=True, why=""),
    ],
    "recipients": ["政务服务", "民政"],
    "outside_recipients": ["民政"],
    "is_child": True,
    "by_agent": False,
    "quiet_seconds": 30 * 86_400,
    "case": "350582-2026-000123",
    "grantor_role": "guardian",
    "mode": "store",
    "life_seconds": 180 * 86_400,
    "max_uses": 12,
    "frequency": {"count": 2, "per_seconds": 86_400},
    "data_life_seconds": 90 * 86_400,
}


@pytest.mark.parametrize(("version", "language"), GOLDEN)
def test_a_published_notice_never_changes(version: int, language: str) -> None:
    """Neither the template of any version nor what becomes of it, to the byte."""
    template = (TEMPLATES / f"notice-{version}.{language}.txt").read_bytes()
    shown = render_notice(RECORD, language, version)

    assert (hashlib.sha256(template).hexdigest(), shown.sha256) == GOLDEN[version, language]


def test_every_template_is_guarded() -> None:
    """No version without its golden hash, no golden hash without its template."""
    named = {tuple(path.stem.removeprefix("notice-").split(".")) for path in TEMPLATES.glob("notice-*.txt")}

    assert {(int(version), language) for version, language in named} == set(GOLDEN)
    assert {version for version, _ in GOLDEN} == set(range(1, NOTICE_VERSION + 1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_record_gives_the_same_bytes(language: str) -> None:
    """Also after it was stored as JSON and read again: nothing but the record matters."""
    again = orjson.loads(orjson.dumps(RECORD, option=orjson.OPT_SORT_KEYS))

    assert render_notice(again, language).text == render_notice(RECORD, language).text


def test_the_hash_is_of_the_text_as_shown() -> None:
    """The lines joined by line feeds, in UTF-8; no line is empty or begins with white space."""
    shown = render_notice(RECORD, "zh-CN")

    assert shown.sha256 == hashlib.sha256("\n".join(line.text for line in shown.lines).encode()).hexdigest()
    assert all(line.text == line.text.strip() != "" for line in shown.lines)
    assert [line.kind for line in shown.lines].count("title") == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "处理者：政务服务",
        "0595-12345",
        "家庭登记表（第 3 版，事项编码 MZ-001），办件编号 350582-2026-000123",
        "办理家庭登记，依据《某条例》",
        "由监护人代为决定",
        "1．数据项 a：由公安提供；表单必填项；用于填写“栏目”；经本人同意。",
        "2．数据项 b【敏感个人信息】：",
        "3．数据项 c【涉及他人信息】：由公安提供；表单选填项；用于填写“栏目”。",
        "接收单位：政务服务、民政",
        "其中民政是处理者以外的单位",
        "不满十四周岁",
        "另行存入业务系统",
        "180 天。最多使用 12 次。每 24 小时最多使用 2 次。",
        "自调取之日起最多保存 90 天",
        "随时撤回",
        "和同意一样方便",
        "查阅、复制、更正、补充、删除",
        "投诉",
        "不会因此拒绝为您服务",
        "30 天内不再询问您",
    ],
)
def test_nothing_the_law_asks_for_is_left_out(sentence: str) -> None:
    """Controller and contact, purpose, kinds, necessity and effect, period, recipients, rights, and what refusing means."""
    assert sentence in render_notice(RECORD, "zh-CN").text


def test_what_does_not_apply_is_not_said() -> None:
    """A short request has a short notice, without placeholders."""
    plain = RECORD | {
        "items": [item("a")],
        "case": None,
        "frequency": None,
        "data_life_seconds": None,
        "max_uses": None,
        "outside_recipients": [],
        "is_child": False,
        "grantor_role": "self",
        "quiet_seconds": 0,
        "controller": {"name": "政务服务", "name_en": "Service hall", "contact": ""},
    }
    text = render_notice(plain, "zh-CN").text + render_notice(plain, "en").text

    for absent in ("敏感", "涉及他人", "办件编号", "最多使用", "监护", "None", "sensitive", "{", "不再询问"):
        assert absent not in text


@given(st.text(max_size=40))
def test_no_value_can_add_a_line_or_hide_one(value: str) -> None:
    """Whatever a name holds, the notice has the same lines, all of it printable."""
    shown = render_notice(RECORD | {"case": f"x{value}"}, "zh-CN")
    plain = render_notice(RECORD, "zh-CN")

    assert [line.kind for line in shown.lines] == [line.kind for line in plain.lines]
    assert all(line.text.isprintable() for line in shown.lines)


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (60, " 1 分钟", "1 minute"),
        (90, " 90 秒", "90 seconds"),
        (86_400, " 24 小时", "24 hours"),
        (172_800, " 48 小时", "48 hours"),
        (259_200, " 3 天", "3 days"),
        (90_000, " 25 小时", "25 hours"),
    ],
)
def test_a_period_is_said_in_the_unit_people_use(seconds: int, chinese: str, english: str) -> None:
    """The largest that divides it; days from three on."""
    assert (period(seconds, "zh-CN"), period(seconds, "en")) == (chinese, english)


@pytest.mark.parametrize(
    ("permitted", "topics"),
    [
        ((), ()),
        (("a",), ("third_party", "minor")),
        (("b",), ("sensitive", "third_party", "minor")),
        (("c",), ("others", "third_party", "minor")),
        (("unknown",), ()),
    ],
)
def test_separate_acts_follow_from_what_is_permitted(
    permitted: tuple[str, ...], topics: tuple[str, ...]
) -> None:
    """Sensitive items theirs, others as recipients theirs, a child's theirs; nothing permitted, nothing needed."""
    assert topics_of(RECORD, permitted) == topics


@pytest.mark.parametrize(
    ("changes", "topics"),
    [
        ({}, ()),
        ({"outside_recipients": ["民政"]}, ("third_party",)),
        ({"by_agent": True}, ("third_party",)),
        ({"is_child": True}, ("minor",)),
        ({"items": [item("a", names_others=True)]}, ("others",)),
        ({"items": [item("a", names_others=True)], "by_agent": True}, ("others", "third_party")),
    ],
)
def test_each_circumstance_asks_for_its_act(changes: dict[str, Any], topics: tuple[str, ...]) -> None:
    """One by one."""
    plain = RECORD | {"outside_recipients": [], "is_child": False, "items": [item("a")]}

    assert topics_of(plain | changes, ("a",)) == topics
