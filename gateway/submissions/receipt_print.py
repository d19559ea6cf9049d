"""The call receipt as a document an office files: A4, Chinese with English beside, the signed file inside."""

import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import segno

from field_registry.dates import SHANGHAI
from field_registry.outcomes import OUTCOME_TEXTS, OutcomeCode
from forms.print import TIERS
from forms.print_cells import breakable, sign_of
from forms.print_template import PRELUDE
from gateway.reports.ledger_lines import ground_text
from gateway.reports.ledger_words import ACTORS, SILENCES
from gateway.reports.use import UsedGround
from gateway.submissions.printing import Sheet, require_glyphs
from gateway.submissions.receipt_claims import SHORT_DIGEST
from gateway.submissions.receipts import Issued

ATTACHED = "receipt.json"
"""Name of the signed file inside the PDF."""

DISPOSITIONS: Mapping[str, tuple[str, str]] = {
    "kept": ("采用", "kept"),
    "edited": ("修改", "edited"),
    "disputed": ("有异议", "disputed"),
    "cleared": ("清空", "cleared"),
    "typed": ("手工填写", "typed"),
    "blank": ("未填", "blank"),
}
"""What became of a slot, in words."""

RECEIPT_SOURCE = (
    PRELUDE
    + r"""
#let th(zh, en) = table.cell(fill: luma(95%), align: center + horizon)[#zh#linebreak()#small(en)]
#let lh(zh, en) = table.cell(fill: luma(97%), align: center + horizon)[#zh#linebreak()#small(en)]
#block(width: 100%, above: 0pt, below: 2.5mm, align(center)[
  #text(size: 19pt, weight: "bold", tracking: 3pt)[数据调用凭证]#linebreak()
  #small[Receipt of data fetched from registers]
])
#grid(columns: (1fr, auto), small[#d.stage], text(size: 9pt)[凭证编号 #text(weight: "bold", d.number)])
#v(1mm)
#table(
  columns: (24mm, 1fr, 24mm, 1fr),
  align: left + horizon,
  ..d.facts.map(f => (lh(f.zh, f.en), lines(f.text))).flatten(),
)
#block(above: 3mm, below: 1.5mm)[*一、调取的数据项* #small[Items fetched]]
#table(
  columns: (10mm, 1.3fr, 1.6fr, 32mm, 12mm, 17mm),
  align: (center + horizon, left + horizon, left + horizon, left + horizon, center + horizon, center + horizon),
  inset: (x: 1.4mm, y: 1.3mm),
  table.header(
    th("序号", "No."), th("数据项", "Item"), th("来源部门·数源", "Source"), th("时间", "Times"),
    th("依据", "Ground"), th("结果", "Outcome"),
  ),
  ..d.items.enumerate().map(((i, r)) => (
    text(size: 8pt)[#(i + 1)],
    text(size: 8pt)[#r.label#linebreak()#small(r.path)],
    text(size: 8pt)[#lines(r.source)#if r.tier != "" [#linebreak()#small(r.tier)]],
    small(lines(r.times)), text(size: 9pt, r.ground), text(size: 8pt, r.result),
  )).flatten(),
)
#if d.grounds.len() > 0 {
  block(above: 3mm, below: 1.5mm, sticky: true)[*二、调取依据* #small[Grounds]]
  table(columns: (12mm, 1fr), inset: (x: 1.4mm, y: 1.1mm), align: (center + horizon, left + horizon),
    ..d.grounds.map(g => (text(size: 9pt, g.mark), text(size: 8pt, g.text))).flatten())
}
#if d.items.len() == 0 [本次没有取得数据。 #small[Nothing was obtained.]]
#if d.missing.len() > 0 {
  block(above: 3mm, below: 1.5mm, sticky: true)[*三、申请调取但未取得的* #small[Asked for and not obtained]]
  table(columns: (1fr, 1.4fr), inset: (x: 1.4mm, y: 1.1mm), align: left + horizon,
    table.header(th("数据项", "Item"), th("原因", "Reason")),
    ..d.missing.map(r => (text(size: 8pt, r.label), small(r.reason))).flatten())
}
#block(breakable: false, width: 100%, above: 4mm)[
  #table(columns: (24mm, 1fr), align: left + horizon,
    lh("内容摘要", "Digest"), text(size: 8pt, d.digest),
    lh("留痕位置", "In the log"), small(lines(d.log)),
    lh("核验方法", "To check it"), small(lines(d.how)),
  )
  #table(columns: (1fr, 1fr), rows: 22mm, align: left + top,
    [经办人签字 #small[Officer]], [单位盖章 #small[Seal]#place(bottom + right)[年　　月　　日]])
]
"""
)


def receipt_data(document: Mapping[str, Any], record: Mapping[str, Any], *, issuer: str) -> dict[str, Any]:
    """The data of `RECEIPT_SOURCE`. `document`: the signed answer, which travels inside the PDF as it is."""
    said = dict.fromkeys(_ground(each) for each in record["items"] if each["ground"] is not None)
    grounds = {text: sign_of(number) for number, text in enumerate(said)}
    return {
        "title": f"数据调用凭证 {record['number']}",
        "author": issuer,
        "head_first": f"{issuer}\n一采通 OnceGate",
        "head_later": f"数据调用凭证（续）\n凭证编号：{record['number']}",
        "stage": _STAGES[record["stage"]],
        "number": record["number"],
        "qr": qr_svg(document["url"]),
        "facts": [{"zh": zh, "en": en, "text": text} for zh, en, text in _facts(document, record)],
        "items": [_item(each, record, grounds) for each in record["items"]],
        "grounds": [{"mark": mark, "text": breakable(text)} for text, mark in grounds.items()],
        "missing": [
            {"label": each["label"], "reason": _silence(each["outcome"])} for each in record["not_obtained"]
        ],
        "digest": f"SHA-256 {document['digest']}",
        "log": "\n".join(_log(document)),
        "how": _HOW.format(url=document["url"], number=record["number"]),
        "footer": f"数据调用凭证 {record['number']} · 核验码 {document['digest'][:SHORT_DIGEST]}",
        "attachments": [
            {
                "name": ATTACHED,
                "text": orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(),
                "about": "The signed receipt with its log proofs",
            }
        ],
    }


