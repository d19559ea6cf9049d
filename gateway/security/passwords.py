"""Passwords of people, kept as scrypt hashes (RFC 7914) that cost a guess 32 MiB and some 200 ms.

People choose badly, so length is asked for and nothing else (no character classes, no expiry: NIST SP 800-63B-4), and
the one-time password they are given must be changed at the first log-in.
"""

import secrets

from gateway.errors import NotValid
from gateway.security.client_secrets import is_client_secret, scrypt_hash

SHORTEST, LONGEST = 12, 64
_MAX_BYTES = 200  # what `is_client_secret` reads: 64 Chinese characters
_COST, _BLOCK, _LANES = 2**15, 8, 3
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread when it is copied from paper
_NOBODY = f"scrypt${_COST}${_BLOCK}${_LANES}${'A' * 22}==${'A' * 43}="


def new_password() -> str:
    """A one-time password: four groups of five, 98 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def hash_password(password: str) -> str:
    """What to store instead of the password. Blocks for some 200 ms."""
    return scrypt_hash(password, _COST, _BLOCK, _LANES)


def is_password(password: str, stored: str | None) -> bool:
    """Whether that password was hashed to `stored`; takes as long when nothing is stored. Blocks for some 200 ms."""
    matches = is_client_secret(password[:LONGEST], stored or _NOBODY)
    return matches and stored is not None and len(password) <= LONGEST


def require_acceptable(password: str, *, before: str, login: str) -> None:
    """Nothing, or `NotValid`: too short or long, the same as before, or made of the login."""
    detail = ""
    if not SHORTEST <= len(password) <= LONGEST or len(password.encode()) > _MAX_BYTES:
        detail = f"A password has {SHORTEST} to {LONGEST} characters; a few unrelated words are easy to keep."
    elif password == before:
        detail = "Choose another password than the one you were given."
    elif login.lower() in password.lower() or len(set(password)) < 5:
        detail = "Choose a password without your login and of more than a few different characters."
    if detail:
        finding = {"pointer": "/new_password", "code": "password_not_acceptable", "detail": detail}
        raise NotValid("password_not_acceptable", detail, errors=[finding])
