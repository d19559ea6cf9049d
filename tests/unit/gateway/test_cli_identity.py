"""`oncegate identity`: two documents linked by files, listed by reference, parted again."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.settings import Settings
from gateway.store.migrate import migrate

RESIDENCE, PERMIT, PASSPORT, STRANGER = (
    *("111:35058219910603996X", "511:12345678"),
    *("414:E12345678", "111:110102199101010078"),
)
SHOWN = {"kind": "both_shown", "reference": "复印件-17", "checked_by": "clerk-7", "presence": "in_person"}
DESK = ("--department", "公安")


class Terminal:
    """A terminal on an empty installation, and a directory for files."""

    def __init__(self, state: Path) -> None:
        self._state = state
        migrate(Settings(state_dir=state).database_url)

    def __call__(self, *arguments: object, machine: bool = True) -> tuple[int, Any]:
        """Exit code, and what was printed, or said where it was refused."""
        more = ["--state", str(self._state), *(["--json"] if machine else [])]
        result = CliRunner().invoke(app, [*map(str, arguments), *more])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        is_json = machine and result.exit_code == 0
        return result.exit_code, json.loads(result.stdout) if is_json else result.stdout + result.stderr

    def link(self, subject: str, other: str, **evidence: Any) -> tuple[int, Any]:
        """A link of what is written into three files."""
        files = {"subject": subject, "other": other, "evidence": json.dumps({**SHOWN, **evidence})}
        options = []
        for name, text in files.items():
            path = self._state / f"{name}.txt"
            path.write_text(text + "\n", encoding="utf-8")
            options += [f"--{name}-file", path]
        return self("identity", "link", *options, *DESK)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """The terminal."""
    return Terminal(tmp_path)


def test_two_documents_are_linked_listed_and_parted(terminal: Terminal) -> None:
    """By reference alone: no number, paper or clerk stands in what is listed; each step is an entry."""
    code, made = terminal.link(RESIDENCE, PERMIT)
    one = terminal("identity", "list")[1]["links"]
    ended, told = terminal("identity", "unlink", made["id"], "--reason", "核对有误")
    after = terminal("identity", "list")[1]["links"]

    assert (code, ended) == (0, 0)
    assert [(each["id"], each["state"]) for each in one + after] == [
        (made["id"], "linked"),
        (made["id"], "ended"),
    ]
    assert told["state"] == "ended"
    listed = json.dumps([one, after], ensure_ascii=False)
    assert not [each for each in ("3505", "12345678", "复印件", "clerk") if each in listed]
    entries = terminal("audit", "entries", "--limit", "100")[1]["entries"]
    kinds = [each["kind"] for each in entries if each["kind"].startswith("identity.")]
    assert kinds == ["identity.linked", "identity.unlinked"]


def test_the_links_of_one_person_are_found_by_either_document(terminal: Terminal, tmp_path: Path) -> None:
    """Also those of documents that are linked with it."""
    terminal.link(RESIDENCE, PERMIT)
    terminal.link(PERMIT, PASSPORT)
    terminal.link(STRANGER, "414:X98765432")
    found = []
    for number in (RESIDENCE, PERMIT, PASSPORT):
        path = tmp_path / "whom.txt"
        path.write_text(number)
        found.append(
            [each["id"] for each in terminal("identity", "list", "--subject-file", path)[1]["links"]]
        )

    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 2
    assert len(terminal("identity", "list", "--limit", "2")[1]["links"]) == 2


def test_people_read_sentences(terminal: Terminal) -> None:
    """A table to look at, and what was done in words."""
    _, made = terminal.link(RESIDENCE, PERMIT)

    assert made["id"] in terminal("identity", "list", machine=False)[1]
    code, said = terminal("identity", "unlink", made["id"], "--reason", "x", machine=False)
    assert (code, "two subjects" in said) == (0, True)


@pytest.mark.parametrize(
    ("other", "evidence", "code", "words"),
    [
        (PERMIT, {"presence": "representative"}, 1, "nobody stands in"),
        (STRANGER, {}, 1, "only one is valid"),
        ("111:1", {}, 1, "18 characters"),
        (PERMIT, {"kind": "a feeling"}, 2, "both_shown"),
        (PERMIT, {"checked_by": " "}, 2, "by whom"),
        (PERMIT, {"checked_at": "2026-11-21T02:00:00"}, 2, "offset"),
        (PERMIT, {"reference": 7}, 2, "object of texts"),
    ],
)
def test_what_cannot_be_linked_is_said(
    terminal: Terminal, other: str, evidence: dict[str, Any], code: int, words: str
) -> None:
    """Exit 1 for what is refused, 2 for a file that cannot be meant; no number is repeated."""
    result, said = terminal.link(RESIDENCE, other, **evidence)

    assert (result, words in said) == (code, True), said
    assert RESIDENCE[4:] not in said


def test_somebody_elses_document_is_refused(terminal: Terminal) -> None:
    """Exit 1 with what to do; a link of nobody's cannot be ended."""
    terminal.link(RESIDENCE, PERMIT)

    code, said = terminal.link(STRANGER, PERMIT)

    assert (code, "linked to another subject" in said) == (1, True)
    assert terminal("identity", "unlink", "idl_x", "--reason", "x")[0] == 1


def test_a_time_of_the_check_may_be_said(terminal: Terminal) -> None:
    """Of what was checked some hours ago; else it was now."""
    at = datetime.now().astimezone().isoformat()

    assert terminal.link(RESIDENCE, PERMIT, checked_at=at)[1]["evidence"]["checked_at"][:10] >= "2020"
