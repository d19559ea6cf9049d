"""Dispositions are total: whatever was offered and whatever comes back, every slot is exactly one of six things."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from field_registry import Binding, CodeList, Item, OutcomeCode, Registry, Source, SubjectKind, Tier
from field_registry.items import Datatype
from field_registry.outcomes import FILLED, Disposition
from forms.definition import Field, FieldKind, Form, Group, Role
from gateway.records import Draft
from gateway.reports.measures import application
from gateway.resolution.compiled import compile_form
from gateway.slots import from_facts, to_facts
from gateway.submissions.answer import counts_of
from gateway.submissions.commands import SubmitCommand
from gateway.submissions.dispositions import judge
from gateway.submissions.noting import slot_of
from gateway.submissions.offered import Offer, Offering, Opened, rows_of
from gateway.submissions.sent import read_sent
from policies import Policy

PERSON = SubjectKind.person


def _item(item_id: str, datatype: Datatype, **more: Any) -> Item:
    return Item(item_id, item_id, PERSON, datatype, "公安", **more)


REGISTRY = Registry.of(
    1,
    items=[
        _item("person.name", Datatype.name),
        _item("person.sex", Datatype.code, code_list="sex"),
        _item("person.birth_date", Datatype.date),
        _item("person.children", Datatype.rows),
        _item("child.name", Datatype.name, within="person.children"),
        _item("child.id_no", Datatype.id_no, within="person.children"),
        _item("child.birth_date", Datatype.date, within="person.children"),
    ],
    sources=[Source("civil", "人口库", "公安", "sandbox")],
    bindings=[
        Binding(item, "civil", f"/{item}")
        for item in ("person.name", "person.birth_date", "person.children", "child.name", "child.id_no", "child.birth_date")
    ],
    code_lists=[CodeList("sex", "性别", {"1": "男", "2": "女"}, {"M": "1", "F": "2"})],
)  # fmt: skip
FORM = Form(
    "f", 1, "表", "M-1", "p", "民政",
    fields=(
        Field("name", "姓名", item="person.name"),
        Field("sex", "性别", item="person.sex"),
        Field("born", "出生日期", item="person.birth_date"),
        Field("remark", "备注"),
        Field("more", "补充", visible_when={"field": "remark", "equals": "有"}),
        Field("opinion", "意见", office_use=True),
        Field("signature", "签名", kind=FieldKind.signature),
        Field("children.name", "姓名", item="child.name", group="children"),
        Field("children.id_no", "证件号码", item="child.id_no", group="children"),
        Field("children.born", "出生日期", item="child.birth_date", group="children"),
    ),
    roles=(Role("applicant", "申请人", frozenset({PERSON})),),
    groups=(Group("children", "子女", "applicant", "id_no", item="person.children", max_rows=6),),
)  # fmt: skip
COMPILED = compile_form(FORM, REGISTRY, Policy.of(1, (), ()), date(2026, 11, 21))
SINGLE = {
    "name": ("安妮", "安娜"),
    "sex": ("1", "2"),
    "born": ("1991-06-03", "1990-01-01"),
    "remark": ("有", "无关"),
}
ROWS = (
    {"name": "小明", "id_no": "35058220150301001X", "born": "2015-03-01"},
    {"name": "小红", "id_no": "350582201807060024", "born": "2018-07-06"},
    {"name": "小刚", "id_no": "110102199101010078", "born": "1991-01-01"},
)
VARIANTS = {
    "安妮": ["安 妮", " 安妮"],
    "1": ["男", "M", "１", 1],
    "1991-06-03": ["1991.6.3", "1991年6月3日", "１９９１/０６/０３", 19910603],
    "2015-03-01": ["2015.3.1", "20150301"],
    "35058220150301001X": ["３５０５８２２０１５０３０１００１ｘ", "350582 20150301 001X"],
    "小明": ["小　明"],
}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
DRAFT = Draft("res_1", "hall", "f", 1, NOW, NOW, (), None)
MISSING = st.sampled_from([code for code in OutcomeCode if code not in FILLED])


def _offer(path: str, value: Any) -> Offer:
    return Offer(path, OutcomeCode.filled, value=value, tier=Tier.A, source="civil", locked=True)


@st.composite
def offerings(draw: st.DrawFn) -> Offering:
    """An answer to the form: each slot filled or not, and up to three rows."""
    slots: dict[str, Offer] = {}
    for path, (value, _) in SINGLE.items():
        is_filled = path != "remark" and draw(st.booleans())
        slots[path] = _offer(path, value) if is_filled else Offer(path, draw(MISSING))
    for number in range(draw(st.integers(0, 3))):
        for leaf, value in ROWS[number].items():
            path = f"children.{number}.{leaf}"
            slots[path] = _offer(path, value) if draw(st.integers(0, 4)) else Offer(path, draw(MISSING))
    return Offering(slots, rows_of(FORM, slots))


@st.composite
def values(draw: st.DrawFn) -> dict[str, Any]:
    """What somebody might hand in: right, wrong, blank, more and fewer rows."""
    sent: dict[str, Any] = {}
    for path, choices in SINGLE.items():
        sent[path] = draw(st.sampled_from([*choices, None, "", "-", "看不懂"]))
    cells = st.sampled_from([cell for row in ROWS for cell in row.values()] + ["", None])
    row = st.one_of(st.sampled_from(ROWS), st.fixed_dictionaries(dict.fromkeys(ROWS[0], cells)))
    sent["children"] = draw(st.lists(row, max_size=5))
    return sent


def judged(offering: Offering, sent: dict[str, Any], **command: Any) -> Any:
    """The slots of what was sent."""
    submitted = SubmitCommand(sent, **command)
    return judge(COMPILED, offering, read_sent(COMPILED, submitted), submitted)


@given(offerings(), values(), st.frozensets(st.sampled_from([*SINGLE, "children.0.name"])))
def test_every_slot_is_exactly_one_thing_and_the_counts_add_up(offering, sent, own_word):
    """One disposition per shown slot that takes an answer, no path twice, and the same counts wherever they are made."""
    slots = judged(offering, sent, own_word=own_word)

    paths = [slot.path for slot in slots]
    assert len(paths) == len(set(paths))
    assert {path for path in paths if not path.startswith("children.")} == {
        *SINGLE, *(("more",) if sent["remark"] == "有" else ()),
    }  # fmt: skip
    opened = Opened(DRAFT, offering, {}, 1, 1, "none")
    frozen = [slot_of(slot, opened, {}, frozenset()) for slot in slots]
    counts, measures = counts_of(frozen), application(frozen)
    assert sum(counts[kind.value] for kind in Disposition) == counts["eligible"] == len(frozen)
    assert (measures.answered, measures.offered) == (counts["answered"], counts["offered"])
    assert sorted(from_facts(to_facts(frozen)), key=lambda each: each.path) == sorted(
        frozen, key=lambda each: each.path
    )


@given(offerings(), values())
def test_only_what_equals_the_offer_is_kept(offering, sent):
    """Kept means: offered, and not empty; typed and blank mean that nothing was offered."""
    for slot in judged(offering, sent):
        is_offered, is_empty = slot.tier is not None, slot.value.value is None
        expected = {
            (True, True): {Disposition.cleared},
            (True, False): {Disposition.kept, Disposition.edited},
            (False, True): {Disposition.blank},
            (False, False): {Disposition.typed},
        }
        assert slot.disposition in expected[is_offered, is_empty]


@given(
    offerings(), st.permutations(range(3)), st.lists(st.integers(0, 30), min_size=3, max_size=3, unique=True)
)
def test_the_order_of_rows_changes_nothing(offering, order, numbers):
    """Turned round, or sent under any numbers, rows come to the same dispositions."""
    straight = {
        f"children.{number}.{leaf}": cell for number, row in enumerate(ROWS) for leaf, cell in row.items()
    }
    turned = {
        f"children.{number}.{leaf}": cell
        for number, place in zip(numbers, order, strict=True)
        for leaf, cell in ROWS[place].items()
    }

    def tally(sent: dict[str, Any]) -> Counter[Any]:
        return Counter(
            (slot.sheet.field.path, slot.disposition, slot.value.value) for slot in judged(offering, sent)
        )

    offered_ids = [row.get("id_no") for row in offering.rows["children"].values()]
    if all(each is not None and each.tier is not None for each in offered_ids):
        assert tally(turned) == tally(straight)


@given(offerings(), st.data())
def test_no_way_of_writing_makes_an_edit(offering, data):
    """Whatever spelling each value comes back in, what was offered is kept."""

    def spelled(value: str) -> Any:
        return data.draw(st.sampled_from([value, *VARIANTS.get(value, [])]))

    sent: dict[str, Any] = {path: spelled(value) for path, (value, _) in SINGLE.items()}
    sent["children"] = [{leaf: spelled(cell) for leaf, cell in row.items()} for row in ROWS]

    offered = [slot for slot in judged(offering, sent) if slot.tier is not None]

    assert {slot.disposition for slot in offered} <= {Disposition.kept}
