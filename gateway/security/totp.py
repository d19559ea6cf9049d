"""One-time codes of an authenticator app (TOTP, RFC 6238): six digits, SHA-1 as every app expects, 30 seconds.

A code is found by its step, so that the store can see to it that no step is ever accepted twice.
"""

import hmac
import os
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20  # as long as the digest (RFC 4226, section 4)
_TOLERATED = (0, -1, 1)


def new_secret() -> bytes:
    """A new secret, to be shown once as `provisioning_uri` and kept sealed."""
    return os.urandom(SECRET_BYTES)


def accepted_step(secret: bytes, code: str, now: datetime) -> int | None:
    """The step that this code is of: the present one, the one before or the next; None for a wrong code."""
    totp, present = _totp(secret), int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in (present + shift for shift in _TOLERATED):
        # All three are always made and compared: the time taken tells nothing of how far a clock is off.
        if hmac.compare_digest(totp.generate(step * STEP_SECONDS), code.encode()) and found is None:
            found = step
    return found


def code_at(secret: bytes, now: datetime) -> str:
    """The code an authenticator shows at that time."""
    return _totp(secret).generate(int(now.timestamp())).decode()


def provisioning_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """The `otpauth://` address that authenticator apps read from a QR code. It is a secret."""
    return _totp(secret).get_provisioning_uri(account, issuer)


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303  (HMAC; RFC 6238 and every app)
