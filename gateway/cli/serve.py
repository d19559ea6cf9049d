"""`oncegate serve`, `migrate`, `purge`: running the service and keeping its house."""

import asyncio
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from gateway.app import create_app, make_runtime
from gateway.audit.noting import note
from gateway.cli.common import (
    AsJson,
    State,
    command,
    environment_of_state,
    fail,
    guarded,
    out,
    print_json,
    runtime_of,
    settings_of,
)
from gateway.consents.expiry import expire_consents
from gateway.errors import BadSettings
from gateway.profiles.purging import purge_profiles
from gateway.records import EntryKind
from gateway.resolution.drafts import purge_drafts
from gateway.settings import Settings, load_settings, require_safe, unknown_variables
from gateway.store.moving import announced
from gateway.store.schema import pending
from gateway.store.sole import SecondService, sole_service
from gateway.submissions.keeping import purge_submissions
from gateway.telemetry import configure_logging


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(serve)
    app.command()(migrate)
    app.command()(purge)


@guarded
def serve(
    state: State = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; else the setting.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else the setting.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Worker processes; else the setting.")
    ] = None,
) -> None:
    """Serve the API."""
    given = (("host", host), ("port", port), ("workers", workers))
    strange = unknown_variables(os.environ)
    if strange:  # a misspelt safety setting would otherwise silently keep its default
        raise BadSettings(strange)
    settings = settings_of(state)
    os.environ.update(environment_of_state(state))  # what worker processes are told by
    settings = settings.model_copy(update={name: value for name, value in given if value is not None})
    if settings.workers > 1:  # by which each knows its share of a caller's rate
        os.environ["ONCEGATE_WORKERS"] = str(settings.workers)
    run_server(settings)


def app_from_environment() -> FastAPI:
    """The service as the environment sets it: what each of several worker processes runs."""
    _take_turns()
    settings = load_settings()
    configure_logging(settings)
    return create_app(settings)


def run_server(settings: Settings) -> None:
    """Serve until stopped. Refuses unsafe settings outside development, and a database that is not migrated."""
    require_safe(settings)
    configure_logging(settings)
    _take_turns()
    at, newest = pending(settings.database_url)
    if at != newest:
        fail(
            f"The database is at schema {at or 'none'}, the program at {newest}; run `oncegate migrate` first."
        )
    try:
        with sole_service(settings.database_url):
            _serve(settings)
    except SecondService:
        asyncio.run(_note_refusal(settings))
        raise


async def _note_refusal(settings: Settings) -> None:
    runtime = make_runtime(settings)
    await note(EntryKind.log_refused, {"found": "second_service"}, runtime)
    await runtime.store.close()


def _serve(settings: Settings) -> None:
    several = settings.workers > 1
    uvicorn.run(
        "gateway.cli.serve:app_from_environment" if several else create_app(settings),
        factory=several,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        access_log=False,  # paths are counted in metrics; a line per request costs more than routing it
        log_config=None,  # uvicorn's own handlers would print exceptions past our redaction
        server_header=False,
        proxy_headers=False,  # no decision rests on an address, so none is believed
        timeout_graceful_shutdown=15,
    )


def _take_turns() -> None:
    """Let our threads wait for one another's turn to end instead of interrupting it (decision record 0011)."""
    if sys.platform == "linux":
        with suppress(OSError):  # where it is forbidden, all goes on as usual
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@guarded
def migrate(state: State = None, as_json: AsJson = False) -> None:
    """Bring the database to the newest schema; services of the older program stop writing before it moves."""
    from gateway.store.migrate import migrate as migrate_database

    url = settings_of(state).database_url
    with announced(url):
        revision = migrate_database(url)
    if as_json:
        print_json({"revision": revision})
    else:
        out.print(f"The database is at schema {revision}.")


@command
async def purge(state: State = None, as_json: AsJson = False) -> None:
    """Purge answers and kept values, and expire consents, whose time is over; each purge and expiry is an entry."""
    async with runtime_of(state) as runtime:
        purged, expired = await purge_drafts(runtime), await expire_consents(runtime)
        profiles, submissions = await purge_profiles(runtime), await purge_submissions(runtime)
        await runtime.store.replays.purge(runtime.clock())
    if as_json:
        counted = {"drafts": purged, "consents": expired, "profile_values": profiles}
        print_json({**counted, "submissions": submissions})
    else:
        out.print(
            f"{purged} expired answers purged; {expired} consents expired; {profiles} kept values purged; "
            f"{submissions} final values purged."
        )
