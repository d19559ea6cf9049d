"""`oncegate audit ledger` on what a demonstration leaves behind: one subject's uses, and the look-up itself in the log."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli import app

VEHICLE, NUMBER = "plate:闽C90001", "闽C90001"
DEMO_SECONDS = 90


def run(*arguments, typed=None):
    """The command in this process: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, ["audit", *(str(each) for each in arguments)], input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state directory of a demonstration, in which somebody then asked about the vehicle without any consent."""
    directory = tmp_path_factory.mktemp("ledger")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ONCEGATE_")}
    command = [sys.executable, "-m", "gateway"]
    for arguments in (
        ("demo", "--once", "--json", "--people", "1", "--keep"),
        ("resolve", "vehicle-annual-review", "--subject", f"vehicle=vehicle:{NUMBER}", "--state"),
    ):
        subprocess.run(
            [*command, *arguments, str(directory)],
            check=True,
            capture_output=True,
            timeout=DEMO_SECONDS,
            env=environ,
        )
    return directory


def ledger(state, *arguments):
    """The vehicle's uses as machines read them."""
    code, printed, said = run("ledger", "--subject", VEHICLE, "--state", state, "--json", *arguments)
    assert code == 0, said
    return json.loads(printed)


def lookups(state):
    """Every look at a ledger that the log tells of; reading the log to see them is another look."""
    _, printed, _ = run("entries", "--state", state, "--limit", "10000", "--json")
    return [entry for entry in json.loads(printed)["entries"] if entry.get("what") == "ledger"]


def test_it_tells_the_consent_the_release_and_the_refusal(state):
    """Oldest first: agreed, filled in by the hall, refused to whoever had no consent."""
    given, used, refused = ledger(state)[:3]

    assert (given["kind"], given["result"]["code"]) == ("consent.given", "given")
    assert (used["kind"], used["result"]["code"], used["result"]["fields"]) == ("use", "released", 6)
    assert used["ground"][0]["id"] == given["ground"][0]["id"]
    assert {"id": "vehicle.vin", "name": "车辆识别代号", "source": "机动车登记系统"} in used["items"]
    assert (refused["result"]["code"], refused["items"]) == ("refused", [])
    assert {each["reason"] for each in refused["refused"]} == {"no_consent"}


def test_it_reads_in_plain_words(state):
    """Chinese unless English is asked for; no code of ours where a name exists."""
    _, chinese, _ = run("ledger", "--subject", VEHICLE, "--state", state)
    _, english, _ = run("ledger", "--subject", VEHICLE, "--state", state, "--english")

    assert "事项：办理道路运输车辆年度审验" in chinese
    assert "结果：已提供 6 个字段" in chinese
    assert "结果：拒绝调取，未提供" in chinese
    assert "vehicle.vin" not in chinese
    assert "Result: 6 fields were provided" in english


def test_looking_is_logged_before_anything_is_shown(state):
    """Each look is an entry about the subject, without its identifier; the next look shows it."""
    before = len(lookups(state))

    shown = ledger(state)
    newest = lookups(state)[-1]

    assert len(lookups(state)) == before + 1
    assert newest["shown"] == len(shown)
    assert newest["subject"].startswith("sub_")
    assert NUMBER not in json.dumps(newest, ensure_ascii=False)
    assert ledger(state)[-1]["entry"] == newest["id"]


def test_looking_for_a_stranger_is_logged_and_makes_nobody(state):
    """Nothing to show; the entry names no subject, and a second look finds as little."""
    for _ in range(2):
        code, printed, _ = run("ledger", "--subject", "plate:闽C00000", "--state", state)

        assert (code, printed.strip()) == (0, "没有使用记录。")
        assert (lookups(state)[-1]["subject"], lookups(state)[-1]["shown"]) == (None, 0)


def test_the_newest_come_last_and_older_ones_are_counted(state):
    """`--limit` keeps the newest."""
    everything = ledger(state)
    _, printed, _ = run("ledger", "--subject", VEHICLE, "--state", state, "--limit", "1")

    assert f"更早的还有 {len(everything)} 条，未显示。" in printed
    assert [use["kind"] for use in ledger(state, "--limit", "1")] == ["audit.lookup"]


