"""What the keys of a report are called: forms, items and sources by their Chinese names."""

from collections.abc import Collection, Mapping

from gateway.runtime import Runtime

_PAGE = 500


async def names_of(by: Collection[str], runtime: Runtime) -> Mapping[str, Mapping[str, str]]:
    """By "form", "item" and "source": key → name, as far as a report that is by those needs them."""
    registry = runtime.library.published.registry
    names: dict[str, Mapping[str, str]] = {}
    if "item" in by:
        names["item"] = {item.id: item.name for item in registry.items.values()}
    if "source" in by:
        names["source"] = {source.id: source.name for source in registry.sources.values()}
    if {"form", "field"} & set(by):
        names["form"] = await _forms(runtime)
    return names


async def _forms(runtime: Runtime) -> Mapping[str, str]:
    names: dict[str, str] = {}
    after = ""
    while page := await runtime.store.forms.listing(after=after, limit=_PAGE):
        names |= {form.id: form.name for form in page}
        after = page[-1].id
        if len(page) < _PAGE:
            break
    return names
