"""Checking a paper offline: a signed file, or a PDF that carries it, against what its pages show.

Of a PDF the signed file inside is checked first; then that the pages print what it states: by setting the receipt once
more and comparing the text; of a filled form too, from what it is set from, which its digest covers.
"""

import asyncio
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from forms.print import FORM_SOURCE, content_of
from gateway.errors import GatewayError, NotInstalled
from gateway.submissions.filled_form import PAGE, VALUES
from gateway.submissions.printing import Sheet, print_pdf
from gateway.submissions.receipt_check import Checked, check_call_receipt, check_value
from gateway.submissions.receipt_claims import digest_of, value_digest
from gateway.submissions.receipt_print import ATTACHED, sheet_of

_UNSEEN = re.compile(r"[\s\u200b\u200c\u200d\ufe00-\ufe0f]+")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The date of a document that is set for its text alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. `faults`: one sentence each, none when the paper holds. `notes`: what else was compared."""

    faults: tuple[str, ...]
    record: Mapping[str, Any] | None = None
    log_size: int | None = None
    notes: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """For machines."""
        record = self.record or {}
        shown = {name: record.get(name) for name in ("number", "receipt", "stage", "matter", "submitted_at")}
        return {
            "sound": not self.faults,
            "faults": list(self.faults),
            **shown,
            "log_size": self.log_size,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Paper:
    """A PDF as it is read. `text`: of all its pages. `attached`: file name → content."""

    text: str
    attached: Mapping[str, bytes]
    author: str = ""


def check_paper(
    content: bytes, *, log_key: str | None = None, receipt_keys: Sequence[Mapping[str, Any]] = ()
) -> Verdict:
    """What is wrong with a receipt or a filled form, as JSON or PDF. Total: whatever the bytes are."""
    if not content.startswith(b"%PDF-"):
        found = check_call_receipt(content, log_key=log_key, receipt_keys=receipt_keys)
        return Verdict(found.faults, found.record, found.log_size)
    try:
        paper = _read(content)
    except NotInstalled as missing:
        return Verdict((missing.detail,))
    if paper is None or ATTACHED not in paper.attached:
        return Verdict((f"This PDF carries no {ATTACHED}: it is no receipt, or that was taken out.",))
    signed = paper.attached[ATTACHED]
    found = check_call_receipt(signed, log_key=log_key, receipt_keys=receipt_keys)
    if found.record is None:
        return Verdict(found.faults)
    document = orjson.loads(signed)
    faults, notes = _pages(paper, document, found)
    return Verdict((*found.faults, *faults), found.record, found.log_size, notes)


def _read(content: bytes) -> Paper | None:
    """The PDF; None for one that cannot be read. Raises `NotInstalled`."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise NotInstalled(
            "print_not_installed",
            "Reading PDF is not installed here. Install the extra: pip install 'oncegate[print]'; or check the JSON.",
        ) from None
    try:
        reader = PdfReader(io.BytesIO(content))
        text = "".join(page.extract_text() for page in reader.pages)
        attached = {name: files[0] for name, files in reader.attachments.items() if len(files) == 1}
        return Paper(text, attached, _author(reader.metadata))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None


def _author(metadata: Mapping[str, Any] | None) -> str:
    return str(metadata.get("/Author", "")) if metadata else ""


def _pages(
    paper: Paper, document: Mapping[str, Any], found: Checked
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Faults of what is printed, and what was compared."""
    if VALUES in paper.attached:
        return _form(paper, document, found.record or {})
    return _receipt(paper, document, found.record or {})


# ---------------------------------------------------------------- a receipt


def _receipt(
    paper: Paper, document: Mapping[str, Any], record: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    faults = [
        f"The {what} on the pages is not that of the signed receipt."
        for what, text in (("number", record["number"]), ("digest", document["digest"]))
        if text not in _seen(paper.text)
    ]
    try:
        sheet = sheet_of(document, record, issuer=paper.author)
    except (KeyError, TypeError, ValueError):
        return (*faults, "The signed receipt cannot be printed again to compare the pages with it."), ()
    said, notes = _printed_again(paper, sheet)
    return (*faults, *said), () if faults else notes


def _printed_again(paper: Paper, sheet: Sheet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whether the pages show the text of this document; where nothing can be printed, that it was not compared."""
    try:
        again = _read(asyncio.run(print_pdf(sheet)))
    except NotInstalled:
        return (), ("Printing is not installed here: the pages were not compared word by word.",)
    except GatewayError:
        again = None
    if again is None or _seen(again.text) != _seen(paper.text):
        return ("The text on the pages is not what was signed: the paper was changed.",), ()
    return (), ("The text on the pages is what was signed.",)


# ---------------------------------------------------------------- a filled form


def _form(
    paper: Paper, document: Mapping[str, Any], record: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        values, page = (orjson.loads(paper.attached[name]) for name in (VALUES, PAGE))
        faults = tuple(_values(values, page, document, record, _seen(paper.text)))
        number = len(values["values"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return (f"The file {VALUES} or {PAGE} inside the PDF is not as this program writes it.",), ()
    said, notes = _printed_again(paper, Sheet(FORM_SOURCE, page, _EPOCH))
    vouched = f"{number} printed values are those that the receipt vouches for."
    return (*faults, *said), () if faults else (vouched, *notes)


def _values(
    values: Mapping[str, Any],
    page: Mapping[str, Any],
    document: Mapping[str, Any],
    record: Mapping[str, Any],
    printed: str,
) -> Iterator[str]:
    stated = values["stated"]
    if digest_of(stated) != values["digest"] or values["digest"] not in printed:
        yield "The digest on the pages is not that of the values: one of the two was changed."
    if (stated["receipt"], stated["receipt_digest"]) != (record["receipt"], document["digest"]):
        yield "The values belong to another receipt."
    if stated["form"] != [record["form"]["id"], record["form"]["version"]]:
        yield "The values belong to another form."
    if stated["page"] != digest_of(content_of(page)):
        yield "What the pages are set from is not what was signed for."
    vouched = {each["path"]: each["value_digest"] for each in (*record["items"], *record["typed"])}
    cells = set(_cells(page))
    for each in values["values"]:
        path = each["path"]
        if stated["values"].get(path) != value_digest(each["salt"], path, each["value"]):
            yield f"{path}: the value is not the one that its digest is of."
        elif vouched.get(path) is not None and not check_value(record, path, each["value"], each["salt"]):
            yield f"{path}: the receipt vouches for another value."
        elif _seen(each["text"]) not in cells:
            yield f"{path}: the pages do not show the value that the receipt vouches for."


def _cells(page: Mapping[str, Any]) -> Iterator[str]:
    """The text of every cell, as it is seen."""
    yield ""
    for block in page["blocks"]:
        for cell in (*block.get("cells", ()), *(each for row in block.get("rows", ()) for each in row)):
            yield from (_seen(cell[name]) for name in ("text", "own") if name in cell)


def _seen(text: str) -> str:
    """A text without white space and what nobody sees: how lines break says nothing."""
    return _UNSEEN.sub("", text)
