"""What the SQL stores promise when several share a database, and when the database is away."""

import asyncio
import inspect
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway import ports
from gateway.audit.log import AuditLog
from gateway.errors import Conflict, GatewayError, StoreUnavailable
from gateway.ports import Store
from gateway.records import (
    Baseline,
    CallCount,
    CauseFilter,
    CellFilter,
    Counted,
    DisputeState,
    EntryFilter,
    EntryKind,
    Extension,
    GateRequest,
    GateWrite,
    NewSubject,
    Origin,
    RequestAnswer,
    SnapshotFilter,
    Stretch,
    TypedAnswers,
    Waits,
)
from gateway.slots import Snapshot
from gateway.store import Database, SqlStore
from gateway.store.migrate import migrate
from gateway.store.schema import pending
from gateway.telemetry import Telemetry
from policies.consent import ConsentState

PORTS = {
    "gates": ports.Gates,
    "publications": ports.Publications,
    "forms": ports.FormVersions,
    "clients": ports.Clients,
    "operators": ports.Operators,
    "consents": ports.Consents,
    "consent_requests": ports.ConsentRequests,
    "subjects": ports.Subjects,
    "drafts": ports.Drafts,
    "entries": ports.Entries,
    "search": ports.EntrySearch,
    "log": ports.TreeLog,
    "idempotency": ports.IdempotencyKeys,
    "replays": ports.Replays,
    "rollups": ports.Rollups,
    "profiles": ports.Profiles,
    "submissions": ports.Submissions,
    "disputes": ports.Disputes,
    "sealing_keys": ports.SealingKeys,
    "outbox": ports.Outbox,
    "source_health": ports.SourceHealth,
    "identities": ports.Identities,
}
A_SNAPSHOT = Snapshot(
    "smn_1", 2, datetime(2026, 11, 21, tzinfo=UTC), "family", 1, "M-1", "民政", "resident", 1, 1, ()
)
METHODS = [
    (name, method)
    for name, port in PORTS.items()
    for method, _ in inspect.getmembers(port, inspect.isfunction)
    if not method.startswith("_")
]


def _no_wait(_tries: int) -> timedelta:
    return timedelta(0)


