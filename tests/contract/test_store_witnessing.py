"""New checkpoints are handed to the witnesses, and what they sign is shown to everybody: on every store."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.errors import SourceBroken
from connectors.http_messages import HttpAnswer, HttpRequest
from gateway.app import create_app
from gateway.audit.note import Verifier, open_note
from gateway.audit.noting import note
from gateway.audit.witness import Witness
from gateway.audit.witness_server import witness_server
from gateway.audit.witnessing import Witnessing
from gateway.errors import BadSettings
from gateway.ports import Store
from gateway.records import EntryKind
from gateway.settings import Settings

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
ORIGIN = "oncegate.development/log"
URL = "https://witness.audit.example"


@dataclass
class Line:
    """The way to a witness in this process. `answers`: instead of its own, the next first."""

    witness: Witness
    answers: list[HttpAnswer | Exception] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    async def send(self, request: HttpRequest, deadline: float) -> HttpAnswer:
        """What it answers."""
        assert (request.url, deadline > 0) == (f"{URL}/add-checkpoint", True)
        self.sent.append(request.body or b"")
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        reply = await asyncio.to_thread(self.witness.add_checkpoint, request.body or b"", NOW)
        return HttpAnswer(reply.status, reply.text.encode())

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """A service whose jobs a test runs, and the audit office beside it. `seconds`: what its steady clock shows."""

    app: Any
    office: Witness
    line: Line
    witnessing: Witnessing
    seconds: float = 0.0

    async def grow(self, entries: int = 1) -> None:
        """So many entries more, signed."""
        for _ in range(entries):
            await note(EntryKind.drafts_purged, {"drafts": 1}, self.app.state.runtime)
        await self.app.state.sequencer.run()

    async def get(self, path: str) -> httpx.Response:
        """What everybody reads there."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            return await http.get(path)

    async def entries(self) -> list[str]:
        """Leaves of refusals by witnesses."""
        found = await self.app.state.runtime.store.entries.find(request=None, after="", limit=1_000)
        return [each.leaf.decode() for each in found if each.kind is EntryKind.witness_refused]


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Callable[..., World]:
    """A service on that store, with one witness unless told otherwise."""

    def make(**settings: Any) -> World:
        key = create_app(Settings(state_dir=tmp_path), store=store).state.sequencer.keys[0]
        office = Witness(tmp_path / "office", "audit.example/w", Verifier.parse(key))
        given = {"log_witnesses": {URL: office.verifier_key}, "log_witness_lag": "PT1M", **settings}
        app = create_app(Settings(state_dir=tmp_path, **given), store=store, clock=lambda: NOW)
        line = Line(office)
        made = World(app, office, line, app.state.witnessing)
        made.witnessing = app.state.witnessing = Witnessing(
            app.state.runtime, app.state.sequencer.keys, lambda _: line, steady=lambda: made.seconds
        )
        return made

    return make


async def test_checkpoints_are_cosigned_and_shown(world: Callable[..., World]) -> None:
    """Every round the newest; whoever reads it checks the witness' line; what is cosigned is not sent again."""
    there = world()
    for entries in (3, 300):
        await there.grow(entries)
        assert await there.witnessing.run() == 1

    checkpoint = (await there.get("/v1/audit/checkpoint")).text
    opened = open_note(checkpoint, [Verifier.parse(there.office.verifier_key)])
    assert (opened.text.splitlines()[:2], opened.times) == (
        [ORIGIN, "303"],
        {"audit.example/w": int(NOW.timestamp())},
    )
    assert await there.witnessing.run() == 0
    assert len(there.line.sent) == 2


async def test_the_log_grows_on_under_what_was_cosigned(world: Callable[..., World]) -> None:
    """A cosignature is no change that the sequencer takes for a forgery."""
    there = world()
    await there.grow(2)
    await there.witnessing.run()

    await there.grow(2)

    assert "\n4\n" in (await there.get("/v1/audit/checkpoint")).text
    assert "\n2\n" in (await there.get("/v1/audit/cosigned-checkpoint")).text
    assert not there.app.state.runtime.watch.is_unsound


async def test_a_service_that_was_started_again_asks_what_the_witness_knows(
    world: Callable[..., World],
) -> None:
    """It begins at nothing, is told the size, and sends the proof from there."""
    there = world()
    await there.grow(5)
    await there.witnessing.run()
    again = Witnessing(
        there.app.state.runtime, there.app.state.sequencer.keys, lambda _: there.line, steady=lambda: 0.0
    )
    await there.grow(4)

    assert await again.run() == 1
    assert [each.split(b"\n")[0] for each in there.line.sent] == [b"old 0", b"old 0", b"old 5"]


async def test_a_fork_is_told_and_kept(world: Callable[..., World]) -> None:
    """Once as an entry, in /readyz as long as it lasts; nothing is signed, and what the log says is not stopped."""
    there = world()
    await there.grow(3)
    there.line.answers = [HttpAnswer(409, b"3\n")] * 4

    done = await there.witnessing.run()
    done += await there.witnessing.run()

    said = (await there.get("/readyz")).json()["warnings"]
    assert done == 0
    assert len(await there.entries()) == 1
    assert '"why":"forked"' in (await there.entries())[0]
    assert any("two histories exist" in each for each in said)
    assert (await there.get("/v1/audit/cosigned-checkpoint")).status_code == 404


