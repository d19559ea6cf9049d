"""What a registry of 20,000 fields costs: `python tests/bench/scale.py`.

Two services take turns in every round of one run: one with the measured form alone, one with five hundred further forms
of forty fields and items of their own. Printed: time to load the big registry, time from start to ready, memory, and the
ratio of the median latencies. Exit 0 measured, 2 something is missing.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import product  # noqa: E402  (a neighbour; this directory is no package)
import run  # noqa: E402

from field_registry.document import from_document, to_document  # noqa: E402
from field_registry.load import load_registry  # noqa: E402

SOURCE_PORT = 18915


def main() -> int:
    """Seed both, let them take turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--forms", type=int, default=500, help="further forms of the big registry")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--conns", type=int, default=4, help="few, so that latency is not queueing")
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 2
    latencies: dict[str, list[float]] = {"small": [], "big": []}
    with ExitStack() as stack:
        targets = {}
        for name, others in (("small", 0), ("big", chosen.forms)):
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"oncegate-{name}-")))
            begun = time.monotonic()
            address = f"http://127.0.0.1:{SOURCE_PORT}"
            running = stack.enter_context(product.running(directory, address, people=500, others=others))
            targets[name] = running, run.write_script(running, directory)
            print(
                f"{name}: seeded and ready after {time.monotonic() - begun:.1f} s, {running.memory_mb():.0f} MB"
            )
            if others:
                print(
                    f"{name}: {load_seconds(directory / 'definitions/registry'):.2f} s to load its document"
                )
        stack.enter_context(
            product.served(["uvicorn", "sources:app", "--log-level", "warning"], SOURCE_PORT, core=1)
        )
        for _ in range(chosen.rounds):
            for name, (running, script) in targets.items():
                latencies[name].append(median_ms(running.url, script, chosen.conns))
    pairs = [big / small for small, big in zip(latencies["small"], latencies["big"], strict=True)]
    print(f"p50: small {statistics.median(latencies['small']):.1f} ms, big {statistics.median(latencies['big']):.1f} ms, "
          f"ratio ×{statistics.median(pairs):.2f}")  # fmt: skip
    return 0


def load_seconds(directory: Path) -> float:
    """How long a worker takes to build the registry from the document the database gives it."""
    document = to_document(load_registry(directory).registry)
    begun = time.perf_counter()
    registry = from_document(1, document)
    print(f"big: {len(registry.items)} items, {len(registry.bindings)} bindings")
    return time.perf_counter() - begun


def median_ms(url: str, script: Path, conns: int) -> float:
    """The median latency of three seconds of load."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{conns}", "-d3s", "--latency", "-s", str(script), url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    number, unit = re.findall(r"50%\s+([\d.]+)(us|ms|s)", printed)[0]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


if __name__ == "__main__":
    sys.exit(main())
