"""What is new for a person: uses of the last month, disputes that are open, consents about to end, what is kept."""

from datetime import timedelta
from typing import Any

from gateway.consents.keeping import state_at
from gateway.profiles.service import count_kept
from gateway.reports.uses import own_uses
from gateway.runtime import Runtime
from gateway.submissions.receipt_print import local
from gateway.web.my_consents import HOLDING, every_consent
from gateway.web.my_disputes import UNANSWERED, every_dispute
from gateway.web.words import Words

_LOOKED_BACK = timedelta(days=30)
_SOON = timedelta(days=30)
_MOST_COUNTED = 200
_FETCHED = frozenset({"use", "reread"})


async def overview(ref: str, runtime: Runtime) -> dict[str, Any]:
    """One line for each of the four pages, and a number to see at a glance."""
    return {
        "sections": [
            {"to": "uses", "name": ("谁用了我的数据", "Who used my data"), "said": await _uses(ref, runtime)},
            {
                "to": "consents",
                "name": ("我的授权", "What I agreed to"),
                "said": await _consents(ref, runtime),
            },
            {
                "to": "record",
                "name": ("留存的内容", "What is kept of me"),
                "said": await _record(ref, runtime),
            },
            {
                "to": "disputes",
                "name": ("我的异议", "What I said is wrong"),
                "said": await _disputes(ref, runtime),
            },
        ]
    }


async def _uses(ref: str, runtime: Runtime) -> list[Words]:
    since = runtime.clock() - _LOOKED_BACK
    found = await own_uses(ref, runtime, cursor="", limit=_MOST_COUNTED, language="zh", since=since)
    fetched = [use for use in found.uses if use.kind in _FETCHED]
    if not fetched:
        return [("近 30 天没有调取", "No use in the last 30 days")]
    more_zh, more_en = ("以上", " or more") if found.cursor else ("", "")
    number = len(fetched)
    newest = local(fetched[0].at.isoformat())[:16]
    return [
        (f"近 30 天 {number} 次{more_zh}", f"{number}{more_en} in the last 30 days"),
        (f"最近一次：{newest}，{fetched[0].who}", f"last: {newest}, {fetched[0].who}"),
    ]


async def _consents(ref: str, runtime: Runtime) -> list[Words]:
    now = runtime.clock()
    held = [each for each in await every_consent(ref, runtime) if state_at(each, now) in HOLDING]
    soon = sum(each.consent.standing.expires_at <= now + _SOON for each in held)
    if not held:
        return [("没有有效的授权", "None is in force")]
    said: list[Words] = [(f"{len(held)} 份有效或暂停", f"{len(held)} in force or paused")]
    return [*said, (f"其中 {soon} 份在 30 天内到期", f"{soon} of them end within 30 days")] if soon else said


async def _record(ref: str, runtime: Runtime) -> list[Words]:
    kept = await count_kept(ref, runtime)
    if not kept:
        return [("没有留存", "Nothing is kept")]
    return [(f"留存 {kept} 项，供下次填表", f"{kept} kept for your next forms")]


async def _disputes(ref: str, runtime: Runtime) -> list[Words]:
    unanswered = [each for each in await every_dispute(ref, runtime) if each["state"] in UNANSWERED]
    if not unanswered:
        return [("没有正在核实的", "None is being checked")]
    said: list[Words] = [(f"{len(unanswered)} 件正在核实", f"{len(unanswered)} being checked")]
    due = min(each["due"] for each in unanswered)
    return [*said, (f"最近的答复期限：{due}", f"the next answer is due on {due}")]
