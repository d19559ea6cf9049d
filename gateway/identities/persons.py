"""All documents of one subject, for whoever reads what was recorded under any of them.

Records keep the reference of the document they were written under; so a list of somebody's records is those of each of
their documents, merged.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.runtime import Runtime

Row = TypeVar("Row")


async def refs_of(ref: str, runtime: Runtime) -> tuple[str, ...]:
    """That reference and those of the documents it counts as one subject with, oldest first."""
    return await runtime.store.identities.alike(ref)


async def are_one(ref: str | None, other: str | None, runtime: Runtime) -> bool:
    """Whether both references are of one subject."""
    if ref is None or other is None:
        return False
    return ref == other or other in await refs_of(ref, runtime)


async def page_of_all(
    ref: str,
    read: Callable[[str], Awaitable[Sequence[Row]]],
    id_of: Callable[[Row], str],
    runtime: Runtime,
    *,
    limit: int,
) -> list[Row]:
    """The first `limit` rows by id over all documents of that subject; `read` gives a page of one, by id."""
    refs = await refs_of(ref, runtime)
    rows = [row for each in refs for row in await read(each)]
    return sorted(rows, key=id_of)[:limit] if len(refs) > 1 else rows
