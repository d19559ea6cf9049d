"""Whatever the layout and whatever the values: on paper nothing is lost, and nothing runs off the page."""

import asyncio
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from forms.check_layout import check_layout
from forms.definition import Field, FieldKind, Form, Group, Role
from forms.layout import Cell, Layout
from forms.print import FORM_SOURCE, Facts, Origin, Shown, form_data
from gateway.submissions.printing import Sheet, print_pdf

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ORIGIN = Origin("A", "人口基础库", "公安")
WORDS = ("自有", "租赁", "无偿")
TEXTS = st.text(st.sampled_from("王𬭎䶮㛃塔娜·其（）、，aB3-@. \n"), max_size=40) | st.sampled_from(
    ["阿布都热依木·买买提吐尔逊", "A1B2C3D4E5F6G7H8J9K0L1M2" * 3, "福建省泉州市晋江市青阳街道" * 12, *WORDS]
)


@st.composite
def layouts(draw, paths):
    """A grid in which every row fits, with labels, texts and heads between; it may forget some of the fields."""
    columns = draw(st.integers(1, 6))
    waiting = list(draw(st.permutations(paths)))[draw(st.integers(0, 2)) :]
    rows = []
    while waiting:
        path = waiting.pop()
        if path == "rows":
            rows.append((Cell(group="rows", colspan=columns),))
        elif columns < 3 or draw(st.booleans()):
            rows += [(Cell(label=path, colspan=columns),), (field(draw, path, columns),)]
        else:
            head = Cell("栏目", vertical=True, rowspan=2) if columns > 3 and draw(st.booleans()) else None
            free = columns - 1 - (head is not None)
            rows.append((*([head] if head else []), Cell(label=path), field(draw, path, free)))
            rows += [(Cell("说明", colspan=columns - 1),)] if head else []
        if draw(st.integers(0, 4)) == 0:
            rows.append((Cell("某部分", heading=True, colspan=columns),))
    widths = tuple(draw(st.lists(st.integers(4, 6), min_size=columns, max_size=columns)))
    return Layout(widths, tuple(rows) or ((Cell("空", colspan=columns),),))


def field(draw, path, colspan):
    """A field's cell, in one of the ways in which it may be printed."""
    choices = tuple((word, word) for word in WORDS) if draw(st.booleans()) else ()
    height = draw(st.sampled_from([0, 0, 20]))
    return Cell(field=path, colspan=colspan, height=height, choices=choices, closing="签字" if height else "")


@st.composite
def papers(draw):
    """A form with its layout, and what stands in it."""
    names = [f"f{number}" for number in range(draw(st.integers(1, 8)))]
    form = Form(
        "f", 1, "表", "M", "p", "部门",
        fields=(
            *(Field(name, f"第{name}项", required=draw(st.booleans())) for name in names),
            Field("rows.name", "姓名", group="rows"),
            Field("rows.no", "号码", group="rows"),
            Field("sign", "签名", kind=FieldKind.signature),
        ),
        roles=(Role("applicant", "申请人", frozenset()),),
        groups=(Group("rows", "子女", "applicant", "no"),),
        layout=draw(layouts([*names, "rows"])),
    )  # fmt: skip
    many = draw(st.integers(0, 30))
    paths = [*names, *(f"rows.{number}.{leaf}" for number in range(many) for leaf in ("name", "no"))]
    value = st.builds(
        Shown, TEXTS, st.sampled_from([None, ORIGIN]), st.sampled_from([None, None, "本人另有主张"])
    )
    few = draw(st.lists(value, min_size=1, max_size=6))
    return form, {path: few[number % len(few)] for number, path in enumerate(paths)}


def seen(text):
    return "".join(text.split()).replace("\u200b", "")


def pages_of(pdf):
    """Of every page its text, and where each piece of it stands, from the left and from below, in points."""
    pages = []
    for page in PdfReader(BytesIO(pdf)).pages:
        places = []

        def note(text, at, _tm, _font, _size, places=places):
            if text.strip():
                places.append((at[4], at[5]))

        pages.append((seen(page.extract_text(visitor_text=note)), places))
    return pages


def stands(text, pages):
    """Whether a text stands on a page, or begins on one and ends on the next."""
    return any(text in page for page in pages) or any(
        left.find(text[:cut]) >= 0 and right.find(text[cut:]) >= 0
        for left, right in pairwise(pages)
        for cut in range(1, len(text))
    )


@settings(max_examples=30)
@given(papers())
def test_no_layout_loses_a_value_or_lets_it_run_off_the_page(paper):
    """Every value stands on the paper as it was typed, with its label and its mark, within the margins."""
    form, shown = paper
    assert [each for each in check_layout(form, None) if each.code in ("layout_row", "layout_cell")] == []

    pdf = asyncio.run(print_pdf(Sheet(FORM_SOURCE, form_data(form, shown, Facts()), NOW)))

    pages = pages_of(pdf)
    texts = [text for text, _ in pages]
    for slot in shown.values():
        assert all(stands(part, texts) for part in said(slot)), slot.text
    for each in form.fields:
        assert any(seen(each.label) in text for text in texts)
    for _, places in pages:
        assert all(68 - 1 < x < 595 - 45 and 20 < y < 842 - 20 for x, y in places)


def said(slot):
    """What is to be found of a slot: its text in one piece, or the ticked words where boxes say it."""
    text, own = seen(slot.text), slot.own or ""
    return [text if slot.text not in WORDS else slot.text, *([f"本人主张：{own}"] if own else [])]
