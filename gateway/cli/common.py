"""What commands share: settings with `--state`, printing for people and machines, exit codes, running async work."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from connectors.errors import ConnectorError
from field_registry.errors import FaultsFound, FieldRegistryError
from forms.errors import FormsError
from gateway.app import make_runtime, open_sources
from gateway.errors import GatewayError, StartError
from gateway.runtime import Runtime
from gateway.settings import Settings, load_settings, unknown_variables
from gateway.store.schema import pending
from policies.errors import PolicyError

P = ParamSpec("P")
T = TypeVar("T")

FOUND_FAULTS = 1
WRONG_USE = 2

_WIDE = 180
# A pipe has no width of its own; 80 columns would break every table there.
out = Console(width=None if sys.stdout.isatty() else _WIDE)
progress = Console(stderr=True)

State = Annotated[
    Path | None,
    typer.Option(
        "--state", help="Embedded state directory, e.g. what `demo --keep` leaves; else the settings count."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings_of(state: Path | None) -> Settings:
    """The settings; a state directory brings its own (`settings.toml`)."""
    for sentence in unknown_variables(os.environ):
        progress.print(sentence, style="yellow")
    return load_settings({**os.environ, **environment_of_state(state)})


def environment_of_state(state: Path | None) -> dict[str, str]:
    """The variables that make a process work in that state directory; none without one."""
    if state is None:
        return {}
    if not state.is_dir():
        fail(f"There is no state directory at {state}; `oncegate demo --keep {state}` makes one.", WRONG_USE)
    kept = state.resolve() / "settings.toml"
    brought = {"ONCEGATE_SETTINGS_FILE": str(kept)} if kept.is_file() else {}
    return {"ONCEGATE_STATE_DIR": str(state.resolve()), **brought}


@asynccontextmanager
async def runtime_of(state: Path | None, *, with_sources: bool = False) -> AsyncIterator[Runtime]:
    """A runtime over the configured store, with what is published taken up."""
    settings = settings_of(state)
    at, newest = pending(settings.database_url)
    if at != newest:
        fail(
            f"The database is at schema {at or 'none'}, the program at {newest}; run `oncegate migrate` first."
        )
    runtime = make_runtime(settings)
    try:
        await runtime.library.refresh(runtime.clock())
        if with_sources:
            runtime.sources = open_sources(runtime.library.published.registry, runtime)
        yield runtime
    finally:
        await runtime.ledger.drain()
        await runtime.sources.close()
        await runtime.store.close()


def command(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """An async command as a plain one."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(function(*args, **kwargs))

    return guarded(run)


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """A command whose refusals are sentences and exit codes, not tracebacks."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except FaultsFound as error:
            for fault in error.faults:
                out.print(str(fault), markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(FOUND_FAULTS) from None
        except (StartError, FieldRegistryError, FormsError, PolicyError, ConnectorError) as error:
            fail(str(error))
        except GatewayError as error:
            fail(error.detail)

    return run


def fail(sentence: str, code: int = FOUND_FAULTS) -> NoReturn:
    """End with a sentence on stderr."""
    progress.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def print_json(content: Any) -> None:
    """JSON on stdout, indented."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    sys.stdout.write(orjson.dumps(content, option=option).decode())
    sys.stdout.flush()


def print_lines(record: Mapping[str, Any]) -> None:
    """A record for people, one name and value to a line."""
    for name, value in record.items():
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)


def print_records(
    title: str, records: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Records under that name as JSON, or these columns of them as a table; what is several stands with commas."""
    if as_json:
        print_json({title: records})
        return
    rows = [[_cell(record[column]) for column in columns] for record in records]
    print_table(title, columns, rows)


def _cell(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for people; "" for what is None."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)
