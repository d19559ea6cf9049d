"""Counting again after the storm: the log against the roll-ups, by the use case behind `oncegate report recount`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.app import make_runtime
from gateway.reports.recounting import recount
from gateway.settings import load_settings


@dataclass(frozen=True, slots=True)
class Recounted:
    """What it came to. `folded_in_storm`: snapshots that were in the roll-ups by the end of it, `folded_after` the rest."""

    applications: int
    slots: int
    cells: int
    folded_in_storm: int
    folded_after: int
    differences: Sequence[str]


def recounted(environment: Mapping[str, str], waiting: Sequence[Any], counted: tuple[int, int]) -> Recounted:
    """Of a gateway that is stopped. `counted`: applications and slots of the log, as the offline check counts them."""
    return asyncio.run(_recounted(environment, len(waiting), counted))


async def _recounted(environment: Mapping[str, str], waiting: int, counted: tuple[int, int]) -> Recounted:
    runtime = make_runtime(load_settings(environment))
    try:
        done = await recount(runtime)
        still = await runtime.store.rollups.waiting()
    finally:
        await runtime.ledger.drain()
        await runtime.sources.close()
        await runtime.store.close()
    told = [str(each) for each in done.differences]
    if still:
        told.append(f"{still} snapshots still wait")
    if (done.applications, done.slots) != counted:
        told.append(f"{done.applications} applications, {done.slots} slots recounted of {counted} in the log")
    return Recounted(done.applications, done.slots, done.cells, counted[0] - waiting, waiting, told)
