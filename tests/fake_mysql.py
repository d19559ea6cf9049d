"""A server that speaks just enough of MySQL's protocol: of any version, honest or hostile, noting what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

_CAPABILITIES = 0x000FF7DF & ~0x0800  # everything of old, without TLS
_TEXT, _UTF8MB4 = 0xFD, 45
_READYING = ("SET NAMES", "SET AUTOCOMMIT", "ROLLBACK")
_EOF = b"\xfe\x00\x00\x02\x00"
OK = b"\x00\x00\x00\x02\x00\x00\x00"


def error(code: int, state: str = "HY000") -> bytes:
    """An error packet."""
    return b"\xff" + code.to_bytes(2, "little") + b"#" + state.encode() + b"no"


def table(columns: list[str], *rows: list[str]) -> list[bytes]:
    """The packets of a result: its columns, all of them text, and its rows."""
    described = [
        b"".join(_text(part) for part in ("def", "", "", "", column, column))
        + b"\x0c"
        + _UTF8MB4.to_bytes(2, "little")
        + (400).to_bytes(4, "little")
        + bytes([_TEXT, 0, 0, 0, 0, 0])
        for column in columns
    ]
    return [bytes([len(columns)]), *described, _EOF, *(b"".join(map(_text, row)) for row in rows), _EOF]


def _text(value: str) -> bytes:
    return bytes([len(value.encode())]) + value.encode()


class FakeMysql:
    """Answers `answer(statement)`, which gives packets; what a client asks to get ready is answered by itself.

    `drips_from`: how the first statement begins that is answered byte by byte, as everything after; "" is the greeting.
    """

    def __init__(self, version: str, answer: Callable[[str], list[bytes]]) -> None:
        self.version, self.answer = version, answer
        self.statements: list[str] = []
        self.drips_from: str | None = None
        self.port = 0
        self._is_dripping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeMysql"]:
        """Listens on loopback meanwhile."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await self._serve(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._is_dripping = self.drips_from == ""
        await self._send(writer, 0, [self._greeting()])
        await self._read(reader)
        await self._send(writer, 2, [OK])
        while (asked := await self._read(reader))[:1] == b"\x03":
            statement = asked[1:].decode()
            self.statements.append(statement)
            self._is_dripping |= self.drips_from is not None and statement.startswith(self.drips_from)
            await self._send(writer, 1, self._ready(statement) or self.answer(statement))

    def _greeting(self) -> bytes:
        low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
        return b"".join(
            (
                b"\x0a" + self.version.encode() + b"\0" + bytes(4) + b"12345678\0",
                low.to_bytes(2, "little") + bytes([_UTF8MB4]) + b"\x02\x00" + high.to_bytes(2, "little"),
                b"\x15" + bytes(10) + b"123456789012\0mysql_native_password\0",
            )
        )

    def _ready(self, statement: str) -> list[bytes]:
        if statement.startswith("SHOW VARIABLES"):
            name = statement.split("'")[1]
            return table(["Variable_name", "Value"], [name, "0"])
        if "VERSION()" in statement:
            return table(["VERSION()"], [self.version])
        if statement.startswith(("SELECT @@", "SELECT DATABASE()")):
            return table(["value"], ["0"])
        return [OK] if statement.startswith(_READYING) else []

    async def _send(self, writer: asyncio.StreamWriter, number: int, packets: list[bytes]) -> None:
        for place, packet in enumerate(packets, number):
            framed = len(packet).to_bytes(3, "little") + bytes([place % 256]) + packet
            if not self._is_dripping:
                writer.write(framed)
                continue
            for byte in framed:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.2)
        await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readexactly(4)
        return await reader.readexactly(int.from_bytes(head[:3], "little"))
