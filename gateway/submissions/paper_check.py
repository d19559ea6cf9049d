"""Checking a paper offline: a signed file, or a PDF that carries it, against what its pages show.

Of a PDF the signed file inside is checked first; then that the pages print what it states: by setting the receipt once
more and comparing text and drawing. Of a filled form too, from what it is set from, which is signed as a whole.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from forms.print import FORM_SOURCE
from gateway.errors import GatewayError, NotInstalled
from gateway.security.receipt_keys import FORM_TYPE, BadReceipt
from gateway.submissions.filled_form import PAGE, VALUES, without_code
from gateway.submissions.pdf_reading import Paper, read_pdf
from gateway.submissions.printing import Sheet, press_of, print_pdf
from gateway.submissions.receipt_check import Checked, check_call_receipt, check_value, signed_claims
from gateway.submissions.receipt_claims import digest_of, value_digest
from gateway.submissions.receipt_print import ATTACHED, sheet_of

Said = tuple[tuple[str, ...], tuple[str, ...]]
"""Faults, and what was compared."""
_UNSEEN = re.compile(r"[\s\u200b\u200c\u200d\ufe00-\ufe0f]+")
_OTHER_PRESS = (
    "The pages were not set by the press at hand, so how they are drawn was not compared: look whether anything was "
    "painted over, or check with the release that printed them."
)
_UNPRINTED = frozenset({"signature", "consent_box", "display", "empty"})
"""Kinds of cells whose text is not printed: a box, a line to sign on, the form's own words."""
_OTHER_LAYOUT = (
    "The pages were set by another release, whose layout is another: every value stands on them, but where it stands "
    "and how it is drawn was not compared. Check with the release that printed them."
)
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


def check_paper(
    content: bytes, *, log_key: str | None = None, receipt_keys: Sequence[Mapping[str, Any]] = ()
) -> Verdict:
    """What is wrong with a receipt or a filled form, as JSON or PDF. Total: whatever the bytes are."""
    if not content.startswith(b"%PDF-"):
        found = check_call_receipt(content, log_key=log_key, receipt_keys=receipt_keys)
        return Verdict(found.faults, found.record, found.log_size)
    try:
        paper = read_pdf(content)
    except NotInstalled as missing:
        return Verdict((missing.detail,))
    if paper is None:
        return Verdict(("This PDF cannot be read: it is broken, or protected.",))
    if ATTACHED not in paper.attached:
        return Verdict((f"This PDF carries no {ATTACHED}: it is no receipt, or that was taken out.",))
    signed = paper.attached[ATTACHED]
    found = check_call_receipt(signed, log_key=log_key, receipt_keys=receipt_keys)
    if found.record is None:
        return Verdict(found.faults)
    document = orjson.loads(signed)
    faults, notes = _pages(paper, document, found, receipt_keys or [document["receipt_key"]])
    return Verdict((*found.faults, *faults), found.record, found.log_size, notes)


def _pages(
    paper: Paper, document: Mapping[str, Any], found: Checked, keys: Sequence[Mapping[str, Any]]
) -> Said:
    """Faults of what is printed, and what was compared."""
    record = found.record or {}
    alien = tuple(f"The PDF holds {name}, which this program never writes." for name in paper.alien)
    is_form = VALUES in paper.attached
    faults, notes = (
        _form(paper, document, record, keys) if is_form else _receipt(paper, document, record, found.issuer)
    )
    return (*alien, *faults), () if alien else notes


# ---------------------------------------------------------------- a receipt


def _receipt(paper: Paper, document: Mapping[str, Any], record: Mapping[str, Any], issuer: str) -> Said:
    try:
        faults = [
            f"The {what} on the pages is not that of the signed receipt."
            for what, text in (("number", record["number"]), ("digest", document["digest"]))
            if text not in _seen(paper.text)
        ]
        sheet = sheet_of(document, record, issuer=issuer)
    except (LookupError, TypeError, ValueError, AttributeError):
        return ("The signed receipt cannot be printed again to compare the pages with it.",), ()
    said, notes = _printed_again(paper, sheet, None)
    return (*faults, *said), () if faults else notes


