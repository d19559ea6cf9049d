"""What became of a form that was handed in, in plain words, from the leaf of its entry. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gateway.reports.ledger_words import DISPOSITIONS, LABELS, Language, say
from gateway.slots import from_facts

Leaf = Mapping[str, Any]


def handed_in_text(
    leaf: Leaf, is_theirs: Callable[[str], bool], items: Mapping[str, str], language: Language
) -> str:
    """How many fields came back as they were filled, changed, disputed …; "" where the leaf does not tell.

    `is_theirs`: whether a field, by its path, is about whoever the ledger is of. Left open is not told.
    """
    counts: Counter[str] = Counter()
    counts.update(
        slot.disposition.value for slot in from_facts(leaf.get("slots") or ()) if is_theirs(slot.field)
    )
    parts = [
        say(words, language, counts[code])
        + (_disputed(leaf, is_theirs, items, language) if code == "disputed" else "")
        for code, words in DISPOSITIONS.items()
        if counts[code]
    ]
    if leaf.get("is_test"):
        parts.append(say(LABELS["test"], language))
    return say(("，", ", "), language).join(parts)


def _disputed(
    leaf: Leaf, is_theirs: Callable[[str], bool], items: Mapping[str, str], language: Language
) -> str:
    """The disputed items, in brackets; "" where no ticket was opened for any of them."""
    disputed = (item for _, path, item, _ in leaf.get("disputes") or () if is_theirs(path))
    names = say(("、", ", "), language).join(dict.fromkeys(items.get(item, item) for item in disputed))
    return say(("（{}）", " ({})"), language, names) if names else ""
