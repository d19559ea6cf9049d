"""Five sources on one port for a bench without the yardstick: the same paths and records as the yardstick's simulator.

GET /s/<source>/<subject> answers about 1 KB of JSON at once; nothing is looked up, so what is measured is the gateway.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

FILLER = "示例文本" * 4


def record(number: int) -> bytes:
    """What source `s<number>` says about anybody."""
    items = {f"item{number * 10 + i:03d}": f"值{number:02d}{i:02d}-{FILLER}" for i in range(10)}
    said = {
        "source": f"s{number}",
        "as_of": "2026-05-01T00:00:00Z",
        "status": "ok",
        "items": items,
        "pad": "x" * 160,
    }
    return json.dumps(said, ensure_ascii=False).encode()


RECORDS = {f"s{number}": record(number) for number in range(5)}


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI application."""
    if scope["type"] != "http":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    parts = scope["path"].split("/")
    body = RECORDS.get(parts[2] if len(parts) == 4 else "", b"{}")
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200 if len(body) > 2 else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
