"""`oncegate keys list|rotate|rewrap`: root keys, what stands on them, and bringing it under the newest."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.progress import Progress

from gateway.audit.noting import note
from gateway.cli.common import AsJson, State, command, out, print_json, print_table, runtime_of, settings_of
from gateway.records import EntryKind
from gateway.retention.rekey import LEFT, rewrap, root_uses
from gateway.security import load_key_ring, rotate_root_key

group = typer.Typer(help="Keys: list, rotate, rewrap.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Keys: list, rotate, rewrap."""


@group.command("rotate")
@command
async def rotate(state: State = None, as_json: AsJson = False) -> None:
    """Make a new root key the newest; what older keys sealed can still be opened. Restart the workers afterwards."""
    path = settings_of(state).root_key_file
    is_first = not path.exists()
    key = rotate_root_key(path)
    entry_id = None if is_first else await _note(key, state)  # before the first key there is no log to tell
    if as_json:
        print_json({"key": key, "entry": entry_id})
    else:
        out.print(
            f"Key {key} seals from now on. Restart the workers to take it up, then: oncegate keys rewrap"
        )


async def _note(key: str, state: State) -> str:
    async with runtime_of(state) as runtime:
        return await note(EntryKind.keys_rotated, {"key": key}, runtime)


@group.command("rewrap")
@command
async def rewrap_(state: State = None, as_json: AsJson = False) -> None:
    """Bring what is sealed under the newest root key, beside running workers; broken off, run it again."""
    async with runtime_of(state) as runtime:
        with _progress() as report:
            done = await rewrap(runtime, report)
            uses = await root_uses(runtime, report)
        roots = load_key_ring(runtime.settings.root_key_file, create=False).ids
    standing = _standing(roots, uses)
    if as_json:
        cells = dict(done.cells)
        print_json(
            {"key": done.root, "renewed": cells, "lost": done.lost, "entry": done.entry, "roots": standing}
        )
        return
    out.print(f"Under {done.root} now: {sum(done.cells.values())} cells more.", markup=False)
    if done.lost:
        out.print(f"{done.lost} cells cannot be opened: is a root key missing?", style="red", markup=False)
    _tell(standing)


@group.command("list")
@command
async def list_(state: State = None, as_json: AsJson = False) -> None:
    """Root keys, newest first, and how many cells still stand on each; which lines may be removed from the file."""
    async with runtime_of(state) as runtime:
        with _progress() as report:
            uses = await root_uses(runtime, report)
        roots = load_key_ring(runtime.settings.root_key_file, create=False).ids
    standing = _standing(roots, uses)
    if as_json:
        print_json({"roots": standing})
    else:
        _tell(standing)


def _standing(roots: tuple[str, ...], uses: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """One line per root: those of the file, then any that cells stand on and the file lacks."""
    missing = [root for root in sorted(uses) if root not in roots]
    return [
        {
            "root": root,
            "cells": dict(uses.get(root, {})),
            "needed_for": _needed_for(root, roots, uses.get(root, {})),
        }
        for root in (*roots, *missing)
    ]


def _needed_for(root: str, roots: tuple[str, ...], cells: Mapping[str, int]) -> list[str]:
    """Why the line has to stay; none when it may go."""
    if root not in roots:
        return ["missing from the file: restore it"]
    reasons = [LEFT.get(place, place) for place in cells]
    if root == roots[0]:
        reasons.append("seals from now on")
    if root == roots[-1]:
        reasons.append("the blind index: for ever")
    return reasons


def _tell(standing: list[dict[str, Any]]) -> None:
    rows = [
        (
            each["root"],
            sum(each["cells"].values()),
            "; ".join(each["needed_for"]) or "nothing: may be removed",
        )
        for each in standing
    ]
    print_table("root keys, newest first", ("key", "cells", "needed for"), rows)
    if len(standing) > 1:
        out.print(
            "Before a line is removed, run `oncegate audit export`: what that key signed (checkpoints, receipts) is "
            "checked with its public half, which the export names and the file then no longer gives.",
            soft_wrap=True,
        )


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """Rows looked at, by place, on stderr; silent where that is no terminal."""
    with Progress(disable=not sys.stderr.isatty(), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(place: str, rows: int) -> None:
            if place not in tasks:
                tasks[place] = bars.add_task(place, total=None)
            bars.update(tasks[place], advance=rows)

        yield report