def test_the_identifier_can_come_from_a_file_or_a_pipe(state, tmp_path):
    """So that it stands in no history of commands."""
    file = tmp_path / "subject.txt"
    file.write_text(f"{VEHICLE}\n", encoding="utf-8")

    for code, printed, _ in (
        run("ledger", "--subject-file", file, "--state", state),
        run("ledger", "--subject-file", "-", "--state", state, typed=VEHICLE),
    ):
        assert code == 0
        assert "已提供 6 个字段" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--subject", VEHICLE, "--subject-file", "-"),
        ("--subject", "35058219910603996X"),
        ("--subject", "111:350582199106039961"),
        ("--subject", "plate:nonsense-90001"),
        ("--subject", "passport:E12345678"),
        ("--subject", ""),
    ],
)
def test_what_is_no_subject_is_refused_without_being_repeated(state, arguments):
    """Wrong use, a sentence, and no part of what was typed in it."""
    before = len(lookups(state))

    code, printed, said = run("ledger", *arguments, "--state", state)

    assert (code, printed) == (2, "")
    assert said.strip()
    assert not any(each.rpartition(":")[2] in said for each in arguments[1:2] if each)
    assert len(lookups(state)) == before


def test_no_identifier_is_left_in_the_database(state):
    """After all these looks, neither the plate nor the stranger's stands in any file of it."""
    ledger(state)

    kept = b"".join(path.read_bytes() for path in state.glob("*.db*"))
    assert len(kept) > 100_000
    assert NUMBER.encode() not in kept
    assert "闽C00000".encode() not in kept


# ---------------------------------------------------------------- searched, opened, followed back


def searched(state, *arguments):
    """The entries that a search finds."""
    code, printed, said = run("entries", "--state", state, "--json", *arguments)
    assert code == 0, said
    return json.loads(printed)["entries"]


def test_entries_are_searched_by_subject_item_and_outcome(state):
    """A resolution is found with what was asked and what came of it; a stranger's is not."""
    mine = searched(state, "--subject", VEHICLE, "--outcome", "filled", "--item", "vehicle.vin")
    alone = searched(state, "--source", "vehicle-registration", "--kind", "intent", "--limit", "2")

    assert [entry["kind"] for entry in mine] == ["intent", "outcome"]
    assert {ask[1] for entry in alone for ask in entry["asks"]} >= {"vehicle-registration"}
    assert searched(state, "--subject", "plate:闽C00000") == []
    assert searched(state, "--officer", "nobody-works-here") == []


def test_every_match_is_written_to_a_file(state, tmp_path):
    """One leaf a line, however many; one look-up for all of it."""
    target = tmp_path / "entries.jsonl"

    code, printed, _ = run("entries", "--state", state, "--kind", "outcome", "--out", target)
    leaves = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]

    assert code == 0
    assert f"{len(leaves)} entries" in printed
    assert {leaf["kind"] for leaf in leaves} == {"outcome"}
    last = searched(state, "--kind", "audit.lookup")[-1]
    assert (last["what"], last["filters"]) == ("search", {"kind": "outcome"})


def test_a_receipt_leads_back_and_opens_with_a_reason(state):
    """Without a reason the officer stays sealed; with one the case is told, and that it was."""
    outcome = next(entry for entry in searched(state, "--subject", VEHICLE) if entry["kind"] == "outcome")
    resolution = outcome["request"]

    closed = json.loads(run("trace", outcome["receipt"], "--state", state, "--json")[1])
    opened = json.loads(run("trace", resolution, "--state", state, "--json", "--reason", "complaint 17")[1])

    assert (closed["resolution"], closed["receipt"]) == (resolution, outcome["receipt"])
    assert closed["officer"].keys() == {"kind", "sealed_in"}
    assert opened["officer"]["actor"]
    assert searched(state, "--officer", opened["officer"]["actor"], "--request", resolution)
    assert searched(state, "--kind", "audit.opened")[-1]["entry"] == opened["officer"]["sealed_in"]
    _, printed, _ = run("trace", resolution, "--state", state)
    assert "registry_version" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("entries", "--kind", "unheard.of"),
        ("entries", "--outcome", "unheard_of"),
        ("entries", "--since", "yesterday"),
        ("entries", "--until", "2026-11-21T00:00:00"),
        ("entries", "--open", "aud_1"),
        ("entries", "--subject", VEHICLE, "--subject-file", "-"),
        ("entries", "--subject", "111:350582199106039961"),
    ],
)
def test_what_cannot_be_looked_for_is_wrong_use(state, arguments):
    """A sentence, and exit 2."""
    code, printed, said = run(*arguments, "--state", state)

    assert (code, printed) == (2, "")
    assert said.strip()
    assert "350582199106039961" not in said


def test_what_does_not_exist_is_said(state):
    """Exit 1 for an entry or receipt that nobody knows."""
    for arguments in (("entries", "--open", "aud_x", "--reason", "complaint"), ("trace", "rcp_unknown")):
        code, printed, said = run(*arguments, "--state", state)

        assert (code, printed) == (1, "")
        assert said.strip()
