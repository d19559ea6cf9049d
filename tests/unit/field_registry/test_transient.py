"""Dataclasses of a request: values like any other, and frozen by whoever checks types."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path

import pytest

from field_registry import Item
from field_registry.transient import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A value."""

    x: int
    y: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Something that is itself alone."""

    x: int


@dataclass(frozen=True, slots=True)
class Named:
    """Found by its name, whatever else it holds."""

    name: str
    note: str = ""

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(slots=True)
class Open:
    """Said not to be frozen."""

    x: int


def test_they_are_values_like_those_of_the_standard_library() -> None:
    """Equal and hashed by their fields, replaced, slotted, shown."""
    assert is_dataclass(Point)
    assert [each.name for each in fields(Point)] == ["x", "y"]
    assert Point(1) == Point(1, 0) != Point(2)
    assert {Point(1): "a"}[Point(1, 0)] == "a"
    assert replace(Point(1), y=3) == Point(1, 3)
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert not hasattr(Point(1), "__dict__")


def test_what_is_said_of_equality_and_hash_holds() -> None:
    """Without `eq` each is itself alone; a hash of one's own stays; what may change cannot be hashed."""
    one = Thing(1)
    assert one != Thing(1)
    assert {one: "a"}[one] == "a"
    assert hash(Named("a", "b")) == hash("a")
    assert Named("a", "b") != Named("a", "c")
    with pytest.raises(TypeError, match="unhashable"):
        hash(Open(1))


def test_what_lives_longer_is_frozen_when_run() -> None:
    """Definitions are shared by all requests, and no assignment may reach one."""
    params = Item.__dataclass_params__  # type: ignore[attr-defined]
    assert params.frozen
    with pytest.raises((FrozenInstanceError, AttributeError)):
        object.__new__(Item).id = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("type_", "assignment"),
    [
        ("field_registry.values.Provenance", "source = 'x'"),
        ("gateway.records.Entry", "leaf = b''"),
        ("policies.Decision", "allowed = True"),
    ],
)
def test_the_type_checker_lets_nobody_assign(tmp_path: Path, type_: str, assignment: str) -> None:
    """Which is what keeps them as they are."""
    module, _, name = type_.rpartition(".")
    text = f"from {module} import {name}\n\n\ndef change(it: {name}) -> None:\n    it.{assignment}\n"
    (tmp_path / "change.py").write_text(text, encoding="utf-8")
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--cache-dir",
            str(tmp_path / "cache"),
            "--follow-imports",
            "silent",
            "change.py",
        ],
        cwd=tmp_path,
        env={"MYPYPATH": str(Path(__file__).parents[3]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    assert "read-only" in said.stdout
