"""What can be done to a register of the city, for demonstrations and tests: be late, be broken, answer wrongly.

`FaultyApp` wraps an HTTP register. The bytes of a fault are real: they go out on a real connection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CHUNK = b"x" * 65_536
_HUGE_CHUNKS = 400  # 25 MB, far over what a connector should read
_DRIP_SECONDS = 0.2


class FaultKind(StrEnum):
    """The faults, by the names the control address takes."""

    none = "none"
    """As it should be; ends any other fault."""
    slow = "slow"
    """The right answer, after `seconds`."""
    html = "html"
    """A page for people with status 200, as gateways in front of registers send it."""
    down = "down"
    """Nobody listens."""
    wrong_subject = "wrong_subject"
    """Somebody else's record."""
    error = "error"
    """Status 500."""
    garbage = "garbage"
    """Bytes that are no JSON, called JSON."""
    nan = "nan"
    """The right answer with a NaN in it, which JSON does not have."""
    duplicate = "duplicate"
    """The right answer with every key twice."""
    huge = "huge"
    """An answer that does not end for 25 MB."""
    drip = "drip"
    """An answer that comes byte by byte for `seconds`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `seconds` is the delay of `slow` and the length of `drip`."""

    kind: FaultKind = FaultKind.none
    seconds: float = 60.0


class FaultyApp:
    """An application that answers as its `fault` says; set `fault` at any time. `calls` counts what reached it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.fault = Fault()
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, answered rightly or as the fault has it."""
        self.calls += scope.get("path") != "/health"
        kind = self.fault.kind
        if kind is FaultKind.slow:
            await asyncio.sleep(self.fault.seconds)
        if kind in _INSTEAD:
            await _INSTEAD[kind](send, self.fault)
        elif kind in _SPOILED:
            await self._spoil(scope, receive, send, _SPOILED[kind])
        else:
            await self.app(scope, receive, send)

    async def _spoil(
        self, scope: Scope, receive: Receive, send: Send, change: Callable[[bytes], bytes]
    ) -> None:
        """The right answer, its body changed."""
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent)
        await _whole(send, sent[0]["status"], b"application/json", change(body))


async def _whole(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    await _start(send, status, content_type)
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, content_type: bytes) -> None:
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]}
    )


async def _html(send: Send, fault: Fault) -> None:
    await _whole(send, 200, b"text/html", "<html><body>系统维护中，请稍后再试</body></html>".encode())


async def _error(send: Send, fault: Fault) -> None:
    await _whole(send, 500, b"application/json", b'{"error": "internal error"}')


async def _garbage(send: Send, fault: Fault) -> None:
    await _whole(send, 200, b"application/json", b'{"code": 0, "data": {"x\xff\xfe')


async def _huge(send: Send, fault: Fault) -> None:
    await _start(send, 200, b"application/json")
    for chunk in (b'{"data": "', *[_CHUNK] * _HUGE_CHUNKS, b'"}'):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _drip(send: Send, fault: Fault) -> None:
    await _start(send, 200, b"application/json")
    for _ in range(int(fault.seconds / _DRIP_SECONDS)):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(_DRIP_SECONDS)
    await send({"type": "http.response.body", "body": b"{}"})


_INSTEAD: dict[FaultKind, Callable[[Send, Fault], Awaitable[None]]] = {
    FaultKind.html: _html,
    FaultKind.error: _error,
    FaultKind.garbage: _garbage,
    FaultKind.huge: _huge,
    FaultKind.drip: _drip,
}
_SPOILED: dict[FaultKind, Callable[[bytes], bytes]] = {
    FaultKind.nan: lambda body: body[:-1] + b',"extra":NaN}',
    FaultKind.duplicate: lambda body: body[:-1] + b"," + body[1:],
}
