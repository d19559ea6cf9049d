"""Which documents count as one subject: whatever is linked, claimed and ended, in whatever order."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.identities.groups import ALONE, Standing, standings, verdict_on
from gateway.records import IdentityLink, LinkVerdict

NOW = datetime(2026, 11, 21, tzinfo=UTC)
REFS = [f"sub_{n}" for n in range(6)]
ref = st.sampled_from(REFS)
pairs = st.tuples(ref, ref)


def link(number: int, pair: tuple[str, str], *, is_claim: bool = False, ended: bool = False) -> IdentityLink:
    """A link of the first document to the second."""
    added, whose = pair
    link_id = f"idl_{number}"
    at = NOW if ended else None
    return IdentityLink(link_id, added, whose, "person", NOW, "desk", "公安", is_claim, "aud_1", None, at)


def made_of(wanted: list[tuple[tuple[str, str], bool]]) -> list[IdentityLink]:
    """What stands after desks wanted these links, one after the other, some of them as claims."""
    links: list[IdentityLink] = []
    for number, (pair, claims) in enumerate(wanted):
        one = link(number, pair)
        verdict = verdict_on(one, links)
        if verdict is LinkVerdict.linked:
            links.append(one)
        elif verdict is LinkVerdict.elsewhere and claims:
            links.append(link(number, pair, is_claim=True))
    return links


wishes = st.lists(st.tuples(pairs, st.booleans()), max_size=12)


@given(wishes)
def test_documents_fall_into_groups(wanted: list[tuple[tuple[str, str], bool]]) -> None:
    """Who is linked to the same is linked to one another; the oldest stands for all, and a contested one alone."""
    now = standings(REFS, made_of(wanted))

    for ref, standing in now.items():
        members = [each for each in REFS if now[each].linked_to == standing.linked_to]
        if standing.is_contested:
            assert (standing.linked_to, members) == (ref, [ref])
        elif standing.linked_to is not None:
            assert len(members) > 1
            assert standing.linked_to == min(members)


@given(wishes, pairs)
def test_linking_and_ending_is_as_if_nothing_had_been(
    wanted: list[tuple[tuple[str, str], bool]], pair: tuple[str, str]
) -> None:
    """Also in between links of others, and whatever it had joined."""
    links = made_of(wanted)
    before = standings(REFS, links)
    one = link(99, pair)
    if verdict_on(one, links) is not LinkVerdict.linked:
        return

    assert standings(REFS, [*links, one])[pair[0]].linked_to is not None
    assert standings(REFS, [*links, link(99, pair, ended=True)]) == before


@given(wishes, st.randoms(use_true_random=False))
def test_the_order_of_links_does_not_matter(
    wanted: list[tuple[tuple[str, str], bool]], random: object
) -> None:
    """What stands is made from the set of links, so that looking up twice finds the same."""
    links = made_of(wanted)
    shuffled = [*links]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert standings(REFS, shuffled) == standings(REFS, links)


@given(wishes)
def test_links_never_close_a_ring(wanted: list[tuple[tuple[str, str], bool]]) -> None:
    """A group of so many documents hangs by one link fewer, so that ending any of them parts it."""
    links = made_of(wanted)
    now = standings(REFS, links)
    hanging = [each for each in links if not each.is_claim and not _is_contested(each, now)]
    groups = {each.linked_to for each in now.values() if each.linked_to and not each.is_contested}

    for group in groups:
        members = {ref for ref, standing in now.items() if standing.linked_to == group}
        assert sum(each.from_ref in members for each in hanging) == len(members) - 1


@given(wishes)
def test_ending_everything_leaves_everybody_alone(wanted: list[tuple[tuple[str, str], bool]]) -> None:
    """Nothing stands but what standing links say."""
    ended = [
        link(number, (each.from_ref, each.to_ref), is_claim=each.is_claim, ended=True)
        for number, each in enumerate(made_of(wanted))
    ]

    assert set(standings(REFS, ended).values()) == {ALONE}


def _is_contested(each: IdentityLink, now: dict[str, Standing]) -> bool:
    return now[each.from_ref].is_contested or now[each.to_ref].is_contested
