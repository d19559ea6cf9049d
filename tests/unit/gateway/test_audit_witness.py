"""A witness cosigns what extends the log it saw, refuses what does not, and keeps what proves it."""

import asyncio
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.handing_in import request_body
from gateway.audit.note import BadNote, Checkpoint, Signer, Verifier, open_note, sign_note
from gateway.audit.reading import tile_at
from gateway.audit.sequencer import Sequencer
from gateway.audit.tree import consistency_proof, consistency_tiles, tile_path, width
from gateway.audit.witness import Refused, Witness
from gateway.audit.witness_server import witness_server
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.store import MemoryStore
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SIGNER = Signer.from_seed("log.example/1", b"\x01" * 32)
LOG = Verifier.parse(SIGNER.verifier_key)


class Log:
    """A log in memory as it is read over HTTP. `word`: what its entries say, so that two histories can differ."""

    def __init__(self, directory: Path, word: str = "a", signer: Signer = SIGNER) -> None:
        self.store, self.word, self.count = MemoryStore(), word, 0
        guard = Guard(directory / f"guard-{word}", [Verifier.parse(signer.verifier_key)])
        self.sequencer = Sequencer(self.store.log, [signer], guard, lambda: NOW, LogWatch())

    def grow(self, entries: int) -> "Log":
        """So many entries more, signed."""

        async def act() -> None:
            for _ in range(entries):
                self.count += 1
                entry = make_entry(
                    f"aud_{self.count:05d}", EntryKind.intent, NOW, caller=self.word, request="r", facts={}
                )
                await self.store.gates.commit(
                    [GateRequest((), lambda _, entry=entry: GateWrite(entry, None))]
                )
            await self.sequencer.run()

        asyncio.run(act())
        return self

    def fetch(self, path: str) -> bytes:
        """What stands there."""
        if path == "checkpoint":
            return (asyncio.run(self.store.log.checkpoint()) or "").encode()
        content = asyncio.run(tile_at(path, self.store.log))
        if content is None:
            raise FileNotFoundError(path)
        return content


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Log]:
    """A log that says some word."""
    return lambda word="a", signer=SIGNER: Log(tmp_path, word, signer)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """An audit office's."""
    return Witness(tmp_path / "office", "audit.example/w", LOG)


def test_it_cosigns_with_its_own_key_and_the_time(log: Callable[..., Log], witness: Witness) -> None:
    """The note carries both signatures; the witness tells when it saw it."""
    signed = witness.consider(log().grow(3).fetch, NOW)

    opened = open_note(signed, [LOG, Verifier.parse(witness.verifier_key)])
    assert opened.names == ("log.example/1", "audit.example/w")
    assert opened.times == {"audit.example/w": int(NOW.timestamp())}
    assert witness.last() == signed


@pytest.mark.parametrize("sizes", [(1, 2), (255, 2), (256, 1), (3, 600)])
def test_it_follows_a_log_that_grows(
    log: Callable[..., Log], witness: Witness, sizes: tuple[int, int]
) -> None:
    """From every size to every larger one, by the tiles alone; the same size again is no growth and no harm."""
    first, more = sizes
    grown = log().grow(first)
    witness.consider(grown.fetch, NOW)
    witness.consider(grown.fetch, NOW)

    signed = witness.consider(grown.grow(more).fetch, NOW + timedelta(minutes=1))

    assert f"\n{first + more}\n" in signed


def test_it_refuses_a_log_that_was_rolled_back(log: Callable[..., Log], witness: Witness) -> None:
    """Fewer entries than it saw: no signature, and both notes are kept."""
    witness.consider(log().grow(5).fetch, NOW)
    before = witness.last()

    with pytest.raises(Refused, match="rolled back") as refused:
        witness.consider(log("b").grow(2).fetch, NOW)

    evidence = refused.value.evidence
    assert (evidence / "witnessed").read_text(encoding="utf-8") == before
    assert open_note((evidence / "shown").read_text(encoding="utf-8"), [LOG]).text.startswith(
        "log.example/1\n2\n"
    )
    assert witness.last() == before


@pytest.mark.parametrize("entries", [5, 6, 300])
def test_it_refuses_a_fork(log: Callable[..., Log], witness: Witness, entries: int) -> None:
    """Another history, as long or longer, under the very key of the log."""
    witness.consider(log().grow(5).fetch, NOW)

    with pytest.raises(Refused, match="forked"):
        witness.consider(log("b").grow(entries).fetch, NOW)


def test_it_does_not_look_at_what_another_key_signed(log: Callable[..., Log], witness: Witness) -> None:
    """Only the log's own key counts, whatever name is used."""
    with pytest.raises(BadNote):
        witness.consider(log(signer=Signer.from_seed("log.example/1", b"\x09" * 32)).grow(1).fetch, NOW)
    assert witness.last() is None


