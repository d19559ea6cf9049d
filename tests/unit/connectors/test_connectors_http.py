"""The one way out over HTTP: addresses judged, names pinned, reads retried once, TLS both ways."""

import asyncio
import ssl
from collections.abc import Sequence
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

from connectors.errors import BadConfiguration, ConnectorError, SourceBroken, SourceTimeout
from connectors.http import HttpClient
from connectors.http_messages import HttpAnswer, HttpRequest


def soon(seconds: float = 2.0) -> float:
    """Event-loop time that many seconds from now."""
    return asyncio.get_running_loop().time() + seconds


async def get(client: HttpClient, path: str = "/", **options: Any) -> HttpAnswer:
    """A GET, and the client closed."""
    try:
        return await client.send(HttpRequest("GET", client.base_url + path, **options), soon())
    finally:
        await client.close()


class Names:
    """A resolver that says what it is told, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The next answer; the last one again and again."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise OSError("no such name")
        return answer


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "civil",
        "ftp://civil/x",
        "http://",
        "http://user:pw@civil/",
        "http://civil/?a=1",
        "http://civil/#x",
    ],
)
def test_an_address_that_is_none_is_refused_when_built(environment: Any, base_url: str) -> None:
    """Only http and https, with a host, without credentials, query or fragment."""
    with pytest.raises(BadConfiguration, match="base_url"):
        HttpClient(base_url, environment())


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://10.0.0.8/",
    ],
)
def test_private_addresses_are_refused_when_built(environment: Any, base_url: str) -> None:
    """However loopback is spelt; unless private addresses or that network are allowed."""
    with pytest.raises(BadConfiguration, match="allowed_networks"):
        HttpClient(base_url, environment(allow_private_addresses=False))
    HttpClient(base_url, environment(allow_private_addresses=True))
    networks = ("127.0.0.0/8", "::1/128", "10.0.0.0/8")
    HttpClient(base_url, environment(allow_private_addresses=False, allowed_networks=networks))


async def test_a_name_that_leads_inside_is_refused(environment: Any) -> None:
    """A public name with a private address is not connected to."""
    closed = environment(allow_private_addresses=False)

    with pytest.raises(SourceBroken, match="not allowed"):
        await get(HttpClient("http://civil.example/", closed, resolver=Names(["127.0.0.1", "::1"])))


async def test_the_judged_address_is_the_one_connected_to(
    environment: Any, http_server: Any, answer_with: Any
) -> None:
    """The name is resolved once and pinned: a DNS server that answers differently afterwards changes nothing."""
    only_loopback = environment(allow_private_addresses=False, allowed_networks=("127.0.0.1/32",))
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with http_server(answer_with(b"{}")) as place:
        client = HttpClient(f"http://civil.example:{place.rpartition(':')[2]}", only_loopback, resolver=names)
        answers = [await client.send(HttpRequest("GET", client.base_url + "/"), soon()) for _ in range(3)]
        await client.close()

    assert [answer.status for answer in answers] == [200] * 3
    assert names.asked == 1


async def test_an_unreachable_address_gives_way_to_the_next(
    environment: Any, http_server: Any, answer_with: Any
) -> None:
    """When the first address refuses the connection, the retry goes to the second."""
    names = Names(["127.0.0.2", "127.0.0.1"])
    async with http_server(answer_with(b"{}")) as place:
        answer = await get(
            HttpClient(f"http://civil.example:{place.rpartition(':')[2]}", environment(), resolver=names)
        )

    assert answer == HttpAnswer(200, b"{}")


async def test_a_name_that_does_not_resolve_is_a_fault(environment: Any) -> None:
    """No address: `SourceBroken`; a resolver that hangs: `SourceTimeout`; neither names the host."""

    async def hang(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    with pytest.raises(SourceBroken, match="cannot be resolved"):
        await get(HttpClient("http://civil.example/", environment(), resolver=Names([])))
    client = HttpClient("http://civil.example/", environment(), resolver=hang)
    with pytest.raises(SourceTimeout):
        await client.send(HttpRequest("GET", "http://civil.example/"), soon(0.05))


async def test_a_read_is_retried_once_when_the_connection_fails(environment: Any, http_server: Any) -> None:
    """A connection that closes before any answer is tried again for a read, and not for anything else."""
    seen: list[bytes] = []

    async def hang_up_first(request: bytes, reader: Any, writer: Any) -> None:
        seen.append(request)
        if len(seen) % 2 == 0:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    async with http_server(hang_up_first) as place:
        answer = await get(HttpClient(f"http://{place}", environment()))
        with pytest.raises(SourceBroken, match="connection"):
            await get(HttpClient(f"http://{place}", environment()), is_read=False)

    assert answer.status == 200
    assert len(seen) == 3


@pytest.mark.parametrize(("size", "fits"), [(0, True), (40, True), (41, False)])
async def test_an_answer_in_pieces_is_read_whole_and_no_further_than_the_limit(
    environment: Any, http_server: Any, size: int, fits: bool
) -> None:
    """However many pieces an answer comes in, all of it is read; one byte over the limit and none is used."""

    async def in_pieces(request: bytes, reader: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for begin in range(0, size, 10):
            part = b"x" * min(10, size - begin)
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0.002)
        writer.write(b"0\r\n\r\n")

    async with http_server(in_pieces) as place:
        client = HttpClient(f"http://{place}", environment(max_body_bytes=40))
        if fits:
            assert await get(client) == HttpAnswer(200, b"x" * size)
        else:
            with pytest.raises(SourceBroken, match="larger than the limit"):
                await get(client)


async def test_an_answer_read_to_its_end_leaves_its_connection_for_the_next(
    environment: Any, http_server: Any
) -> None:
    """However long and in whatever pieces answers come: once they are read, the next request needs no new connection."""
    connections = 0
    parts = [[], [b"x" * 40], [b"x" * 70_000, b"y" * 70_000], [b"z"]]

    async def keep(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for answer in parts:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for part in answer:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            writer.write(b"0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")

    async with http_server(keep) as place:
        client = HttpClient(f"http://{place}", environment())
        answers = [await client.send(HttpRequest("GET", f"http://{place}/"), soon()) for _ in parts]
        await client.close()

    assert [answer.body for answer in answers] == [b"".join(each) for each in parts]
    assert connections == 1


@pytest.mark.parametrize("framing", ["content-length: 100000000", "transfer-encoding: chunked"])
async def test_an_answer_over_the_limit_is_hung_up_on(
    environment: Any, http_server: Any, framing: str
) -> None:
    """A source that sends too much and then pauses is not waited for: its connection is closed at once."""
    hung_up = asyncio.Event()

    async def endless(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        writer.write((b"1000\r\n" + b"x" * 4096 + b"\r\n") * 40)
        with suppress(ConnectionResetError):  # what was still on its way is thrown away
            assert await reader.read() == b""
        hung_up.set()

    async with http_server(endless) as place:
        client = HttpClient(f"http://{place}", environment(max_body_bytes=40))
        with pytest.raises(SourceBroken, match="larger than the limit"):
            await client.send(HttpRequest("GET", f"http://{place}/"), soon(30))
        await asyncio.wait_for(hung_up.wait(), 5)
        await client.close()


async def test_no_fault_carries_the_address(environment: Any) -> None:
    """The library's own error holds the whole URL; ours neither says nor carries it."""
    client = HttpClient("http://127.0.0.1:1", environment())
    with pytest.raises(ConnectorError) as caught:
        await get(client, "/persons/35058219910603996X")

    assert "35058219910603996X" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_request_that_cannot_be_sent_is_a_fault(environment: Any) -> None:
    """A broken header or method is `SourceBroken`, not the library's error."""
    client = HttpClient("http://127.0.0.1:1", environment())

    for request in (
        HttpRequest("GET", client.base_url + "/", (("x", "a\r\nb"),)),
        HttpRequest("G T", client.base_url + "/"),
        HttpRequest("GET", "nonsense"),
    ):
        with pytest.raises(SourceBroken):
            await client.send(request, soon())
    await client.close()


