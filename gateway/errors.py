"""Errors of the service, named by the next move. `gateway.http.problems` is their only translator to HTTP.

GatewayError              status, stable code, a detail that says what to do; no personal value in any
├── BadRequest            400  the request contradicts itself: correct it
├── NotAuthenticated      401  get a (new) token
├── NotAllowed            403  the caller lacks the role, or the thing is another department's
├── NotFound              404  no such form, version, resolution, consent ...
├── Conflict              409  somebody was first; read again
├── Gone                  410  it existed and its time is over
├── TooLarge              413  the body or its nesting is over the limit
├── NotValid              422  the shape is wrong: see `errors`
├── TooMany               429  slow down
├── Unavailable           503  try again later; nothing was released
│   ├── StoreUnavailable  503  the database cannot be reached or written
│   ├── LogUnsound        503  the log was rolled back or forked: an operator must look
│   └── CacheUnavailable  503  the shared cache cannot be reached, and going on without it would permit more
├── NotInstalled          501  a part of the service is not installed here: the detail says which
├── CannotOpen            500  a sealed value is not what was sealed there: tell an operator
└── OAuthError       400, 401  the token endpoint refuses; answered in OAuth's own words (RFC 6749 section 5.2)

StartError                     the service does not start; for operators, never answered over HTTP
├── BadSettings           correct the settings named
├── UnsafeSettings        correct them, or say that this is development
└── KeysUnusable          the root key file is missing, readable by others or malformed
"""

import math
from collections.abc import Sequence


class GatewayError(Exception):
    """Base of everything the service raises on purpose.

    `code`: stable, for machines, e.g. "unknown_form". `detail`: one or two sentences that say what to do.
    `errors`: field-level findings, each {"pointer": JSON pointer, "code", "detail"}.
    """

    status = 500
    title = "Internal error"

    def __init__(self, code: str, detail: str, *, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class BadRequest(GatewayError):
    """The request contradicts itself or cannot be read at all."""

    status, title = 400, "Bad request"


class NotAuthenticated(GatewayError):
    """No caller could be established from the credentials.

    `scheme` and `word`: what WWW-Authenticate says (RFC 6750, 9449); no word when nothing was sent. `nonce`: for the
    next DPoP proof. For our log only: `reason`, a finer word than the code, and `client`, whose token it was if it is
    one of ours.
    """

    status, title = 401, "Not authenticated"

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        scheme: str = "Bearer",
        word: str = "invalid_token",
        nonce: str | None = None,
        reason: str = "",
        client: str | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.scheme, self.word, self.nonce = scheme, word, nonce
        self.reason, self.client = reason or code, client


class NotAllowed(GatewayError):
    """The caller is known and may not do this."""

    status, title = 403, "Not allowed"


class NotFound(GatewayError):
    """There is nothing of that name."""

    status, title = 404, "Not found"


class Conflict(GatewayError):
    """The thing is in another state than the request supposes."""

    status, title = 409, "Conflict"


class Gone(GatewayError):
    """It existed and its time is over."""

    status, title = 410, "Gone"


class TooLarge(GatewayError):
    """The body is over the limit."""

    status, title = 413, "Content too large"


class NotValid(GatewayError):
    """The body has the wrong shape; `errors` says where."""

    status, title = 422, "Not valid"


class TooMany(GatewayError):
    """The caller is over its rate. `retry_after`: whole seconds until it is not."""

    status, title = 429, "Too many requests"

    def __init__(self, code: str, detail: str, *, retry_after: float = 1) -> None:
        super().__init__(code, detail)
        self.retry_after = max(1, math.ceil(retry_after))


class Unavailable(GatewayError):
    """It cannot be done now; nothing was released."""

    status, title = 503, "Unavailable"


class StoreUnavailable(Unavailable):
    """The database cannot be reached or written; nothing was released."""


class CacheUnavailable(Unavailable):
    """The shared cache cannot be reached; what depends on it was refused."""


class LogUnsound(Unavailable):
    """The log is not the one that was signed before; it is neither extended nor signed until an operator has looked."""


class NotInstalled(GatewayError):
    """It can be done, but an extra is not installed here; the detail names it."""

    status, title = 501, "Not installed"


class CannotOpen(GatewayError):
    """A sealed value was altered, moved to another row, or sealed under a key that is gone."""

    title = "Stored value cannot be opened"

    def __init__(self) -> None:
        # One message for every cause: which check failed would help only who is trying them out.
        super().__init__(
            "cannot_open", "A stored value cannot be opened. Nothing was released; tell the operator."
        )


class OAuthError(GatewayError):
    """The token endpoint refuses. `code` is OAuth's word ("invalid_client").

    `nonce`: for the next DPoP proof. For our log only: `reason`, and `client`, the registered one that was claimed.
    """

    title = "Token refused"

    def __init__(
        self, code: str, detail: str, *, reason: str, nonce: str | None = None, client: str | None = None
    ) -> None:
        super().__init__(code, detail)
        self.status = 401 if code == "invalid_client" else 400
        self.reason, self.nonce, self.client = reason, nonce, client


class StartError(Exception):
    """The service does not start. The message is for the operator and holds no secret."""


class BadSettings(StartError):
    """Settings that cannot be read. `faults`: one sentence each, naming the setting, never its value."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class UnsafeSettings(StartError):
    """Settings that may stand in development only. `sentences`: what is unsafe and what to set instead."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


class KeysUnusable(StartError):
    """The root key file cannot be used; the message says which rule it breaks and what to do."""
