"""YAML with lines: plain data without surprises, and every fault with its line."""

from datetime import timedelta
from pathlib import Path

import pytest

from field_registry.errors import FaultsFound
from field_registry.load import parse_duration, read_yaml
from field_registry.located import did_you_mean, parse_yaml

TEXT = """\
items:
  - id: person.name
    codes:
      M: "1"
      01: x
  - {id: person.sex, on: no, at: 12:30, day: 2026-01-01, count: 3, share: 0.5, zip: 0123}
empty:
"""


def test_scalars_are_what_they_look_like() -> None:
    """no and on are text, leading zeros are kept, dates and times stay text, keys are text."""
    data = parse_yaml(TEXT, "f.yaml").data

    assert data == {
        "items": [
            {"id": "person.name", "codes": {"M": "1", "01": "x"}},
            {
                "id": "person.sex",
                "on": "no",
                "at": "12:30",
                "day": "2026-01-01",
                "count": 3,
                "share": 0.5,
                "zip": "0123",
            },
        ],
        "empty": None,
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("items",), 1),
        (("items", 0), 2),
        (("items", 0, "codes", "M"), 4),
        (("items", 0, "codes", "Q"), 3),
        (("items", 1, "id"), 6),
        (("items", 9), 1),
        (("empty",), 7),
        (("nowhere", 1), 1),
    ],
)
def test_everything_knows_its_line(path: tuple[str | int, ...], line: int) -> None:
    """A path gives its line; what is missing is where it should have stood."""
    assert parse_yaml(TEXT, "f.yaml").line_of(path) == line


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: [1", "yaml_syntax", 2),
        ("a: 1\n\tb: 2", "yaml_syntax", 2),
        ("a: 1\nb: 2\na: 3", "duplicate_key", 3),
        ("a: 1\n<<: {b: 1}", "merge_key", 2),
        ("x: &x\n  y: *x", "recursive", 1),
        ("a:\n  - !!python/object:os.system x", "bad_tag", 2),
        ("a: !vault [1]", "bad_tag", 1),
        ("a: 1\n? [b]\n: 2", "bad_key", 2),
        ("a: \x07", "yaml_syntax", 0),
        ("[" * 20_000, "yaml_syntax", None),
    ],
)
def test_what_is_no_plain_yaml_is_a_fault_with_its_line(text: str, code: str, line: int | None) -> None:
    """Nothing is guessed, run or overwritten silently."""
    with pytest.raises(FaultsFound) as caught:
        parse_yaml(text, "f.yaml")

    fault = caught.value.faults[0]
    assert (fault.file, fault.code) == ("f.yaml", code)
    assert line is None or fault.line == line


def test_every_duplicate_is_named() -> None:
    """All faults of a file are reported together."""
    with pytest.raises(FaultsFound) as caught:
        parse_yaml("a: 1\na: 2\nb:\n  c: 1\n  c: 2", "f.yaml")

    assert [fault.line for fault in caught.value.faults] == [2, 5]


def test_quoted_and_tagged_text_stays_text() -> None:
    """Quotes and !!str make text of anything."""
    assert parse_yaml("{a: '1', b: \"true\", c: !!str 3, d: 'null'}", "f").data == {
        "a": "1",
        "b": "true",
        "c": "3",
        "d": "null",
    }


def test_aliases_are_written_out() -> None:
    """An anchor used twice is the same data twice."""
    assert parse_yaml("a: &x {k: 1}\nb: *x", "f").data == {"a": {"k": 1}, "b": {"k": 1}}


def test_a_file_is_named_as_asked(tmp_path: Path) -> None:
    """Faults carry the name relative to the directory being read; a byte order mark is no trouble."""
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffa: 姓名".encode())

    assert read_yaml(path).file == "x.yaml"
    assert read_yaml(path, "sub/x.yaml").data == {"a": "姓名"}


@pytest.mark.parametrize(("content", "code"), [(None, "no_file"), ("姓名".encode("gbk"), "not_utf8")])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, content: bytes | None, code: str) -> None:
    """A missing file and one in GBK each say what to do."""
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(FaultsFound) as caught:
        read_yaml(path)
    assert [fault.code for fault in caught.value.faults] == [code]


def test_an_empty_file_has_no_data() -> None:
    """Nothing written is nothing, not a fault."""
    assert parse_yaml("# only a comment\n", "f").data is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("365d", timedelta(days=365)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    """A whole number and a unit."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "d", "0s", "-5m", "1.5h", "5 m", "1w", "99999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Anything else says how to write one."""
    with pytest.raises(ValueError, match="365d"):
        parse_duration(text)


def test_the_nearest_name_is_offered() -> None:
    """A typing error gets a hint, nonsense gets none."""
    assert did_you_mean("nmae", ["name", "kind"]) == " Did you mean 'name'?"
    assert did_you_mean("zzzz", ["name", "kind"]) == ""