def arguments_of(make: Any) -> dict[tuple[str, str], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Good arguments for every method of every port."""
    stored, page = make.consent(), {"after": "", "limit": 5}
    moves = {"allowed_from": frozenset(ConsentState), "purge_drafts": True}
    return {
        ("gates", "commit"): (([make.passage("cns_1", draft=make.draft())],), {}),
        ("publications", "latest"): (("registry", make.now.date()), {}),
        ("publications", "load"): (("registry", 1), {}),
        ("publications", "publish"): ((make.publication(), make.entry()), {}),
        ("forms", "current"): ((), {}),
        ("forms", "listing"): ((), page),
        ("forms", "load"): (("marriage", 1), {}),
        ("forms", "publish"): ((make.form(), make.entry()), {}),
        ("clients", "client"): (("hall",), {}),
        ("clients", "put"): ((make.client(), make.now), {}),
        ("clients", "change"): ((make.client(), make.entry()), {}),
        ("clients", "listing"): ((), page),
        ("operators", "find"): (("k",), {}),
        ("operators", "operator"): (("opr_1",), {}),
        ("operators", "listing"): ((), page),
        ("operators", "add"): ((make.operator(), make.entry()), {}),
        ("operators", "change"): (((operator := make.operator()), operator, make.entry()), {}),
        ("operators", "attempt"): (("opr_1", Origin(), make.now), {"waits": Waits(_no_wait, _no_wait)}),
        ("operators", "log_in"): ((make.operator(), 1, make.session(), make.entry()), {"password": None}),
        ("operators", "session"): (("ses_1",), {}),
        ("operators", "end"): (("ses_1", make.now, make.entry()), {}),
        ("consents", "read"): ((["cns_1"],), {}),
        ("consent_requests", "add"): ((make.request(), make.entry()), {}),
        ("consent_requests", "read"): (("crq_1",), {}),
        ("consent_requests", "of_link"): (("link",), {}),
        ("consent_requests", "confirm"): (("crq_1", "proof"), {"most": 5, "entry": make.entry()}),
        ("consent_requests", "answer"): (
            (RequestAnswer("crq_1", ConsentState.deferred, make.now, None), make.entry()),
            {},
        ),
        ("consent_requests", "over"): ((make.now,), {"limit": 5}),
        ("consent_requests", "purge"): ((make.now, lambda _: make.entry()), {}),
        ("consents", "add"): ((stored, make.event(stored), make.entry()), {}),
        ("consents", "move"): ((make.event(stored), make.entry()), moves),
        ("consents", "of_subject"): (("sub_1",), page),
        ("consents", "expire"): ((make.now, lambda each: (make.event(each), make.entry())), {"most": 5}),
        ("consents", "events"): (("cns_1",), page),
        ("consents", "listing"): ((), page),
        ("subjects", "refs"): (({"k": NewSubject("person", "sub_1", make.now)},), {}),
        ("subjects", "find"): (("k",), {}),
        ("subjects", "keys"): ((["sub_1"],), {}),
        ("subjects", "newest_record"): (("sub_1",), {}),
        ("subjects", "erase"): (
            ("sub_1", make.now),
            {"end": lambda _: None, "entry": lambda _: make.entry()},
        ),
        ("cells", "count"): (("consent.sealed",), page),
        ("cells", "renew"): (("consent.sealed", lambda _: None), page),
        ("drafts", "read"): (("res_1",), {}),
        ("drafts", "purge_expired"): ((make.now, lambda _: make.entry()), {}),
        ("entries", "find"): ((), {"request": None, **page}),
        ("entries", "search"): ((EntryFilter(),), page),
        ("entries", "without_outcome"): ((), {"after": "", "before": make.now, "limit": 1}),
        ("log", "extend"): ((lambda _: (), lambda _: None), {"most": 1}),
        ("log", "open_shard"): ((2, make.entry(), lambda _: Extension(1, {}, "n", make.now)), {}),
        ("log", "head"): ((), {}),
        ("log", "shards"): ((), {}),
        ("log", "signed_before"): ((make.now,), {"shard": 1, "after": 0, "limit": 1}),
        ("log", "drop_checkpoints"): ((1, [1]), {}),
        ("log", "cosign"): ((1, 1, "note", "cosigned"), {}),
        ("log", "cosigned"): ((), {}),
        ("log", "queue_forgotten"): ((), {"after": "", "limit": 1}),
        ("log", "size"): ((), {}),
        ("log", "checkpoint"): ((), {}),
        ("log", "checkpoints"): ((), {"after": 0, "limit": 1}),
        ("log", "tiles"): (([(0, 0)],), {}),
        ("log", "leaves"): ((0, 1), {}),
        ("log", "place_of"): (("aud_1",), {}),
        ("log", "proof_parts"): (("aud_1", lambda _place, _note: {}), {}),
        ("log", "waiting_since"): ((), {}),
        ("log", "about"): (("sub_1",), {"after": -1, "limit": 1}),
        ("search", "entry"): (("aud_1",), {}),
        ("search", "scan"): ((EntryFilter(),), {**page, "upto": None, "most": 5}),
        ("search", "of_requests"): ((["res_1"], (EntryKind.intent,)), {}),
        ("search", "about"): (("sub_1",), {"beyond": None, "limit": 1}),
        ("search", "count_about"): (("sub_1",), {}),
        ("idempotency", "claim"): (("hall", "k", "d", make.now), {}),
        ("idempotency", "settle"): (("hall", "k", "res_1"), {}),
        ("idempotency", "release"): (("hall", "k"), {}),
        ("idempotency", "purge"): ((make.now,), {}),
        ("identities", "link"): ((make.link(), {"sub_1": b"s"}, make.entry()), {"claim": None}),
        ("identities", "read"): (("idl_1",), {}),
        ("identities", "of_subject"): (("sub_1",), page),
        ("identities", "listing"): ((), page),
        ("identities", "end"): (("idl_1", make.now, make.entry()), {}),
        ("identities", "alike"): (("sub_1",), {}),
        ("source_health", "add"): ((make.now.date(), [CallCount("civil", "filled", 5, 1)], []), {}),
        ("source_health", "calls"): ((make.now.date(), make.now.date()), {}),
        ("source_health", "answers"): ((make.now.date(), make.now.date()), page),
        ("source_health", "purge"): ((make.now.date(),), {}),
        ("rollups", "fold"): ((5, lambda _: Counted(), make.now), {}),
        ("rollups", "waiting"): ((), {}),
        ("rollups", "snapshots"): ((), {}),
        ("rollups", "cells"): (
            (CellFilter("form", ("form",), (Stretch("m", 0, 99),)),),
            {"after": (), "limit": 5},
        ),
        ("rollups", "causes"): ((CauseFilter((Stretch("m", 0, 99),)),), {"after": "", "limit": 5}),
        ("rollups", "begin_rebuild"): (("rbd_1", make.now), {}),
        ("rollups", "rebuild_page"): ((), {"after": ("", 0), "limit": 5}),
        ("rollups", "add_rebuilt"): (("rbd_1", Counted(), make.now), {}),
        ("rollups", "end_rebuild"): (("rbd_1",), {}),
        ("rollups", "add_baseline"): (
            (Baseline("review", "paper", make.now.date(), 20, make.now, "oncegate", "aud_1"), make.entry()),
            {},
        ),
        ("rollups", "baseline_of"): (("review",), {}),
        ("rollups", "baselines"): ((), {"after": ("", ""), "limit": 5}),
        ("replays", "add_once"): (("k", make.now), {}),
        ("replays", "was_used"): (("k",), {}),
        ("replays", "purge"): ((make.now,), {}),
        ("submissions", "resolutions"): ((["smn_1"],), {}),
        ("sealing_keys", "newest"): (("公安",), {}),
        ("sealing_keys", "read"): (("slk_1",), {}),
        ("sealing_keys", "add"): ((make.sealing_key(), make.entry()), {}),
        ("sealing_keys", "end"): (("slk_1", make.now, make.entry()), {}),
        ("sealing_keys", "listing"): ((), page),
        ("disputes", "add"): ((make.dispute(), make.entry()), {}),
        ("disputes", "read"): (("dsp_1",), {}),
        ("disputes", "listing"): (
            (),
            {"department": "公安", "states": (), "due_before": None, **page},
        ),
        ("disputes", "of_subject"): (("sub_1",), page),
        ("disputes", "of_resolution"): (("res_1",), {"limit": 5}),
        ("disputes", "open_items"): ((["sub_1"],), {}),
        ("disputes", "step"): (
            (*make.dispute_step(make.dispute(), DisputeState.upheld), make.entry()),
            {"messages": [make.message()], "empties": ["res_1"]},
        ),
        ("disputes", "events"): (("dsp_1",), page),
        ("disputes", "waiting"): ((make.now,), page),
        ("disputes", "uncounted"): ((), page),
        ("disputes", "settle"): (("dsp_1", make.now), {}),
        ("disputes", "counts"): ((make.now, make.now), {}),
        ("disputes", "purge"): ((make.now, lambda count: make.entry()), {}),
        ("outbox", "claim"): ((make.now, make.now), {"limit": 5}),
        ("outbox", "settle"): ((make.message(),), {}),
        ("outbox", "about"): (("dsp_1",), page),
        ("submissions", "to_submit"): (("res_1", make.now), {}),
        ("submissions", "of_resolution"): (("res_1",), {}),
        ("submissions", "read"): (("smn_1",), {}),
        ("submissions", "snapshots"): (("smn_1",), {}),
        ("submissions", "listing"): ((SnapshotFilter(),), page),
        ("submissions", "of_subject"): (("sub_1",), page),
        ("submissions", "correct"): ((A_SNAPSHOT, make.entry()), {}),
        ("submissions", "purge"): ((make.now, lambda _: make.entry()), {}),
        ("submissions", "keep_typed"): (
            (TypedAnswers("res_1", "hall", "family", make.now, b"typed"), make.entry()),
            {},
        ),
        ("submissions", "typed"): (("res_1",), {}),
        ("profiles", "held"): ((["key-1"], make.now), {}),
        ("profiles", "of_subject"): (("sub_1", make.now), page),
        ("profiles", "put"): ((make.profile_value(),), {}),
        ("profiles", "delete"): (("sub_1", "person.phone", make.entry()), {}),
        ("profiles", "purge"): ((make.now, make.now, lambda count: make.entry()), {}),
        ("profiles", "collected"): ((make.now, make.now), {}),
    }


async def every_method(store: Store, make: Any) -> dict[str, BaseException | None]:
    """What each method of each port raises, and the ping."""
    arguments = arguments_of(make)
    calls: dict[str, Callable[[], Awaitable[Any]]] = {"ping": store.ping, "check_schema": store.check_schema}
    for part, method in METHODS:
        positional, named = arguments[part, method]
        function = getattr(getattr(store, part), method)
        calls[f"{part}.{method}"] = lambda f=function, p=positional, n=named: f(*p, **n)
    raised: dict[str, BaseException | None] = {}
    for name, call in calls.items():
        try:
            await call()
        except Exception as error:
            raised[name] = error
        else:
            raised[name] = None
    return raised


def is_outage(error: BaseException | None) -> bool:
    """Whether it is the one error an outage may show as, telling nothing of the database."""
    return (
        isinstance(error, StoreUnavailable) and error.code == "store_unavailable" and "SQL" not in str(error)
    )


# ---------------------------------------------------------------- away


def _directory(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}"


def _nowhere(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/no/such/oncegate.db"


def _no_database(tmp_path: Path) -> str:
    (tmp_path / "letter.db").write_text("Dear database, " * 400)
    return f"sqlite:///{tmp_path}/letter.db"


def _not_migrated(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/empty.db"


def _unreachable(_: Path) -> str:
    return "postgresql+psycopg://postgres@127.0.0.1:1/oncegate"


@pytest.mark.parametrize("broken", [_directory, _nowhere, _no_database, _not_migrated, _unreachable])
async def test_every_method_says_that_the_database_is_away(broken, tmp_path: Path, make) -> None:
    """No method of any port answers, hangs, or lets an error of the driver through."""
    store = SqlStore(Database(broken(tmp_path)))

    raised = await every_method(store, make)
    await store.close()

    if broken is _not_migrated:
        assert raised.pop("ping") is None  # it is there; whether it is migrated is asked before serving
        assert raised.pop("check_schema") is None
    assert {name: error for name, error in raised.items() if not is_outage(error)} == {}


@pytest.mark.servers
async def test_a_server_that_was_started_again_is_read_from_at_once(postgres_server, make) -> None:
    """Also on connections that rested meanwhile and were cut without anybody noticing."""
    url = postgres_server.new_database()
    migrate(url)
    database = Database(url)
    readers = database.for_readers()
    await asyncio.gather(database.ping(), readers.ping())

    postgres_server.stop()
    postgres_server.start()
    found = await asyncio.gather(readers.ping(), database.ping(), return_exceptions=True)
    await database.close()

    assert found == [None, None]


@pytest.mark.servers
async def test_a_stopped_server_is_an_outage_and_its_return_is_its_end(postgres_server, make) -> None:
    """Stopped under open connections: every method says so; started again, it serves without a restart of ours."""
    url = postgres_server.new_database()
    migrate(url)
    store = SqlStore(Database(url))
    await asyncio.gather(*(store.ping() for _ in range(8)))

    postgres_server.stop()
    raised = await every_method(store, make)
    postgres_server.start()
    first = await asyncio.gather(*(store.ping() for _ in range(8)), return_exceptions=True)
    after = await every_method(store, make)
    await store.close()

    assert [name for name, error in raised.items() if not is_outage(error)] == []
    assert all(each is None or is_outage(each) for each in first)
    assert [name for name, error in after.items() if is_outage(error)] == []


async def test_a_server_that_never_answers_is_given_up(make) -> None:
    """One that accepts and then keeps silent costs a moment, not the request's whole life."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects by its backlog, and nobody ever reads
        url = f"postgresql+psycopg://postgres@127.0.0.1:{silent.getsockname()[1]}/oncegate"
        database = Database(url, pool_size=2, patience=timedelta(seconds=0.2))
        began = time.monotonic()
        results = await asyncio.gather(*(database.ping() for _ in range(6)), return_exceptions=True)

        assert all(is_outage(each) for each in results)
        assert time.monotonic() - began < 2
    await database.close()


class Proxy:
    """A line to a server that can be frozen: what is sent then arrives nowhere."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.flows = threading.Event()
        self.flows.set()
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for line in (self._listener, *self._lines):
            line.close()
        self.flows.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._lines += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                self.flows.wait()
                other.sendall(data)
        except OSError:
            return


@pytest.fixture
def frozen_line(postgres_server) -> Iterator[tuple[str, Proxy]]:
    """URL of a new, migrated database behind a line that can be frozen, and that line."""
    url = postgres_server.new_database()
    migrate(url)
    proxy = Proxy(postgres_server.port)
    yield url.replace(f":{postgres_server.port}/", f":{proxy.port}/"), proxy
    proxy.close()


@pytest.mark.servers
async def test_a_line_that_freezes_is_cut_and_nothing_was_written(frozen_line, make) -> None:
    """Within the patience the caller is told, the thread comes free, and once the line flows all is well."""
    url, line = frozen_line
    database = Database(url, pool_size=1, patience=timedelta(seconds=0.5))
    store = SqlStore(database)
    await store.ping()

    line.flows.clear()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.gates.commit([make.passage()])
    waited = time.monotonic() - began
    line.flows.set()
    for _ in range(20):
        if await asyncio.gather(store.ping(), return_exceptions=True) == [None]:
            break
    entries = await store.entries.find(request=None, after="", limit=5)
    await store.close()

    assert waited < 1.5
    assert entries == []


@pytest.mark.servers
async def test_a_statement_that_waits_for_a_lock_ends_by_itself(migrated_postgres) -> None:
    """The server is told to end a statement after some seconds, so nothing queues behind it for ever."""
    database = Database(migrated_postgres())
    timeout = await database.read(lambda connection: connection.scalar(text("SHOW statement_timeout")))
    await database.close()

    assert timeout == "3s"


@pytest.mark.servers
async def test_what_the_url_says_of_the_connection_wins(migrated_postgres) -> None:
    """A site may need other options, for instance behind a pooler."""
    database = Database(migrated_postgres() + "?options=-c%20statement_timeout%3D1234ms")
    timeout = await database.read(lambda connection: connection.scalar(text("SHOW statement_timeout")))
    await database.close()

    assert timeout == "1234ms"


# ---------------------------------------------------------------- refusals tell nothing


@pytest.mark.parametrize("odd", ["text", "number"])
async def test_what_a_column_cannot_hold_is_refused_without_quoting_it(
    database_url: str, make, odd: str
) -> None:
    """Neither a broken constraint nor a value too large leaves as an error of the driver, or with its content."""
    store = SqlStore(Database(database_url))
    form = make.form(name="\ud800王小明") if odd == "text" else make.form(version=2**70)

    with pytest.raises(GatewayError) as caught:
        await store.forms.publish(form, make.entry())
    await store.close()

    assert caught.value.code == "not_storable"
    assert "王小明" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_broken_constraint_is_a_conflict_without_the_drivers_words(database_url: str, make) -> None:
    """PostgreSQL's own sentence quotes the key; ours does not."""
    store = SqlStore(Database(database_url))
    stored = make.consent(subject_ref="sub_of_nobody")

    with pytest.raises(Conflict) as caught:
        await store.consents.add(stored, make.event(stored), make.entry())
    await store.close()

    assert "sub_of_nobody" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_parameters_are_hidden_in_the_cause_of_an_outage(tmp_path: Path, make) -> None:
    """A traceback of an outage shows the statement, never what was in it."""
    store = SqlStore(Database(_not_migrated(tmp_path)))
    with pytest.raises(StoreUnavailable) as caught:
        await store.clients.client("client-of-the-hall")
    await store.close()

    assert "client-of-the-hall" not in str(caught.value.__cause__)


# ---------------------------------------------------------------- shared


async def test_two_services_on_one_database_use_one_time_consents_once(database_url: str, make) -> None:
    """200 one-time consents raced by two services over all their connections: exactly 200 pass.

    On SQLite this is the second process on the same file: it waits for its turn and takes nothing twice.
    """
    stores = [SqlStore(Database(database_url, pool_size=8)) for _ in range(2)]
    await stores[0].subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})
    ids = []
    for _ in range(200):
        stored = make.consent(uses_left=1)
        ids.append(stored.consent.id)
        await stores[0].consents.add(stored, make.event(stored), make.entry())
    logs = [AuditLog(store.gates, Telemetry()) for store in stores]
    alone = [store.gates for store in stores for _ in range(7)]  # beside the logs: 16 connections in all

    async def pass_alone(gates: Any, begin: int) -> list[bool]:
        batches = [[ids[(begin + step + each) % 200] for each in range(10)] for step in range(0, 60, 10)]
        return [
            passed
            for batch in batches
            for passed in await gates.commit([make.passage(consent_id) for consent_id in batch])
        ]

    through_logs = [
        log.pass_gate(make.passage(ids[number * 3 % 200])) for log in logs for number in range(200)
    ]
    apart = [pass_alone(gates, 13 * number) for number, gates in enumerate(alone)]
    in_logs, in_batches = await asyncio.gather(asyncio.gather(*through_logs), asyncio.gather(*apart))
    passed = [*in_logs, *chain.from_iterable(in_batches)]
    left = [stored.consent.standing.uses_left for stored in (await stores[1].consents.read(ids)).values()]
    for store in stores:
        await store.close()

    assert sum(passed) == 200
    assert left == [0] * 200


