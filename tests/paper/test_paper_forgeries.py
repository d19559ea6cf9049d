"""Forgers with a genuine paper, this program and all the time they want: whatever they change is found offline."""

import asyncio
import io
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, FloatObject, NameObject

from forms.print import FORM_SOURCE
from gateway.security.keys import KeyRing
from gateway.security.receipt_keys import FORM_TYPE, ReceiptKeys
from gateway.submissions.filled_form import with_code, without_code
from gateway.submissions.paper_check import check_paper
from gateway.submissions.pdf_reading import read_pdf
from gateway.submissions.printing import Sheet, press_of, print_pdf
from gateway.submissions.receipt_claims import digest_of
from gateway.submissions.receipt_print import sheet_of
from tests.paper.test_paper_check import claims_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BORN, FORGED = "1991-06-03", "1981-06-03"
FORGER = ReceiptKeys(KeyRing([b"\x66" * 32]))
PAINTED = "The pages are not drawn as they were printed: something was painted over, moved or exchanged."


@pytest.fixture
async def form(desk):
    """A form that was printed as a preview."""
    answer = await desk.resolve()
    return await desk.pdf(f"/v1/resolutions/{answer['id']}/form.pdf")


@pytest.fixture
async def receipt(desk):
    """A receipt that was printed."""
    answer = await desk.resolve()
    return await desk.pdf(f"/v1/receipts/{answer['receipt']['id']}.pdf")


async def in_thread(content, **keys):
    """The check as a command runs it: without a loop around."""
    return await asyncio.to_thread(check_paper, content, **keys)


# ---------------------------------------------------------------- set once more


def cell_with(page, text):
    """The cell that shows this text."""
    cells = [cell for block in page["blocks"] for cell in block.get("cells", ())]
    (found,) = [cell for cell in cells if cell.get("text") == text]
    return found


def another_date(page, values):
    """Another date on the pages, and its value not listed."""
    cell_with(page, BORN)["text"] = FORGED
    values["values"] = [each for each in values["values"] if each["path"] != "birth_date"]
    del values["stated"]["values"]["birth_date"]


def the_date_elsewhere(page, values):
    """Another date on the pages, and the vouched one where nobody looks for it."""
    cell_with(page, BORN)["text"] = FORGED
    page["blocks"][0]["cells"].append({**cell_with(page, FORGED), "text": BORN, "colspan": 4})


def handed_in(page, values):
    """A preview that no longer says that it is one."""
    page["notice"] = ""


def another_number(page, values):
    """The number of another receipt."""
    page["number"] = "0000-0000-0000-0000"


async def set_again(pdf, change, signed=None, source=FORM_SOURCE):
    """The form after `change(page, values)`, with every digest, code and file inside made to fit."""
    values = pdf.attached("values.json")
    page = without_code(pdf.attached("page.json"), values["digest"])
    change(page, values)
    values["stated"]["page"] = digest_of(page)
    values["digest"] = digest_of(values["stated"])
    page = with_code(page, values["digest"], "http://gate.test/r/x")
    values["signed"] = signed(values, page) if signed else values["signed"]
    files = {"receipt.json": pdf.attached("receipt.json"), "values.json": values, "page.json": page}
    attached = [{"name": n, "text": orjson.dumps(f).decode(), "about": ""} for n, f in files.items()]
    return await print_pdf(Sheet(source, {**page, "attachments": attached}, NOW))


def by_the_forger(values, page):
    """A signature that fits, of a key that nobody knows."""
    receipt, press = values["stated"]["receipt"], press_of(FORM_SOURCE)
    claims = {"jti": receipt, "digest": values["digest"], "page": digest_of(page), "press": press}
    return FORGER.sign(claims, FORM_TYPE)


@pytest.mark.parametrize("change", [another_date, the_date_elsewhere, handed_in, another_number])
async def test_a_form_that_somebody_else_set_is_refused(form, change):
    """Its digests all fit one another, and the gateway never signed for it."""
    with_the_old, with_their_own = [
        await in_thread(await set_again(form, change, signed)) for signed in (None, by_the_forger)
    ]

    assert "What the pages are set from is not what was signed for." in with_the_old.faults
    assert (
        "The filled form: The receipt's header names another key, algorithm or kind of document."
        in with_their_own.faults
    )


async def test_setting_it_again_as_it_was_is_no_forgery(form, desk):
    """The gateway's own signature over what it would sign: the test above fails for what it changes alone."""
    keys = desk.app.state.receipt_keys

    def signed(values, page):
        receipt, press = values["stated"]["receipt"], press_of(FORM_SOURCE)
        claims = {"jti": receipt, "digest": values["digest"], "page": digest_of(page), "press": press}
        return keys.sign(claims, FORM_TYPE)

    found = await in_thread(await set_again(form, lambda page, values: None, signed))

    assert found.faults == ()


async def test_a_receipt_from_another_authority_is_refused(receipt):
    """Whose receipt it is stands in what was signed, not in what the PDF says of itself."""
    document = receipt.attached("receipt.json")

    made = await print_pdf(sheet_of(document, claims_of(document)["record"], issuer="某省数据局"))

    assert (await in_thread(made)).faults == (
        "The text on the pages is not what was signed: the paper was changed.",
    )


# ---------------------------------------------------------------- painted over


def edited(pdf, edit):
    """The PDF after `edit(writer)`, as an editor saves it."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf.content))
    edit(writer)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def text_box(writer):
    """An editor's text box over a value."""
    box = FreeText(text=FORGED, rect=(370, 540, 470, 560), background_color="ffffff")
    writer.add_annotation(page_number=0, annotation=box)


