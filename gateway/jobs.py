"""What every worker does by itself, again and again, beside answering requests.

Each job may run on several workers at once: the database lets one of them do the work, or doing it twice changes
nothing. A job that fails runs again; what it leaves undone is told by /readyz or by the log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from gateway.audit.forgotten import Forgotten
from gateway.audit.noting import note
from gateway.audit.thinning import Thinning
from gateway.consents.expiry import expire_consents
from gateway.consents.request_jobs import close_requests
from gateway.disputes.clockwork import purge_disputes, push_disputes
from gateway.errors import LogUnsound, StoreUnavailable
from gateway.profiles.purging import purge_profiles
from gateway.records import EntryKind
from gateway.reports.folding import fold_waiting
from gateway.reports.health import LOST_AT_MOST_SECONDS
from gateway.resolution.drafts import purge_drafts
from gateway.resolution.lost import LostIntents
from gateway.runtime import Runtime
from gateway.security.rate_sharing import EVERY_SECONDS, RateSharing
from gateway.submissions.keeping import purge_submissions
from gateway.telemetry import get_logger, locations

log = get_logger(__name__)

Job = Callable[[], Awaitable[Any]]

_PURGE_SECONDS = timedelta(minutes=10).total_seconds()
_CLOSE_SECONDS = 30.0
_DELIVER_SECONDS = 5.0
_FOLD_SECONDS = 2.0
_SCHEMA_SECONDS = 2.0  # whoever migrates waits for three such rounds: gateway.store.moving
_THIN_SECONDS = timedelta(minutes=30).total_seconds()
_FLUSH_SECONDS = 1.0
_FORGET_SECONDS = timedelta(hours=6).total_seconds()


def start_jobs(app: FastAPI, refresh: Job) -> list["asyncio.Task[None]"]:
    """Every job of a worker, at work. `refresh`: takes up what is published."""
    runtime: Runtime = app.state.runtime
    jobs = [
        (runtime.settings.registry_refresh_seconds, refresh),
        *_keeping_jobs(runtime),
        *_log_jobs(app),
        *_caller_jobs(app),
        *_health_jobs(app),
        (_DELIVER_SECONDS, app.state.webhooks.deliver),
    ]
    return [asyncio.create_task(every(seconds, job)) for seconds, job in jobs]


def _keeping_jobs(runtime: Runtime) -> list[tuple[float, Job]]:
    """What ends when its time is over: seconds between, and what."""
    return [
        (_SCHEMA_SECONDS, runtime.store.check_schema),
        (_FOLD_SECONDS, lambda: fold_waiting(runtime)),
        (_PURGE_SECONDS, lambda: purge_drafts(runtime)),
        (_PURGE_SECONDS, lambda: expire_consents(runtime)),
        (_PURGE_SECONDS, lambda: close_requests(runtime)),
        (_PURGE_SECONDS, lambda: push_disputes(runtime)),
        (_PURGE_SECONDS, lambda: purge_disputes(runtime)),
        (_PURGE_SECONDS, lambda: purge_profiles(runtime)),
        (_PURGE_SECONDS, lambda: purge_submissions(runtime)),
        (_PURGE_SECONDS, lambda: runtime.store.replays.purge(runtime.clock())),
    ]


def _log_jobs(app: FastAPI) -> list[tuple[float, Job]]:
    """What keeps the log in order."""
    runtime: Runtime = app.state.runtime
    tree, clock = runtime.store.log, runtime.clock
    lost, thinning, forgotten = LostIntents(), Thinning(tree), Forgotten(tree, runtime.new_reference)
    return [
        (runtime.settings.log_sequence_ms / 1000, lambda: sequence(app)),
        (_CLOSE_SECONDS, lambda: lost.close(runtime)),
        (_CLOSE_SECONDS, lambda: forgotten.run(clock())),
        (_THIN_SECONDS, lambda: thinning.run(clock())),
        (runtime.settings.log_witness_seconds, app.state.witnessing.run),
    ]


def _caller_jobs(app: FastAPI) -> list[tuple[float, Job]]:
    """What is done about callers."""
    runtime: Runtime = app.state.runtime
    jobs: list[tuple[float, Job]] = [
        (
            runtime.settings.registry_refresh_seconds,
            lambda: app.state.tokens.take_up(runtime.store.clients),
        ),
        (_FLUSH_SECONDS, app.state.refusals.flush),
    ]
    if app.state.rate_account is not None:
        jobs.append((EVERY_SECONDS, RateSharing(app.state.limits, app.state.rate_account).settle))
    return jobs


def _health_jobs(app: FastAPI) -> list[tuple[float, Job]]:
    """What keeps how sources did."""
    return [(LOST_AT_MOST_SECONDS, app.state.health.flush), (_FORGET_SECONDS, app.state.health.forget)]


async def sequence(app: FastAPI) -> None:
    """One round of the sequencer; that it refuses the database is an entry, once each time that begins."""
    runtime: Runtime = app.state.runtime
    was_unsound = runtime.watch.is_unsound
    try:
        await app.state.sequencer.run()
    except LogUnsound as error:
        if not was_unsound:
            await note(EntryKind.log_refused, {"found": error.errors[0]["code"]}, runtime)
        raise


async def every(seconds: float, job: Job) -> None:
    """Run a job again and again until cancelled, whatever becomes of it once: one that ends for good ends unnoticed.

    A cancellation holds even when the job swallows it: redis-py does, when its answer is late in the same moment, and
    a service whose job goes on then never stops.
    """
    me = asyncio.current_task()
    while me is None or not me.cancelling():
        await asyncio.sleep(seconds)
        try:
            await job()
        except (StoreUnavailable, LogUnsound):
            pass  # waited out, or for an operator: the store has logged it, /readyz says it
        except Exception as error:  # noqa: BLE001  (it runs again; ending for good would go unnoticed)
            log.error("job_failed", exception=type(error).__name__, at=locations(error))
