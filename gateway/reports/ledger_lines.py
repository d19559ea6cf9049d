"""A ledger as lines of text, one short paragraph for each use. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone

from gateway.reports.ledger_words import (
    EVENTS,
    GROUNDS,
    LABELS,
    REASONS,
    SILENCES,
    Language,
    Words,
    say,
)
from gateway.reports.use import Use, UsedGround, UsedItem
from policies.grounds import GroundKind

# All of China keeps one time, and has had no summer time since 1991.
_SHANGHAI = timezone(timedelta(hours=8))
_COMMA: Words = ("、", ", ")
_SEMICOLON: Words = ("；", "; ")
_COLON: Words = ("：", ": ")
_BRACKETS: Words = ("（{}）", " ({})")
_FETCHING = frozenset({"use", "reread", "notice.given"})


def lines_of(use: Use, language: Language) -> list[str]:
    """The paragraph of one use: when and who; then matter, items, ground and result, each on a line of its own."""
    told = (
        say(LABELS[label], language) + say(_COLON, language) + content
        for label, content in facts_of(use, language)
    )
    return [_heading(use, language), *(f"    {line}" for line in told)]


def facts_of(use: Use, language: Language) -> list[tuple[str, str]]:
    """What is told of a use, in order: a key of `LABELS`, and what stands behind it; what is empty is left out."""
    return [
        *_pair("matter", use.matter),
        *_pair("form", use.form),
        *_pair("roles", say(_COMMA, language).join(use.roles)),
        *_pair(_label_of_items(use), _by_source(use.items, language)),
        *_pair("refused", _by_reason(use.refused, language)),
        *_consent(use, language),
        *_pair("ground", _grounds(use.ground, language)),
        *_pair("result", _result(use, language)),
        *_pair("entry", use.entry),
    ]


def _label_of_items(use: Use) -> str:
    """What is said of the items: agreed to, fetched, or merely what an event was about."""
    if use.result.until:
        return "agreed"
    return "items" if use.kind in _FETCHING else "about"


def _heading(use: Use, language: Language) -> str:
    at = use.at.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    who = say(_COMMA, language).join(each for each in (use.department, use.actor) if each)
    return f"{at}  {use.who}{say(_BRACKETS, language, who) if who else ''}"


def _pair(label: str, content: str) -> Iterator[tuple[str, str]]:
    if content:
        yield label, content


def _by_source(items: Sequence[UsedItem], language: Language) -> str:
    sources = dict.fromkeys(each.source for each in items)
    parts = [
        (source, _names((each for each in items if each.source == source), language)) for source in sources
    ]
    return say(_SEMICOLON, language).join(
        f"{source}{say(_COLON, language)}{names}" if source else names for source, names in parts
    )


def _by_reason(items: Sequence[UsedItem], language: Language) -> str:
    reasons = dict.fromkeys(each.reason for each in items)
    return say(_SEMICOLON, language).join(
        _names((each for each in items if each.reason == reason), language) + _bracketed(reason, language)
        for reason in reasons
    )


def _bracketed(reason: str, language: Language) -> str:
    return say(_BRACKETS, language, reason_text(reason, language))


def _names(items: Iterable[UsedItem], language: Language) -> str:
    return say(_COMMA, language).join(dict.fromkeys(each.name for each in items))


def _consent(use: Use, language: Language) -> Iterator[tuple[str, str]]:
    """What else a consent says."""
    result = use.result
    yield from _pair("denied", _names(result.denied, language))
    yield from _pair("recipients", say(_COMMA, language).join(result.recipients))
    if result.until:
        until = datetime.fromisoformat(result.until).astimezone(_SHANGHAI)
        yield from _pair("until", until.strftime("%Y-%m-%d %H:%M:%S"))


def _grounds(grounds: Sequence[UsedGround], language: Language) -> str:
    return say(_SEMICOLON, language).join(ground_text(each, language) for each in grounds)


def ground_text(ground: UsedGround, language: Language) -> str:
    """What a use stood on, with the law it cites and the rule that was followed."""
    kind = _word(GROUNDS.get(ground.kind), ground.kind, language)
    rule = say(LABELS["rule"], language, ground.rule) if ground.rule else ""
    if ground.kind == GroundKind.consent:
        return f"{kind} {ground.id}" + (say(_BRACKETS, language, rule) if rule else "")
    parts = [each for each in (ground.citation, ground.id, rule) if each]
    return kind + say(_BRACKETS, language, say(_COMMA, language).join(parts))


def _result(use: Use, language: Language) -> str:
    result = use.result
    parts = [result.text]
    if use.kind in EVENTS and result.text != say(EVENTS[use.kind], language):
        parts.insert(0, say(EVENTS[use.kind], language))
    if result.withheld:
        reasons = say(_COMMA, language).join(reason_text(why, language) for why in result.reasons)
        held = (
            f"{say(LABELS['withheld'], language)}{say(_COLON, language)}{_names(result.withheld, language)}"
        )
        parts.append(held + (say(_BRACKETS, language, reasons) if reasons else ""))
    if result.silent:
        silent = say(_COMMA, language).join(
            say(LABELS["fields"], language, number)
            + say(_BRACKETS, language, _word(SILENCES.get(code), code, language))
            for code, number in result.silent.items()
        )
        parts.append(f"{say(LABELS['silent'], language)}{say(_COLON, language)}{silent}")
    return say(_SEMICOLON, language).join(parts)


def reason_text(code: str, language: Language) -> str:
    """Why something was not fetched or not given out; a code without words stands for itself."""
    return _word(REASONS.get(code), code, language)


def _word(words: Words | None, code: str, language: Language) -> str:
    return code if words is None else say(words, language)
