"""Webhooks: what arrives, signed so that anybody can check it; that it comes again, and that the dead hold up nobody."""

import base64
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.app import environment_of, make_receipt_keys
from gateway.disputes.webhooks import Webhooks, require_address, wait_after
from gateway.errors import BadRequest
from gateway.records import Client
from gateway.settings import Settings

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


class Receiver:
    """A receiver on loopback. `answers`: statuses to give, the last one for ever; `seen`: headers and body of each."""

    def __init__(self) -> None:
        self.answers, self.seen = [204], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.seen.append((headers, body))
                status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/oncegate"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
async def webhooks(hall) -> Any:
    settings = hall.runtime.settings
    made = Webhooks(hall.runtime, make_receipt_keys(settings), environment_of(settings, hall.runtime.clock))
    yield made
    await made.close()


async def listens(hall: Any, client: str, url: str | None) -> None:
    """That client is told there from now on."""
    role = frozenset({"renderer"})
    await hall.runtime.store.clients.put(
        Client(client, client, "政务服务", role, "scrypt$", webhook=url), hall.now
    )


async def upheld(hall: Any) -> dict[str, Any]:
    """A dispute that was answered: one message to the desk."""
    return await hall.step((await hall.open(await hall.answer()))["id"], "uphold")


def checked(headers: dict[str, str], body: bytes, jwk: Any) -> dict[str, Any]:
    """What the signature's header says, once it is found to be over this body."""
    header, payload, signature = headers["webhook-signature"].split(".")
    assert payload == ""
    key = Ed25519PublicKey.from_public_bytes(_decoded(jwk["x"]))
    signed = f"{header}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}".encode()
    key.verify(_decoded(signature), signed)
    said: dict[str, Any] = orjson.loads(_decoded(header))
    return said


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_message_arrives_signed(hall, webhooks, receiver: Receiver) -> None:
    """Over the very bytes, by the key of receipts, with id and time in the header; another byte, and it is void."""
    await listens(hall, "hall", receiver.url)
    ticket = await upheld(hall)

    done = await webhooks.deliver()

    ((headers, body),) = receiver.seen
    jwk = make_receipt_keys(hall.runtime.settings).jwk
    said = checked(headers, body, jwk)
    assert (done.delivered, done.failed, done.lost) == (1, 0, 0)
    assert orjson.loads(body)["dispute"] == ticket["id"]
    assert (said["alg"], said["typ"], said["kid"]) == ("EdDSA", "webhook+jws", jwk["kid"])
    assert (said["jti"], said["iat"]) == (headers["webhook-id"], int(hall.now.timestamp()))
    assert headers["webhook-timestamp"] == str(said["iat"])
    with pytest.raises(InvalidSignature):
        checked(headers, body.replace(b"upheld", b"UPHELD"), jwk)


async def test_what_is_delivered_is_sent_once(hall, webhooks, receiver: Receiver) -> None:
    """However often the job runs."""
    await listens(hall, "hall", receiver.url)
    await upheld(hall)

    for _ in range(3):
        await webhooks.deliver()
        hall.now += DAY

    assert len(receiver.seen) == 1


async def test_it_is_tried_again_later_and_later(hall, webhooks, receiver: Receiver) -> None:
    """With the same id and body, so that the receiver knows what comes twice."""
    receiver.answers = [500, 503, 404, 200]
    await listens(hall, "hall", receiver.url)
    ticket = await upheld(hall)
    tries = []
    for _ in range(40):
        before = len(receiver.seen)
        await webhooks.deliver()
        if len(receiver.seen) > before:
            tries.append(hall.now)
        hall.now += timedelta(seconds=10)

    waits = [later - earlier for earlier, later in pairwise(tries)]
    (message, _), *_ = await hall.bodies(ticket["id"])
    assert waits == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
    assert len({body for _, body in receiver.seen}) == 1
    assert (message.tries, message.failure, message.delivered_at) == (4, "", tries[-1])


