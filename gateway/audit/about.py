"""What the log holds about a subject, under whichever of its documents it was written."""

from collections.abc import Sequence

from gateway.records import Entry
from gateway.runtime import Runtime


async def documents_of(ref: str, runtime: Runtime) -> tuple[str, ...]:
    """That reference and those of the documents it is linked with: what stands under any of them is about it."""
    return await runtime.store.identities.alike(ref)


async def entries_about(
    refs: Sequence[str], runtime: Runtime, *, beyond: int | None, limit: int, newest_first: bool = False
) -> Sequence[tuple[int, Entry]]:
    """As `gateway.ports.EntrySearch.about`, of several documents of one subject; each entry once."""
    pages = [
        await runtime.store.search.about(ref, beyond=beyond, limit=limit, newest_first=newest_first)
        for ref in refs
    ]
    if len(pages) == 1:
        return pages[0]
    found = {position: entry for page in pages for position, entry in page}
    return [(position, found[position]) for position in sorted(found, reverse=newest_first)][:limit]
