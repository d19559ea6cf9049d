"""A witness cosigns what extends the log it saw, refuses what does not, and keeps what proves it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.note import BadNote, Signer, Verifier, open_note
from gateway.audit.reading import tile_at
from gateway.audit.sequencer import Sequencer
from gateway.audit.witness import Refused, Witness
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
