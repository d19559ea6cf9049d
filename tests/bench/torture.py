"""`make torture`: a seeded storm against a served gateway, and an offline check of what it left behind.

Clients race for one-time consents, withdraw others, and hand forms in, some twice at once, while the gateway (on
PostgreSQL also single workers, the database, and the cache they share) gets SIGKILL at random moments and is started
again. Then the log is held against what the clients were told, exported, tampered with, as a bundle and in its tables,
and counted again slot by slot. Exit 0 every promise kept, 1 one was broken, 2 it could not be tried.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RESULTS = HERE / "results"
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(ROOT))

from torture_check import Findings, Stored, check, read  # noqa: E402  (neighbours; this directory is no package)
from torture_city import Gateway, NotReady, city, postgres, valkey  # noqa: E402
from torture_recount import Recounted, recounted  # noqa: E402
from torture_storm import History, Plan, storm  # noqa: E402
from torture_tables import TableTampering, tamper_tables  # noqa: E402
from torture_tamper import Tampered, tamper  # noqa: E402

from gateway.audit.note import Signer  # noqa: E402
from gateway.security import load_key_ring  # noqa: E402
from gateway.settings import load_settings  # noqa: E402

PROMISES_SHOWN = 5


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make torture", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of every draw; what the machine adds has none (1)"
    )
    parser.add_argument("--seconds", type=float, default=60, help="of storm (60)")
    parser.add_argument("--kills", type=int, default=25, help="SIGKILLs (25)")
    parser.add_argument("--crashes", type=int, default=0, help="of the database; with --postgres (0)")
    parser.add_argument(
        "--losses", type=int, default=0, help="of the shared cache, killed or emptied; starts a Valkey (0)"
    )
    parser.add_argument("--clients", type=int, default=24, help="that work at once (24)")
    parser.add_argument("--workers", type=int, help="of the gateway (1; 2 on PostgreSQL)")
    parser.add_argument("--database", help="SQLAlchemy URL of an empty database instead of SQLite")
    parser.add_argument(
        "--postgres", action="store_true", help="start the PostgreSQL of the dev group for it"
    )
    parser.add_argument(
        "--mutations", type=int, default=2_000, help="of the exported log; 0 exports nothing (2000)"
    )
    parser.add_argument(
        "--table-changes",
        type=int,
        default=60,
        help="in the tables of a stopped copy of the log; 0 none (60)",
    )
    parser.add_argument("--keep", type=Path, help="directory to work in, and to leave as it is")
    parser.add_argument("--out", type=Path, help="file for the results instead of one in results/")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed, storm, check, tamper, tell."""
    chosen = options(arguments)
    with ExitStack() as stack:
        database, crash = chosen.database, None
        if chosen.postgres:
            database, crash = stack.enter_context(postgres())
        if chosen.crashes and crash is None:
            print("--crashes needs --postgres: only a database of our own is crashed.", file=sys.stderr)
            return 2
        cache = stack.enter_context(valkey()) if chosen.losses else None
        directory = stack.enter_context(_directory(chosen.keep))
        is_sqlite = database is None or database.startswith("sqlite")
        workers = chosen.workers or (1 if is_sqlite else 2)
        gateway = stack.enter_context(city(directory, database, workers, cache.url if cache else None))
        plan = Plan(
            chosen.seed,
            chosen.seconds,
            chosen.kills,
            chosen.clients,
            crash,
            chosen.crashes,
            cache,
            chosen.losses,
        )
        begun = time.monotonic()
        try:
            history, proofs = asyncio.run(storm(gateway, plan))
        except NotReady as error:
            print(f"The gateway did not come back; its last words:\n{error}", file=sys.stderr)
            return 1
        took = time.monotonic() - begun
        stored = read(database or f"sqlite:///{directory / 'oncegate.db'}")
        guard = (directory / "log.guard").read_text(encoding="utf-8")
        findings = check(stored, history, gateway.keys, guard, proofs)
        tampered = _tamper(gateway, chosen) if chosen.mutations else None
        tables = _tamper_tables(gateway, stored, chosen) if chosen.table_changes else None
        counted = recounted(gateway.environment, stored.handed.waiting, findings.counted)
    told = results(chosen, gateway, history, stored, findings, tampered)
    if tables is not None:
        _add_tables(told, tables)
    _add_recount(told, counted)
    told |= {"storm_seconds": round(took, 1), "proofs_checked": len(proofs)}
    out = chosen.out or RESULTS / f"torture-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(summary(told))
    print(f"kept in {os.path.relpath(out, ROOT) if out.is_relative_to(ROOT) else out}")
    return 1 if any(told["violations"].values()) else 0


def results(
    chosen: argparse.Namespace,
    gateway: Gateway,
    history: History,
    stored: Stored,
    findings: Findings,
    tampered: Tampered | None,
) -> dict[str, Any]:
    """The figures, as they are kept."""
    violations = {name: len(broken) for name, broken in findings.violations.items()}
    told: dict[str, Any] = {
        "seed": chosen.seed,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": "sqlite" if not (chosen.postgres or chosen.database) else "postgresql",
        "workers": gateway.workers,
        "clients": chosen.clients,
        "seconds": chosen.seconds,
        "kills": dict(history.kills),
        "restarts": gateway.starts - 1,
        "requests": history.statuses.total(),
        "statuses": dict(sorted(history.statuses.items())),
        "answers": len(history.answers),
        "released": len(history.released),
        "withdrawals": len(history.withdrawn),
        "tried_after_withdrawal": history.late,
        "discarded_at_release": findings.discarded,
        "assertions_tried_again": history.replays,
        "one_time_consents": len(history.once),
        "intents_without_outcome": findings.intents_without_outcome,
        **findings.handed,
        "entries": len(stored.entries),
        "checkpoints": len(stored.checkpoints),
    }
    if tampered is not None:
        violations |= {"bundle_not_sound": int(not tampered.sound), "tampering_missed": len(tampered.missed)}
        told["mutations"] = {
            "tried": sum(tampered.tried.values()),
            "found": sum(tampered.found.values()),
            "tried_by_kind": dict(sorted(tampered.tried.items())),
            "missed": list(tampered.missed),
            "verdict_on_untouched": tampered.why or "sound",
        }
    return told | {
        "violations": violations,
        "broken": {name: list(broken)[:20] for name, broken in findings.violations.items() if broken},
    }


