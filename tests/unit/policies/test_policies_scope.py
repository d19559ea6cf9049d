"""What was agreed to, against what the registry says now."""

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest

from field_registry import Binding, Registry, Source
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from policies.scope import ItemScopes, describe, scope_hash

DAY = date(2026, 11, 21)
CIVIL, TAX = Source("civil", "人口库", "公安", "sandbox"), Source("tax", "税务", "税务", "sandbox")


@pytest.fixture
def registry(make):
    """Makes a registry of the name and the children; a test changes the name or the bindings."""

    def made(bindings=None, columns=("child.name",), **of_name):
        items = [
            replace(make.item("person.name"), **of_name),
            make.item("person.children", datatype=Datatype.rows),
            *(make.item(column, within="person.children") for column in columns),
        ]
        name = (Binding("person.name", "civil", "/name"), Binding("person.name", "tax", "/n", rank=2))
        rows = Binding("person.children", "civil", "/children")
        return Registry.of(1, items=items, sources=[CIVIL, TAX], bindings=[*(bindings or name), rows])

    return made


def test_what_is_described(registry):
    """Item, sources by rank, share attribute, sensitivity: and nothing of how a source is asked."""
    assert describe("person.name", registry(), DAY) == {
        "item": "person.name",
        "sources": [[1, "civil"], [2, "tax"]],
        "share": "conditional",
        "sensitivity": "personal",
    }


def test_the_hash_can_be_made_by_anybody(registry):
    """SHA-256 of canonical JSON: sorted keys, no white space, by id of the item."""
    text = (
        '[{"columns":[["child.name","conditional","personal"]],"item":"person.children","sensitivity":"personal",'
        '"share":"conditional","sources":[[1,"civil"]]},'
        '{"item":"person.name","sensitivity":"personal","share":"conditional","sources":[[1,"civil"],[2,"tax"]]}]'
    )

    assert (
        scope_hash(["person.name", "person.children"], registry(), DAY) == sha256(text.encode()).hexdigest()
    )
    assert (
        scope_hash(["person.children", "person.name"], registry(), DAY) == sha256(text.encode()).hexdigest()
    )


def by_civil(**more):
    return Binding("person.name", "civil", "/other/place", **more)


CHANGES = {
    "sensitivity": {"sensitivity": Sensitivity.sensitive},
    "share": {"share": ShareAttribute.none},
    "a source less": {"bindings": [by_civil()]},
    "other ranks": {"bindings": [by_civil(rank=2), Binding("person.name", "tax", "/n")]},
    "a source not yet": {
        "bindings": [by_civil(), Binding("person.name", "tax", "/n", rank=2, effective_from=date(2027, 1, 1))]
    },
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_outdates_the_item_it_concerns(registry, change):
    """That one and no other."""
    agreed = ItemScopes(registry(), DAY).agreed(["person.name", "person.children"])

    assert ItemScopes(registry(**change), DAY).outdated(agreed) == {"person.name"}


def test_a_column_that_is_added_outdates_the_rows(registry):
    """Whoever agreed to children's names has not agreed to their numbers."""
    agreed = ItemScopes(registry(), DAY).agreed(["person.name", "person.children"])
    wider = registry(columns=("child.name", "child.id_no"))

    assert ItemScopes(wider, DAY).outdated(agreed) == {"person.children"}


def test_an_item_that_is_gone_is_outdated(registry):
    """Nobody knows any more what it would fetch."""
    agreed = (("person.gone", "0" * 16),)

    assert ItemScopes(registry(), DAY).outdated(agreed) == {"person.gone"}


def test_where_a_value_stands_in_its_source_is_no_change(registry):
    """Same sources, same ranks; and names may be corrected."""
    agreed = ItemScopes(registry(), DAY).agreed(["person.name"])
    moved = [by_civil(), Binding("person.name", "tax", "/elsewhere", rank=2)]

    assert ItemScopes(registry(bindings=moved, name="姓 名"), DAY).outdated(agreed) == frozenset()


def test_a_day_on_which_a_binding_begins_outdates(registry):
    """The same registry on a later day may ask somebody else."""
    later = [by_civil(), Binding("person.name", "tax", "/n", rank=2, effective_from=date(2027, 1, 1))]
    agreed = ItemScopes(registry(bindings=later), DAY).agreed(["person.name"])

    assert ItemScopes(registry(bindings=later), date(2026, 12, 31)).outdated(agreed) == frozenset()
    assert ItemScopes(registry(bindings=later), date(2027, 1, 1)).outdated(agreed) == {"person.name"}


def test_older_records_are_not_affected(registry):
    """What recorded no scope is not outdated by anything."""
    assert ItemScopes(registry(), DAY).outdated(()) == frozenset()


def test_many_scopes_are_remembered_and_none_is_mixed_up(registry):
    """More scopes than are kept: each still gets its own answer."""
    scopes = ItemScopes(registry(), DAY)
    sound = scopes.agreed(["person.name"])
    others = [((f"person.x{number}", "0" * 16),) for number in range(600)]

    found = [scopes.outdated(each) for each in others]

    assert found == [{each[0][0]} for each in others]
    assert scopes.outdated(sound) == frozenset()
