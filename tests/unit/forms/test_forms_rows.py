"""Matching rows: by identity, in the source's order, losing none that was typed."""

import pytest

from field_registry import Item, SubjectKind
from field_registry.items import Datatype
from forms.rows import Row, identity_key, match_rows


def match(source, typed, max_rows=10):
    """Matches sources given by their keys alone."""
    return match_rows(
        [{"key": key} for key in source], typed, key_of=lambda row: row["key"], max_rows=max_rows
    )


def shape(matched):
    """Per row the source's key and the typed number."""
    return [(row.cells["key"] if row.cells is not None else None, row.typed) for row in matched.rows]


@pytest.mark.parametrize(
    ("source", "typed", "expected"),
    [
        ([], {}, []),
        (["a", "b"], {}, [("a", None), ("b", None)]),
        ([], {0: "a", 2: None}, [(None, 0), (None, 2)]),
        (["a", "b"], {0: "b", 1: "c"}, [("a", None), ("b", 0), (None, 1)]),
        (["a", "a"], {0: "a"}, [("a", 0), ("a", None)]),
        (["a"], {0: "a", 1: "a"}, [("a", 0), (None, 1)]),
        (["a", "a"], {0: "a", 1: "a"}, [("a", 0), ("a", 1)]),
        ([None], {0: None}, [(None, None), (None, 0)]),
    ],
)
def test_rows_meet_by_key(source, typed, expected):
    """Equal keys meet once each; a blank key meets nothing; the person's other rows come last."""
    assert shape(match(source, typed)) == expected


@pytest.mark.parametrize(
    ("source", "typed", "room", "expected", "dropped"),
    [
        ("abc", {}, 2, [("a", None), ("b", None)], 1),
        ("abc", {0: "c"}, 2, [("a", None), ("c", 0)], 1),
        ("abc", {0: "x"}, 2, [("a", None), (None, 0)], 2),
        ("ab", {0: "x", 1: "y", 2: "z"}, 2, [(None, 0), (None, 1), (None, 2)], 2),
        ("ab", {0: "b", 1: "y"}, 1, [("b", 0), (None, 1)], 1),
    ],
)
def test_what_does_not_fit_is_counted(source, typed, room, expected, dropped):
    """Only unmatched rows of the source give way, from the end, and their number is told."""
    matched = match(source, typed, room)

    assert shape(matched) == expected
    assert matched.dropped == dropped


def test_a_row_never_shows_its_cells():
    """The repr says where a row comes from and no more."""
    assert "secret" not in repr(Row({"key": "secret"}, 0))


@pytest.mark.parametrize(
    ("datatype", "left", "right"),
    [
        (Datatype.id_no, "350582910603001", "350582199106030017"),
        (Datatype.id_no, "35058219910603001７", "350582199106030017"),
        (Datatype.plate, "闽c12345", "闽C12345"),
        (Datatype.text, " 甲 ", "甲"),
        (Datatype.integer, "7", 7),
        (Datatype.date, "2020年1月2日", "20200102"),
        (Datatype.code, "a", "A"),
    ],
)
def test_identities_compare_as_their_datatype_spells_them(datatype, left, right):
    """Two spellings of one identity are one key."""
    key = identity_key(Item("x.y", "某", SubjectKind.person, datatype, "公安"))

    assert key(left) == key(right) is not None


@pytest.mark.parametrize("cell", [None, "", "  ", True, ["a"], {"a": 1}])
def test_no_identity_is_no_key(cell):
    """What cannot tell rows apart matches nothing."""
    assert identity_key(None)(cell) is None


def test_an_unreadable_identity_still_tells_rows_apart():
    """What is not of its datatype is compared as text: a typing error must not lose a row."""
    key = identity_key(Item("x.y", "某", SubjectKind.person, Datatype.date, "公安"))

    assert key("不是日期") == "不是日期"