REFUSALS: dict[str, tuple[list[HttpAnswer | Exception], str]] = {
    "ahead": ([HttpAnswer(409, b"99\n")], "ahead"),
    "not_extended": ([HttpAnswer(422, b"")], "not_extended"),
    "not_known": ([HttpAnswer(404, b"")], "unknown_log"),
    "not_our_key": ([HttpAnswer(403, b"")], "unknown_log"),
    "broken": ([HttpAnswer(500, b"")], "not_cosigned"),
    "no_lines": ([HttpAnswer(200, b"")], "not_cosigned"),
    "no_text": ([HttpAnswer(200, b"\xff")], "not_cosigned"),
    "no_size": ([HttpAnswer(409, b"many\n")], "not_cosigned"),
    "a_size_that_contradicts": ([HttpAnswer(409, b"0\n")], "not_cosigned"),
}


@pytest.mark.parametrize("how", REFUSALS)
async def test_what_is_no_cosignature_is_told_by_its_reason(world: Callable[..., World], how: str) -> None:
    """Once as an entry; when the witness signs again it is well, and may be told anew."""
    there = world()
    await there.grow(3)
    answers, why = REFUSALS[how]
    there.line.answers = list(answers)

    assert await there.witnessing.run() == 0
    told = await there.entries()
    assert await there.witnessing.run() == 1

    assert [f'"why":"{why}"' in each for each in told] == [True]
    assert there.witnessing.warnings() == []


async def test_another_keys_line_is_no_cosignature(world: Callable[..., World], tmp_path: Path) -> None:
    """A line under the witness' name by another key is not kept."""
    there = world()
    await there.grow(2)
    other = Witness(tmp_path / "other", "audit.example/w", there.office._log)
    there.line.witness = other

    assert await there.witnessing.run() == 0
    assert (await there.get("/v1/audit/cosigned-checkpoint")).status_code == 404


async def test_whoever_was_overtaken_by_another_worker_accuses_nobody(world: Callable[..., World]) -> None:
    """Meanwhile the witness signed a longer log, which is ours: no entry, and the next round goes on from there."""
    there = world()
    await there.grow(2)
    send = there.line.send

    async def overtaken(request: HttpRequest, deadline: float) -> HttpAnswer:
        there.line.send = send  # type: ignore[method-assign]
        await there.grow(3)
        await there.witnessing.run()
        return await send(request, deadline)

    there.line.send = overtaken  # type: ignore[method-assign]

    assert await there.witnessing.run() == 0
    assert await there.entries() == []
    assert "\n5\n" in (there.office.last() or "")


async def test_a_witness_that_lags_is_a_warning_and_too_few_are_another(world: Callable[..., World]) -> None:
    """Nothing stops; /readyz names the witness, since when, and how many there have to be."""
    there = world(log_witness_quorum=1)
    await there.grow(2)
    there.line.answers = [SourceBroken("away")] * 2
    await there.witnessing.run()
    assert there.witnessing.warnings() == []

    there.seconds = 200.0
    await there.witnessing.run()
    answer = (await there.get("/readyz")).json()
    await there.witnessing.run()

    assert answer["warnings"] == [
        "Witness audit.example/w has not cosigned the log for 3 minutes: it cannot be reached.",
        "0 witnesses cosign the log in time, and 1 have to.",
    ]
    assert not any("itness" in each for each in answer["problems"])
    assert there.witnessing.warnings() == []


async def test_an_idle_log_that_is_cosigned_does_not_lag(world: Callable[..., World]) -> None:
    """However long nothing happens."""
    there = world()
    await there.grow(2)
    await there.witnessing.run()
    there.seconds = 10_000.0
    await there.witnessing.run()

    assert there.witnessing.warnings() == []


async def test_two_witnesses_stand_under_one_checkpoint(world: Callable[..., World], tmp_path: Path) -> None:
    """Each hands back its own line; neither takes the other's away."""
    there = world()
    other = Witness(tmp_path / "other", "press.example/w", there.office._log)
    settings = there.app.state.runtime.settings
    settings.log_witnesses["https://press.example"] = other.verifier_key
    lines = {URL: there.line, "https://press.example": Line(other)}

    class Open(Line):
        """By address."""

        async def send(self, request: HttpRequest, deadline: float) -> HttpAnswer:
            """The same, whatever the address."""
            reply = self.witness.add_checkpoint(request.body or b"", NOW)
            return HttpAnswer(reply.status, reply.text.encode())

    keys = there.app.state.sequencer.keys
    both = Witnessing(there.app.state.runtime, keys, lambda url: Open(lines[url].witness))
    await there.grow(2)
    for _ in range(3):
        await both.run()

    checkpoint = (await there.get("/v1/audit/checkpoint")).text
    verifiers = [Verifier.parse(each.verifier_key) for each in (there.office, other)]
    assert set(open_note(checkpoint, verifiers).names) == {"audit.example/w", "press.example/w"}


@pytest.mark.parametrize("key", ["nonsense", "log"])
def test_a_key_that_is_no_witness_is_refused_at_the_start(world: Callable[..., World], key: str) -> None:
    """In words that name the setting."""
    there = world()
    wrong = there.app.state.sequencer.keys[0] if key == "log" else key
    with pytest.raises(BadSettings, match="log_witnesses"):
        world(log_witnesses={URL: wrong})


async def test_over_real_http(world: Callable[..., World]) -> None:
    """Our service and our witness as two ends of a connection, with every limit that sources have."""
    there = world()
    server = witness_server(("127.0.0.1", 0), there.office, lambda: NOW)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        made = world(log_witnesses={address: there.office.verifier_key}, allow_private_addresses=True)
        real = create_app(made.app.state.runtime.settings, store=made.app.state.runtime.store)
        await there.grow(3)
        assert await real.state.witnessing.run() == 1
        await there.grow(1)
        assert await real.state.witnessing.run() == 1
        await real.state.witnessing.close()
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()

    assert "audit.example/w" in (await there.get("/v1/audit/checkpoint")).text
