"""One HTTP register as an application: who may ask, whom a call is about, what the office says.

The shapes are the departments' own (`gateway.demo.departments`); here stands what they have in common.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.demo.auth import Presented
from gateway.demo.departments.base import Call, HttpService, Lookup
from gateway.demo.faults import FaultKind, FaultyApp
from gateway.demo.records import City, Quirk

_MAX_NONCES = 100_000


def build_service(service: HttpService, city: City, secret: str) -> FaultyApp:
    """The register as an application that checks `secret` and can be given faults."""
    desk = _Desk(service, city, secret)
    routes = [Route("/health", _health), Route(service.path, desk.answer, methods=[service.method])]
    desk.app = FaultyApp(Starlette(routes=routes))
    return desk.app


class _Desk:
    """The clerk of one register."""

    app: FaultyApp

    def __init__(self, service: HttpService, city: City, secret: str) -> None:
        self._service, self._city, self._secret = service, city, secret
        self._nonces: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """What the office says to one call."""
        if not self._allows(request):
            return _json(*self._service.refused)
        call = Call(request.path_params, request.query_params, await _body(request))
        await asyncio.sleep(random.uniform(*self._service.seconds))
        record = self._record(self._service.asked(call))
        if record is None:
            return _json(*self._service.missing)
        return _json(200, self._service.answer(record, call))

    def _allows(self, request: Request) -> bool:
        if len(self._nonces) > _MAX_NONCES:
            self._nonces.clear()
        headers = {name.lower(): value for name, value in request.headers.items()}
        presented = Presented(headers, request.url.query, time.time(), self._nonces)
        return self._service.guard.allows(presented, self._secret)

    def _record(self, lookup: Lookup) -> Any:
        """The record of that subject, or what the register has in its place."""
        quirk = self._city.quirk(self._service.source, lookup.number)
        if quirk is Quirk.absent:
            return None
        if quirk is Quirk.someone_else or self.app.fault.kind is FaultKind.wrong_subject:
            return self._record_of_another(lookup)
        return self._service.record(self._city, lookup)

    def _record_of_another(self, lookup: Lookup) -> Any:
        """The first record of the register that is not about the asked subject."""
        records = (self._service.record(self._city, other) for other in _others(self._city, lookup))
        return next((record for record in records if record is not None), None)


def _others(city: City, lookup: Lookup) -> Iterator[Lookup]:
    """Everybody else who could be asked about with the same kind of identifier."""
    if lookup.id_type == "117":
        numbers: list[str] = [birth.number for birth in city.births]
    elif lookup.id_type in ("uscc", "plate"):
        numbers = list(city.enterprises if lookup.id_type == "uscc" else city.vehicles)
    elif lookup.id_type == "111":
        numbers = list(city.persons)
    else:
        numbers = [
            n for person in city.persons.values() for t, n in person.documents.items() if t == lookup.id_type
        ]
        numbers = numbers if len(numbers) > 1 else list(city.persons)
    yield from (Lookup(lookup.id_type, number) for number in numbers if number != lookup.number)


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object of the body; anything else counts as an empty one."""
    try:
        content = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "UP"})


def _json(status: int, content: object) -> Response:
    return JSONResponse(content, status)