async def test_it_is_given_up_after_days(hall, webhooks, receiver: Receiver) -> None:
    """Three, unless the settings say otherwise; the ticket shows that it was lost."""
    receiver.answers = [500]
    await listens(hall, "hall", receiver.url)
    ticket = await upheld(hall)
    lost = 0
    for _ in range(80):
        lost += (await webhooks.deliver()).lost
        hall.now += HOUR

    (message, _), *_ = await hall.bodies(ticket["id"])
    assert lost == 1
    assert (message.next_at, message.delivered_at, message.failure) == (None, None, "status_500")


async def test_a_dead_receiver_holds_up_nobody(hall, webhooks, receiver: Receiver) -> None:
    """Its messages wait together, tried by the first; another client's arrive."""
    await listens(hall, "hall", "http://127.0.0.1:9/nobody")
    await listens(hall, "hall-2", receiver.url)
    for _ in range(3):
        await upheld(hall)
    ticket = await hall.open(await hall.answer(by=hall.other_desk), by=hall.other_desk)
    await hall.step(ticket["id"], "uphold")

    done = await webhooks.deliver()

    assert (done.delivered, done.failed) == (1, 3)
    assert len(receiver.seen) == 1
    waiting = [message for each in await hall.tickets() for message, _ in await hall.bodies(each["id"])]
    dead = [each for each in waiting if each.client == "hall"]
    assert [each.tries for each in dead] == [1, 0, 0]
    assert len({each.next_at for each in dead}) == 1


async def test_what_a_dead_worker_took_comes_again(hall, webhooks, receiver: Receiver) -> None:
    """Claimed, and then nothing more was heard of the worker."""
    await listens(hall, "hall", receiver.url)
    await upheld(hall)
    await hall.runtime.store.outbox.claim(hall.now, hall.now + 10 * MINUTE, limit=50)

    assert (await webhooks.deliver()).delivered == 0
    hall.now += 11 * MINUTE
    assert (await webhooks.deliver()).delivered == 1


async def test_a_client_without_an_address_is_told_nowhere(hall, webhooks) -> None:
    """Its messages end; they are not kept for ever."""
    ticket = await upheld(hall)
    await listens(hall, "hall", None)

    done = await webhooks.deliver()

    (message, _), *_ = await hall.bodies(ticket["id"])
    assert (done.lost, message.failure, message.next_at) == (1, "no_webhook", None)


@pytest.mark.parametrize(
    ("url", "failure"),
    [("http://169.254.169.254/latest", "address_not_allowed"), ("http://[fe80::1]/x", "address_not_allowed")],
)
async def test_an_address_of_the_machine_room_is_never_asked(hall, webhooks, url: str, failure: str) -> None:
    """The rules of sources hold: metadata services and link-local addresses are out, whoever registered them."""
    await listens(hall, "hall", url)
    ticket = await upheld(hall)

    await webhooks.deliver()

    (message, _), *_ = await hall.bodies(ticket["id"])
    assert message.failure == failure


@pytest.mark.parametrize(("tries", "seconds"), [(1, 30), (2, 60), (5, 480), (8, 3600), (100, 3600)])
def test_how_long_a_message_waits(tries: int, seconds: int) -> None:
    """Twice as long each time, an hour at most."""
    assert wait_after(tries) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "address",
    ["ftp://hall.example/x", "https://", "hall.example", "https://a:b@hall.example/x", "https://h/x#y"],
)
def test_what_is_no_address(address: str) -> None:
    """Neither another scheme, nor a password in it."""
    with pytest.raises(BadRequest):
        require_address(address, Settings())


def test_outside_development_only_https() -> None:
    """A message names applications, and its receiver is to be who we think."""
    require_address("https://hall.example/x", Settings(environment="production"))
    require_address("http://hall.example/x", Settings())
    with pytest.raises(BadRequest):
        require_address("http://hall.example/x", Settings(environment="production"))
