"""What the keys of a report are called: forms, items and sources by their Chinese names, segments in both languages."""

from collections.abc import Collection, Mapping

from gateway.runtime import Runtime
from gateway.submissions.segments import Segment, segment_name

_PAGE = 500


async def names_of(by: Collection[str], runtime: Runtime) -> Mapping[str, Mapping[str, str]]:
    """By "form", "item", "source" and "segment": key → name, as far as a report that is by those needs them."""
    registry = runtime.library.published.registry
    names: dict[str, Mapping[str, str]] = {}
    if "item" in by:
        names["item"] = {item.id: item.name for item in registry.items.values()}
    if "source" in by:
        names["source"] = {source.id: source.name for source in registry.sources.values()}
    if "segment" in by:
        names["segment"] = segment_names()
    if {"form", "field"} & set(by):
        names["form"] = await _forms(runtime)
    return names


def segment_names() -> Mapping[str, str]:
    """Code → name of every segment."""
    return {each.value: segment_name(each.value) for each in Segment}


def key_shown(by: str, key: str) -> str:
    """A key as people and machines read it: months and days are kept as bare digits.

    >>> key_shown("month", "202610"), key_shown("day", "20261028"), key_shown("form", "20261028")
    ('2026-10', '2026-10-28', '20261028')
    """
    if by not in ("month", "day"):
        return key
    return "-".join(part for part in (key[:4], key[4:6], key[6:]) if part)


async def _forms(runtime: Runtime) -> Mapping[str, str]:
    names: dict[str, str] = {}
    after = ""
    while page := await runtime.store.forms.listing(after=after, limit=_PAGE):
        names |= {form.id: form.name for form in page}
        after = page[-1].id
        if len(page) < _PAGE:
            break
    return names