_STAGES = {
    "resolved": "本件记至数据提供之时，申请尚未提交。 Up to the answer; not handed in yet.",
    "submitted": "本件记至申请提交之时。 Up to the application as it was handed in.",
}
_HOW = (
    "在线：扫描二维码，或访问 {url}\n"
    "离线：oncegate receipt verify 文件.pdf（签名、留痕证明和摘要均在本文件的附件 receipt.json 内）\n"
    "Online: scan the code. Offline: oncegate receipt verify FILE.pdf. This paper shows no value of any item."
)


def receipt_sheet(made: Issued, issuer: str) -> Sheet:
    """The receipt as a document to be set. Raises `Conflict` for a character that is in no font."""
    require_glyphs(texts_of_receipt(made.record, made.document))
    return sheet_of(made.document, made.record, issuer=issuer)


def sheet_of(document: Mapping[str, Any], record: Mapping[str, Any], *, issuer: str) -> Sheet:
    """The document that this signed answer makes: the same for the same answer."""
    at = datetime.fromisoformat(record["submitted_at"] or record["answered_at"])
    return Sheet(RECEIPT_SOURCE, receipt_data(document, record, issuer=issuer), at)


def texts_of_receipt(record: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text from elsewhere that the document prints, with the field it belongs to."""
    officer = document["officer"] or {}
    yield "receipt", "".join(str(each or "") for each in (officer.get("actor"), officer.get("case")))
    yield "receipt", record["form"]["name"] + record["department"] + record["purpose_name"] + record["matter"]
    for each in record["items"]:
        yield each["path"], each["label"] + "".join(s["name"] + s["department"] for s in each["sources"])
        yield each["path"], ((each["ground"] or {}).get("citation") or "")


def qr_svg(url: str) -> str:
    """The code of an address, to be set on paper: level M, so that a stamp over a corner does not spoil it."""
    made = io.BytesIO()
    segno.make(url, error="m", micro=False).save(made, kind="svg", border=2, omitsize=True, xmldecl=False)
    return made.getvalue().decode()


def _facts(document: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    officer, form = document["officer"] or {}, record["form"]
    kind = ACTORS.get(record["officer"]["kind"], (record["officer"]["kind"], ""))
    yield "事项", "Matter", record["matter"]
    yield "表单", "Form", f"{form['name']}（{form['id']} 第 {form['version']} 版）"
    yield "用途", "Purpose", record["purpose_name"]
    yield "接收部门", "Recipient", record["department"]
    yield "办件编号", "Case", officer.get("case") or "（不在本件显示）"
    yield "经办人", "Officer", f"{kind[0]} {officer.get('actor') or '（不在本件显示）'}"
    yield "调取时间", "Asked", local(record["asked_at"])
    yield "提供时间", "Answered", local(record["answered_at"])
    handed_in = record["submitted_at"]
    yield "提交时间", "Handed in", local(handed_in) if handed_in else "尚未提交"
    versions = f"目录第 {record['registry_version']} 版，规则第 {record['policy_version']} 版"
    yield "依据版本", "Versions", versions


def _item(each: Mapping[str, Any], record: Mapping[str, Any], grounds: Mapping[str, str]) -> dict[str, str]:
    tier = TIERS.get(each["tier"] or "")
    recorded, retrieved = each["recorded_at"], each["retrieved_at"]
    times = [f"登记 {recorded}"] if recorded else []
    times.append(f"获取 {local(retrieved or record['answered_at'])}")
    disposition = DISPOSITIONS.get(each["disposition"] or "", ("已提供", ""))[0]
    return {
        "label": each["label"],
        "path": each["item"] or each["path"],
        "source": "\n".join("·".join(filter(None, (s["department"], s["name"]))) for s in each["sources"]),
        "tier": f"{each['tier']} {tier[0]}" if tier else "",
        "times": "\n".join(times),
        "ground": grounds[_ground(each)] if each["ground"] is not None else "—",
        "result": disposition + ("（已逾时效）" if each["outcome"] == "filled_stale" else ""),
    }


def _ground(each: Mapping[str, Any]) -> str:
    ground = each["ground"]
    return ground_text(
        UsedGround(ground["kind"], ground["id"], each["rule"] or "", ground["citation"] or ""), "zh"
    )


def _silence(code: str) -> str:
    outcome = OutcomeCode(code)
    zh, en = SILENCES.get(outcome) or (OUTCOME_TEXTS[outcome].zh, OUTCOME_TEXTS[outcome].en)
    return f"{zh} {en}"


def _log(document: Mapping[str, Any]) -> Iterator[str]:
    kinds = ("调取 intent", "提供 outcome", "提交 submission")
    for kind, each in zip(kinds, document["entries"], strict=False):
        place = each["proof"].partition("\nindex ")[2].partition("\n")[0]
        yield f"{kind}：{each['entry']}，第 {place} 条"


def local(text: str) -> str:
    """A time of the log as the counter's clock showed it."""
    moment = datetime.fromisoformat(text)
    return (
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        .astimezone(SHANGHAI)
        .strftime("%Y-%m-%d %H:%M:%S")
    )
