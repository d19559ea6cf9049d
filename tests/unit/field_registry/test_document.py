"""Documents, directories and differences: a registry survives each, and what changed is told with what it touches."""

import dataclasses
import json
import time as clock
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from field_registry import CodeList, Registry, SubjectKind, Tier
from field_registry.bindings import Transform
from field_registry.diff import AttributeChange, Change, describe, diff
from field_registry.document import digest, duration_text, from_document, to_document
from field_registry.dump import dump_registry
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from field_registry.load import load_registry
from field_registry.located import parse_duration
from field_registry.sources import MaintenanceWindow

Make = Callable[..., Any]


@pytest.fixture
def full(registry: Make, item: Make, source: Make, binding: Make) -> Registry:
    """A registry in which every attribute of every part differs from its default."""
    sex = item(
        "person.sex",
        datatype=Datatype.code,
        name_en="Sex",
        code_list="sex",
        sensitivity=Sensitivity.sensitive,
        share=ShareAttribute.none,
        share_citation='某法第一条: "引"',
        freshness=timedelta(days=30),
        unit="CNY",
        scale=0,
        max_length=0,
        mask="name",
        compare=True,
        within="person.children",
        synonyms=("公民性别", "no", "01"),
    )
    windows = (
        MaintenanceWindow(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 2, tzinfo=UTC)),
        MaintenanceWindow(daily_from=time(22), daily_to=time(2, 30), weekdays=frozenset({0, 6})),
    )
    civil = source(
        tier=Tier.B,
        kinds=frozenset(SubjectKind),
        id_types=frozenset({"111", "414"}),
        by_issuer=True,
        config={"answer": {"echo": "/id", "equals": [0, "0", None, True, 1.5]}, "x": "12:30"},
        timeout=timedelta(milliseconds=1500),
        max_concurrent=1,
        failures_to_open=2,
        open_for=timedelta(minutes=90),
        maintenance=windows,
        contact="处",
        name_en="Civil",
        department_en="Police",
    )
    bound = binding(
        "person.sex",
        rank=2,
        transform=Transform({"01": "1", "no": "2"}, "10000", "%d/%m/%y", ",", -1),
        effective_from=date(2026, 1, 1),
        effective_to=date(2027, 1, 1),
        version=3,
    )
    sexes = CodeList(
        "sex",
        "性别",
        {"2": "女, 性", "1": '男"性"'},
        {"男": "1", "M": "1"},
        {"8": "2"},
        "GB",
        {"1": "x"},
        True,
    )
    children = item("person.children", datatype=Datatype.rows)
    return registry(items=[children, sex, item()], sources=[civil], bindings=[bound], code_lists=[sexes])  # type: ignore[no-any-return]


def test_a_document_holds_everything(full: Registry) -> None:
    """Writing and reading a document, through JSON, loses nothing, the order of columns included."""
    document = json.loads(json.dumps(to_document(full)))

    again = from_document(9, document)

    assert again.version == 9
    assert list(again.items.values()) == list(full.items.values())
    assert dict(again.sources) == dict(full.sources)
    assert again.bindings == full.bindings
    assert [b.transform for b in again.bindings] == [b.transform for b in full.bindings]
    assert again.source("civil").config == full.source("civil").config
    assert to_document(again) == document


def test_a_document_names_every_attribute(full: Registry) -> None:
    """No attribute is left to a default that may change later."""
    document = to_document(full)

    for section, part in (
        ("items", full.item("person.name")),
        ("sources", full.source("civil")),
        ("bindings", full.bindings[0]),
        ("code_lists", full.code_list("sex")),
    ):
        names = {field.name for field in dataclasses.fields(part) if not field.name.startswith("_")}
        assert set(document[section][0]) == names


def test_a_digest_names_the_content_only(full: Registry) -> None:
    """Key order and version do not matter, any other change does."""
    document = to_document(full)
    shuffled = json.loads(json.dumps(document, sort_keys=True))

    assert digest(document) == digest(shuffled) == digest(to_document(from_document(8, document)))
    assert len(digest(document)) == 64
    document["items"][0]["name"] = "别的"
    assert digest(document) != digest(shuffled)


def test_old_documents_take_todays_defaults() -> None:
    """A document written before an attribute existed can be read."""
    document = {
        "items": [{"id": "a.b", "name": "x", "kind": "person", "datatype": "text", "department": "d"}],
        "sources": [{"id": "s", "name": "x", "department": "d", "connector": "sandbox"}],
        "bindings": [{"item": "a.b", "source": "s", "attribute": "x"}],
    }

    registry = from_document(1, document)

    assert (registry.item("a.b").scale, registry.source("s").max_concurrent) == (2, 64)


def test_twenty_thousand_items_are_read_fast() -> None:
    """20,000 items with their bindings are read in well under two seconds."""
    document = {
        "items": [
            {
                "id": f"p.x{n}",
                "name": "x",
                "kind": "person",
                "datatype": "text",
                "department": "d",
                "freshness": "30d",
            }
            for n in range(20_000)
        ],
        "sources": [],
        "bindings": [{"item": f"p.x{n}", "source": "s", "attribute": "/x", "rank": 1} for n in range(20_000)],
    }

    begun = clock.process_time()
    registry = from_document(1, document)

    assert clock.process_time() - begun < 2
    assert len(registry.bindings) == len(registry.items) == 20_000