def summary(told: dict[str, Any]) -> str:
    """What to quote."""
    kills = ", ".join(f"{number} {kind}" for kind, number in sorted(told["kills"].items()))
    lines = [
        f"torture on {told['database']}, seed {told['seed']}, {told['workers']} worker(s), "
        f"{told['seconds']:g} s: kills {kills or 'none'}; {told['restarts']} restarts",
        f"{told['requests']} requests, {told['answers']} answers, {told['released']} releases, "
        f"{told['one_time_consents']} one-time consents raced",
        f"{told['withdrawals']} withdrawals, {told['tried_after_withdrawal']} tries after them, "
        f"{told['discarded_at_release']} discarded at release, "
        f"{told['assertions_tried_again']} used assertions tried again",
        f"{told['entries']} entries, {told['checkpoints']} checkpoints, "
        f"{told['intents_without_outcome']} intents without outcome, {told['proofs_checked']} proofs checked",
    ]
    lines += _summary_of_handed(told)
    if "mutations" in told:
        lines.append(f"tampering: {told['mutations']['tried']} tried, {told['mutations']['found']} found")
    if "table_changes" in told:
        by = ", ".join(
            f"{number} by the {who}" for who, number in sorted(told["table_changes"]["found_by"].items())
        )
        lines.append(f"changes in the tables: {told['table_changes']['tried']} tried; found {by}")
    broken = {name: number for name, number in told["violations"].items() if number}
    lines.append(f"violations: {broken or 0}")
    for name, said in told["broken"].items():
        lines += [f"  {name}: {each}" for each in said[:PROMISES_SHOWN]]
    if told.get("mutations", {}).get("verdict_on_untouched", "sound") != "sound":
        lines.append(f"  the untouched bundle: {told['mutations']['verdict_on_untouched']}")
    return "\n".join(lines)


def _summary_of_handed(told: dict[str, Any]) -> list[str]:
    handed, twice, again = told["submissions"], told["twice"], told["recount"]
    return [
        f"submissions: {handed['rows']} ({handed['answered']} answered) in {handed['tries']} tries, "
        f"{handed['cut_off']} of them cut off; {handed['after_withdrawal']} after a withdrawal, "
        f"{handed['consent_ended']} refused for one; {handed['edited_slots']} slots edited, "
        f"{handed['kept_values']} values kept, {handed['disputes']} disputes",
        f"twice: {twice['same_answer']} given the same answer again ({twice['at_once']} at once), "
        f"{twice['other_content_refused']} refused as other content",
        f"recount: {again['applications']} applications, {again['slots']} slots, {again['cells']} cells; "
        f"{again['folded_in_storm']} snapshots folded during the storm, {again['folded_after']} after it; "
        f"{again['differences']} differences",
    ]


@contextlib.contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="oncegate-torture-") as made:
        yield Path(made)


def _tamper(gateway: Gateway, chosen: argparse.Namespace) -> Tampered:
    """Export with the command an operator uses, then tamper."""
    bundle = gateway.directory / "log.zip"
    gateway.run("audit", "export", "--state", str(gateway.directory), "--out", str(bundle))
    place = gateway.directory / "tampered"
    place.mkdir(exist_ok=True)
    on_whole = min(20, chosen.mutations // 10)
    return tamper(
        bundle, _signers(gateway), place, seed=chosen.seed, mutations=chosen.mutations, on_whole=on_whole
    )


def _tamper_tables(gateway: Gateway, stored: Stored, chosen: argparse.Namespace) -> TableTampering:
    """Change the tables of a copy; the key is the one the gateway signs with."""
    place = gateway.directory / "tables"
    return tamper_tables(stored, _signers(gateway), place, seed=chosen.seed, changes=chosen.table_changes)


def _signers(gateway: Gateway) -> list[Signer]:
    settings = load_settings(gateway.environment)
    ring = load_key_ring(settings.root_key_file, create=False)
    return [Signer.from_seed(settings.log_origin, ring.derive("log-signing", root=root)) for root in ring.ids]


def _add_tables(told: dict[str, Any], tables: TableTampering) -> None:
    told["violations"] |= {"table_change_missed": len(tables.missed), "copy_not_sound": int(bool(tables.why))}
    told["table_changes"] = {
        "tried": sum(tables.tried.values()),
        "found_by": dict(sorted(tables.by.items())),
        "tried_by_kind": dict(sorted(tables.tried.items())),
        "missed": list(tables.missed),
        "verdict_on_untouched": tables.why or "sound",
    }


def _add_recount(told: dict[str, Any], counted: Recounted) -> None:
    told["violations"] |= {"not_recounted": len(counted.differences)}
    if counted.differences:
        told["broken"]["not_recounted"] = list(counted.differences)
    told["recount"] = {
        "applications": counted.applications,
        "slots": counted.slots,
        "cells": counted.cells,
        "folded_in_storm": counted.folded_in_storm,
        "folded_after": counted.folded_after,
        "differences": len(counted.differences),
    }


if __name__ == "__main__":
    sys.exit(main())
