"""Client secrets, for `client_secret_basic` in development: made here, kept only as scrypt hashes (RFC 7914)."""

import base64
import binascii
import hashlib
import hmac
import secrets

_COST, _BLOCK, _LANES = 2**14, 8, 1  # 16 MiB and some 40 ms: enough for random secrets, which is all we make
_MAX_SECRET_BYTES = 200


def new_client_secret() -> str:
    """A new secret of 256 random bits; shown once, never stored."""
    return secrets.token_urlsafe(32)


def hash_client_secret(secret: str) -> str:
    """What to store instead of the secret: `scrypt$cost$block$lanes$salt$hash`."""
    return scrypt_hash(secret, _COST, _BLOCK, _LANES)


def scrypt_hash(secret: str, cost: int, block: int, lanes: int) -> str:
    """That secret hashed with a new salt, in the form that `is_client_secret` reads."""
    salt = secrets.token_bytes(16)
    parts = (salt, _scrypt(secret, salt, cost, block, lanes))
    numbers = (str(cost), str(block), str(lanes))
    return "$".join(("scrypt", *numbers, *(base64.b64encode(p).decode() for p in parts)))


def is_client_secret(secret: str, stored: str | None) -> bool:
    """Whether that secret was hashed to `stored`; takes as long when nothing is stored. Blocks for some 40 ms."""
    if len(secret.encode()) > _MAX_SECRET_BYTES:
        return False
    try:
        cost, block, lanes, salt, expected = _parse(stored or _NOBODY)
    except (ValueError, binascii.Error):
        return False
    matches = hmac.compare_digest(_scrypt(secret, salt, cost, block, lanes), expected)
    return matches and stored is not None


def _parse(stored: str) -> tuple[int, int, int, bytes, bytes]:
    kind, cost, block, lanes, salt, expected = stored.split("$")
    if kind != "scrypt":
        raise ValueError("not a scrypt hash")
    return int(cost), int(block), int(lanes), base64.b64decode(salt), base64.b64decode(expected)


def _scrypt(secret: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=64 * 2**20, dklen=32)


_NOBODY = f"scrypt${_COST}${_BLOCK}${_LANES}${'A' * 22}==${'A' * 43}="
"""A well-formed hash of nothing: an unknown client costs the same time as a known one."""