@pytest.mark.parametrize("text", ["1ms", "1500ms", "30s", "90s", "5m", "90m", "12h", "36h", "1d", "365d"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    """The largest unit that holds it whole."""
    assert duration_text(parse_duration(text)) == text


def test_a_dump_loads_as_the_same_registry(full: Registry, tmp_path: Path) -> None:
    """Exporting and importing changes nothing, awkward spellings included."""
    dump_registry(full, tmp_path / "new")

    assert to_document(load_registry(tmp_path / "new").registry) == to_document(full)


def test_the_shipped_registry_survives_both(shipped: Registry, tmp_path: Path) -> None:
    """The real example goes through directory and document unchanged."""
    dump_registry(shipped, tmp_path)

    again = from_document(1, to_document(load_registry(tmp_path).registry))

    assert to_document(again) == to_document(shipped)


def test_a_dump_leaves_defaults_out(registry: Make, tmp_path: Path) -> None:
    """What people edit is short, and in UTF-8."""
    dump_registry(registry(), tmp_path)

    assert (tmp_path / "bindings.yaml").read_text(encoding="utf-8") == (
        "bindings:\n- item: person.name\n  source: civil\n  attribute: /xm\n  rank: 1\n"
    )
    assert "人口基础库" in (tmp_path / "sources.yaml").read_text(encoding="utf-8")


def test_equal_registries_do_not_differ(full: Registry) -> None:
    """Versions alone are no difference."""
    assert diff(full, from_document(99, to_document(full))) == ()


def changed(registry: Registry, **parts: Any) -> Registry:
    """The registry with some of its parts replaced."""
    whole = {
        "items": registry.items.values(),
        "sources": registry.sources.values(),
        "bindings": registry.bindings,
        "code_lists": registry.code_lists.values(),
    }
    return Registry.of(registry.version + 1, **whole | parts)


def test_a_changed_item_says_what_changed(full: Registry) -> None:
    """Old and new value of each attribute; rows touch their columns."""
    rows = dataclasses.replace(full.item("person.children"), freshness=timedelta(days=1), name="孩子")
    items = [rows, *(item for item in full.items.values() if item.id != rows.id)]

    (change,) = diff(full, changed(full, items=items))

    assert change == Change(
        "item",
        "person.children",
        "changed",
        (AttributeChange("name", "姓名", "孩子"), AttributeChange("freshness", None, "1d")),
        ("person.children", "person.sex"),
    )
    assert describe(change) == (
        "item person.children changed: name 姓名 → 孩子, freshness nothing → 1d (touches 2 items)"
    )


def test_added_and_removed_parts_are_told(full: Registry, item: Make) -> None:
    """Each part that came or went is one line."""
    new = changed(full, items=[*list(full.items.values())[:2], item("person.age")])

    assert [describe(change) for change in diff(full, new)] == [
        "item person.age added (touches 1 item)",
        "item person.name removed (touches 1 item)",
    ]


def test_a_changed_source_touches_the_items_it_answers_for(full: Registry) -> None:
    """Nested configuration is told by its path."""
    civil = dataclasses.replace(full.source("civil"), config={"answer": {"echo": "/no"}, "x": "12:30"})

    (change,) = diff(full, changed(full, sources=[civil]))

    assert change.touched == ("person.sex",)
    assert AttributeChange("config.answer.echo", "/id", "/no") in change.attributes


def test_a_moved_binding_is_one_change(full: Registry) -> None:
    """A new attribute of the same source is a change, not a removal and an addition."""
    moved = dataclasses.replace(full.bindings[0], attribute="/new")

    (change,) = diff(full, changed(full, bindings=[moved]))

    assert (change.what, change.id, change.touched) == ("changed", moved.key, ("person.sex",))
    assert change.attributes == (AttributeChange("attribute", "/xm", "/new"),)


def test_a_binding_to_another_source_is_two_changes(full: Registry) -> None:
    """Another register is another binding."""
    other = dataclasses.replace(full.bindings[0], source="tax")

    assert [change.what for change in diff(full, changed(full, bindings=[other]))] == ["removed", "added"]


def test_a_changed_code_list_touches_its_items(full: Registry) -> None:
    """Each code that changed is told by its code."""
    old = full.code_list("sex")
    new = CodeList(
        "sex", "性别", {"2": "女性", "1": '男"性"'}, old.aliases, old.retired, "GB", old.origins, True
    )

    (change,) = diff(full, changed(full, code_lists=[new]))

    assert change.touched == ("person.sex",)
    assert change.attributes == (AttributeChange("names.2", "女, 性", "女性"),)


def test_long_values_are_cut_for_people(full: Registry) -> None:
    """A description stays one readable line."""
    named = dataclasses.replace(full.item("person.name"), name="长" * 500)
    items = [*list(full.items.values())[:2], named]

    (change,) = diff(full, changed(full, items=items))

    assert len(describe(change)) < 200
