"""`/my/uses`: who used my data, when, for what, on which ground, and what came of it; refusals and cache hits too."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from gateway.reports.ledger_lines import facts_of
from gateway.reports.ledger_words import GROUNDS, LABELS, Language
from gateway.reports.use import Use, UsedGround
from gateway.reports.uses import OwnUses, own_uses
from gateway.runtime import Runtime
from gateway.submissions.receipt_print import local
from gateway.web.my_gate import Visit, own_page
from gateway.web.my_words import PERIODS
from gateway.web.words import Words
from policies.grounds import GroundKind

router = APIRouter()

_PER_PAGE = 20
_GIVEN_OUT = frozenset({"released", "released_some", "unknown", "reread"})
_USUAL = "90"
_IN_DETAIL = frozenset({"form", "roles", "entry"})


@own_page("uses")
async def get_uses(visit: Visit) -> Response:
    """One page of uses, newest first, of the period that was chosen."""
    chosen = visit.asked("days") if visit.asked("days") in PERIODS else _USUAL
    cursor = visit.asked("cursor")[:20]
    chinese, english = await _both(visit.ref, visit.runtime, cursor=cursor, days=PERIODS[chosen][0])
    told = {use.entry: use for use in english.uses}
    shown = [use_view(use, told.get(use.entry, use)) for use in chinese.uses]
    return visit.show(
        "my_uses.html",
        {
            "uses": shown,
            "periods": [(days, words, days == chosen) for days, (_, words) in PERIODS.items()],
            "days": chosen,
            "older": chinese.cursor,
            "is_first": not cursor,
        },
    )


router.add_route("/my/uses", get_uses, methods=["GET"])


async def _both(ref: str, runtime: Runtime, *, cursor: str, days: int | None) -> tuple[OwnUses, OwnUses]:
    """The same page in Chinese and in English. What came in between stands in the second alone, and is left out."""
    since = None if days is None else runtime.clock() - timedelta(days=days)

    async def told(language: Language) -> OwnUses:
        return await own_uses(ref, runtime, cursor=cursor, limit=_PER_PAGE, language=language, since=since)

    return await told("zh"), await told("en")


def use_view(use: Use, english: Use) -> dict[str, Any]:
    """One use as the page shows it: a heading and what came of it, plain facts, and the rest for whoever wants it."""
    facts, beside = dict(facts_of(use, "zh")), dict(facts_of(english, "en"))
    told = [_fact(label, text, beside) for label, text in facts.items() if label not in ("result", "ground")]
    plain = [fact for fact in told if fact["code"] not in _IN_DETAIL]
    if grounds := _plain_grounds(use.ground):
        plain.append({"code": "ground", "label": LABELS["ground"], "lines": grounds})
    return {
        "at": local(use.at.isoformat())[:16],
        "who": (_who(use, "、"), _who(english, ", ")),
        "result": (facts["result"], beside.get("result", "")),
        "facts": plain,
        "details": [
            *(fact for fact in told if fact["code"] in _IN_DETAIL),
            *(_fact("ground", text, beside) for label, text in facts.items() if label == "ground"),
        ],
        "is_own": use.who == LABELS["person"][0],
        "consents": [each.id for each in use.ground if each.kind == GroundKind.consent and each.id],
        "can_dispute": use.kind in {"use", "reread"} and use.result.code in _GIVEN_OUT,
        "entry": use.entry,
    }


def _who(use: Use, comma: str) -> str:
    return comma.join(dict.fromkeys(each for each in (use.who, use.department, use.actor) if each))


def _fact(label: str, text: str, beside: Mapping[str, str]) -> dict[str, Any]:
    return {"code": label, "label": LABELS[label], "lines": _lines(text, beside.get(label, ""))}


def _lines(text: str, english: str) -> list[Words]:
    """One line for each source, reason or ground, with its English beside it, where both tell of as many."""
    parts, beside = text.split("；"), english.split("; ")
    if len(parts) != len(beside):
        parts, beside = [text], [english]
    return [(zh, "" if en == zh else en) for zh, en in zip(parts, beside, strict=True)]


def _plain_grounds(grounds: Iterable[UsedGround]) -> list[Words]:
    """On which grounds, without the numbers that only an auditor follows: the law by its name."""
    said: list[Words] = []
    for each in grounds:
        if each.kind == GroundKind.consent:
            said.append(("您的授权", "your consent"))
            continue
        kind = GROUNDS.get(each.kind, (each.kind, each.kind))
        said.append((f"{kind[0]}：{each.citation}" if each.citation else kind[0], kind[1]))
    return list(dict.fromkeys(said))
