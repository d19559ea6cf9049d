"""Slots as a leaf holds them: every one of them comes back, and a form of a thousand rows fits."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.audit.entries import make_entry
from gateway.records import EntryKind
from gateway.slots import MOST_APART, Slot, from_facts, leaf_facts, to_facts
from gateway.submissions.noting import snapshot_facts
from tests.contract.conftest import NOW

MOST_LEAF = 64_000


def slot(path: str, field: str | None = None, **more: object) -> Slot:
    """A slot that was filled and kept, unless said otherwise."""
    given = {
        "item": "child.name",
        "source": "civil",
        "outcome": OutcomeCode.filled,
        "tier": Tier.A,
        "disposition": Disposition.kept,
        "mapped": True,
    } | more
    return Slot(path, path if field is None else field, **given)  # type: ignore[arg-type]


def rows(count: int, columns: int = 10) -> list[Slot]:
    """A form with so many rows, a few of them edited."""
    return [
        slot(
            f"enterprise.employees.{row}.column_{column}",
            f"enterprise.employees.column_{column}",
            item=f"employee.column_{column}",
            disposition=Disposition.edited if (row * columns + column) % 37 == 0 else Disposition.kept,
        )
        for row in range(count)
        for column in range(columns)
    ]


@pytest.mark.parametrize("count", [1, 19, 21, 100, 1_000])
def test_every_slot_comes_back(count: int) -> None:
    """By path, each with what it was, whichever spelling the leaf takes."""
    slots = [*rows(count), slot("name"), slot("remark", item=None, source=None, tier=None)]

    assert from_facts(leaf_facts(slots)) == tuple(sorted(slots, key=lambda each: each.path))


def test_ten_thousand_slots_fit_into_a_leaf() -> None:
    """A thousand rows of ten columns: what a bundle says of them is enough to count them again."""
    slots = rows(1_000)

    assert len(orjson.dumps(to_facts(slots))) > MOST_LEAF
    assert len(orjson.dumps(leaf_facts(slots))) < MOST_LEAF / 4


def test_an_application_of_many_rows_keeps_its_slots_in_the_leaf() -> None:
    """Seven hundred slots were too many once; now nothing of them is left out of the entry."""
    from tests.contract.test_store_submissions import snapshot, submission

    class Made:
        """Just enough of the factory."""

        now = NOW

        def id(self, prefix: str) -> str:
            return f"{prefix}_1"

    draft = type("Draft", (), {"id": "res_1"})
    shot = snapshot(Made(), submission(Made(), draft), slots=tuple(rows(1_000)))
    entry = make_entry(
        "aud_1",
        EntryKind.submission_received,
        NOW,
        caller="hall",
        request="res_1",
        facts=snapshot_facts(shot),
    )

    leaf = orjson.loads(entry.leaf)
    assert len(entry.leaf) < MOST_LEAF
    assert "omitted" not in leaf
    assert from_facts(leaf["slots"]) == tuple(sorted(shot.slots, key=lambda each: each.path))


def test_few_slots_are_named_one_by_one() -> None:
    """Whoever reads a leaf of a common form reads paths, and what reads them from before reads them still."""
    slots = [slot(f"children.{row}.name", "children.name") for row in range(MOST_APART)]

    assert leaf_facts(slots) == to_facts(slots)
    assert leaf_facts([*slots, slot("name")]) != to_facts([*slots, slot("name")])


NAMES = st.sampled_from(["a", "b", "0", "1", "01", "#", "a#b", "١", ""])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(PATHS, PATHS, st.sampled_from([None, "x", "y"])),
        max_size=12,
        unique_by=lambda each: each[0],
    )
)
def test_no_path_is_told_as_another(told: list[tuple[str, str, str | None]]) -> None:
    """Whatever fields and rows are called: numbers, signs, nothing."""
    filler = [slot(f"filler_{number}") for number in range(MOST_APART + 1)]
    slots = [*filler, *(slot(path, field, item=item) for path, field, item in told)]

    assert sorted(from_facts(leaf_facts(slots)), key=lambda each: each.path) == sorted(
        slots, key=lambda each: each.path
    )
