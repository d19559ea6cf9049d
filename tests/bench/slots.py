"""What counting costs: `python tests/bench/slots.py [--applications 200000] [--database sqlite|postgresql]`.

Writes a year of applications of 60 forms with 50 slots each through the real store, no two alike: 10 million slots.
Then times folding what waits, counting everything anew, and every table of the report over the whole year and from the
middle of one month to the middle of another; then the reports on causes (gaps, repeat collection, papers, sources) and
what the roll-ups take: rows and bytes for each application. Asked: any table in under a second, counting anew in under
five minutes.
Progress on stderr, results as JSON under `results/`. Exit 0 as asked, 1 slower.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import postgres  # noqa: E402  (a neighbour; this directory is no package)
from sqlalchemy import delete, text  # noqa: E402

from field_registry import Binding, Item, Registry, Source, SubjectKind  # noqa: E402
from field_registry.items import Datatype  # noqa: E402
from field_registry.outcomes import Disposition, OutcomeCode, Tier  # noqa: E402
from forms.definition import Field, Form, Role  # noqa: E402
from gateway.app import make_runtime, refresh  # noqa: E402
from gateway.curation import Publisher  # noqa: E402
from gateway.records import Submission, SubmissionWrite  # noqa: E402
from gateway.reports.backfill import BY, Asked, backfill_report  # noqa: E402
from gateway.reports.exempt_report import exempt_report  # noqa: E402
from gateway.reports.folding import fold_waiting, rebuild  # noqa: E402
from gateway.reports.gap_report import gap_document, gap_report  # noqa: E402
from gateway.reports.league_report import league_report  # noqa: E402
from gateway.reports.repeat_report import repeat_document, repeat_report  # noqa: E402
from gateway.reports.survey import Period, Scope  # noqa: E402
from gateway.runtime import Runtime  # noqa: E402
from gateway.settings import Settings  # noqa: E402
from gateway.slots import Slot, Snapshot  # noqa: E402
from gateway.store import Database, SqlStore  # noqa: E402
from gateway.store.migrate import migrate  # noqa: E402
from gateway.store.submission_tables import snapshot_uncounted  # noqa: E402
from gateway.store.submissions import write_submissions  # noqa: E402
from policies import Ground, GroundKind, Policy, Purpose, Rule  # noqa: E402
from policies.rules import Effect  # noqa: E402

D, C = Disposition, OutcomeCode
FORMS, SLOTS, SOURCES, ITEMS = 60, 50, 20, 400
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SEGMENTS = ("resident", "enterprise", "taiwan", "individual_trader")
WEIGHTS = (70, 20, 2, 8)
AT_ONCE = 500
FOLDED = 10_000
ROUNDS, CAUSE_ROUNDS = 5, 3
ASKED_SECONDS, ASKED_REBUILD_SECONDS = 1.0, 300.0
PERIODS = {
    "whole year": (date(2026, 1, 1), date(2027, 1, 1)),
    "16 January to 15 December": (date(2026, 1, 16), date(2026, 12, 15)),
    "everything": (None, None),
}
CAUSE_PERIODS = {
    "whole year": Period(date(2026, 1, 1), date(2027, 1, 1)),
    "16 January to 15 December": Period(date(2026, 1, 16), date(2026, 12, 15)),
    "one month": Period(date(2026, 1, 1), date(2026, 2, 1)),
    "thirty days of two months": Period(date(2026, 1, 4), date(2026, 2, 3)),
}
COUNTED = ("rollup", "cause_cell", "cause_place", "cause_key", "snapshot")
# What becomes of a slot: outcome, tier, disposition, and whether it was attempted and could have been had; how often.
FATES = (
    (620, (C.filled, Tier.A, D.kept, True, False)),
    (60, (C.filled, Tier.B, D.kept, True, False)),
    (40, (C.filled, Tier.C, D.kept, True, False)),
    (25, (C.filled, Tier.A, D.edited, True, False)),
    (5, (C.filled, Tier.A, D.disputed, True, False)),
    (30, (C.timeout, None, D.typed, True, True)),
    (20, (C.empty_at_source, None, D.typed, True, False)),
    (15, (C.source_error, None, D.typed, True, True)),
    (25, (C.refused_by_person, None, D.typed, False, False)),
    (10, (C.no_ground, None, D.blank, False, False)),
    (20, (C.no_binding, Tier.D, D.kept, False, False)),
    (90, (C.no_binding, None, D.typed, False, False)),
    (40, (C.no_binding, None, D.blank, False, False)),
)


def main() -> int:
    """Write, count, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--applications", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=365, help="over which they spread, from 1 January 2026")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    chosen = parser.parse_args()
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": [round(each, 2) for each in os.getloadavg()],
    }
    with (
        tempfile.TemporaryDirectory(prefix="oncegate-slots-") as directory,
        database(chosen.database, Path(directory)) as url,
    ):
        found = asyncio.run(measure(url, Path(directory), chosen.applications, chosen.days))
    found = {
        "database": chosen.database,
        "applications": chosen.applications,
        "days": chosen.days,
        "machine": machine,
        **found,
    }
    name = f"slots-{chosen.database}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    (HERE / "results" / name).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found, indent=1, ensure_ascii=False))
    slowest = max(each for of in found["table_seconds"].values() for each in of.values())
    return int(slowest > ASKED_SECONDS or found["rebuild_seconds"] > ASKED_REBUILD_SECONDS)