def test_its_key_stays_and_is_its_own(tmp_path: Path, witness: Witness) -> None:
    """Started again it is the same witness; nobody else can read its secret."""
    again = Witness(tmp_path / "office", "audit.example/w", LOG)

    assert again.verifier_key == witness.verifier_key
    assert (tmp_path / "office" / "witness.key").stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------- handed in (C2SP tlog-witness)


def handed_in(log: Log, old: int, *, note: str | None = None) -> bytes:
    """What the log sends to a witness that knows its first `old` entries."""
    shown = log.fetch("checkpoint").decode()
    size = Checkpoint.parse(open_note(shown, [LOG]).text).size
    tiles = {
        tile: log.fetch(tile_path(tile.level, tile.index, width(tile, size)))
        for tile in consistency_tiles(old, size)
    }
    return request_body(old, consistency_proof(old, size, tiles), note or shown)


def test_a_checkpoint_that_is_handed_in_is_cosigned(log: Callable[..., Log], witness: Witness) -> None:
    """200 with one line; under the checkpoint it opens by the witness' key, and is the last it cosigned."""
    grown = log().grow(3)

    reply = witness.add_checkpoint(handed_in(grown, 0), NOW)

    note = grown.fetch("checkpoint").decode() + reply.text
    assert (reply.status, reply.text.count("\n")) == (200, 1)
    assert open_note(note, [Verifier.parse(witness.verifier_key)]).times == {
        "audit.example/w": int(NOW.timestamp())
    }
    assert witness.last() == note


@pytest.mark.parametrize("sizes", [(1, 1), (3, 300), (256, 1), (300, 0)])
def test_it_follows_what_is_handed_in(
    log: Callable[..., Log], witness: Witness, sizes: tuple[int, int]
) -> None:
    """By the proof alone; the same checkpoint again is cosigned again."""
    first, more = sizes
    grown = log().grow(first)
    witness.add_checkpoint(handed_in(grown, 0), NOW)

    reply = witness.add_checkpoint(handed_in(grown.grow(more), first), NOW)

    assert reply.status == 200
    assert f"\n{first + more}\n" in (witness.last() or "")


def test_it_tells_what_it_knows(log: Callable[..., Log], witness: Witness) -> None:
    """409 with its size where the old size is another; a rolled-back log is told the same and gets no signature."""
    grown = log().grow(5)
    first = witness.add_checkpoint(handed_in(grown, 3), NOW)
    witness.add_checkpoint(handed_in(grown, 0), NOW)
    before = witness.last()

    again = witness.add_checkpoint(handed_in(grown, 4), NOW)
    rolled_back = witness.add_checkpoint(handed_in(log("b").grow(2), 0), NOW)

    assert [first.text, again.text, rolled_back.text] == ["0\n", "5\n", "5\n"]
    assert {(each.status, each.media_type) for each in (first, again, rolled_back)} == {
        (409, "text/x.tlog.size")
    }
    assert witness.last() == before


def test_a_fork_that_is_handed_in_is_refused_and_kept(
    log: Callable[..., Log], witness: Witness, tmp_path: Path
) -> None:
    """Of the same size: 409 and both signed notes, kept once however often it is tried."""
    witness.add_checkpoint(handed_in(log().grow(5), 0), NOW)
    before, forked = witness.last(), log("b").grow(5)

    replies = [witness.add_checkpoint(handed_in(forked, 5), NOW) for _ in range(3)]

    kept = list((tmp_path / "office").glob("evidence-*"))
    assert {(each.status, each.text) for each in replies} == {(409, "5\n")}
    assert len(kept) == 1
    assert (kept[0] / "witnessed").read_text(encoding="utf-8") == before
    assert open_note((kept[0] / "shown").read_text(encoding="utf-8"), [LOG]).text.startswith(
        "log.example/1\n5\n"
    )
    assert witness.last() == before


def test_a_longer_fork_is_not_shown_to_have_grown(
    log: Callable[..., Log], witness: Witness, tmp_path: Path
) -> None:
    """422, no signature, and what was shown last is kept to look into; a flood of such fills no disk."""
    witness.add_checkpoint(handed_in(log().grow(5), 0), NOW)
    before, forked = witness.last(), log("b").grow(9)

    replies = [witness.add_checkpoint(handed_in(forked, 5), NOW) for _ in range(2)]

    assert {each.status for each in replies} == {422}
    assert sorted(each.name for each in (tmp_path / "office").iterdir() if each.is_dir()) == ["unproven"]
    assert witness.last() == before


