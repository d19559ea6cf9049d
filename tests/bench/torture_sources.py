"""The sources of the storm: those of `sources.py`, after 0 to 30 ms, so that kills and withdrawals meet open calls."""

import asyncio
import random
from typing import Any

from sources import app as at_once

SLOWEST_SECONDS = 0.03


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The ASGI application."""
    if scope["type"] == "http":
        await asyncio.sleep(random.uniform(0, SLOWEST_SECONDS))
    await at_once(scope, receive, send)