@contextmanager
def database(kind: str, directory: Path) -> Iterator[str]:
    """URL of an empty, migrated database."""
    if kind == "sqlite":
        url = f"sqlite:///{directory}/oncegate.db"
        migrate(url)
        yield url
        return
    with postgres.durable_postgres() as url:
        migrate(url)
        yield url


async def measure(url: str, directory: Path, applications: int, days: int) -> dict[str, Any]:
    """Every number, by name."""
    store = Database(url)
    runtime = make_runtime(Settings(state_dir=directory, database_url=url), store=SqlStore(Database(url)))
    await publish(runtime)
    wrote = await timed(lambda: write(store, applications, days))
    await store.write(lambda connection: connection.execute(keep_waiting(FOLDED)).close())
    folded = await timed(lambda: fold_waiting(runtime))
    begun = time.perf_counter()
    counted = await rebuild(runtime, progress("counted"))
    rebuilt = time.perf_counter() - begun
    if not store.is_sqlite:
        for table in COUNTED:
            await store.write(
                lambda connection, table=table: connection.execute(text(f"ANALYZE {table}")).close()
            )  # type: ignore[misc]
    tables = {name: await ask(runtime, *period) for name, period in PERIODS.items()}
    causes = {name: await ask_causes(runtime, period) for name, period in CAUSE_PERIODS.items()}
    sizes = {table: await size_of(store, table, applications) for table in COUNTED}
    await store.close()
    await runtime.store.close()
    return {
        "slots": counted * SLOTS,
        "write_seconds": round(wrote, 1),
        "fold_slots_per_second": round(min(FOLDED, applications) * SLOTS / folded),
        "rebuild_seconds": round(rebuilt, 1),
        "rebuild_slots_per_second": round(counted * SLOTS / rebuilt),
        "tables": sizes,
        "cpu_seconds": round(time.process_time(), 1),
        "load_after": [round(each, 2) for each in os.getloadavg()],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "table_seconds": tables,
        "cause_seconds": causes,
    }


async def timed(work: Callable[[], Any]) -> float:
    """Seconds it took."""
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


def keep_waiting(most: int) -> Any:
    """Lets all but the first so many wait no more: the rest is for counting anew."""
    return delete(snapshot_uncounted).where(snapshot_uncounted.c.submission_id >= f"smn_{most:026d}")


async def ask(runtime: Any, since: date | None, until: date | None) -> dict[str, float]:
    """Median seconds of each table of that period with its totals, a hundred lines of it."""
    found = {}
    for name in BY:
        seconds = [
            await timed(lambda name=name: backfill_report(Asked((name,), since, until), runtime))  # type: ignore[misc]
            for _ in range(ROUNDS)
        ]
        found[name] = round(statistics.median(seconds), 3)
    return found


async def ask_causes(runtime: Runtime, period: Period) -> dict[str, float]:
    """Median seconds of each report on causes, as a screen shows it."""

    async def gaps(scope: Scope) -> None:
        gap_document(await gap_report(scope, period, runtime, steps=21))

    async def repeat(scope: Scope) -> None:
        repeat_document(await repeat_report(scope, period, runtime, limit=100), limit=100)

    asked: dict[str, Callable[[], Any]] = {
        "gaps": lambda: gaps(Scope()),
        "gaps of a form": lambda: gaps(Scope(form="form-00")),
        "gaps of a department": lambda: gaps(Scope(department="部门0")),
        "repeat collection": lambda: repeat(Scope()),
        "exempt papers": lambda: exempt_report(period, runtime),
        "sources": lambda: league_report(period, runtime),
    }
    if all(each.day == 1 for each in (period.since, period.until)):
        asked["gaps of a segment"] = lambda: gaps(Scope(segment="taiwan"))
    return {
        name: round(statistics.median([await timed(work) for _ in range(CAUSE_ROUNDS)]), 3)
        for name, work in asked.items()
    }


async def size_of(store: Database, table: str, applications: int) -> dict[str, float]:
    """Rows and bytes of a table with its indexes, in all and for each application."""
    rows = await store.read(lambda connection: connection.scalar(text(f"SELECT count(*) FROM {table}")))
    of_sqlite = "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = :table)"
    query = text(of_sqlite if store.is_sqlite else "SELECT pg_total_relation_size(CAST(:table AS regclass))")
    size = await store.read(lambda connection: connection.scalar(query, {"table": table}))
    return {
        "rows": rows,
        "megabytes": round(size / 1e6, 1),
        "rows_an_application": round(rows / applications, 2),
        "bytes_an_application": round(size / applications),
    }


