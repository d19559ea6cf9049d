"""`oncegate keys`: rotated and rewrapped beside a running service, until an old root key may go."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.security import load_key_ring


@pytest.fixture
def keys(hall: Any) -> Any:
    """A command of the group on the running gateway's state: what it printed, as data."""

    def run(*arguments: str) -> Any:
        command = ["keys", *arguments, "--json", "--state", str(hall.gateway.directory)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def roots_of(told: Any) -> dict[str, Any]:
    """Root key id → its line."""
    return {each["root"]: each for each in told["roots"]}


def test_a_rotation_beside_a_running_service(hall: Any, form: Any, cast: Any, keys: Any) -> None:
    """Nothing stands still: the process that started before opens what is wrapped anew, and goes on sealing."""
    consents = hall.agree_all(form, cast)
    answer = hall.resolve(form, cast, consents.values())
    path = hall.gateway.settings.root_key_file
    old = load_key_ring(path, create=False).ids[0]

    new = keys("rotate")["key"]
    done = keys("rewrap")

    assert done["key"] == new
    assert done["renewed"]["subject.wrapped_key"] >= len(cast)
    assert done["lost"] == 0
    assert hall.get(f"/v1/consents/{next(iter(consents.values()))}").status_code == 200
    assert hall.get(f"/v1/resolutions/{answer['id']}").status_code == 200
    assert hall.resolve(form, cast, hall.agree_all(form, cast).values())["counts"]["filled"]
    standing = roots_of(keys("list"))
    assert "subject.wrapped_key" not in standing[old]["cells"]
    assert "seals from now on" in standing[new]["needed_for"]
    (entry,) = [each for each in hall.entries(kind="keys.rewrapped") if each["id"] == done["entry"]]
    assert entry["leaf"]["key"] == new


def test_what_stands_on_old_keys_is_said(hall: Any, keys: Any) -> None:
    """The oldest line stays for ever, the blind index stands on it; every line says what it is needed for."""
    keys("rotate")
    told = keys("list")["roots"]
    ring = load_key_ring(hall.gateway.settings.root_key_file, create=False)

    assert [each["root"] for each in told] == list(ring.ids)
    assert "the blind index: for ever" in told[-1]["needed_for"]


def test_a_second_rewrap_finds_nothing_to_do(hall: Any, keys: Any) -> None:
    """Run again, as after one that was broken off, it passes over what is done."""
    keys("rewrap")

    assert keys("rewrap")["renewed"] == {}


def test_people_read_a_table(hall: Any) -> None:
    """One line per key, with what it is needed for."""
    result = CliRunner().invoke(app, ["keys", "list", "--state", str(hall.gateway.directory)])

    assert result.exit_code == 0, result.output
    assert "root keys, newest first" in result.stdout
    assert "the blind index: for ever" in result.stdout
