"""One service per file; entries that nobody let wait; rounds that cost nothing; clocks that jump."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.entries import make_entry
from gateway.audit.forgotten import Forgotten
from gateway.audit.guard import Guard
from gateway.audit.note import Signer, Verifier
from gateway.audit.sequencer import Sequencer
from gateway.errors import LogUnsound, StartError
from gateway.records import EntryKind, GateRequest, GateWrite
from gateway.security import new_reference
from gateway.store import MemoryStore
from gateway.store.sole import sole_service
from gateway.watch import LogWatch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SIGNER = Signer.from_seed("log.example/a", b"\x01" * 32)


# ---------------------------------------------------------------- one service per file


def test_a_second_service_on_one_file_is_refused(tmp_path: Path) -> None:
    """In words that say what to do; when the first has gone, another may come."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    with sole_service(url):
        with pytest.raises(StartError, match=r"oncegate\.db already"), sole_service(url):
            pass
        with sole_service(f"sqlite:///{tmp_path}/other.db"):
            pass
    with sole_service(url):
        pass


@pytest.mark.parametrize("url", ["postgresql+psycopg://u@h/db", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_for_many(url: str) -> None:
    """PostgreSQL wants several; what lives in memory has no file."""
    with sole_service(url), sole_service(url):
        pass


# ---------------------------------------------------------------- entries nobody let wait


class Log:
    """A log that answers as told, and what it was asked."""

    def __init__(self, *answers: tuple[str, int]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def queue_forgotten(self, *, after: str, limit: int) -> tuple[str, int]:
        """The next answer; nothing more after the last."""
        assert limit > 0
        self.asked.append(after)
        return self.answers.pop(0) if self.answers else ("", 0)


async def test_it_looks_portion_by_portion_to_the_end() -> None:
    """From a week ago at first; each portion begins where the last ended."""
    log = Log(("aud_5", 2), ("aud_9", 0), ("", 0))

    assert await Forgotten(log, new_reference).run(NOW) == 2  # type: ignore[arg-type]

    assert log.asked[1:] == ["aud_5", "aud_9"]
    assert new_reference("aud", NOW - timedelta(days=8)) < log.asked[0]
    assert log.asked[0] < new_reference("aud", NOW - timedelta(days=6))


async def test_it_looks_once_an_hour() -> None:
    """However often it is run; then only at what is new. A clock that was set back does not keep it waiting."""
    log = Log()
    forgotten = Forgotten(log, new_reference)  # type: ignore[arg-type]
    for minutes in (0, 30, 59):
        await forgotten.run(NOW + timedelta(minutes=minutes))
    assert len(log.asked) == 1

    await forgotten.run(NOW + timedelta(minutes=61))
    assert len(log.asked) == 2
    assert log.asked[1] > new_reference("aud", NOW - timedelta(minutes=20))

    await forgotten.run(NOW - timedelta(hours=1))
    assert len(log.asked) == 3
    assert log.asked[2] < new_reference("aud", NOW - timedelta(hours=1))


# ---------------------------------------------------------------- rounds


class Counted:
    """A log that counts what is asked of it."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._log, name)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """A log in memory whose sequencer goes by a clock that can be set."""

    class World:
        """What a test needs of it."""

        def __init__(self) -> None:
            self.now, self.store, self.watch, self.count = NOW, MemoryStore(), LogWatch(), 0
            self.log = Counted(self.store.log)
            self.begin()

        def begin(self) -> None:
            """A process begins on it."""
            self.guard = Guard(tmp_path / "guard", [Verifier.parse(SIGNER.verifier_key)])
            self.sequencer = Sequencer(self.log, [SIGNER], self.guard, lambda: self.now, self.watch)  # type: ignore[arg-type]

        async def write(self) -> None:
            """One entry."""
            self.count += 1
            entry_id = f"aud_{self.count}"
            entry = make_entry(
                entry_id, EntryKind.drafts_purged, self.now, caller="a", request=None, facts={}
            )
            await self.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])

    return World()


async def test_a_round_with_nothing_to_do_asks_once(world: Any) -> None:
    """No transaction, no tile, no guard: one look at what waits."""
    await world.write()
    await world.sequencer.run()
    world.log.asked.clear()

    await world.sequencer.run()

    assert world.log.asked == ["waiting_since"]


async def test_a_round_asks_for_nothing_it_knows(world: Any) -> None:
    """What this process signed itself it compares, byte for byte, where it appends; it reads nothing again."""
    await world.write()
    await world.sequencer.run()
    world.log.asked.clear()
    await world.write()

    assert await world.sequencer.run() == 1
    assert world.log.asked == ["waiting_since", "extend"]


async def test_a_guard_that_was_moved_on_by_another_is_looked_at(world: Any, tmp_path: Path) -> None:
    """A copy elsewhere that shares the guard has signed since: found in the very round, though nothing was read before."""
    await world.write()
    await world.sequencer.run()
    stranger = world.sequencer._sign(1, 2, b"\x07" * 32)
    (tmp_path / "guard").write_text(stranger, encoding="utf-8")
    await world.write()

    with pytest.raises(LogUnsound):
        await world.sequencer.run()

    assert world.watch.is_unsound
    assert await world.store.log.size() == 1  # nothing was signed beside it
    assert (tmp_path / "guard").read_text(encoding="utf-8") == stranger


async def test_places_that_were_taken_away_are_noticed(world: Any) -> None:
    """The tiles are as they were, but an entry has lost its place: nothing is put in its stead."""
    await world.write()
    await world.write()
    await world.sequencer.run()
    world.store.log._tables.trees[1].places.pop()

    with pytest.raises(LogUnsound):
        await world.sequencer.run()


Step = Callable[[datetime], datetime]


@pytest.mark.parametrize("hours", [-1, 24, -24])
async def test_the_log_grows_on_whatever_the_clock_says(world: Any, hours: int) -> None:
    """Back an hour or forward a day between writing and placing: placed, signed, and nothing is stopped."""
    world.watch.begin()
    await world.write()
    world.now += timedelta(hours=hours)
    await world.write()

    assert await world.sequencer.run() == 2
    world.watch.require_current(sensitive=True)
    assert world.watch.problems() == []
    ((size, _),) = await world.store.log.checkpoints(after=0, limit=9)
    assert size == 2
