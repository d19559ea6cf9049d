"""`oncegate receipt show|print|verify` and `oncegate form print`, on an installation of its own."""

import asyncio
import json

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from gateway.cli import app


def run(*arguments):
    """The command in this process: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def installation(make_desk, tmp_path):
    """A state directory with one form resolved and handed in; the submission's id and the receipt's."""

    async def fill():
        desk = await make_desk(in_sqlite=True)
        answer = await desk.resolve()
        made = await desk.submit(answer["id"])
        await desk.http.aclose()
        await desk.runtime.ledger.drain()
        await desk.runtime.store.close()
        return made["id"], answer["receipt"]["id"]

    return tmp_path, *asyncio.run(fill())


def test_a_receipt_is_shown_and_kept(installation, tmp_path):
    """Items, sources and grounds on the screen, the signed file beside; and that file holds."""
    state, _, receipt = installation
    file = tmp_path / "receipt.json"

    code, out, _ = run("receipt", "show", receipt, "--out", file, "--state", state)
    verified, said, _ = run("receipt", "verify", file)

    assert (code, verified) == (0, 0)
    assert "公安·人口基础库" in out
    assert "The file agrees with itself: receipt " in said
    assert "Sound" not in said
    assert "3 entries are in the log" in said


def test_showing_it_is_an_entry_of_the_command_line(installation):
    """Whoever works on the machine is told by the log, too; who had worked at the desk is not shown there."""
    state, _, receipt = installation

    _, out, _ = run("receipt", "show", receipt, "--state", state, "--json")
    _, told, _ = run("audit", "entries", "--kind", "receipt.issued", "--state", state, "--json")

    assert json.loads(out)["document"]["officer"] is None
    assert [each["caller"] for each in json.loads(told)["entries"]] == ["command-line"]


def test_a_receipt_is_printed_and_its_paper_holds(installation, tmp_path):
    """A PDF; with the keys that were kept the check needs nothing else."""
    state, _, receipt = installation
    file, keys = tmp_path / "receipt.pdf", tmp_path / "keys.json"

    code, out, _ = run("receipt", "print", receipt, "--out", file, "--state", state)
    inside = json.loads(PdfReader(file).attachments["receipt.json"][0])
    keys.write_text(json.dumps({"keys": [inside["receipt_key"]]}))
    verified, said, _ = run(
        "receipt", "verify", file, "--key", inside["verifier_keys"][0], "--receipt-key", keys
    )

    assert (code, verified) == (0, 0)
    assert f"oncegate receipt verify {file}" in out
    assert "The text on the pages is what was signed." in said
    assert "Sound: receipt " in said
    assert "The keys came with the file" not in said


def test_a_form_is_printed_and_its_paper_holds(installation, tmp_path):
    """As it was handed in."""
    state, submission, _ = installation
    file = tmp_path / "form.pdf"

    code, _, _ = run("form", "print", submission, "--out", file, "--state", state, "--json")
    verified, said, _ = run("receipt", "verify", file, "--json")

    assert (code, verified) == (0, 0)
    told = json.loads(said)
    assert (told["sound"], told["stage"], told["faults"]) == (True, "submitted", [])
    assert told["keys_kept"] is False


def test_an_altered_file_is_refused_with_the_reason(installation, tmp_path):
    """Exit code 1, and in words what is wrong."""
    state, _, receipt = installation
    file = tmp_path / "receipt.json"
    run("receipt", "show", receipt, "--out", file, "--state", state)
    file.write_text(file.read_text().replace('"number": "0', '"number": "1'))

    code, out, _ = run("receipt", "verify", file)

    assert code == 1
    assert "The number beside the receipt is not the one that was signed." in out


def test_wrong_use_is_told(installation, tmp_path):
    """No such receipt, no such submission, no such file, keys that are none."""
    state, *_ = installation
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')

    assert run("receipt", "show", "rcp_x", "--state", state)[0] == 1
    assert run("form", "print", "smn_x", "--out", tmp_path / "x.pdf", "--state", state)[0] == 1
    assert run("receipt", "verify", tmp_path / "nothing")[0] == 2
    assert run("receipt", "verify", keys, "--receipt-key", keys)[0] == 2


def test_the_command_line_does_not_tell_who_worked(installation, tmp_path):
    """Neither on the pages nor in the files inside: that is opened with a reason."""
    state, submission, _ = installation
    file = tmp_path / "form.pdf"
    run("form", "print", submission, "--out", file, "--state", state)

    assert json.loads(PdfReader(file).attachments["receipt.json"][0])["officer"] is None
