"""From a request and its answer to what a page shows: plain values, nothing that a template would have to work out."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from gateway.consents.notice import RenderedNotice
from gateway.consents.request_facts import topics_of
from gateway.consents.request_record import Asked
from gateway.web.words import ACTS, RESULTS, TROUBLES, Words, third_party
from policies import ConsentState

_OTHER = {"zh-CN": "en", "en": "zh-CN"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STANDING = {
    ConsentState.given: "given",
    ConsentState.renewed: "given",
    ConsentState.refused: "refused",
    ConsentState.deferred: "deferred",
    ConsentState.withdrawn: "withdrawn",
    ConsentState.paused: "paused",
}
_WITHDRAWABLE = frozenset({ConsentState.given, ConsentState.renewed, ConsentState.paused})


def request_view(
    asked: Asked,
    *,
    nonce: str,
    shown_at: str,
    words: Words | None = None,
    ticked: Collection[str] = (),
    acted: Collection[str] = (),
) -> dict[str, Any]:
    """The page with the notice and the choices. `ticked`, `acted`: what the person had ticked; nothing at first."""
    language = asked.record["language"]
    items = [_choice(item) for item in asked.items]
    topics = topics_of(asked.facts, [item["item"] for item in items])
    return {
        "words": words,
        "leads_to": "acts" if words == TROUBLES["act_missing"] else "choices",
        "language": language,
        "other_language": _OTHER[language],
        "shown": _blocks(asked.notice(language)),
        "shown_other": _blocks(asked.notice(_OTHER[language])),
        "general": [item for item in items if not _is_separate(item)],
        "separate": [item for item in items if _is_separate(item)],
        "acts": [_act(topic, asked.facts) for topic in topics],
        "ticked": ticked,
        "acted": acted,
        "nonce": nonce,
        "shown_at": shown_at,
    }


def result_view(
    asked: Asked, standing: ConsentState, *, nonce: str, words: Words | None = None
) -> dict[str, Any]:
    """The page after an answer, as it stands now."""
    heading, told = RESULTS[_STANDING.get(standing, "ended")]
    permitted = set(asked.record.get("permitted", ()))
    consent_id = asked.request.consent_id
    return {
        "words": words,
        "heading": heading,
        "told": told,
        "consent_id": consent_id,
        "permitted": [item for item in asked.items if item["item"] in permitted],
        "denied": [item for item in asked.items if consent_id and item["item"] not in permitted],
        "can_withdraw": consent_id is not None and standing in _WITHDRAWABLE,
        "nonce": nonce,
    }


def general_items(asked: Asked) -> frozenset[str]:
    """The items that one button may tick together: none that the law wants agreed to separately."""
    return frozenset(item["item"] for item in asked.items if not _is_separate(item))


def to_stamp(moment: datetime) -> str:
    """A time as a form carries it: milliseconds."""
    return str((moment - _EPOCH) // timedelta(milliseconds=1))


def of_stamp(stamp: str) -> datetime:
    """The time a form carried; its nonce has shown that we wrote it."""
    return _EPOCH + timedelta(milliseconds=int(stamp))


def _is_separate(item: Mapping[str, Any]) -> bool:
    return bool(item["is_sensitive"] or item["names_others"])


def _act(topic: str, facts: Mapping[str, Any]) -> dict[str, str]:
    zh, en = third_party(facts) if topic == "third_party" else ACTS[topic]
    return {"topic": topic, "zh": zh, "en": en}


def _choice(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **item,
        "departments": "、".join(source["department"] for source in item["sources"]),
        "departments_en": ", ".join(source["department_en"] for source in item["sources"]),
    }


def _blocks(shown: RenderedNotice) -> Iterable[tuple[str, list[str]]]:
    """The lines of a notice, neighbouring items together as one list."""
    blocks: list[tuple[str, list[str]]] = []
    for kind, lines in groupby(shown.lines, key=lambda line: line.kind):
        texts = [line.text for line in lines]
        blocks.extend([(kind, texts)] if kind == "item" else [(kind, [text]) for text in texts])
    return blocks
