"""TLS to a source: whose certificate is believed, what we show of ours, and where an answer ends under it."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.errors import SourceBroken, SourceTimeout
from connectors.http import HttpClient
from connectors.http_line import Failure, Lines
from connectors.http_messages import HttpAnswer, HttpRequest

ON_EVERY_LOOP = True
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PASSWORD = serialization.BestAvailableEncryption(b"secret")


@pytest.fixture(autouse=True)
async def silence() -> None:
    """The servers complain of handshakes that we refused."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)


class Authority:
    """An authority that certifies whom it is told to, as PEM files in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory, self._key = directory, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        self._write("ca", self._sign(self._name, self._key, names=(), days=1, is_ca=True), self._key)

    def certify(self, file: str, *names: str, days: int = 1, encryption: Any = None) -> str:
        """A key and a certificate for these names that ends in so many days; gives the file's name without an ending."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file)])
        self._write(file, self._sign(subject, key, names=names, days=days), key, encryption)
        return file

    def server(self, *names: str, days: int = 1, asks: bool = False) -> ssl.SSLContext:
        """A server of these names; `asks`: it wants a certificate of this authority from us."""
        file = self.directory / self.certify("server", *names, days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.with_suffix(".pem"), file.with_suffix(".key"))
        context.load_verify_locations(self.directory / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        names: Sequence[str],
        days: int,
        is_ca: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        others = [x509.IPAddress(ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if others:
            made = made.add_extension(x509.SubjectAlternativeName(others), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(
        self,
        file: str,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        encryption: Any = None,
    ) -> None:
        pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (self.directory / f"{file}.pem").write_bytes(certificate.public_bytes(pem))
        text = key.private_bytes(pem, kind, encryption or serialization.NoEncryption())
        (self.directory / f"{file}.key").write_bytes(text)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One of our own, in a directory that is the configuration's."""
    return Authority(tmp_path)


async def loopback(host: str, port: int) -> Sequence[str]:
    """Every name lives here."""
    return ["127.0.0.1"]


@pytest.fixture
def client(environment: Any, authority: Authority) -> Callable[..., HttpClient]:
    """A client of `name` at that place, with the authority as its `ca` unless told otherwise."""

    def make(place: str, name: str = "civil.example", **tls: str) -> HttpClient:
        base_url = f"https://{name}:{place.rpartition(':')[2]}"
        settings = {"ca": "ca.pem", **tls}
        base_dir = str(authority.directory)
        return HttpClient(
            base_url,
            environment(base_dir=base_dir),
            tls={k: v for k, v in settings.items() if v},
            resolver=loopback,
        )

    return make


async def get(client: HttpClient) -> HttpAnswer:
    """A GET, and the client closed."""
    try:
        return await client.send(
            HttpRequest("GET", client.base_url + "/"), asyncio.get_running_loop().time() + 20
        )
    finally:
        await client.close()


async def answers(head: bytes, reader: Any, writer: Any) -> None:
    """The same again and again."""
    while True:
        writer.write(ANSWER)
        await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize(
    "name", ["civil.example", "CIVIL.example", "127.0.0.1", "a.wild.example", "civil.example."]
)
async def test_the_certificate_of_that_name_is_believed(
    authority: Authority, http_server: Any, client: Any, name: str
) -> None:
    """A name, a name under a wildcard, an address: what the address of the source says, not where it leads."""
    async with http_server(
        answers, ssl=authority.server("civil.example", "*.wild.example", "127.0.0.1")
    ) as place:
        assert await get(client(place, name)) == HttpAnswer(200, b"{}")


@pytest.mark.parametrize(
    ("names", "days", "ca"),
    [
        (("tax.example",), 1, "ca.pem"),
        (("127.0.0.1",), 1, "ca.pem"),
        (("*.example.org", "example"), 1, "ca.pem"),
        (("civil.example",), -1, "ca.pem"),
        (("civil.example",), 1, ""),
        (("civil.example",), 1, "server.key"),
    ],
)
async def test_any_other_certificate_is_refused(
    authority: Authority, http_server: Any, client: Any, names: Sequence[str], days: int, ca: str
) -> None:
    """Another's name, our own address, an expired one, an authority we do not know: nothing of the request is sent."""
    heard: list[bytes] = []

    async def listen(head: bytes, reader: Any, writer: Any) -> None:
        heard.append(head)

    async with http_server(listen, ssl=authority.server(*names, days=days)) as place:
        with pytest.raises(SourceBroken):
            await get(client(place, ca=ca))

    assert heard == []


@pytest.mark.parametrize(("certificate", "is_let_in"), [("ours", True), ("", False), ("locked", False)])
async def test_our_certificate_is_shown_to_who_asks(
    authority: Authority, http_server: Any, client: Any, certificate: str, is_let_in: bool
) -> None:
    """With it we are let in; without it, or with a key behind a password that nobody gave, it is a fault and no prompt."""
    authority.certify("ours", "gateway.example")
    authority.certify("locked", "gateway.example", encryption=PASSWORD)
    ours = {"certificate": f"{certificate}.pem", "key": f"{certificate}.key"} if certificate else {}
    async with http_server(answers, ssl=authority.server("civil.example", asks=True)) as place:
        asked = get(client(place, **ours))
        if is_let_in:
            assert (await asked).status == 200
        else:
            with pytest.raises(SourceBroken):
                await asked


async def test_one_handshake_serves_many_requests(
    authority: Authority, http_server: Any, client: Any
) -> None:
    """An answer read to its end leaves its connection for the next under TLS as well."""
    connections = 0

    async def count(head: bytes, reader: Any, writer: Any) -> None:
        nonlocal connections
        connections += 1
        await answers(head, reader, writer)

    async with http_server(count, ssl=authority.server("civil.example")) as place:
        https = client(place)
        for _ in range(5):
            await https.send(HttpRequest("GET", https.base_url + "/"), asyncio.get_running_loop().time() + 20)
        await https.close()

    assert connections == 1


async def ended_by(authority: Authority, *, is_farewell: bool) -> HttpAnswer | Failure:
    """What is told of an answer without a length, ended by the source's own word or by a cut wire."""

    def serve(listening: socket.socket, context: ssl.SSLContext) -> None:
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(1000)
            secure.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
            if is_farewell:
                secure.unwrap()

    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = loop.run_in_executor(None, serve, listening, authority.server("civil.example"))
        trusting = ssl.create_default_context(cafile=authority.directory / "ca.pem")
        lines = Lines("127.0.0.1", listening.getsockname()[1], limit=100, tls=trusting, name="civil.example")
        told = await lines.exchange(b"GET / HTTP/1.1\r\n\r\n", loop.time() + 20)
        await serving
    return told


async def test_a_source_may_end_an_answer_with_its_connection(authority: Authority) -> None:
    """Without a length, an answer is whole when the source says that it has said all (close_notify)."""
    assert await ended_by(authority, is_farewell=True) == HttpAnswer(200, b"hello")


@pytest.mark.asyncio(loop_factories=["uvloop"])  # asyncio's loop calls both ends the same
async def test_whoever_cuts_the_wire_ends_no_answer(authority: Authority) -> None:
    """Without the source's own word, an answer without a length is cut short: anybody on the way can send a FIN."""
    assert await ended_by(authority, is_farewell=False) is Failure.cut_short


async def test_a_handshake_that_hangs_costs_the_deadline_only(http_server: Any, client: Any) -> None:
    """A port that takes the connection and never speaks TLS: timed out, as any other silence."""

    async def never(head: bytes, reader: Any, writer: Any) -> None:
        raise AssertionError("nobody speaks plainly to a source behind TLS")

    async with http_server(never) as place:
        https = client(place)
        with pytest.raises(SourceTimeout):
            await https.send(
                HttpRequest("GET", https.base_url + "/"), asyncio.get_running_loop().time() + 0.1
            )
        await https.close()


async def test_a_source_that_answers_plainly_is_refused(client: Any) -> None:
    """Where TLS is configured, nothing is read from who does not speak it."""
    hung_up = asyncio.Semaphore(0)

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        hung_up.release()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        with pytest.raises(SourceBroken):
            await get(client(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        for _ in range(2):
            await hung_up.acquire()


async def test_failed_handshakes_leave_no_connection_behind(
    authority: Authority, http_server: Any, client: Any
) -> None:
    """Refused, hanging and given up: after sixty of them as many files are open as before."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with (
        http_server(answers, ssl=authority.server("tax.example")) as refused,
        await asyncio.start_server(hold, "127.0.0.1", 0) as hanging,
    ):
        silent = f"127.0.0.1:{hanging.sockets[0].getsockname()[1]}"
        loop = asyncio.get_running_loop()
        before = open_files()
        for turn in range(60):
            https = client(refused if turn % 3 == 0 else silent)
            sending = https.send(
                HttpRequest("GET", https.base_url + "/"), loop.time() + (20, 0.02, 20)[turn % 3]
            )
            asked = asyncio.create_task(sending)
            if turn % 3 == 2:
                await asyncio.sleep(0.01)
                asked.cancel()
            with pytest.raises((SourceBroken, SourceTimeout, asyncio.CancelledError)):
                await asked
            await https.close()
        for _ in range(5000):
            if open_files() <= before:
                break
            await asyncio.sleep(0.001)

        assert open_files() <= before


def open_files() -> int:
    """How many descriptors this process holds."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
