"""The printer: bounded, deaf to what is written, and unable to print what no font has."""

import asyncio
import json
import struct
import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

import forms
from forms.definition import Field, Form, Role
from forms.load import load_forms
from forms.print import FORM_SOURCE, Facts, Origin, Shown, form_data
from forms.print_template import PRELUDE
from gateway.errors import Conflict, NotInstalled, TooLarge, Unavailable
from gateway.submissions import press as press_module
from gateway.submissions.glyphs import NotAFont, coverage_of
from gateway.submissions.press import Unprintable, press
from gateway.submissions.printing import (
    MOST_BYTES,
    Sheet,
    print_pages,
    print_pdf,
    require_glyphs,
    require_printer,
)

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
ENDLESS = "#for i in range(99999) { for j in range(99999) { let x = i * j } }"
HEAD = {"title": "t", "author": "a", "footer": "f"}
FORM = Form(
    "f", 1, "表", "M", "p", "部门", (Field("note", "备注"),), (Role("applicant", "申请人", frozenset()),)
)


def sheet(body, **data):
    return Sheet(PRELUDE + body, {**HEAD, **data}, NOW)


def text_of(pdf):
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return "".join(text.split()).replace("\u200b", "")


def job(source, **more):
    return {
        "source": source,
        "data": "{}",
        "format": "pdf",
        "font": str(require_printer()),
        "root": str(Path(__file__).parent),
        "timestamp": 0,
    } | more


HOSTILE = st.text(
    st.sampled_from("#$\\`@<>*_[]{}()/=-+~^\"'|&;:,.!?%0aZ \n中\u2028\u00a0"), min_size=1, max_size=40
) | st.sampled_from(
    [
        '#import "x": *',
        '#read("/etc/passwd")',
        "$ x^2 $",
        "\\u{41}",
        "```rust x```",
        "@ref <label>",
        "#{ while true {} }",
        "]#pagebreak()[",
        "//comment",
        "/*",
    ]
)


@settings(max_examples=25)
@given(HOSTILE)
def test_whatever_is_typed_stands_on_the_paper_as_it_was_typed(typed):
    """Markup of typst is set as text: none of it is obeyed, none is swallowed."""
    data = form_data(FORM, {"note": Shown(f"甲{typed}乙")}, Facts())

    pdf = asyncio.run(print_pdf(Sheet(FORM_SOURCE, data, NOW)))

    assert "甲" + "".join(typed.split()) + "乙" in text_of(pdf)


async def test_the_same_document_is_the_same_bytes():
    """Nothing of the machine or the moment is in it."""
    one, other = [await print_pdf(sheet("#d.x", x="你好")) for _ in range(2)]

    assert one == other


async def test_a_long_table_repeats_its_head_on_every_page():
    """And every page has its number."""
    form = next(
        each for each in load_forms(Path(forms.__file__).parent / "data").forms if each.id == "shop-opening"
    )
    group = form.groups[0].path
    columns = [each for each in form.fields if each.group == group]
    shown = {
        f"{group}.{number}.{each.path.removeprefix(group + '.')}": Shown(
            f"值{number}", Origin("A", "库", "部")
        )
        for number in range(60)
        for each in columns
    }

    pdf = await print_pdf(Sheet(FORM_SOURCE, form_data(form, shown, Facts()), NOW))

    pages = ["".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]
    with_rows = [page for page in pages if "值" in page]
    assert len(with_rows) > 1
    assert all(form.groups[0].label in page for page in with_rows)
    assert [f"第{number}页共{len(pages)}页" in page for number, page in enumerate(pages, 1)] == [True] * len(
        pages
    )


@pytest.mark.parametrize("name", ["vehicle-annual-review", "marriage-registration", "newborn-registration"])
async def test_shipped_forms_can_be_printed_blank(name):
    """With a layout of their own or without."""
    form = next(each for each in load_forms(Path(forms.__file__).parent / "data").forms if each.id == name)

    text = text_of(await print_pdf(Sheet(FORM_SOURCE, form_data(form, {}, Facts()), NOW)))

    for field in form.fields:
        assert "".join(field.label.split()) in text


async def test_pages_come_as_pictures_too():
    """One PNG per page."""
    pages = await print_pages(sheet("#pagebreak()"))

    assert [page[:8] for page in pages] == [b"\x89PNG\r\n\x1a\n"] * 2


# ---------------------------------------------------------------- bounds


async def test_a_font_that_is_missing_is_an_error():
    """Typst would only warn, and print in another one."""
    with pytest.raises(Unavailable) as refused:
        await print_pdf(sheet('#set text(font: "No Such Font")\n#d.title'))

    assert refused.value.code == "print_failed"
    with pytest.raises(Unprintable, match="unknown font"):
        press(job('#set text(font: "No Such Font")\nx'))


