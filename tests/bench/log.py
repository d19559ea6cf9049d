"""The log's speed, part of `make bench`: entries through gates and sequencer, a proof and a verification at a million.

`python tests/bench/log.py --help`. On SQLite and on a PostgreSQL of its own (both durable: every commit is on disk), so
many clients pass both gates again and again, each time a consent read under lock, a use taken, two sealed entries and a
draft written, while the sequencer works beside them. Then one client alone, in turn with the least that a durable
commit costs there. Then a log of a million entries: the time of an inclusion proof out of each database, and that of a
whole verification of its exported bundle. Figures go to results/ as log-*.json. Exit 0 measured.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RESULTS = HERE / "results"
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402
from million import build, fill_store  # noqa: E402  (a neighbour; this directory is no package)
from postgres import durable_postgres  # noqa: E402

from gateway.app import make_runtime, make_sequencer, utc_now  # noqa: E402
from gateway.audit.entries import finding_key, make_entry, receipt_of  # noqa: E402
from gateway.audit.reading import proof_of  # noqa: E402
from gateway.audit.sequencer import Sequencer  # noqa: E402
from gateway.records import (  # noqa: E402
    ConsentEvent,
    Draft,
    EntryKind,
    GateRequest,
    GateView,
    GateWrite,
    NewSubject,
    StoredConsent,
)
from gateway.runtime import Runtime  # noqa: E402
from gateway.settings import Settings  # noqa: E402
from gateway.store.migrate import migrate  # noqa: E402
from policies.consent import Consent, ConsentState, Standing  # noqa: E402

_FACTS = {
    "form": ["household-move", 3],
    "matter": "household.move",
    "purpose": "household.move-registration",
    "registry": 4,
    "policy": 2,
    "department": "civil-affairs",
    "actor": "clerk",
}
_ANSWER = os.urandom(2_000)
_SEQUENCE_SECONDS = 0.2
_LONE_SECONDS = 3.0


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests/bench/log.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=8, help="of load per database (8)")
    parser.add_argument("--clients", type=int, default=64, help="that pass the gates at once (64)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the long log; 0 leaves it out")
    parser.add_argument("--note", default="", help="kept with the figures, e.g. what else ran")
    parser.add_argument("--out", type=Path, help="file for the figures instead of one in results/")
    return parser.parse_args(arguments)


# ---------------------------------------------------------------- gates and sequencer


@asynccontextmanager
async def opened(url: str, directory: Path) -> AsyncIterator[Runtime]:
    """A runtime over that database, migrated."""
    migrate(url)
    runtime = make_runtime(Settings(state_dir=directory, database_url=url))
    try:
        yield runtime
    finally:
        await runtime.ledger.drain()
        await runtime.store.close()


async def consents_of(runtime: Runtime, count: int) -> list[Consent]:
    """So many persons, each with a consent of very many uses."""
    now, made = utc_now(), []
    for number in range(count):
        key, ref = f"bench-{number:026d}", f"sub_{number:026d}"
        await runtime.store.subjects.refs({key: NewSubject("person", ref, now)})
        agreed = Consent(
            runtime.new_reference("cns", now),
            key,
            _FACTS["purpose"],
            None,
            frozenset({"civil-affairs"}),
            frozenset({"person.name"}),
            frozenset(),
            Standing(ConsentState.given, now, now + timedelta(days=1), 1_000_000),
        )
        entry = make_entry(
            runtime.new_reference("aud", now),
            EntryKind.consent_given,
            now,
            caller="desk",
            request=agreed.id,
            facts={"subject": ref, "purpose": agreed.purpose, "permitted": ["person.name"]},
        )
        event = ConsentEvent(
            runtime.new_reference("cev", now), agreed.id, now, ConsentState.given, "clerk", "", entry.id
        )
        stored = StoredConsent(agreed, ref, "person", "desk", "civil-affairs", now, b"\x00" * 400)
        await runtime.store.consents.add(stored, event, entry)
        made.append(agreed)
    return made


class Client:
    """Passes both gates, one form after another, and remembers how long each passage took."""

    def __init__(self, runtime: Runtime, consents: Sequence[Consent], seed: int) -> None:
        self.taken: dict[str, list[float]] = {"intent": [], "outcome": []}
        self._runtime, self._consents, self._random = runtime, consents, random.Random(seed)

    async def work(self, until: float) -> None:
        """As often as fits."""
        while time.perf_counter() < until:
            await self.form()

    async def form(self) -> None:
        """One form, through both."""
        runtime, now, agreed = self._runtime, utc_now(), self._random.choice(self._consents)
        request = runtime.new_reference("res", now)
        asks = [["applicant", "civil", ["person.name", "person.sex"], True, "R-010", f"consent:{agreed.id}"]]
        subject = {"subjects": {"applicant": agreed.subject_key.replace("bench-", "sub_")}}
        await self._pass(agreed, request, EntryKind.intent, {**_FACTS, **subject, "asks": asks})
        fields = {"filled": ["applicant.name", "applicant.sex"], "not_found": ["spouse.state"]}
        told = {"receipt": receipt_of(request), "result": "released", "fields": fields, "refusals": []}
        await self._pass(agreed, request, EntryKind.outcome, {**_FACTS, **subject, **told})

    async def _pass(self, agreed: Consent, request: str, kind: EntryKind, facts: dict[str, Any]) -> None:
        runtime, is_intent = self._runtime, kind is EntryKind.intent

        def write(view: GateView) -> GateWrite[bool]:
            now = utc_now()
            entry = make_entry(
                runtime.new_reference("aud", now),
                kind,
                now,
                caller="hall",
                request=request,
                facts=facts,
                private={"actor": "jj-0317", "case": request},
                sealer=runtime.sealer,
                **(found_by(request, runtime) if is_intent else {}),
            )
            if is_intent:
                return GateWrite(entry, agreed.id in view.consents, use=(agreed.id,))
            life = now + timedelta(days=1)
            draft = Draft(request, "hall", "household-move", 3, now, life, (agreed.id,), _ANSWER)
            return GateWrite(entry, True, draft=draft)

        begun = time.perf_counter()
        assert await runtime.ledger.pass_gate(GateRequest((agreed.id,), write))
        self.taken[kind.value].append(time.perf_counter() - begun)


class LeastCommit:
    """One row, inserted and made durable by the bare driver: below this no gate can be."""

    def __init__(self, url: str, directory: Path) -> None:
        self.taken: list[float] = []
        if url.startswith("sqlite"):
            path = directory / "least.db"
            connection: Any = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            self._statement = "INSERT INTO least VALUES (?)"
        else:
            connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
            self._statement = "INSERT INTO least VALUES (%s)"
        connection.execute("CREATE TABLE least (content TEXT)")
        self._connection = connection

    def commit(self) -> None:
        """Once more."""
        begun = time.perf_counter()
        self._connection.execute(self._statement, ("x" * 1_500,))
        self.taken.append(time.perf_counter() - begun)

    def close(self) -> None:
        """Its connection."""
        self._connection.close()


def found_by(request: str, runtime: Runtime) -> dict[str, str]:
    """The digests an intent carries."""
    return {
        "actor_key": finding_key("actor", f"jj-{hash(request) % 300}", runtime.fingerprint),
        "case_key": finding_key("case", request, runtime.fingerprint),
    }


async def sequence(sequencer: Sequencer) -> None:
    """Every 200 ms, as the service does."""
    while True:
        await asyncio.sleep(_SEQUENCE_SECONDS)
        await sequencer.run()


async def gates(url: str, chosen: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Entries a second until all of them have their places, and how long a passage takes."""
    async with opened(url, directory) as runtime:
        consents = await consents_of(runtime, 200)
        sequencer = make_sequencer(runtime)
        await sequencer.run()
        sequencing = asyncio.create_task(sequence(sequencer))
        clients = [Client(runtime, consents, number) for number in range(chosen.clients)]
        begun, before, cpu = time.perf_counter(), await runtime.store.log.size(), time.process_time()
        await asyncio.gather(*(each.work(begun + chosen.seconds) for each in clients))
        written = time.perf_counter() - begun
        sequencing.cancel()
        await asyncio.gather(sequencing, return_exceptions=True)
        await sequencer.run()
        placed = time.perf_counter() - begun
        cpu = time.process_time() - cpu
        entries = await runtime.store.log.size() - before
        alone, least = Client(runtime, consents, 0), LeastCommit(url, directory)
        until = time.perf_counter() + _LONE_SECONDS
        while time.perf_counter() < until:
            await alone.form()
            least.commit()
        least.close()
    together = [each for client in clients for each in client.taken["intent"] + client.taken["outcome"]]
    return {
        "entries": entries,
        "entries_per_second": round(entries / placed),
        "seconds_until_written": round(written, 2),
        "seconds_until_placed": round(placed, 2),
        "cpu_us_per_entry": round(cpu / entries * 1e6),
        "clients": chosen.clients,
        "commit_ms": quantiles(together),
        "alone_first_gate_ms": quantiles(alone.taken["intent"]),
        "alone_second_gate_ms": quantiles(alone.taken["outcome"]),
        "one_durable_insert_ms": quantiles(least.taken),
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in ms."""
    cuts = statistics.quantiles(seconds, n=100)
    return {f"p{at}": round(cuts[at - 1] * 1000, 2) for at in (50, 95, 99)}


# ---------------------------------------------------------------- a million


async def proofs(url: str, directory: Path, size: int, key: str) -> dict[str, Any]:
    """How long one inclusion proof takes out of a database of so many entries."""
    taken: list[float] = []
    used: list[float] = []
    async with opened(url, directory) as runtime:
        draws = random.Random(1)
        for number in range(300):
            entry_id = f"aud_{draws.randrange(size):026d}"
            begun, before = time.perf_counter(), time.process_time()
            assert await proof_of(entry_id, runtime.store.log_for_readers, [key]) is not None
            if number >= 50:  # the first ones warm the database's pages
                taken.append(time.perf_counter() - begun)
                used.append(time.process_time() - before)
    return {"proof_ms": quantiles(taken), "proof_cpu_ms": quantiles(used)}


def verification(bundle: Path, key: str) -> dict[str, Any]:
    """How long the whole bundle takes to verify, by the file that stands alone."""
    script = ROOT / "gateway" / "audit" / "verify.py"
    command = [sys.executable, "-I", str(script), str(bundle), "--key", key]
    begun, before = time.perf_counter(), children_cpu()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "cpu_seconds": round(children_cpu() - before, 1),
        "megabytes": round(bundle.stat().st_size / 1e6),
        "peak_memory_megabytes": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3),
    }


def children_cpu() -> float:
    """Seconds of CPU that commands started here have used: what they would take on a machine of their own."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def long_log(urls: Mapping[str, str], directory: Path, size: int) -> dict[str, Any]:
    """Both, on a log of so many entries. `urls`: of empty databases, by name."""
    made = build(directory / "million.zip", size)
    told: dict[str, Any] = {"entries": size}
    for name, url in urls.items():
        migrate(url)
        fill_store(url, made)
        told[name] = asyncio.run(proofs(url, directory, size, made.key))
    del made  # so that what the verification needs is its own
    return told | {"verification": verification(directory / "million.zip", key_of(directory / "million.zip"))}


def key_of(bundle: Path) -> str:
    """The verifier key that lies in it, which here is to be trusted."""
    with zipfile.ZipFile(bundle) as archive:
        return archive.read("log.vkey").decode().strip()


# ---------------------------------------------------------------- all of it


@contextmanager
def databases(directory: Path, name: str) -> Iterator[dict[str, str]]:
    """Name → URL of an empty database."""
    with durable_postgres() as url:
        yield {"sqlite": f"sqlite:///{directory}/{name}.db", "postgresql": url}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    chosen = options(arguments)
    now = datetime.now(UTC)
    told: dict[str, Any] = {"at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "machine": machine(), "note": chosen.note}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oncegate-log-")))
        for name, url in stack.enter_context(databases(directory, "gates")).items():
            home = directory / name
            home.mkdir()
            told[name] = asyncio.run(gates(url, chosen, home))
            print(f"{name}: {json.dumps(told[name])}", flush=True)
        if chosen.entries:
            urls = stack.enter_context(databases(directory, "long"))
            told["long_log"] = long_log(urls, directory, chosen.entries)
            print(f"long log: {json.dumps(told['long_log'])}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    kept = chosen.out or RESULTS / f"log-{now:%Y%m%dT%H%M%SZ}.json"
    kept.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {kept}")
    return 0


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": [round(each, 2) for each in os.getloadavg()],
    }


if __name__ == "__main__":
    sys.exit(main())