async def test_no_time_left_sends_nothing(environment: Any) -> None:
    """A deadline in the past is `SourceTimeout`."""
    client = HttpClient("http://127.0.0.1:1", environment())

    with pytest.raises(SourceTimeout):
        await client.send(HttpRequest("GET", client.base_url + "/"), soon(-1))
    await client.close()


def make_authority(directory: Path) -> None:
    """A CA, a server certificate for 127.0.0.1 and a client certificate, as PEM files."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("test ca", ca_key, "test ca", ca_key, is_ca=True)
    _write(directory, "ca", ca, ca_key)
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(directory, name, _certificate(name, key, "test ca", ca_key), key)


def _write(
    directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    pem = serialization.Encoding.PEM
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    is_ca: bool = False,
) -> x509.Certificate:
    today = datetime.now(UTC)
    names = [x509.IPAddress(ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A directory with certificates."""
    make_authority(tmp_path)
    return tmp_path


@pytest.fixture
def tls(authority: Path) -> ssl.SSLContext:
    """A server that asks for a client certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    context.load_verify_locations(authority / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.parametrize(
    ("settings", "works"),
    [
        ({"ca": "ca.pem", "certificate": "client.pem", "key": "client.key"}, True),
        ({"ca": "ca.pem"}, False),
        ({}, False),
        ({"ca": "missing.pem"}, False),
    ],
)
async def test_tls_both_ways(
    environment: Any, http_server: Any, answer_with: Any, authority: Path, tls: ssl.SSLContext,
    settings: dict[str, str], works: bool,
) -> None:  # fmt: skip
    """With our authority and our certificate we are let in; without either, or with a missing file, it is a fault."""
    asyncio.get_running_loop().set_exception_handler(
        lambda *_: None
    )  # the server complains of failed handshakes
    async with http_server(answer_with(b"{}"), ssl=tls) as place:
        client = HttpClient(f"https://{place}", environment(base_dir=str(authority)), tls=settings)
        if works:
            assert (await get(client)).status == 200
        else:
            with pytest.raises(SourceBroken):
                await get(client)