async def test_a_document_can_read_no_file():
    """Not ours, not the machine's."""
    for path in ("/etc/passwd", "../../etc/passwd", "press.py"):
        with pytest.raises(Unavailable):
            await print_pdf(sheet(f'#read("{path}")'))


async def test_what_goes_wrong_is_not_told_in_typsts_words():
    """They could quote what stands on the document."""
    with pytest.raises(Unavailable) as refused:
        await print_pdf(sheet('#panic("秘密")'))

    assert "秘密" not in str(refused.value)


async def test_a_document_that_takes_too_long_is_given_up():
    """The process is ended; the next document is printed."""
    with pytest.raises(Unavailable) as refused:
        await print_pdf(sheet(ENDLESS), seconds=1)

    assert refused.value.code == "print_too_slow"
    assert await print_pdf(sheet("#d.title"))


async def test_more_documents_than_two_wait_for_their_turn():
    """All are printed."""
    made = await asyncio.gather(*(print_pdf(sheet("#d.x", x=str(number))) for number in range(5)))

    assert [text_of(pdf)[0] for pdf in made] == ["0", "1", "2", "3", "4"]


async def test_a_document_of_too_much_is_refused():
    """Before any process is begun."""
    with pytest.raises(TooLarge):
        await print_pdf(sheet("", x="甲" * (MOST_BYTES // 3 + 1)))


def test_without_the_extra_it_is_said_what_to_install():
    """501 at the wire; the command line says the same sentence."""
    with pytest.raises(NotInstalled, match=r"oncegate\[print\]") as refused:
        require_printer(lambda name: None)

    assert (refused.value.status, refused.value.code) == (501, "print_not_installed")


# ---------------------------------------------------------------- characters


@pytest.mark.parametrize("character", ["𬭎", "䶮", "㛃", "𠅤", "𠮷", "Ａ", "é", "，", "㐂", "①", "／", "√"])
def test_the_font_has_the_characters_of_names(character):
    """Of all planes, and every sign that our own documents use."""
    assert coverage_of(require_printer()).has(character)


@pytest.mark.parametrize("text", ["\ue000", "a\U0010fffd", "\x00", "안\ue001"])
def test_what_it_has_not_is_told_by_place(text):
    """The place, never the text."""
    with pytest.raises(Conflict) as refused:
        require_glyphs([("name", "好"), ("note", text)])

    assert refused.value.errors[0]["pointer"] == "/fields/note"
    assert text not in str(refused.value)


def test_what_is_not_seen_needs_no_glyph():
    """Line ends, joiners and the selectors of variants."""
    require_glyphs([("name", "葛\U000e0100\r\n\u200b")])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028"])
async def test_a_line_ends_however_it_was_sent(end):
    """A text field of a web page ends its lines with two characters, and is printed as any other."""
    require_glyphs([("note", f"甲{end}乙")])
    made = [
        await print_pdf(Sheet(FORM_SOURCE, form_data(FORM, {"note": Shown(note)}, Facts()), NOW))
        for note in (f"甲{end}乙", "甲\n乙")
    ]

    assert made[0] == made[1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ttcf",
        b"\0\1\0\0" + struct.pack(">HHHH", 0, 0, 0, 0),
        b"\0\1\0\0" + struct.pack(">HHHH4sIII", 1, 0, 0, 0, b"cmap", 0, 28, 4) + struct.pack(">HH", 0, 0),
    ],
)
def test_a_file_that_is_no_font_is_refused(content, tmp_path):
    """Too short, without tables, without characters."""
    file = tmp_path / "font.otf"
    file.write_bytes(content)

    with pytest.raises(NotAFont):
        coverage_of(file)


async def test_a_press_that_dies_leaves_nothing_of_the_document():
    """No image of its memory is written, whatever ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", str(Path(press_module.__file__)), stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    endless = job(ENDLESS, seconds=20, path=sys.path)
    process.stdin.write(json.dumps(endless).encode())
    process.stdin.close()
    try:
        for _ in range(200):
            core, processor = (limit_of(process.pid, name) for name in ("core file size", "cpu time"))
            if processor == "20":
                break
            await asyncio.sleep(0.05)
    finally:
        process.kill()
        await process.wait()

    assert (core, processor) == ("0", "20")


def limit_of(pid, name):
    """The soft limit of a process, as Linux tells it."""
    (line,) = [
        each
        for each in Path(f"/proc/{pid}/limits").read_text().splitlines()
        if each.startswith(f"Max {name}")
    ]
    return line.removeprefix(f"Max {name}").split()[0]
