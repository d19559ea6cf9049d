"""The log's trees as they are read over HTTP, before and after a disaster, by mirrors, witnesses and verifiers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tlog_scales import tlog
from tlog_scales.signing import Vkey

from gateway.audit.cosigning import add_cosignatures
from gateway.audit.note import Verifier, open_note
from gateway.audit.noting import note
from gateway.audit.opening import open_shard
from gateway.audit.witness import Refused, Witness
from gateway.errors import LogUnsound
from gateway.jobs import sequence
from gateway.records import EntryKind

Fetch = Callable[[str], bytes]


@pytest.fixture
async def log(service: Any) -> Any:
    """A service whose log has three entries."""
    await grow(service, 3)
    return service


async def grow(service: Any, entries: int) -> None:
    """So many entries more, each placed under a checkpoint of its own."""
    for _ in range(entries):
        await note(EntryKind.audit_lookup, {"subject": None, "what": "export"}, service.runtime)
        await service.app.state.sequencer.run()


async def lose(service: Any, signed: int) -> None:
    """The guard knows more than the database holds, as after an old copy was restored."""
    better = service.app.state.sequencer._sign(1, signed, b"\x07" * 32)
    service.runtime.settings.log_guard_file.write_text(better, encoding="utf-8")
    await note(EntryKind.audit_lookup, {"subject": None, "what": "export"}, service.runtime)
    with pytest.raises(LogUnsound):
        await service.app.state.sequencer.run()


async def reopen(service: Any) -> None:
    """An operator opens another tree."""
    await open_shard(service.app.state.sequencer, service.runtime, reason="restored last night's copy")
    await service.app.state.sequencer.run()


async def read(service: Any, path: str) -> httpx.Response:
    """What everybody is shown."""
    answer: httpx.Response = await service.http.get(f"/v1/audit/{path}")
    return answer


async def test_there_is_one_tree(log: Any) -> None:
    """As long as nothing goes wrong; it is the present one, and can be read by its number too."""
    told = (await read(log, "shards")).json()

    assert [(each["shard"], each["size"], each["present"]) for each in told["shards"]] == [(1, 3, True)]
    assert told["next_cursor"] is None
    assert (await read(log, "shards/1/checkpoint")).text == (await read(log, "checkpoint")).text
    assert (await read(log, "shards/1/key")).text == (await read(log, "key")).text
    assert (await read(log, "shards/1/tile/0/000.p/3")).content == (await read(log, "tile/0/000.p/3")).content
    for path in (
        "shards/2/checkpoint",
        "shards/1/first",
        "shards/2/first",
        "shards/1/tile/0/x",
        "cosigned-checkpoint",
    ):
        assert (await read(log, path)).status_code == 404
    assert (await read(log, "shards/0/checkpoint")).status_code == 422


async def test_after_a_disaster_both_trees_are_read(log: Any) -> None:
    """The present one where it always was, the old one by its number; a public verifier checks each by its key."""
    await lose(log, 5)
    await reopen(log)

    told = (await read(log, "shards")).json()["shards"]
    assert [(each["shard"], each["size"], each["present"]) for each in told] == [(1, 3, False), (2, 2, True)]
    for prefix, origin, size in (("", "/2", 2), ("shards/1/", "", 3)):
        checkpoint = tlog.Checkpoint.from_text((await read(log, f"{prefix}checkpoint")).text)
        checkpoint.verify(Vkey.from_string((await read(log, f"{prefix}key")).text.splitlines()[0]))
        assert checkpoint.origin == f"oncegate.development/log{origin}"
        assert len((await read(log, f"{prefix}tile/0/000.p/{size}")).content) == 32 * size
    first = await read(log, "shards/2/first")
    assert b'"size":5' in first.content
    assert b"restored" not in first.content  # why, in the operator's words, is sealed
    assert (await read(log, "shards/1/first")).status_code == 404


async def test_the_service_stops_and_goes_on(log: Any) -> None:
    """Readiness says why nothing is released, until the tree is open."""
    await lose(log, 5)
    problems = (await log.http.get("/readyz")).json()["problems"]
    assert any("rolled back" in each and "new shard" in each for each in problems)

    await reopen(log)

    assert not any("rolled back" in each for each in (await log.http.get("/readyz")).json()["problems"])


async def fetching(service: Any) -> Fetch:
    """What a witness reads; everything there is, read beforehand."""
    paths = ["checkpoint", "shards/2/first"]
    paths += [f"{tree}tile/0/000.p/{size}" for tree in ("", "shards/1/") for size in range(1, 9)]
    seen = {path: await read(service, path) for path in paths}

    def fetch(path: str) -> bytes:
        answer = seen.get(path)
        if answer is None or answer.status_code != 200:
            raise FileNotFoundError(path)
        return answer.content

    return fetch


def office(service: Any, directory: Path) -> Witness:
    """One that knows the key from the beginning."""
    return Witness(
        directory / "office", "office.example/w", Verifier.parse(service.app.state.sequencer.keys[0])
    )


async def test_a_witness_follows_what_names_all_it_saw(log: Any, tmp_path: Path) -> None:
    """The new tree goes on from the very checkpoint that was witnessed: cosigned, and shown to whoever asks."""
    witness = office(log, tmp_path)
    witness.consider(await fetching(log), log.clock())
    await forget_guard_and_alter(log)
    await reopen(log)

    cosigned = witness.consider(await fetching(log), log.clock())
    runtime, keys = log.runtime, log.app.state.sequencer.keys
    await add_cosignatures(cosigned, [witness.verifier_key], runtime.store.log, keys)

    shown = (await read(log, "cosigned-checkpoint")).text
    assert open_note(shown, [Verifier.parse(witness.verifier_key)]).names == ("office.example/w",)
    assert (await read(log, "checkpoint")).text == shown


async def forget_guard_and_alter(service: Any) -> None:
    """Somebody changes a tile of the tree, so that the guard refuses it at the size that was signed last."""
    tiles = service.runtime.store.log._tables.trees[1].tiles
    tiles[0, 0] = bytes(32) + tiles[0, 0][32:]
    await note(EntryKind.audit_lookup, {"subject": None, "what": "export"}, service.runtime)
    with pytest.raises(LogUnsound):
        await service.app.state.sequencer.run()


async def test_a_witness_refuses_a_tree_that_leaves_out_what_it_saw(log: Any, tmp_path: Path) -> None:
    """The guard had not known the newest: what was witnessed and is named nowhere is evidence."""
    witness = office(log, tmp_path)
    before = log.runtime.settings.log_guard_file.read_text(encoding="utf-8")
    await grow(log, 2)
    witness.consider(await fetching(log), log.clock())
    log.runtime.settings.log_guard_file.write_text(before, encoding="utf-8")
    await forget_guard_and_alter(log)
    await reopen(log)

    with pytest.raises(Refused, match="goes on from 3 entries") as refused:
        witness.consider(await fetching(log), log.clock())
    assert sorted(path.name for path in refused.value.evidence.iterdir()) == ["shown", "witnessed"]


async def test_a_witness_that_saw_less_wants_to_be_shown(log: Any, tmp_path: Path) -> None:
    """What came between is gone with the old database: it cannot vouch for it."""
    witness = office(log, tmp_path)
    witness.consider(await fetching(log), log.clock())
    await lose(log, 5)
    await reopen(log)

    with pytest.raises(Refused, match="cannot be shown"):
        witness.consider(await fetching(log), log.clock())


async def test_a_witness_that_saw_less_is_shown_what_is_left(log: Any, tmp_path: Path) -> None:
    """Everything signed is still there: the old tree proves that it grew from what was witnessed."""
    witness = office(log, tmp_path)
    witness.consider(await fetching(log), log.clock())
    await grow(log, 2)
    tiles = log.runtime.store.log._tables.trees[1].tiles
    good = tiles[0, 0]
    await forget_guard_and_alter(log)
    await reopen(log)
    tiles[0, 0] = good  # mended afterwards

    assert "\n2\n" in witness.consider(await fetching(log), log.clock())


async def test_a_witness_does_not_go_back(log: Any, tmp_path: Path) -> None:
    """Who shows the old tree again to somebody who saw the new one rolls the log back."""
    witness = office(log, tmp_path)
    old = await fetching(log)
    await forget_guard_and_alter(log)
    await reopen(log)
    witness.consider(await fetching(log), log.clock())

    with pytest.raises(Refused, match="older tree"):
        witness.consider(old, log.clock())


async def test_the_refusal_is_an_entry(log: Any) -> None:
    """Once each time it begins, however many rounds refuse; it gets its place in the tree that is opened then."""
    better = log.app.state.sequencer._sign(1, 9, b"\x07" * 32)
    log.runtime.settings.log_guard_file.write_text(better, encoding="utf-8")
    log.app.state.sequencer._is_checked = False  # as a process that begins

    for _ in range(3):
        with pytest.raises(LogUnsound):
            await sequence(log.app)
    await reopen(log)

    (told,) = await log.entries("log.refused")
    assert told["found"] == "rolled_back"
    assert await log.runtime.store.log.place_of(told["id"]) == (2, 1)
