"""Delivering messages to the webhooks of clients: signed, at least once, and never at the cost of anybody else.

A message is the body that is signed: a detached JWS (RFC 7515, appendix F) by the key that signs receipts, which
everybody can have from /v1/receipts/keys. Its header holds the message's id and when it was sent, so that a receiver
knows what comes twice and what is old. A receiver answers 2xx; anything else is tried again, later each time, until
`webhook_give_up_after`. What one receiver does, or does not do, costs only itself: each has its own line and deadline.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from connectors.errors import BadConfiguration, SourceFault, SourceTimeout
from connectors.http import HttpClient
from connectors.http_messages import HttpRequest
from connectors.protocol import Environment
from gateway.errors import BadRequest
from gateway.records import Client, Message
from gateway.runtime import Runtime
from gateway.security.receipt_keys import ReceiptKeys
from gateway.settings import Settings
from gateway.telemetry import get_logger

WEBHOOK_TYPE = "webhook+jws"

log = get_logger(__name__)

_SECONDS = 5.0
_AT_ONCE = 50
# A line is worked on in order, so the slowest round takes this many times the deadline; nobody else may begin before.
_LEASE = timedelta(seconds=_AT_ONCE * _SECONDS + 60)
_LINES = 16
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_DOUBLINGS = 7


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did. `failed`: to be tried again; `lost`: given up."""

    delivered: int = 0
    failed: int = 0
    lost: int = 0


class Webhooks:
    """What delivers. Opens nothing before there is something to deliver."""

    def __init__(self, runtime: Runtime, keys: ReceiptKeys, environment: Environment) -> None:
        self._runtime = runtime
        self._keys = keys
        self._environment = environment
        self._lines: dict[str, HttpClient] = {}

    async def deliver(self) -> Delivered:
        """Try every message whose time has come, once; at most 50 of them."""
        now = self._runtime.clock()
        claimed = await self._runtime.store.outbox.claim(now, now + _LEASE, limit=_AT_ONCE)
        by_client: dict[str, list[Message]] = {}
        for each in claimed:
            by_client.setdefault(each.client, []).append(each)
        free = asyncio.Semaphore(_LINES)

        async def line(client: str, messages: Sequence[Message]) -> list[Message]:
            async with free:
                return await self._line(client, messages)

        lines = await asyncio.gather(*(line(client, messages) for client, messages in by_client.items()))
        return _counted([each for settled in lines for each in settled])

    async def close(self) -> None:
        """Drop every connection."""
        for each in self._lines.values():
            await each.close()
        self._lines.clear()

    async def _line(self, client_id: str, messages: Sequence[Message]) -> list[Message]:
        """The messages of one client in order; behind one that fails the others wait as long."""
        client = await self._runtime.store.clients.client(client_id)
        settled: list[Message] = []
        failure, next_at = "", None
        for message in messages:
            if failure:
                after = replace(message, next_at=next_at)
            else:
                after = await self._try(client, message)
                failure, next_at = after.failure if after.next_at else "", after.next_at
            await self._runtime.store.outbox.settle(after)
            settled.append(after)
        return settled

    async def _try(self, client: Client | None, message: Message) -> Message:
        """The message as it stands after this try."""
        tries = message.tries + 1
        if client is None or client.webhook is None:
            return replace(message, next_at=None, tries=tries, failure="no_webhook")
        failure = await self._send(client.webhook, message)
        now = self._runtime.clock()
        if not failure:
            return replace(message, next_at=None, tries=tries, delivered_at=now, failure="")
        if now - message.created_at >= self._runtime.settings.webhook_give_up_after:
            log.warning("webhook_given_up", client=message.client, message=message.id, failure=failure)
            return replace(message, next_at=None, tries=tries, failure=failure)
        return replace(message, next_at=now + wait_after(tries), tries=tries, failure=failure)

    async def _send(self, address: str, message: Message) -> str:
        """Nothing when the receiver took it; else a code that says why not."""
        deadline = asyncio.get_running_loop().time() + _SECONDS
        now = self._runtime.clock()
        request = HttpRequest("POST", address, self._headers(message, now), message.body, is_read=False)
        try:
            answer = await self._line_to(address).send(request, deadline)
        except SourceTimeout:
            return "timeout"
        except SourceFault:
            return "unreachable"
        except BadConfiguration:
            return "address_not_allowed"
        return "" if 200 <= answer.status < 300 else f"status_{answer.status}"

    def _headers(self, message: Message, now: datetime) -> tuple[tuple[str, str], ...]:
        sent_at = int(now.timestamp())
        signature = self._keys.sign_detached(message.body, WEBHOOK_TYPE, {"jti": message.id, "iat": sent_at})
        return (
            ("content-type", "application/json"),
            ("webhook-id", message.id),
            ("webhook-timestamp", str(sent_at)),
            ("webhook-signature", signature),
        )

    def _line_to(self, address: str) -> HttpClient:
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._lines:
            self._lines[origin] = HttpClient(origin, self._environment)
        return self._lines[origin]


def wait_after(tries: int) -> timedelta:
    """How long a message waits after so many failed tries: half a minute, then twice as long each time, to an hour."""
    doublings: int = 1 << min(tries - 1, _MOST_DOUBLINGS)
    return min(_FIRST_WAIT * doublings, _LONGEST_WAIT)


def require_address(address: str, settings: Settings) -> None:
    """Nothing, or `BadRequest`: not an address that messages are ever sent to."""
    parts = urlsplit(address)
    schemes = ("https", "http") if settings.is_development else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.username or parts.fragment:
        raise BadRequest(
            "webhook_address",
            "A webhook is an https address without user or fragment, e.g. https://hall.example.gov.cn/oncegate.",
        )


def _counted(settled: Sequence[Message]) -> Delivered:
    delivered = sum(each.delivered_at is not None for each in settled)
    lost = sum(each.delivered_at is None and each.next_at is None for each in settled)
    return Delivered(delivered, len(settled) - delivered - lost, lost)