async def publish(runtime: Runtime) -> None:
    """The forms of these applications, their items, and sources for three quarters of them."""
    items = [Item(item(number), f"数据项{number}", SubjectKind.person, Datatype.text, f"部门{number % 12}") for number in range(ITEMS)]  # fmt: skip
    sources = [Source(f"source-{number}", f"数源{number}", f"部门{number % 12}", "sandbox", config={"personas": {}}) for number in range(SOURCES)]  # fmt: skip
    bindings = [
        Binding(item(number), f"source-{number % SOURCES}", "/x") for number in range(ITEMS) if number % 4
    ]
    publisher = Publisher(runtime.store, "bench", runtime.clock(), runtime.new_reference)
    await publisher.registry(Registry.of(0, items=items, sources=sources, bindings=bindings))
    rule = Rule("R-1", Effect.permit, "duty", ground=Ground(GroundKind.statutory_duty, "D-1", "某法 第1条"))
    await publisher.policy(Policy.of(0, [Purpose("review", "审批")], [rule]))
    for number in range(FORMS):
        await publisher.form(form_of(number))
    await refresh(runtime)


def form_of(number: int) -> Form:
    """One of the forms: fifty fields, the last two of each ten asking for the same item, one in ten for none."""
    fields = tuple(Field(path_of(at), f"字段{at}", item=item_of(number, at)) for at in range(SLOTS))
    role = Role("applicant", "申请人", frozenset({SubjectKind.person}))
    return Form(f"form-{number:02d}", 1, f"表单{number}", f"matter-{number // 2}", "review", f"部门{number % 12}", fields, (role,))  # fmt: skip


def item(number: int) -> str:
    """An item's id."""
    return f"person.item_{number}"


def path_of(at: int) -> str:
    """A field's path."""
    return f"section_{at // 10}.field_{at:02d}"


def item_of(form: int, at: int) -> str | None:
    """The item of a field; each eighth field of ten asks for that of the seventh again."""
    if at % 10 == 9:
        return None
    return item((form * 7 + (at - (at % 10 == 8)) * 3) % ITEMS)


async def write(store: Database, applications: int, days: int) -> None:
    """So many applications, spread evenly over so many days."""
    generator, tell = random.Random(20261122), progress("written")
    for begin in range(0, applications, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, applications))
        writes = [
            application(number, timedelta(days=days) * number / applications, generator) for number in numbers
        ]
        await store.write(lambda connection, writes=writes: write_submissions(connection, writes))  # type: ignore[misc]
        tell(numbers[-1] + 1, applications)


def application(number: int, after: timedelta, generator: random.Random) -> SubmissionWrite:
    """One application of one of the forms."""
    at = BEGIN + after
    form = min(int(generator.expovariate(0.06)), FORMS - 1)  # some forms are asked for far more than others
    name, department = f"form-{form:02d}", f"部门{form % 12}"
    submission_id = f"smn_{number:026d}"
    snapshot = Snapshot(
        *(submission_id, 1, at, name, 1, f"matter-{form // 2}", department),
        *(generator.choices(SEGMENTS, WEIGHTS)[0], 1, 1, slots(form, generator)),
        baseline=60 if form % 2 else None,
    )
    made = Submission(
        *(submission_id, f"res_{number:026d}", "hall", department, name, 1, at),
        *("aud_0", "0" * 64, {}, at),
    )
    return SubmissionWrite(made, snapshot, was_purged=True)


def slots(form: int, generator: random.Random) -> tuple[Slot, ...]:
    """Its slots: three of them tell who somebody is, a tenth has no item."""
    fates = generator.choices([fate for _, fate in FATES], [often for often, _ in FATES], k=SLOTS)
    return tuple(slot(form, at, *fate) for at, fate in enumerate(fates))


def slot(
    form: int,
    at: int,
    outcome: OutcomeCode,
    tier: Tier | None,
    disposition: Disposition,
    attempted: bool,
    obtainable: bool,
) -> Slot:
    """One of them."""
    path, mapped = path_of(at), outcome is not C.no_binding
    source = f"source-{(form + at // 8) % SOURCES}" if attempted else None
    given = tier is not None and mapped
    return Slot(
        *(path, path, item_of(form, at), source, outcome, tier, disposition),
        *(mapped, attempted, obtainable, at < 3, given),
    )


def progress(what: str) -> Callable[[int, int], None]:
    """Says how far it is, once in ten seconds, on stderr."""
    said = [time.monotonic()]

    def tell(done: int, total: int) -> None:
        if time.monotonic() - said[0] > 10 or done == total:
            said[0] = time.monotonic()
            print(f"{what}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main())