async def test_a_withdrawal_and_passages_that_race_agree(database_url: str, make) -> None:
    """Once `move` has returned no passage finds the consent standing, and every draft that used it is empty."""
    stores = [SqlStore(Database(database_url)) for _ in range(2)]
    await stores[0].subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})
    stored = make.consent()
    consent_id = stored.consent.id
    await stores[0].consents.add(stored, make.event(stored), make.entry())
    drafts = [make.draft(consents=(consent_id,)) for _ in range(12)]

    async def withdraw() -> bool:
        return await stores[1].consents.move(
            make.event(stored, ConsentState.withdrawn),
            make.entry(),
            allowed_from=frozenset({ConsentState.given}),
            purge_drafts=True,
        )

    async def pass_with(draft: Any) -> bool:
        def write(view: Any) -> Any:
            stands = view.consents[consent_id].standing.state is ConsentState.given
            return GateWrite(make.entry(), stands, draft=draft if stands else None)

        return bool((await stores[0].gates.commit([GateRequest((consent_id,), write)]))[0])

    results = await asyncio.gather(*map(pass_with, drafts[:6]), withdraw(), *map(pass_with, drafts[6:]))
    kept = [await stores[0].drafts.read(draft.id) for draft in drafts]
    late = await pass_with(make.draft(consents=(consent_id,)))
    for store in stores:
        await store.close()

    assert results[6] is True
    assert late is False
    assert [draft.sealed for draft in kept if draft is not None] == [None] * sum(
        map(bool, results[:6] + results[7:])
    )


