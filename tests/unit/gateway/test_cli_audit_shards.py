"""`oncegate audit shard` and `audit cosign`, as an operator uses them after a restore, and the log verified where it is served."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.app import make_runtime, make_sequencer
from gateway.audit.note import Cosigner, cosign
from gateway.audit.noting import note
from gateway.audit.verify import main as verify_main
from gateway.cli import app
from gateway.records import EntryKind
from gateway.settings import Settings
from gateway.store.migrate import migrate
from gateway.store.sole import sole_service

OFFICE = Cosigner.from_seed("office.example/w", b"\x02" * 32)


class State:
    """A state directory with a log in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = Settings(state_dir=directory)
        migrate(self.settings.database_url)

    def run(self, *arguments: str, given: str | None = None) -> Result:
        """What a command of ours says."""
        return CliRunner().invoke(app, ["audit", *arguments, "--state", str(self.directory)], input=given)

    def grow(self, entries: int) -> str:
        """So many entries more; the newest checkpoint."""
        return asyncio.run(self._grow(entries))

    async def _grow(self, entries: int) -> str:
        runtime = make_runtime(self.settings)
        for _ in range(entries):
            await note(EntryKind.audit_lookup, {"subject": None, "what": "export"}, runtime)
            await make_sequencer(runtime).run()
        newest = await runtime.store.log.checkpoint()
        await runtime.store.close()
        return newest or ""

    @property
    def key(self) -> str:
        """The log's, as it was given out at first."""
        return make_sequencer(make_runtime(self.settings)).keys[0]

    def restore_an_older_copy(self) -> None:
        """What a backup of an hour ago brings."""
        copy = self.directory / "backup.db"
        shutil.copy(self.directory / "oncegate.db", copy)
        self.grow(3)
        for path in self.directory.glob("oncegate.db-*"):
            path.unlink()
        shutil.move(copy, self.directory / "oncegate.db")


@pytest.fixture
def state(tmp_path: Path) -> State:
    """One with two entries."""
    made = State(tmp_path)
    made.grow(2)
    return made


def test_a_sound_log_is_left_alone(state: State) -> None:
    """The command refuses, whatever the operator says."""
    answer = state.run("shard", "open", "--reason", "tidying up", "--yes")

    assert answer.exit_code == 1
    assert "no reason to open" in answer.output


def test_an_operator_opens_a_shard_after_a_restore(state: State) -> None:
    """Asked first; then everything goes on, and the list shows both trees."""
    state.restore_an_older_copy()
    assert state.run("export", "--out", str(state.directory / "none.zip")).exit_code == 1
    refused = state.run("shard", "open", "--reason", "restored", given="n\n")
    assert refused.exit_code == 1
    assert "Nothing was changed" in refused.output
    assert state.run("shard", "open", "--reason", " ", "--yes").exit_code == 1

    opened = state.run("shard", "open", "--reason", "restored", given="y\n")

    assert opened.exit_code == 0, opened.output
    assert "5 entries of oncegate.development/log" in opened.output
    told = orjson.loads(state.run("shard", "list", "--json").stdout)
    assert [(each["shard"], each["size"]) for each in told] == [(1, 2), (2, 2)]  # the refused export waited
    assert "oncegate.development/log/2" in state.run("shard", "list").stdout


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The address under which a directory is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_bundle_of_two_shards_is_verified_as_a_file_and_where_it_is_served(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the key that was always known; that records are lost is a warning in plain words."""
    state.restore_an_older_copy()
    state.run("shard", "open", "--reason", "restored", "--yes")
    bundle, place = state.directory / "log.zip", state.directory / "served"
    exported = state.run("export", "--out", str(bundle))
    assert "in 2 shards" in exported.stdout
    with ZipFile(bundle) as archive:
        archive.extractall(place)
    capsys.readouterr()

    with served(place) as address:
        codes = [verify_main([each, "--key", state.key]) for each in (str(bundle), str(place), address)]
    told = capsys.readouterr().out

    assert codes == [0, 0, 0]
    assert told.count("3 that were signed") == 3
    assert told.count("Shard 1: 2 records") == 3


def test_a_cosignature_is_kept(state: State) -> None:
    """From a file or a pipe; a key that is none, or no key at all, is told."""
    newest = state.grow(1)
    text = newest.partition("\n\n")[0] + "\n"
    cosigned = newest + cosign(text, OFFICE, 7)

    kept = state.run("cosign", "-", "--key", OFFICE.verifier_key, given=cosigned)

    assert kept.exit_code == 0, kept.output
    assert "checkpoint of 3 entries: office.example/w" in kept.stdout
    for keys in ((), ("--key", "nonsense"), ("--key", state.key)):
        assert state.run("cosign", "-", *keys, given=cosigned).exit_code == 1
    assert state.run("cosign", "-", "--key", OFFICE.verifier_key, given="nonsense").exit_code == 1


def test_a_second_service_is_refused_and_the_refusal_logged(state: State) -> None:
    """It never listens; what it leaves behind is one entry."""
    with sole_service(state.settings.database_url):
        answer = CliRunner().invoke(app, ["serve", "--state", str(state.directory), "--port", "0"])

    assert answer.exit_code == 1
    assert "Another service works on oncegate.db already" in answer.output
    assert '"found":"second_service"' in state.run("entries", "--kind", "log.refused").output
