"""Factories and fakes for connectors: asks, sources, an environment, a scripted connector, a raw HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import uvloop

from connectors.protocol import Environment, Found, Health, Record, Reply
from field_registry import Ask, Binding, Item, Source, Subject, SubjectKind
from field_registry.items import Datatype


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """asyncio's loop; and uvloop's, which is what the service runs on, where a module says `ON_EVERY_LOOP`."""
    factories: dict[str, Any] = {"asyncio": asyncio.new_event_loop}
    if getattr(item.getparent(pytest.Module).obj, "ON_EVERY_LOOP", False):  # type: ignore[union-attr]
        factories["uvloop"] = uvloop.new_event_loop
    return factories


NOW = datetime(2026, 1, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """A Thursday, noon in China."""
    return NOW


@pytest.fixture
def person() -> Subject:
    """Somebody made up."""
    return Subject(SubjectKind.person, "111", "35058219910603996X")


@pytest.fixture
def ask(person: Subject) -> Callable[..., Ask]:
    """An ask about `person`; the attribute is a pointer of the item's last part unless given."""

    def make(
        item: str = "person.name",
        attribute: str | None = None,
        *,
        datatype: Datatype = Datatype.text,
        columns: tuple[tuple[str, str], ...] = (),
        role: str = "applicant",
        source: str = "civil",
    ) -> Ask:
        made = Item(item, item, SubjectKind.person, datatype, "公安")
        place = "/" + item.partition(".")[2] if attribute is None else attribute
        inner = tuple(
            (
                Item(key, key, SubjectKind.person, Datatype.text, "公安", within=item),
                Binding(key, source, where),
            )
            for key, where in columns
        )
        return Ask(made, Binding(item, source, place), role, inner)

    return make


@pytest.fixture
def source() -> Callable[..., Source]:
    """A source with one override or more."""

    def make(id: str = "civil", **overrides: Any) -> Source:  # noqa: A002 — the field's own name
        return Source(**{"id": id, "name": "人口库", "department": "公安", "connector": "fake"} | overrides)

    return make


@pytest.fixture
def environment() -> Callable[..., Environment]:
    """An environment where loopback is allowed, with one override or more."""

    def make(**overrides: Any) -> Environment:
        defaults: dict[str, Any] = {
            "secrets": {"key": "s3cret"},
            "clock": lambda: NOW,
            "places": {},
            "allow_private_addresses": True,
        }
        return Environment(**defaults | overrides)

    return make


@dataclass
class ScriptedConnector:
    """Does what `act` says; counts what it was asked."""

    act: Callable[[Subject, Sequence[Ask], float], Awaitable[Any]]
    calls: list[Sequence[Ask]] = field(default_factory=list)
    closed: int = 0

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """Whatever the script does."""
        self.calls.append(asks)
        replies: Sequence[Reply] = await self.act(subject, asks, deadline)
        return replies

    async def health(self) -> Health:
        """Well."""
        return Health(True)

    async def close(self) -> None:
        """Counted."""
        self.closed += 1


@pytest.fixture
def scripted() -> Callable[..., ScriptedConnector]:
    """A connector that answers each ask with its item's id, or does what it is told."""

    async def answer(subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        return [Found(each.item.id, Record()) for each in asks]

    def make(act: Any = answer) -> ScriptedConnector:
        return ScriptedConnector(act)

    return make


Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def http_server() -> Callable[..., Any]:
    """A server that hands each connection's first request (head and body) to a handler; yields its address.

    The handler writes raw bytes, so that it can be as wrong as it likes; the connection closes when it returns.
    """

    @asynccontextmanager
    async def serve(handler: Handler, **options: Any) -> AsyncIterator[str]:
        tasks: set[asyncio.Task[Any]] = set()

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line[15:])
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length:")
                    ),
                    0,
                )
                await handler(head + await reader.readexactly(length), reader, writer)
                await writer.drain()
            except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(one, "127.0.0.1", 0, **options)
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

    return serve


@pytest.fixture
def answer_with() -> Callable[..., Handler]:
    """A handler that answers with that body, status and headers."""

    def make(body: bytes, status: int = 200, headers: str = "", seen: list[bytes] | None = None) -> Handler:
        async def handler(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if seen is not None:
                seen.append(request)
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{headers}\r\n"
            writer.write(head.encode() + body)

        return handler

    return make
