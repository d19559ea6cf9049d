"""What the page of a receipt shows, worked out from what the log tells; Chinese with English beside."""

from collections.abc import Mapping
from typing import Any

from gateway.reports.ledger_words import ACTORS
from gateway.submissions.receipt_page import Handed, PublicReceipt
from gateway.submissions.receipt_print import DISPOSITIONS, local
from gateway.web.words import Words

_TROUBLES: Mapping[int, tuple[Words, Words]] = {
    404: (
        ("查无此凭证", "No such receipt"),
        (
            "没有查到这个编号的凭证。请对照纸面逐字核对编号，或重新扫描二维码。仍查不到的，请勿采信该纸面。",
            "No receipt of this number is known. Compare it with the paper character by character, or scan the code "
            "again. If it still is not found, do not rely on the paper.",
        ),
    ),
    429: (
        ("查询过于频繁", "Too many look-ups"),
        ("请稍等片刻再查。", "Wait a moment and try again."),
    ),
}
_ELSE: tuple[Words, Words] = (
    ("暂时无法查询", "Not possible right now"),
    ("请稍后再试。也可以离线核验。", "Try again shortly, or check the file offline."),
)
_KINDS: Mapping[str, Words] = {
    "receipt.issued": ("数据调用凭证", "call receipt"),
    "form.printed": ("填好的表单", "filled form"),
}
_STAGES: Mapping[str, Words] = {
    "resolved": ("尚未提交", "not handed in yet"),
    "submitted": ("已提交", "handed in"),
}


def trouble_view(status: int) -> dict[str, Any]:
    """What the page says that shows nothing of a receipt."""
    heading, told = _TROUBLES.get(status, _ELSE)
    return {"heading": heading, "told": told}


def asking_view() -> dict[str, Any]:
    """The page on which a number is typed in: it needs nothing."""
    return {}


def receipt_view(found: PublicReceipt, digest: str) -> dict[str, Any]:
    """The page of one receipt. `digest`: as it was sent, to be shown again in its field."""
    record = found.record
    return {
        "number": found.number or record["receipt"],
        "facts": _facts(record),
        "items": [_item(each) for each in record["items"]],
        "log": [(entry, place) for entry, place in found.places.items()],
        "digest": digest,
        "verdict": _verdict(found),
        "handed": [_handed(each) for each in found.handed],
    }


def _verdict(found: PublicReceipt) -> str:
    """What is said of the digest: "none" was given, it "fits", or it does "not"."""
    return "none" if not found.asked else "fits" if found.handed else "not"


def _facts(record: Mapping[str, Any]) -> list[tuple[Words, str]]:
    form, handed_in = record["form"], record["submitted_at"]
    actor = ACTORS.get(record["officer"]["kind"], (record["officer"]["kind"], ""))
    return [
        (("事项", "Matter"), record["matter"]),
        (("表单", "Form"), f"{form['name']}（{form['id']} 第 {form['version']} 版）"),
        (("接收部门", "Recipient"), record["department"]),
        (("操作人类别", "Who worked"), actor[0]),
        (("调取时间", "Asked"), local(record["asked_at"])),
        (("提供时间", "Answered"), local(record["answered_at"])),
        (("提交时间", "Handed in"), local(handed_in) if handed_in else "尚未提交"),
    ]


def _item(each: Mapping[str, Any]) -> dict[str, Any]:
    disposition = DISPOSITIONS.get(each["disposition"] or "")
    return {
        "label": each["label"],
        "sources": "、".join(dict.fromkeys(s["department"] or s["name"] for s in each["sources"])),
        "disposition": disposition[0] if disposition else "",
    }


def _handed(each: Handed) -> dict[str, Any]:
    return {"kind": _KINDS[each.kind], "at": local(each.at), "stage": _STAGES[each.stage]}