async def test_a_purge_of_many_drafts_leaves_none(database_url: str, make) -> None:
    """More than one portion of drafts is purged in one call, and entries count them all."""
    store = SqlStore(Database(database_url))
    for _ in range(11):
        await store.gates.commit([make.passage(draft=make.draft(valid_until=make.now)) for _ in range(500)])
    counted: list[int] = []

    def entry(count: int) -> Any:
        counted.append(count)
        return make.entry()

    purged = await store.drafts.purge_expired(make.now, entry)
    await store.close()

    assert purged == sum(counted) == 5500
    assert max(counted) <= 5000


async def test_a_cancelled_caller_does_not_leave_its_transaction_open(database_url: str, make) -> None:
    """It ends by itself, written or not as a whole, and the next one finds the database free."""
    store = SqlStore(Database(database_url))
    calls = [asyncio.create_task(store.clients.put(make.client(id=f"c{n}"), make.now)) for n in range(20)]
    await asyncio.sleep(0.01)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    await store.clients.put(make.client(), make.now)
    assert await store.clients.client("hall") == make.client()
    await store.close()


# ---------------------------------------------------------------- SQLite


async def test_a_locked_sqlite_file_is_an_outage_and_heals(tmp_path: Path, make) -> None:
    """Another program that holds the file too long costs a 503; reading goes on; afterwards writing does too."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url)
    store = SqlStore(Database(url, patience=timedelta(seconds=0.3)))
    holder = sqlite3.connect(tmp_path / "oncegate.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await store.gates.commit([make.passage()])
    assert await store.entries.find(request=None, after="", limit=5) == []
    holder.execute("ROLLBACK")
    holder.close()

    await store.close()  # waits for the thread that still queued for the file
    assert await store.gates.commit([make.passage()]) == [True]
    assert len(await store.entries.find(request=None, after="", limit=5)) == 1
    await store.close()


def test_what_was_committed_survives_a_killed_process(tmp_path: Path, make) -> None:
    """A process that is killed right after its passage was acknowledged has left its entry behind."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url)
    script = """
import asyncio, os, sys
from datetime import UTC, datetime
from gateway.records import Entry, EntryKind, GateRequest, GateWrite
from gateway.records import GateRequest, GateWrite
from gateway.store import Database, SqlStore
async def main():
    store = SqlStore(Database(sys.argv[1]))
    entry = Entry("aud_1", EntryKind.intent, datetime(2026, 1, 1, tzinfo=UTC), None, "hall", b"{}")
    await store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script, url], env=environment, check=False, capture_output=True
    )
    with closing(sqlite3.connect(tmp_path / "oncegate.db")) as connection:
        found = connection.execute("SELECT id FROM audit_entry").fetchall()

    assert (ended.returncode, ended.stderr) == (-9, b"")
    assert found == [("aud_1",)]


def test_looking_whether_to_migrate_creates_no_file(tmp_path: Path) -> None:
    """A command that only asks leaves no empty database behind."""
    at, newest = pending(f"sqlite:///{tmp_path}/no/oncegate.db")

    assert (at, newest is not None) == (None, True)
    assert list(tmp_path.iterdir()) == []