def _printed_again(paper: Paper, sheet: Sheet, press: str | None) -> Said:
    """Whether the pages show this document; where nothing can be printed, that it was not compared.

    `press`: by which they were set, where that is signed; else a PDF is believed about what made it.
    """
    try:
        again = read_pdf(asyncio.run(print_pdf(sheet)))
        is_alike = again is not None and (
            press == press_of(sheet.source) if press else paper.maker in ("", again.maker)
        )
    except NotInstalled:
        return (), ("Printing is not installed here: the pages were not compared word by word.",)
    except GatewayError:
        again, is_alike = None, False
    if again is None or _seen(again.text) != _seen(paper.text):
        return ("The text on the pages is not what was signed: the paper was changed.",), ()
    if again.looks == paper.looks:
        return (), ("The text on the pages is what was signed.", "The pages are drawn as they were printed.")
    if is_alike:
        return (
            "The pages are not drawn as they were printed: something was painted over, moved or exchanged.",
        ), ()
    return (), ("The text on the pages is what was signed.", _OTHER_PRESS)


# ---------------------------------------------------------------- a filled form


def _form(
    paper: Paper, document: Mapping[str, Any], record: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]
) -> Said:
    try:
        values, page = (orjson.loads(paper.attached[name]) for name in (VALUES, PAGE))
        claims = signed_claims(values["signed"], keys, FORM_TYPE)
        faults = (*_signed(claims, values, page), *_values(values, page, document, record, _seen(paper.text)))
        listed, press = values["values"], str(claims["press"])
        number = sum(check_value(record, each["path"], each["value"], each["salt"]) for each in listed)
    except BadReceipt as bad:
        return (f"The filled form: {bad}",), ()
    except (LookupError, TypeError, ValueError, AttributeError):
        return (f"The file {VALUES} or {PAGE} inside the PDF is not as this program writes it.",), ()
    said, notes = _as_signed(paper, page, press)
    vouched = f"{number} printed values are those that the receipt vouches for."
    return (*faults, *said), () if faults else (vouched, *notes)


def _as_signed(paper: Paper, page: Mapping[str, Any], press: str) -> Said:
    """Whether the pages show what they were set from, also where the press that is signed is another than ours.

    Then the layout itself may differ, which is no forgery; but nothing that it was to show may be missing.
    """
    sheet = Sheet(FORM_SOURCE, page, _EPOCH)
    said, notes = _printed_again(paper, sheet, press)
    if not said or press == press_of(FORM_SOURCE):
        return said, notes
    printed = _seen(paper.text)
    is_whole = all(_seen(text) in printed for text in _to_be_seen(page))
    return ((), (_OTHER_LAYOUT,)) if is_whole else (said, notes)


def _signed(claims: Mapping[str, Any], values: Mapping[str, Any], page: Mapping[str, Any]) -> Iterator[str]:
    """Where this is not the paper that was signed."""
    if (claims["jti"], claims["digest"]) != (values["stated"]["receipt"], values["digest"]):
        yield "The values are not those that were signed for."
    if claims["page"] != digest_of(page):
        yield "What the pages are set from is not what was signed for."


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
    if stated["page"] != digest_of(without_code(page, values["digest"])):
        yield "What the pages are set from is not what the digest on them is of."
    if sorted(stated["values"]) != [each["path"] for each in values["values"]]:
        yield "A value was added or taken out."
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


def _to_be_seen(page: Mapping[str, Any]) -> Iterator[str]:
    """What the pages show of every value: of one with boxes the words that are ticked, and what no box says."""
    for block in page["blocks"]:
        for cell in (*block.get("cells", ()), *(each for row in block.get("rows", ()) for each in row)):
            boxes = cell.get("boxes", ())
            if cell["kind"] in _UNPRINTED or cell.get("hidden"):
                continue
            yield from (box["text"] for box in boxes if box["ticked"])
            yield from (cell.get("rest" if boxes else "text", ""), cell.get("own", ""))


def _seen(text: str) -> str:
    """A text without white space and what nobody sees: how lines break says nothing."""
    return _UNSEEN.sub("", text)
