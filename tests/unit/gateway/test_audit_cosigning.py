"""What a witness signed is kept with the checkpoint it signed, and with nothing else."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.cosigning import Cosigned, add_cosignatures
from gateway.audit.entries import make_entry
from gateway.audit.guard import Guard
from gateway.audit.note import Checkpoint, Cosigner, Signer, Verifier, cosign, open_note, sign_note
from gateway.audit.reading import proof_of
from gateway.audit.sequencer import Sequencer
from gateway.audit.tree import leaf_hash
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.store import MemoryStore
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SIGNER = Signer.from_seed("log.example/a", b"\x01" * 32)
OFFICE = Cosigner.from_seed("office.example/w", b"\x02" * 32)
OTHER = Cosigner.from_seed("other.example/w", b"\x03" * 32)


class Log:
    """A log in memory that grows by one entry at a time."""

    def __init__(self, directory: Path) -> None:
        self.store, self.count = MemoryStore(), 0
        self.guard = Guard(directory / "guard", [Verifier.parse(SIGNER.verifier_key)])
        self.sequencer = Sequencer(self.store.log, [SIGNER], self.guard, lambda: NOW, LogWatch())

    async def grow(self) -> str:
        """The newest checkpoint afterwards."""
        self.count += 1
        entry = make_entry(f"aud_{self.count}", EntryKind.intent, NOW, caller="a", request="r", facts={})
        await self.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])
        await self.sequencer.run()
        return await self.store.log.checkpoint() or ""

    async def add(self, note: str, *keys: str) -> Cosigned:
        """Bring a cosigned note back."""
        return await add_cosignatures(
            note, keys or [OFFICE.verifier_key], self.store.log, self.sequencer.keys
        )


def cosigned(note: str, *witnesses: Cosigner, seconds: int = 7) -> str:
    """The note as witnesses print it."""
    text = note.partition("\n\n")[0] + "\n"
    return note + "".join(cosign(text, each, seconds) for each in witnesses)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """An empty one."""
    return Log(tmp_path)


async def test_the_line_is_kept_and_shown(log: Log) -> None:
    """Under the log's own; whoever has the witness' key can check both."""
    note = await log.grow()

    assert await log.add(cosigned(note, OFFICE)) == Cosigned(1, 1, ("office.example/w",))

    shown = await log.store.log.checkpoint()
    opened = open_note(shown or "", [SIGNER.verifier, OFFICE.verifier])
    assert opened.names == ("log.example/a", "office.example/w")
    assert opened.times == {"office.example/w": 7}


async def test_the_log_grows_on_and_proofs_rest_on_what_was_witnessed(log: Log) -> None:
    """An entry that the cosigned checkpoint covers is proven under it, a later one under the newest."""
    await log.grow()
    await log.add(cosigned(await log.grow(), OFFICE))
    await log.grow()

    for number, size in ((1, 2), (2, 2), (3, 3)):
        proof = await proof_of(f"aud_{number}", log.store.log, log.sequencer.keys)
        (leaf,) = await log.store.log.leaves(number - 1, number)
        assert proof is not None
        assert proof.check(leaf_hash(leaf), [SIGNER.verifier]).size == size
        assert ("office.example/w" in proof.checkpoint) is (size == 2)
    last = log.guard.last()
    assert last is not None
    assert last.size == 3


async def test_only_named_witnesses_are_kept(log: Log) -> None:
    """Another one's line, and lines that nobody can check, stay outside; a second time nothing doubles."""
    note = await log.grow()
    noisy = cosigned(note, OFFICE, OTHER) + "— stranger.example/w " + "A" * 96 + "\n"

    await log.add(noisy)
    await log.add(cosigned(note, OFFICE, seconds=9))
    shown = await log.store.log.checkpoint() or ""

    assert shown.count("\n— ") == 2
    assert open_note(shown, [OFFICE.verifier]).times == {"office.example/w": 9}
    await log.add(cosigned(note, OTHER), OTHER.verifier_key)
    assert (await log.store.log.checkpoint() or "").count("\n— ") == 3


Spoil = Callable[[Log, str], Awaitable[tuple[str, list[str]]]]


async def _forged(_: Log, note: str) -> tuple[str, list[str]]:
    return cosigned(note, Cosigner.from_seed("office.example/w", b"\x09" * 32)), []


async def _altered(_: Log, note: str) -> tuple[str, list[str]]:
    return cosigned(note, OFFICE).replace("\n1\n", "\n2\n"), []


async def _not_ours(_: Log, note: str) -> tuple[str, list[str]]:
    text = note.partition("\n\n")[0] + "\n"
    return cosigned(sign_note(text, [Signer.from_seed("log.example/a", b"\x09" * 32)]), OFFICE), []


async def _own_key(_: Log, note: str) -> tuple[str, list[str]]:
    return cosigned(note, OFFICE), [SIGNER.verifier_key]


async def _no_key(_: Log, note: str) -> tuple[str, list[str]]:
    return cosigned(note, OFFICE), ["office"]


async def _no_note(_: Log, __: str) -> tuple[str, list[str]]:
    return "nonsense", []


async def _uncosigned(_: Log, note: str) -> tuple[str, list[str]]:
    return note, []


@pytest.mark.parametrize("spoil", [_forged, _altered, _not_ours, _own_key, _no_key, _no_note, _uncosigned])
async def test_what_is_not_right_is_refused(log: Log, spoil: Spoil) -> None:
    """Forged, altered, another log's, or under the wrong kind of key: nothing is kept."""
    note = await log.grow()
    brought, keys = await spoil(log, note)

    with pytest.raises(BadRequest):
        await log.add(brought, *keys)

    assert await log.store.log.checkpoint() == note


async def test_another_root_of_the_same_size_is_a_fork(log: Log) -> None:
    """Signed by our key, but not what we hold: told apart from all that is merely wrong."""
    await log.grow()
    text = Checkpoint("log.example/a", 1, b"\x07" * 32).text()

    with pytest.raises(Conflict, match="two histories"):
        await log.add(cosigned(sign_note(text, [SIGNER]), OFFICE))


async def test_a_checkpoint_that_is_not_kept_any_more(log: Log) -> None:
    """Thinned since, or never made."""
    note = await log.grow()
    await log.grow()
    await log.store.log.drop_checkpoints(1, [1])

    with pytest.raises(NotFound):
        await log.add(cosigned(note, OFFICE))


async def test_a_race_with_another_office(log: Log) -> None:
    """Whoever comes second is told to try again, and loses nobody's line."""
    note = await log.grow()

    class Raced:
        """The store, where somebody else is always faster."""

        def __getattr__(self, name: str) -> Any:
            return getattr(log.store.log, name)

        async def cosign(self, *_: Any) -> bool:
            """Too late."""
            return False

    with pytest.raises(Conflict, match="try again"):
        await add_cosignatures(cosigned(note, OFFICE), [OFFICE.verifier_key], Raced(), log.sequencer.keys)
