"""A small registry and factories: each test says only what is particular to it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from field_registry import (
    Binding,
    CodeList,
    Item,
    Provenance,
    Registry,
    Source,
    SubjectKind,
    Tier,
    Value,
)
from field_registry.items import Datatype, ShareAttribute
from forms.definition import Field, Form, Group, Role

PERSON = SubjectKind.person


def _item(item_id: str, name: str, datatype: Datatype = Datatype.text, **more: Any) -> Item:
    return Item(item_id, name, more.pop("kind", PERSON), datatype, "公安", **more)


ITEMS = (
    _item("person.name", "姓名", Datatype.name, name_en="Name", synonyms=("公民姓名",), max_length=50),
    _item("person.id_no", "公民身份号码", Datatype.id_no),
    _item("person.sex", "性别", Datatype.code, code_list="sex"),
    _item("person.birth_date", "出生日期", Datatype.date),
    _item("person.address", "住址", Datatype.address, freshness=timedelta(days=365)),
    _item("person.district", "区划", Datatype.code, code_list="district"),
    _item("person.income", "收入", Datatype.amount, scale=2),
    _item("person.dependants", "赡养人数", Datatype.integer),
    _item("person.is_married", "已婚", Datatype.boolean),
    _item("person.updated_at", "更新时间", Datatype.datetime),
    _item("person.unbound", "未接入项"),
    _item("person.diagnosis", "诊断", share=ShareAttribute.none, share_citation="精神卫生法 第23条"),
    _item("person.children", "子女", Datatype.rows),
    _item("child.name", "姓名", Datatype.name, within="person.children"),
    _item("child.id_no", "公民身份号码", Datatype.id_no, within="person.children"),
    _item("child.school", "就读学校", within="person.children"),
    _item("enterprise.uscc", "统一社会信用代码", Datatype.uscc, kind=SubjectKind.organisation),
    _item("vehicle.plate_number", "号牌号码", Datatype.plate, kind=SubjectKind.vehicle),
)
SOURCES = (
    Source("civil", "人口基础库", "公安", "sandbox", name_en="Civil register"),
    Source("profile", "一人一档", "数据局", "sandbox", tier=Tier.C),
)
BINDINGS = (
    *(
        Binding(item.id, "civil", f"/{item.id}")
        for item in ITEMS
        if item.kind is PERSON and item.id != "person.unbound"
    ),
    Binding("person.name", "profile", "/name", rank=2),
    Binding("person.children", "profile", "/children", rank=2),
    Binding("child.name", "profile", "/name", rank=2),
)
CODES = (
    CodeList("sex", "性别", {"1": "男", "2": "女"}),
    CodeList("district", "区划", {f"{number:06}": f"区{number}" for number in range(100)}),
)


@pytest.fixture
def registry() -> Registry:
    """Two sources: civil binds everything but organisations and vehicles, profile a few at rank 2."""
    return Registry.of(1, items=ITEMS, sources=SOURCES, bindings=BINDINGS, code_lists=CODES)


@pytest.fixture
def today() -> date:
    """The day forms are bound for."""
    return date(2026, 11, 21)


@pytest.fixture
def now() -> datetime:
    """The moment of filling; ten in the morning where registers are."""
    return datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)


MakeForm = Callable[..., Form]
MakeValue = Callable[..., Value]


@pytest.fixture
def make_form() -> MakeForm:
    """A form of these fields; the roles are an applicant and a spouse unless told otherwise."""

    def make(*fields: Field, **more: Any) -> Form:
        roles = (
            Role("applicant", "申请人", frozenset({PERSON})),
            Role("spouse", "配偶", frozenset({PERSON}), required=False),
        )
        parts: dict[str, Any] = {
            "id": "test-form",
            "version": 1,
            "name": "测试表",
            "matter": "M-1",
            "purpose": "test.purpose",
            "department": "交通运输局",
            "roles": roles,
        }
        return Form(fields=fields, **{**parts, **more})

    return make


@pytest.fixture
def children() -> Group:
    """A repeating group whose rows come from the register."""
    return Group("children", "子女", "applicant", "id_no", item="person.children", max_rows=4)


@pytest.fixture
def child_columns() -> tuple[Field, ...]:
    """The columns of that group, all on record."""
    return (
        Field("children.name", "子女姓名", item="child.name", group="children"),
        Field("children.id_no", "子女身份证号", item="child.id_no", group="children"),
        Field("children.school", "就读学校", item="child.school", group="children"),
    )


@pytest.fixture
def make_value(now: datetime) -> MakeValue:
    """A value of the civil register, recorded on a recent day unless told otherwise."""

    def make(value: object, **more: Any) -> Value:
        parts = {"source": "civil", "tier": Tier.A, "recorded_at": date(2026, 11, 1), "retrieved_at": now}
        return Value(value, Provenance(**{**parts, **more}))

    return make