BAD: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "nothing": (400, lambda body: b""),
    "no_old": (400, lambda body: body.replace(b"old 3", b"new 3")),
    "old_with_zero": (400, lambda body: body.replace(b"old 3", b"old 03")),
    "old_negative": (400, lambda body: body.replace(b"old 3", b"old -3")),
    "old_too_large": (400, lambda body: body.replace(b"old 3", b"old 9")),
    "no_note": (400, lambda body: body.partition(b"\n\n")[0] + b"\n\n"),
    "no_signature": (400, lambda body: body.rpartition(b"\n\n")[0] + b"\n\n"),
    "not_text": (400, lambda body: b"\xff" + body),
    "proof_no_hash": (400, lambda body: body.replace(b"old 3\n", b"old 3\nAAAA\n")),
    "proof_not_base64": (400, lambda body: body.replace(b"old 3\n", b"old 3\n!\n")),
    "proof_of_64_lines": (400, lambda body: body.replace(b"old 3\n", b"old 3\n" + 64 * HASH)),
    "too_long": (400, lambda body: body + b"x" * 70_000),
    "proof_with_a_line_more": (422, lambda body: body.replace(b"old 3\n", b"old 3\n" + HASH)),
    "proof_cut": (422, lambda body: b"old 3\n\n" + body.partition(b"\n\n")[2]),
    "another_log": (404, lambda body: body.replace(b"log.example/1\n", b"log.example/x\n")),
    "a_tree_it_does_not_follow": (403, lambda body: body.replace(b"log.example/1\n7", b"log.example/1/2\n7")),
    "altered": (403, lambda body: body.replace(b"\n7\n", b"\n8\n")),
}
HASH = b64encode(b"\x01" * 32) + b"\n"


@pytest.mark.parametrize("how", BAD)
def test_what_is_not_right_is_refused_as_the_specification_says(
    log: Callable[..., Log], witness: Witness, how: str
) -> None:
    """400 for shape, 404 for another log, 403 without the log's signature, 422 without proof; nothing is signed."""
    grown = log().grow(3)
    witness.add_checkpoint(handed_in(grown, 0), NOW)
    before = witness.last()
    status, spoil = BAD[how]

    reply = witness.add_checkpoint(spoil(handed_in(grown.grow(4), 3)), NOW)

    assert (reply.status, reply.text[-1]) == (status, "\n")
    assert witness.last() == before


def test_only_one_of_many_moves_it_on(log: Callable[..., Log], witness: Witness, tmp_path: Path) -> None:
    """Handed in at once, from threads and as two witnesses of one directory: it never goes back."""
    grown = log().grow(1)
    witness.add_checkpoint(handed_in(grown, 0), NOW)
    bodies = [handed_in(grown.grow(1), 1) for _ in range(8)]
    offices = [witness, Witness(tmp_path / "office", "audit.example/w", LOG)]

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda n: offices[n % 2].add_checkpoint(bodies[n], NOW).status, range(8)))

    assert sorted(replies) == [200] + 7 * [409]


def test_a_later_tree_is_looked_at_and_not_taken(log: Callable[..., Log], witness: Witness) -> None:
    """Where the log goes on in another tree a proof says nothing: the witness has to look at it itself."""
    witness.add_checkpoint(handed_in(log().grow(3), 0), NOW)
    text = Checkpoint("log.example/1/2", 1, b"\x07" * 32).text()
    note = sign_note(text, [SIGNER.named("log.example/1/2")])

    reply = witness.add_checkpoint(request_body(0, (), note), NOW)

    assert (reply.status, "look at the new one" in reply.text) == (404, True)


async def test_it_answers_over_http(log: Callable[..., Log], witness: Witness) -> None:
    """One call under whatever address the proxy gives it; other calls and endless bodies are turned away."""
    body = await asyncio.to_thread(lambda: handed_in(log().grow(3), 0))
    server = witness_server(("127.0.0.1", 0), witness, lambda: NOW)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        async with httpx.AsyncClient() as http:
            taken = await http.post(f"{base}/w/add-checkpoint", content=body)
            again = await http.post(f"{base}/add-checkpoint", content=body)
            elsewhere = await http.post(f"{base}/add", content=body)
            read = await http.get(f"{base}/add-checkpoint")
            long = await http.post(f"{base}/add-checkpoint", content=b"x" * 70_000)
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()

    assert (taken.status_code, taken.text[:2]) == (200, "— ")
    assert (again.status_code, again.text, again.headers["content-type"]) == (409, "3\n", "text/x.tlog.size")
    assert [each.status_code for each in (elsewhere, read, long)] == [404, 405, 400]


@pytest.mark.parametrize("length", ["-1", "five", "9" * 5_000])
async def test_a_length_that_is_none_is_answered(witness: Witness, length: str) -> None:
    """Whatever stands there, also more digits than make a number: 400, and the line is closed."""
    server = witness_server(("127.0.0.1", 0), witness, lambda: NOW)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.server_address[1])
        writer.write(f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()

    assert answer.startswith(b"HTTP/1.1 400 ")
