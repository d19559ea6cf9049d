"""What a request shows of its sender: the DPoP proof, checked before anybody serves it, and the client certificate.

Asking whether a proof was used before means waiting for a memory, which `caller_of` cannot; so it is asked here, once
per request, and the answer lies ready. A request with a plain bearer token only has its headers looked over.
"""

from typing import cast

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import NotAuthenticated, Unavailable
from gateway.runtime import Runtime
from gateway.security.callers import TokenService
from gateway.security.refusals import Refusals
from gateway.security.senders import Shown


class ProofMiddleware:
    """ASGI middleware: has the proof checked that goes with a DPoP token. Refuses nothing itself: `caller_of` does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and b"dpop" in dict(scope["headers"]):
            await _note_key(Request(scope))
        await self._app(scope, receive, send)


def shown_by(request: Request) -> Shown:
    """What this request shows, for `TokenService`. The address is the public one: a Host header could be anybody's."""
    runtime: Runtime = request.app.state.runtime
    tokens: TokenService = request.app.state.tokens
    header = tokens.certificates.header
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    return Shown(
        method=request.method,
        url=runtime.settings.public_url + cast(bytes, path).partition(b"?")[0].decode("latin-1"),
        proofs=tuple(request.headers.getlist("dpop")),
        certificates=tuple(request.headers.getlist(header)) if header else (),
        peer=request.client.host if request.client else None,
        key=getattr(request.state, "sender_key", None),
    )


def note_refusal(
    request: Request,
    reason: str,
    *,
    client: str | None = None,
    is_proven: bool = False,
    has_assertion: bool = False,
) -> None:
    """Have the refusal of this request noted in the log. `has_assertion`: in its body."""
    refusals: Refusals = request.app.state.refusals
    scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
    proof = "assertion" if has_assertion else _PROOFS.get(scheme, "other")
    refusals.add(reason, proof=proof, client=client, is_proven=is_proven)


_PROOFS = {"": "none", "bearer": "bearer", "dpop": "dpop", "basic": "secret"}


async def _note_key(request: Request) -> None:
    """Leave the thumbprint of the key that was proven, or why none was, where `shown_by` finds it."""
    tokens: TokenService = request.app.state.tokens
    authorization = request.headers.get("authorization", "")
    if authorization[:5].lower() != "dpop ":  # nothing to prove, or at the token endpoint, which looks itself
        return
    now = request.app.state.runtime.clock()
    key: str | NotAuthenticated | Unavailable
    try:
        key = await tokens.accept_proof(authorization, now, shown_by(request))
    except (NotAuthenticated, Unavailable) as error:
        key = error
    request.state.sender_key = key
