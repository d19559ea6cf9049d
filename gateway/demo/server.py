"""The process of the city: every register started, one control address, and nothing left behind at the end.

Control address: `GET /` says how each register is; `POST /faults` with `{"source", "fault", "seconds"}` gives one a
fault. It takes no key: it listens on the loopback of a machine that runs a demonstration, and shows no record.
"""

import asyncio
import json
import logging
import secrets
import signal
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.demo.citizens import CitizensIssuer
from gateway.demo.departments import DATABASES, DROPS, HTTP_SERVICES
from gateway.demo.errors import NoSuchFault
from gateway.demo.faults import Fault, FaultKind
from gateway.demo.population import make_city
from gateway.demo.records import City
from gateway.demo.registers import DatabaseRegister, DropRegister, HttpRegister, Listener, Register


async def run_city(directory: Path, seed: int, today: date, report: Path, *, until_eof: bool) -> None:
    """Bring the city up, write `report` when it is ready, and stay until told to leave. `directory` exists.

    SIGTERM and SIGINT tell it to leave; with `until_eof`, so does the end of standard input, that is of the parent.
    """
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # a caller that hangs up on a huge answer is no news
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave.set)
    if until_eof:
        await loop.connect_read_pipe(lambda: _UntilEof(leave), sys.stdin)
    keys = {service.key_name: secrets.token_urlsafe(24) for service in HTTP_SERVICES}
    city = make_city(seed, today)
    registers, citizens = _registers(directory, city, keys), CitizensIssuer(city)
    control, log_in = Listener(_control(registers)), Listener(citizens.app)
    try:
        for running in registers:
            await running.start()
        await control.open()
        await log_in.open()
        citizens.url = log_in.url
        urls = {"control_url": control.url, "citizens_url": log_in.url}
        _write(report, {"places": _places(registers), "secrets": keys, **urls})
        await leave.wait()
    finally:
        await asyncio.gather(control.close(), log_in.close(), *(register.stop() for register in registers))


def _registers(directory: Path, city: City, keys: dict[str, str]) -> list[Register]:
    return [
        *(HttpRegister(service, city, keys[service.key_name]) for service in HTTP_SERVICES),
        *(DatabaseRegister(database, city, directory) for database in DATABASES),
        *(DropRegister(drop, city, directory) for drop in DROPS),
    ]


def _places(registers: Sequence[Register]) -> dict[str, str]:
    return {register.place: register.address for register in registers}


def _control(registers: Sequence[Register]) -> Starlette:
    """The application behind the control address."""
    by_source = {register.source: register for register in registers}

    async def show(request: Request) -> Response:
        return JSONResponse({source: {"calls": register.calls} for source, register in by_source.items()})

    async def inflict(request: Request) -> Response:
        try:
            wanted = _wanted(await request.json())
            if wanted[0] not in by_source:
                raise NoSuchFault(f"no such register. Known: {', '.join(sorted(by_source))}")
            await by_source[wanted[0]].inflict(wanted[1])
        except (NoSuchFault, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"source": wanted[0], "fault": wanted[1].kind})

    return Starlette(routes=[Route("/", show), Route("/faults", inflict, methods=["POST"])])


def _wanted(body: Any) -> tuple[str, Fault]:
    """The source and the fault a request names; raises ValueError with a sentence."""
    if not isinstance(body, dict) or body.get("fault") not in list(FaultKind):
        raise ValueError(f'expected {{"source", "fault", "seconds"}}; faults: {", ".join(FaultKind)}')
    return str(body.get("source")), Fault(FaultKind(body["fault"]), float(body.get("seconds", 60)))


def _write(report: Path, content: object) -> None:
    """Write the report where the parent looks for it, whole, readable by its owner alone: it holds secrets."""
    fresh = report.with_name(f"new-{report.name}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    fresh.replace(report)


class _UntilEof(asyncio.Protocol):
    """Sets an event when standard input ends: the parent has closed it, or is no more."""

    def __init__(self, leave: asyncio.Event) -> None:
        self._leave = leave

    def connection_lost(self, error: Exception | None) -> None:
        """The pipe is closed."""
        self._leave.set()
