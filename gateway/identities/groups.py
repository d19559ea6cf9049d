"""Which documents count as one subject: made from the links that stand, and from nothing else. Pure.

So ending a link undoes it exactly, whatever was linked since. A document that two subjects claim counts for nobody:
links that touch it wait until one of the two is ended, and then hold again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gateway.records import IdentityLink, LinkVerdict


@dataclass(frozen=True, slots=True)
class Standing:
    """How a document stands. `linked_to`: the oldest of those it counts as one with; None when it stands alone.

    A contested one is linked to itself, so that whoever looks it up looks further.
    """

    linked_to: str | None = None
    is_contested: bool = False


ALONE = Standing()


def standings(refs: Collection[str], links: Iterable[IdentityLink]) -> dict[str, Standing]:
    """How each of these documents stands. `links`: at least every one that touches them, or what they are linked with.

    Links that have ended count for nothing.
    """
    live = [link for link in links if link.ended_at is None]
    contested = {link.from_ref for link in live if link.is_claim}
    pairs = [
        (link.from_ref, link.to_ref)
        for link in live
        if not link.is_claim and contested.isdisjoint((link.from_ref, link.to_ref))
    ]
    found = {}
    for ref in refs:
        group = _reached(ref, pairs)
        found[ref] = Standing(ref, is_contested=True) if ref in contested else _of(group)
    return found


def _of(group: Collection[str]) -> Standing:
    return Standing(min(group)) if len(group) > 1 else ALONE  # references sort by their age


def _reached(ref: str, pairs: Collection[tuple[str, str]]) -> set[str]:
    """That document and whatever is linked with it, at however many removes."""
    reached, before = {ref}, 0
    while len(reached) > before:
        before = len(reached)
        reached.update(each for pair in pairs if not reached.isdisjoint(pair) for each in pair)
    return reached


def verdict_on(link: IdentityLink, links: Collection[IdentityLink]) -> LinkVerdict:
    """Whether that link may be written beside these; `linked` when it may.

    The document that is added must be free: whoever adds one that is somebody's already would make three documents one
    subject of which nobody has seen all three.
    """
    now = standings((link.from_ref, link.to_ref), links)
    added, whose = now[link.from_ref], now[link.to_ref]
    if link.from_ref == link.to_ref or (added == whose and added.linked_to is not None):
        return LinkVerdict.already
    has_one = any(each.ended_at is None and each.from_ref == link.from_ref for each in links)
    if has_one or added.linked_to is not None or whose.is_contested:
        return LinkVerdict.elsewhere
    return LinkVerdict.linked
