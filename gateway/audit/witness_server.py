"""The HTTP side of a witness: one call, `POST …/add-checkpoint` (C2SP tlog-witness), nothing else.

The standard library's server is enough: a log hands in a checkpoint a few times a minute. TLS is for a proxy in front.
"""

from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway.audit.handing_in import MOST_BYTES
from gateway.audit.witness import Reply, Witness

_SECONDS = 10
_PATH = "/add-checkpoint"


def witness_server(
    address: tuple[str, int], witness: Witness, clock: Callable[[], datetime]
) -> ThreadingHTTPServer:
    """A server that listens already and answers once it is served. Raises `OSError` when the address is taken."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # a log keeps its connection
        timeout = _SECONDS  # whoever sends nothing more is left
        server_version = "oncegate-witness"
        sys_version = ""

        def do_POST(self) -> None:
            body = self._body()
            if not self.path.endswith(_PATH):
                self._answer(Reply(404, f"There is {_PATH} here.\n"))
            elif body is None:
                self._answer(Reply(400, f"Say Content-Length, of {MOST_BYTES} at most.\n"))
            else:
                self._answer(witness.add_checkpoint(body, clock()))

        def do_GET(self) -> None:
            self._answer(Reply(405 if self.path.endswith(_PATH) else 404, f"POST to {_PATH}.\n"))

        def _body(self) -> bytes | None:
            length = self.headers.get("content-length", "")
            # Some digits at most: of thousands Python makes no number.
            if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > MOST_BYTES:
                self.close_connection = True  # what follows is not read, and is no request
                return None
            return self.rfile.read(int(length))

        def _answer(self, reply: Reply) -> None:
            content = reply.text.encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: who asked is nobody's business, and what is refused is kept as evidence."""

    return ThreadingHTTPServer(address, Handler)