def drawn(change):
    """Another content of the first page."""

    def edit(writer):
        stream = DecodedStreamObject()
        stream.set_data(change(writer.pages[0].get_contents().get_data()))
        writer.pages[0][NameObject("/Contents")] = writer._add_object(stream)

    return edit


def other_shapes(writer):
    """The same text in a font whose shapes were exchanged."""
    font = writer.pages[0]["/Resources"]["/Font"]["/f1"]["/DescendantFonts"][0]["/FontDescriptor"]
    file = next(font[name] for name in ("/FontFile3", "/FontFile2") if name in font)
    file.set_data(file.get_data()[::-1])


def cropped(writer):
    """The head, which says that it is a preview, cut off."""
    writer.pages[0].cropbox.upper_right = (595, 600)


def run_when_opened(writer):
    """A script that draws when the file is opened."""
    writer._root_object["/Names"][NameObject("/JavaScript")] = DictionaryObject()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (text_box, "The PDF holds /Annots, which this program never writes."),
        (drawn(lambda content: content + b"\nq 1 1 1 rg 370 540 100 20 re f Q\n"), PAINTED),
        (drawn(lambda content: content.replace(b"0 Tr/f1", b"3 Tr/f1")), PAINTED),
        (drawn(lambda content: content.replace(b"q 1 0 0 -1 ", b"q 1 0 0 -1 1", 1)), PAINTED),
        (other_shapes, PAINTED),
        (cropped, PAINTED),
        (run_when_opened, "The PDF holds /JavaScript, which this program never writes."),
    ],
)
async def test_what_is_painted_over_the_text_is_found(receipt, edit, said):
    """The text below is as it was printed; what is seen is not."""
    content = edited(receipt, edit)

    assert read_pdf(content).text == read_pdf(receipt.content).text
    assert said in (await in_thread(content)).faults


async def test_a_pdf_that_was_only_saved_again_holds(form):
    """Other numbers and another compression of its objects: it looks the same."""
    content = edited(form, lambda writer: writer.pages[0].compress_content_streams())
    found = await in_thread(content)

    assert content != form.content
    assert found.faults == ()
    assert "The pages are drawn as they were printed." in found.notes


async def test_of_a_paper_from_another_release_it_is_said_what_was_not_compared(receipt):
    """Its text is; how it is drawn cannot be, and the reader is told to look."""

    def older(writer):
        drawn(lambda content: content + b"\n")(writer)
        writer.add_metadata({"/Creator": "Typst 0.1.0"})

    found = await in_thread(edited(receipt, older))

    assert found.faults == ()
    assert "look whether anything was painted over" in found.notes[1]


def of_another_release(desk, source, page):
    """A form that a release with another layout set and signed for. `source`: its layout."""
    keys = desk.app.state.receipt_keys

    def signed(values, coded):
        claims = {
            "jti": values["stated"]["receipt"],
            "digest": values["digest"],
            "page": digest_of(coded),
            "press": "typst 0.1, 0000000000000000",
        }
        return keys.sign(claims, FORM_TYPE)

    return set_again(page, lambda coded, values: None, signed, source=source)


async def test_a_form_from_a_release_with_another_layout_is_no_forgery(desk, form):
    """Every value stands on it; that its places were not compared is said."""
    older = FORM_SOURCE.replace("数据来源", "各项来源")

    found = await in_thread(await of_another_release(desk, older, form))

    assert found.faults == ()
    assert "set by another release, whose layout is another" in found.notes[1]


async def test_a_form_from_another_release_that_lacks_a_value_is_refused(desk, form):
    """Another layout is no excuse for what is not on the pages."""
    emptied = FORM_SOURCE.replace("lines(c.text)\n      mark-of(c)", "mark-of(c)")
    assert emptied != FORM_SOURCE

    found = await in_thread(await of_another_release(desk, emptied, form))

    assert "The text on the pages is not what was signed: the paper was changed." in found.faults


async def test_a_file_inside_that_stands_twice_counts_for_nothing(form):
    """Which of the two a reader would show is anybody's guess."""

    def twice(writer):
        names = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"]
        place = names.index("values.json")
        names.extend(names[place : place + 2])

    assert (await in_thread(edited(form, twice))).faults


# ---------------------------------------------------------------- whatever the bytes are


@pytest.fixture(scope="module")
def small():
    """A PDF that pypdf reads, with a file inside."""
    writer = PdfWriter()
    page = writer.add_blank_page(100, 100)
    page[NameObject("/Kids")] = ArrayObject([FloatObject(1), DictionaryObject()])
    writer.add_attachment("receipt.json", b"{}")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@settings(max_examples=150)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=12), st.booleans())
def test_a_broken_pdf_is_answered_too(small, place, noise, grows):
    """Bytes exchanged or put in anywhere: a fault in words, never an exception."""
    at = 8 + place % (len(small) - 8)
    broken = small[:at] + noise + small[at + (0 if grows else len(noise)) :]

    assert check_paper(broken).faults


async def test_a_record_of_another_shape_is_answered_too(receipt):
    """Signed by whoever made it, and nothing in it: a fault in words."""
    document = receipt.attached("receipt.json") | {"receipt_key": dict(FORGER.jwk)}
    for record in ({}, {"number": 1, "items": [1]}, claims_of(document)["record"] | {"items": [1]}):
        claims = claims_of(document) | {"record": record}
        forged = document | {"receipt": FORGER.sign(claims, "call-receipt+jwt")}
        content = edited(receipt, lambda writer, made=forged: replaced(writer, "receipt.json", made))

        assert (await in_thread(content)).faults


def replaced(writer, name, document):
    """Another content of a file inside."""
    names = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"]
    file = names[names.index(name) + 1].get_object()["/EF"]["/F"].get_object()
    file.set_data(orjson.dumps(document))
