"""Keys of departments, and sealing to them: JWE (RFC 7516), `ECDH-ES+A256KW` or `RSA-OAEP-256` with `A256GCM`.

Which algorithm goes with a key is fixed here and follows from its type; what a JWK says of it must agree. A key for
signing is refused: a department that uses one key for both shows by every signature who it is that can open.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.records import EntryKind, SealingKey
from gateway.runtime import Runtime
from gateway.security.client_keys import MAX_RSA_BITS, MIN_RSA_BITS, PRIVATE_MEMBERS, rsa_bits
from gateway.security.receipt_keys import ReceiptKeys

ENCRYPTION = "A256GCM"
SEALED_TYPE = "sealed-values+jwe"
SIGNATURE_TYPE = "sealed-values+jws"
_CURVES = frozenset({"P-256", "P-384", "P-521", "X25519"})
_SHAPES = "P-256, P-384 or P-521 (EC), X25519 (OKP) or RSA of 2048 to 8192 bits"
_LONGEST_KID, _LONGEST_NAME = 200, 100

PublicKey = ECKey | OKPKey | RSAKey


class SealedTo:
    """Seals to one key of one department; see `gateway.resolution.commands.Sealing`."""

    def __init__(self, key: SealingKey, receipts: ReceiptKeys) -> None:
        self._receipts = receipts
        self._key = read_key(key.jwk)
        self._algorithm = algorithm_of(self._key)
        self._registry = jwe.JWERegistry(algorithms=[self._algorithm, ENCRYPTION])
        self.kid = key.kid

    def seal(self, plaintext: bytes, resolution_id: str) -> dict[str, str]:
        """The compact JWE, its algorithms, and our signature over it (RFC 7515, appendix F), for the department.

        Whoever has the public key can make a JWE; the signature says that this one is ours and of that resolution.
        """
        header = {
            "alg": self._algorithm,
            "enc": ENCRYPTION,
            "kid": self.kid,
            "typ": SEALED_TYPE,
            "cty": "json",
        }
        sealed = jwe.encrypt_compact(header, plaintext, self._key, registry=self._registry)
        signature = self._receipts.sign_detached(sealed.encode(), SIGNATURE_TYPE, {"jti": resolution_id})
        return {"alg": self._algorithm, "enc": ENCRYPTION, "jwe": sealed, "signature": signature}


async def sealing_to(department: str, receipts: ReceiptKeys, runtime: Runtime) -> SealedTo:
    """What seals to the newest key of that department; raises `Conflict` where it has none."""
    found = await runtime.store.sealing_keys.newest(department)
    if found is None:
        raise Conflict(
            "no_sealing_key",
            "Your department has registered no key that values could be sealed to. Have its administrator register one "
            "(oncegate sealing-key add), or ask for `masked` delivery. No source was asked.",
        )
    return SealedTo(found, receipts)


async def add_sealing_key(department: str, jwk: object, runtime: Runtime, *, by: str = ITSELF) -> SealingKey:
    """The key, durable with its entry; from now on it is the one. Raises `BadRequest` saying why not, or `Conflict`."""
    now = runtime.clock()
    if not 1 <= len(department) <= _LONGEST_NAME or not department.isprintable():
        raise BadRequest("department", f"A department's name has 1 to {_LONGEST_NAME} printable characters.")
    public = check_key(jwk)
    made = SealingKey(
        runtime.new_reference("slk", now),
        department,
        public["kid"],
        public,
        now,
        runtime.new_reference("aud", now),
    )
    entry = _entry(made, made.entry_id, "added", runtime, by)
    try:
        await runtime.store.sealing_keys.add(made, entry)
    except Conflict:
        raise Conflict(
            "sealing_key_exists",
            f"{department} has a key {made.kid!r} that stands. End it first, or give the new one its own `kid`.",
        ) from None
    runtime.telemetry.entries(EntryKind.sealing_key_changed)
    return made


async def end_sealing_key(key_id: str, runtime: Runtime, *, by: str = ITSELF) -> SealingKey:
    """The key, to which nothing is sealed any more; ending it twice is harmless. Raises `NotFound`."""
    found = await runtime.store.sealing_keys.read(key_id)
    if found is None:
        raise NotFound("unknown_sealing_key", "There is no such key; `oncegate sealing-key list` shows them.")
    if found.ended_at is not None:
        return found
    now = runtime.clock()
    entry = _entry(found, runtime.new_reference("aud", now), "ended", runtime, by)
    if await runtime.store.sealing_keys.end(key_id, now, entry):
        runtime.telemetry.entries(EntryKind.sealing_key_changed)
    return replace(found, ended_at=now, ended_entry=entry.id)


def key_view(key: SealingKey) -> dict[str, Any]:
    """A key as whoever manages it sees it: the public one."""
    return {
        "id": key.id,
        "department": key.department,
        "kid": key.kid,
        "alg": algorithm_of(read_key(key.jwk)),
        "enc": ENCRYPTION,
        "jwk": dict(key.jwk),
        "added_at": key.added_at,
        "ended_at": key.ended_at,
    }


def check_key(jwk: object) -> dict[str, Any]:
    """The public key as it is registered, with a `kid`: its thumbprint (RFC 7638) where it had none.

    Raises `BadRequest("sealing_key", …)` that says what is wrong with it.
    """
    if not isinstance(jwk, Mapping):
        raise _bad('A JWK is a JSON object: {"kty": "EC", "crv": "P-256", "x": …, "y": …, "use": "enc"}.')
    if PRIVATE_MEMBERS & jwk.keys():
        raise _bad("It holds private or secret parts. Register the public key; treat this one as leaked.")
    try:
        if bits := rsa_bits(jwk):  # before the import, which would only warn of a short modulus
            _require(MIN_RSA_BITS <= bits <= MAX_RSA_BITS, f"has {bits} bits")
        key = read_key(jwk)
    except (JoseError, ValueError, KeyError, TypeError):
        raise _bad(f"It is not a usable JWK. Use {_SHAPES}.") from None
    _require(isinstance(key, RSAKey) or key.curve_name in _CURVES, "is on a curve for signing alone")
    _require(jwk.get("use") == "enc", 'is not marked "use": "enc"')
    _require(jwk.get("alg") in (None, algorithm_of(key)), f"names another algorithm than {algorithm_of(key)}")
    kid = jwk.get("kid", key.thumbprint())
    _require(
        isinstance(kid, str) and 1 <= len(kid) <= _LONGEST_KID and kid.isprintable(), "has no usable `kid`"
    )
    return {**key.as_dict(private=False), "use": "enc", "kid": kid}


def read_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key of a JWK; raises what the library raises, and `TypeError` for a symmetric one."""
    known = ("kty", "crv", "x", "y", "n", "e")
    key = JWKRegistry.import_key({name: jwk[name] for name in known if name in jwk})
    if not isinstance(key, ECKey | OKPKey | RSAKey):
        raise TypeError("a symmetric key")
    return key


def algorithm_of(key: PublicKey) -> str:
    """How the content key travels to that key."""
    return "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES+A256KW"


def _entry(key: SealingKey, entry_id: str, what: str, runtime: Runtime, by: str) -> Any:
    facts = {"department": key.department, "key": key.id, "kid": key.kid, "what": what}
    kind, now = EntryKind.sealing_key_changed, runtime.clock()
    return make_entry(entry_id, kind, now, caller=by, request=None, facts=facts)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise _bad(f'It {what}. Use {_SHAPES}, with "use": "enc".')


def _bad(detail: str) -> BadRequest:
    return BadRequest("sealing_key", detail)
