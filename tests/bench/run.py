"""`make bench`: what one resolution of a 40-field form from five sources costs, as a multiple of the yardstick.

The yardstick is the leanest hand-written handler that does the same job; it lies outside this repository, by default in
../shared/bench (ONCEGATE_BENCH_YARDSTICK names another place). Product and yardstick take turns in every round of one
run, so what the machine does meanwhile hits both; only ratios mean anything. Without the yardstick the product is
measured alone, against sources of this directory, and the figures are good for comparing two commits on one machine.
The yardstick's full mode comes in three kinds (--yardstick). "memory": its consents are in its own memory, where nobody
can withdraw one, its log in SQLite. "valkey": it asks a server for each consent, as a service that must see a
withdrawal has to. "servers": that, and its log in PostgreSQL, as its own README runs it against sources at 0 ms.
Exit 0 measured, 2 something is missing.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RESULTS = HERE / "results"
sys.path.insert(0, str(HERE))

import product  # noqa: E402  (a neighbour; this directory is no package)
from postgres import durable_postgres, servers_of_the_tests  # noqa: E402

SOURCE_PORT = 18910
SOURCES = ["uvicorn", "sources:app", "--no-access-log", "--log-level", "warning"]
YARDSTICK_MODES = {
    "memory": "MODE=full,AUDIT=sqlite-full",
    "valkey": "MODE=full,AUDIT=sqlite-full,CONSENT=redis",
    "servers": "MODE=full,AUDIT=pg,CONSENT=redis",
}


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds; every target runs once in each")
    parser.add_argument("--dur", type=int, default=4, help="seconds of load per target and round")
    parser.add_argument("--conns", type=int, default=32, help="connections held open")
    parser.add_argument(
        "--delay", type=float, action="append", help="ms a source takes to answer; may be repeated (0)"
    )
    parser.add_argument(
        "--database", help="SQLAlchemy URL for the product instead of SQLite; it must be empty"
    )
    parser.add_argument(
        "--postgres", action="store_true", help="the product on a PostgreSQL of its own, which is started"
    )
    parser.add_argument(
        "--yardstick",
        choices=YARDSTICK_MODES,
        default="memory",
        help="what the yardstick works with (memory)",
    )
    parser.add_argument("--people", type=int, default=20_000, help="subjects, each with a consent")
    return parser.parse_args(arguments)


def missing(chosen: argparse.Namespace) -> list[str]:
    """One sentence per tool that is not there."""
    wanted = {"wrk": "apt-get install wrk", "taskset": "apt-get install util-linux"}
    faults = [
        f"{tool} is not installed: {remedy}" for tool, remedy in wanted.items() if shutil.which(tool) is None
    ]
    if chosen.yardstick == "servers" and importlib.util.find_spec("asyncpg") is None:
        faults.append(
            "asyncpg, which the yardstick writes its log with, is not installed: pip install asyncpg"
        )
    return faults


def yardstick() -> Path | None:
    """The directory of the yardstick, None when there is none."""
    place = Path(os.environ.pop("ONCEGATE_BENCH_YARDSTICK", None) or ROOT.parent / "shared" / "bench")
    return place if (place / "load.py").is_file() else None


@contextmanager
def valkey(directory: Path) -> Iterator[str]:
    """Port of an empty Valkey of the dev group, for the yardstick alone: the product needs none."""
    server = servers_of_the_tests().ValkeyServer(directory)
    server.start()
    try:
        yield server.url.rpartition(":")[2].partition("/")[0]
    finally:
        server.kill()


def write_script(running: product.Running, directory: Path) -> Path:
    """The wrk script with a fresh token and the list of people."""
    script = (HERE / "product.lua").read_text(encoding="utf-8")
    script = script.replace("@TOKEN@", running.token()).replace("@PEOPLE@", str(running.people_file))
    path = directory / "product.lua"
    path.write_text(script, encoding="utf-8")
    path.chmod(0o600)
    return path


def against_yardstick(
    place: Path, running: product.Running, script: Path, chosen: argparse.Namespace, delay: float
) -> Any:
    """Both in turn, in the yardstick's own harness; its printed lines appear as they come."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [sys.executable, str(place / "load.py"), "--json", out.name, "--sport", str(SOURCE_PORT)]
        command += ["--delay", f"{delay:g}", "--conns", str(chosen.conns), "--dur", str(chosen.dur)]
        command += ["--rounds", str(chosen.rounds), f"yardstick:{YARDSTICK_MODES[chosen.yardstick]}"]
        command += [f"product:url={running.url},pid={running.pid},lua={script}"]
        subprocess.run(command, check=True)
        return json.loads(Path(out.name).read_bytes())


def alone(running: product.Running, script: Path, chosen: argparse.Namespace) -> Any:
    """The product by itself against the sources of this directory."""
    with product.served(SOURCES, SOURCE_PORT, core=1):
        before = product.cpu_seconds(running.pid)
        command = [
            "taskset",
            "-c",
            "1",
            "wrk",
            "-t1",
            f"-c{chosen.conns}",
            f"-d{chosen.dur * chosen.rounds}s",
        ]
        command += ["--latency", "-s", str(script), running.url]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        used = product.cpu_seconds(running.pid) - before
    count = int(re.findall(r"(\d+) requests in", printed)[0])
    refused = re.findall(r"Non-2xx.*: (\d+)", printed)
    print(printed)
    return {
        "product": {"cpu": used / count * 1e6, "requests": count, "bad": int(refused[0]) if refused else 0}
    }


def summary(measured: Any) -> str:
    """The line to quote."""
    ours, bar = measured["product"], measured.get("yardstick")
    if bar is None:
        return f"product alone: {ours['cpu']:.0f} µs CPU per request, {ours['bad']} refused"
    return (
        f"product / yardstick: CPU ×{ours['pair']:.2f} ({ours['cpu']:.0f} / {bar['cpu']:.0f} µs), "
        f"p50 ×{ours['pair_p50']:.2f} ({ours['p50']:.1f} / {bar['p50']:.1f} ms), "
        f"p99 ×{ours['p99'] / bar['p99']:.2f} ({ours['p99']:.1f} / {bar['p99']:.1f} ms), {ours['bad']:.0f} refused"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed, serve, measure, print, keep the figures in results/."""
    chosen = options(arguments)
    faults = missing(chosen)
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 2
    place = yardstick()
    RESULTS.mkdir(exist_ok=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oncegate-bench-")))
        if chosen.yardstick != "memory":
            os.environ["REDIS_PORT"] = stack.enter_context(valkey(directory))
        if chosen.yardstick == "servers":
            _, place_of_log = stack.enter_context(durable_postgres()).split("://")
            os.environ["PG_DSN"] = f"postgresql://{place_of_log}"
        database = stack.enter_context(durable_postgres()) if chosen.postgres else chosen.database
        sources = f"http://127.0.0.1:{SOURCE_PORT}"
        running = stack.enter_context(
            product.running(directory, sources, people=chosen.people, database=database)
        )
        with product.served(SOURCES, SOURCE_PORT, core=1):
            running.check()
        results = {}
        for delay in chosen.delay or [0.0]:
            script = write_script(running, directory)
            measured = (
                against_yardstick(place, running, script, chosen, delay)
                if place
                else alone(running, script, chosen)
            )
            results[f"{delay:g} ms"] = measured
            print(f"sources at {delay:g} ms: {summary(measured)}", flush=True)
        print(f"memory of the product: {running.memory_mb():.0f} MB")
    kept = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {kept.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
