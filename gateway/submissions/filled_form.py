"""A filled form on paper: as it was handed in, or as a resolution would fill it; its values with where they came from.

That it is printed is an entry first, with the digest of what it shows. The paper carries the signed receipt and, apart
from it, the values with their salts: with both anybody can check each printed value offline.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from field_registry import OutcomeCode
from field_registry.outcomes import FILLED
from forms.definition import FieldKind, Form
from forms.print import FORM_SOURCE, Facts, Origin, Shown, form_data, texts_of
from gateway.audit.entries import canonical
from gateway.disputes.keeping import open_claim
from gateway.errors import Gone, NotFound
from gateway.records import Caller, EntryKind
from gateway.resolution.drafts import read_answer
from gateway.runtime import Runtime
from gateway.security.receipt_keys import FORM_TYPE, ReceiptKeys
from gateway.submissions.keeping import open_values
from gateway.submissions.on_paper import Paper, is_own
from gateway.submissions.printing import Sheet, press_of, require_glyphs, require_printer
from gateway.submissions.receipt_claims import digest_of, salt_of, value_digest
from gateway.submissions.receipt_print import ATTACHED, local, qr_svg
from gateway.submissions.receipts import Issued, find_receipt, note_issue, prepare, require_reader, url_of

VALUES, PAGE = "values.json", "page.json"
"""Names of the files inside the PDF: the printed values, and what the pages are set from."""
_DIGEST = "\n内容摘要 Digest SHA-256 "
_MOST_DISPUTES = 500
_FILLED = frozenset(code.value for code in FILLED)
_PREVIEW = "预览：尚未提交，不作为申请材料。 Preview: not handed in."
_MASKED = "已脱敏显示。 Values are masked."
_HOW = (
    "核验：扫描右上角二维码，或离线运行 oncegate receipt verify 文件.pdf。 "
    "To check: scan the code, or verify this file offline."
)


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """What a form is filled with. `shown`: as it is printed; `values`: slot path → normalised value behind it."""

    shown: Mapping[str, Shown] = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    notice: str = ""
    submission: str | None = None


async def form_of_resolution(
    resolution: str, caller: Caller, runtime: Runtime, *, keys: ReceiptKeys, log_keys: Sequence[str]
) -> Sheet:
    """The form as that resolution fills it, for the caller it was given to; reading it again passes the gate.

    Raises what `read_answer` does, `Unavailable` ("proof_pending"), `NotInstalled`, and `Conflict` ("glyph_missing").
    """
    require_printer()
    answer: dict[str, Any] = orjson.loads(await read_answer(resolution, caller, runtime))
    told = await find_receipt(answer["receipt"]["id"], runtime)
    await require_reader(told, caller, runtime)
    made = await prepare(told, runtime, keys=keys, log_keys=log_keys, with_officer=True)
    masked = told.leaf["delivery"] != "values"
    filled = Filled(
        shown=_shown(answer["fields"]),
        values={path: each["value"] for path, each in answer["fields"].items() if each["value"] is not None},
        notice="\n".join((_PREVIEW, _MASKED) if masked else (_PREVIEW,)),
    )
    return await printed(made, filled, caller, runtime, keys=keys)


async def form_of_submission(
    submission: str,
    caller: Caller,
    runtime: Runtime,
    *,
    keys: ReceiptKeys,
    log_keys: Sequence[str],
    noted_as: Caller | None = None,
) -> Sheet:
    """The form as it was handed in, for the caller that handed it in, while its values are kept.

    `noted_as`: who prints it on that caller's behalf, as the command line does, and has its entry.
    Raises `NotFound` for anybody else's, `Gone` once the values were purged, and what `form_of_resolution` does.
    """
    require_printer()
    made = await runtime.store.submissions.read(submission)
    if made is None or made.caller != caller.id:
        raise NotFound("unknown_submission", "There is no such submission of yours; check its id.")
    if await open_values(made, runtime) is None:
        raise Gone(
            "values_purged",
            "The values of this submission are no longer kept; its receipt can still be printed.",
        )
    told = await find_receipt(made.resolution_id, runtime)
    # Who prints for another is not told who worked: that is opened with a reason.
    issued = await prepare(told, runtime, keys=keys, log_keys=log_keys, with_officer=noted_as is None)
    claims = await _claims(made.resolution_id, runtime)
    masked = told.leaf["delivery"] != "values"
    # Not the entry's: of a very long form that lacks them, and what came from a source would pass for typed.
    frozen = (await runtime.store.submissions.snapshots(made.id))[0]
    paper = Paper(issued.story, {slot.path: slot for slot in frozen.slots}, claims, masked=masked)
    shown = paper.shown()
    values = {path: each for path, each in issued.story.values.items() if not masked or is_own(shown[path])}
    return await printed(
        issued,
        Filled(
            shown=shown,
            values=values,
            notice=_MASKED if masked else "",
            submission=made.id,
        ),
        noted_as or caller,
        runtime,
        keys=keys,
    )


async def _claims(resolution: str, runtime: Runtime) -> dict[str, Any]:
    """Slot path → what the form had offered, of values that are said to be wrong."""
    found = await runtime.store.disputes.of_resolution(resolution, limit=_MOST_DISPUTES)
    shown = {}
    for each in found:
        with suppress(Gone):
            shown[each.path] = open_claim(each, runtime).shown
    return shown


async def printed(
    made: Issued, filled: Filled, caller: Caller, runtime: Runtime, *, keys: ReceiptKeys
) -> Sheet:
    """The form as a document to be set, once its printing is durable. Every character was found in the font."""
    form, now = made.story.form, runtime.clock()
    officer = made.document["officer"] or {}
    facts = Facts(
        number=made.record["number"],
        case=officer.get("case") or "",
        footer=f"凭证编号 {made.record['number']} · 打印时间 {_at(now)} · 标记①A等见末页“数据来源”",
        remarks=_HOW,
        notice=filled.notice,
    )
    shown = {**_constants(form), **filled.shown}
    require_glyphs((*texts_of(form, shown), ("form", facts.case)))
    page = form_data(form, shown, facts)
    values = _values(made, filled, page, runtime)
    digest = digest_of(values["stated"])
    await note_issue(EntryKind.form_printed, made, digest, caller, runtime, submission=filled.submission)
    coded = with_code(page, digest, url_of(made.record["number"], digest, runtime))
    signed = keys.sign(_claims_of(made, digest, coded, now, runtime), FORM_TYPE)
    attached = _attachments(made, {**values, "digest": digest, "signed": signed}, coded)
    return Sheet(FORM_SOURCE, {**coded, "attachments": attached}, now)


def _claims_of(
    made: Issued, digest: str, page: Mapping[str, Any], now: datetime, runtime: Runtime
) -> dict[str, Any]:
    """What is signed of a paper: its digest, all of its pages, and by which press they are set."""
    return {
        "iss": runtime.settings.issuer,
        "iat": int(now.timestamp()),
        "jti": made.record["receipt"],
        "digest": digest,
        "page": digest_of(page),
        "press": press_of(FORM_SOURCE),
    }


def with_code(page: Mapping[str, Any], digest: str, url: str) -> dict[str, Any]:
    """What the pages are set from, with what its own digest makes: the code, and the digest to be read."""
    return {**page, "qr": qr_svg(url), "remarks": f"{page['remarks']}{_DIGEST}{digest}"}


def without_code(page: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """The same as its digest was made of."""
    return {**page, "qr": "", "remarks": page["remarks"].removesuffix(f"{_DIGEST}{digest}")}


def _values(made: Issued, filled: Filled, page: Mapping[str, Any], runtime: Runtime) -> dict[str, Any]:
    """What the paper shows, so that it can be checked: `stated` is what its digest is made of."""
    receipt, form = made.record["receipt"], made.story.form
    boxes = {each.path for each in form.fields if each.kind in (FieldKind.consent_box, FieldKind.signature)}
    listed = [
        {
            "path": path,
            "text": "" if path in boxes else _said(filled.shown[path]),
            "value": value,
            "salt": salt_of(made.story.salted, path, runtime.fingerprint),
        }
        for path, value in sorted(filled.values.items())
    ]
    stated = {
        "receipt": receipt,
        "receipt_digest": made.digest,
        "form": [form.id, form.version],
        "page": digest_of(page),
        "values": {each["path"]: value_digest(each["salt"], each["path"], each["value"]) for each in listed},
    }
    return {"stated": stated, "values": listed}


def _said(slot: Shown) -> str:
    """What the paper shows of the value: of a disputed one, what the person says."""
    return slot.text if slot.own is None else slot.own


def _attachments(made: Issued, values: Mapping[str, Any], page: Mapping[str, Any]) -> list[dict[str, str]]:
    receipt = orjson.dumps(made.document, option=orjson.OPT_INDENT_2).decode()
    return [
        {"name": ATTACHED, "text": receipt, "about": "The signed receipt with its log proofs"},
        {"name": VALUES, "text": canonical(values).decode(), "about": "The printed values with their salts"},
        {"name": PAGE, "text": canonical(page).decode(), "about": "What the pages are set from"},
    ]


def _shown(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Shown]:
    """The fields of an answer as they are printed: as they were displayed, masked where they were."""
    return {path: _one(each) for path, each in fields.items()}


def _one(each: Mapping[str, Any]) -> Shown:
    if each["outcome"] in _FILLED:
        source = each["source"] or {}
        origin = Origin(each["tier"], source.get("name", ""), source.get("department", ""))
        return Shown(str(each["display"]), origin)
    return Shown(is_hidden=each["outcome"] == OutcomeCode.skipped_hidden.value)


def _constants(form: Form) -> dict[str, Shown]:
    """What stands on the form before anybody fills it in."""
    return {
        each.path: Shown(str(each.schema.get("const", each.schema.get("default", ""))))
        for each in form.fields
        if each.kind in (FieldKind.constant, FieldKind.default) and each.group is None
    }


def _at(now: datetime) -> str:
    return local(now.isoformat())
