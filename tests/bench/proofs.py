"""Inclusion proofs out of a very long log: `python tests/bench/proofs.py`, ten million entries by default.

The tree of so many short entries is built in bulk and put into a migrated database: SQLite, and with --postgres one of
the dev group whose commits wait for the disk. Then proofs at random places are taken as the service takes them, each
timed, and checked: it must show its own entry and no other. Figures go to results/ as proofs-*.json. Exit 0: all
proofs hold, 1: one does not.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(ROOT))

from log import RESULTS, machine, opened, quantiles  # noqa: E402  (neighbours; this directory is no package)
from million import Made, fill_store, short_leaf, tree_of  # noqa: E402
from postgres import durable_postgres  # noqa: E402

from gateway.audit.note import Verifier  # noqa: E402
from gateway.audit.proofs import BadProof, TlogProof  # noqa: E402
from gateway.audit.reading import proof_of  # noqa: E402
from gateway.audit.tree import leaf_hash  # noqa: E402
from gateway.store.migrate import migrate  # noqa: E402

_WARMING = 50
"""Proofs that are checked but not counted: the first ones warm the database's pages, as a service's have long been."""


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/bench/proofs.py", description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000_000, help="of the log (10000000)")
    parser.add_argument("--proofs", type=int, default=2_000, help="at random places, per database (2000)")
    parser.add_argument("--seed", type=int, default=1, help="of the places (1)")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL too")
    parser.add_argument("--note", default="", help="kept with the figures, e.g. what else ran")
    parser.add_argument("--out", type=Path, help="file for the figures instead of one in results/")
    return parser.parse_args(arguments)


async def proofs(url: str, made: Made, chosen: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """How long each took, wall and CPU, and how many did not hold."""
    draws = random.Random(chosen.seed)
    taken: list[float] = []
    used: list[float] = []
    wrong = 0
    async with opened(url, directory) as runtime:
        for _ in range(_WARMING + chosen.proofs):
            place = draws.randrange(made.size)
            begun, before = time.perf_counter(), time.process_time()
            found = await proof_of(f"aud_{place:026d}", runtime.store.log_for_readers, [made.key])
            taken.append(time.perf_counter() - begun)
            used.append(time.process_time() - before)
            wrong += found is None or not holds(found.text(), place, made)
    return {
        "proofs": len(taken),
        "wrong": wrong,
        "proof_ms": quantiles(taken[_WARMING:]),
        "proof_cpu_ms": quantiles(used[_WARMING:]),
    }


def holds(text: str, place: int, made: Made) -> bool:
    """Whether the proof, read from its text, shows that entry to be in the log, and not the one beside it."""
    verifiers = [Verifier.parse(made.key)]
    proof = TlogProof.parse(text)
    if proof.check(leaf_hash(short_leaf(place)), verifiers).size != made.size:
        return False
    try:
        proof.check(leaf_hash(short_leaf(place + 1)), verifiers)
    except BadProof:
        return True
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, fill, prove, keep."""
    chosen = options(arguments)
    now = datetime.now(UTC)
    told: dict[str, Any] = {"at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "machine": machine(), "note": chosen.note}
    begun = time.perf_counter()
    made = tree_of(chosen.entries)
    told |= {
        "entries": made.size,
        "tiles": len(made.tiles),
        "built_in": round(time.perf_counter() - begun, 1),
    }
    print(f"{made.size:,} entries, {len(made.tiles):,} tiles in {told['built_in']} s", flush=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oncegate-proofs-")))
        urls = {"sqlite": f"sqlite:///{directory}/log.db"}
        if chosen.postgres:
            urls["postgresql"] = stack.enter_context(durable_postgres())
        for name, url in urls.items():
            begun = time.perf_counter()
            migrate(url)
            fill_store(url, made)
            filled = round(time.perf_counter() - begun, 1)
            told[name] = {
                "filled_in": filled,
                "seed": chosen.seed,
                **asyncio.run(proofs(url, made, chosen, directory)),
            }
            print(f"{name}: {json.dumps(told[name])}", flush=True)
    kept = chosen.out or RESULTS / f"proofs-{now:%Y%m%dT%H%M%SZ}.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {kept}")
    return int(any(told[name]["wrong"] for name in urls))


if __name__ == "__main__":
    sys.exit(main())
