"""DPoP proofs, accepted once (RFC 9449): read, tied to the expected key, and never seen before.

Seen before is asked of the cache, which may have forgotten. A flushed, restarted or new one therefore takes a proof
without nonce only if it was made after that cache began to remember, and one with a nonce only if the nonce was given
for this very memory; else the client is handed a nonce and tries again. While the cache is away the database stands
in, and takes proofs with a nonce of its own alone. Losing a cache costs a round trip; it never lets a replay through.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.errors import CacheUnavailable
from gateway.ports import Cache, Replays
from gateway.records import Sighting
from gateway.security.dpop import FUTURE, PAST, Proof, read_proof
from gateway.security.jws import Refused
from gateway.security.keys import KeyRing
from gateway.security.nonces import Nonces

_DATABASE = "database"
_SKEW = timedelta(seconds=30)
"""How far the clocks of two workers may differ."""


class NonceWanted(Refused):
    """The proof may have been used before, as far as is known here; `nonce` is for the next one."""

    def __init__(self, nonce: str) -> None:
        super().__init__("proof_nonce_wanted")
        self.nonce = nonce


class ProofMemory:
    """Remembers used proofs: in the cache while it answers, else in the database.

    `cache`: None where several workers have none in common; then the database remembers them all, `since` it is asked.
    """

    def __init__(self, cache: Cache | None, replays: Replays) -> None:
        self._cache = cache
        self._replays = replays
        self._since: datetime | None = None

    async def sight(self, key: str, until: datetime, now: datetime) -> Sighting:
        """Whether that key is new, and who says so. Raises `StoreUnavailable` when nobody can say."""
        if self._cache is not None:
            try:
                return await self._cache.sight(key, until - now, now)
            except CacheUnavailable:
                return Sighting(await self._replays.add_once(key, until), _DATABASE, None)
        self._since = self._since or now
        return Sighting(await self._replays.add_once(key, until), _DATABASE, self._since)


class Proofs:
    """Accepts proofs of possession, each once."""

    def __init__(self, ring: KeyRing, memory: ProofMemory) -> None:
        self._digest_key = ring.derive_fixed("used-once")
        self._nonces = Nonces(ring)
        self._memory = memory

    async def accept(
        self,
        headers: Sequence[str],
        *,
        method: str,
        url: str,
        now: datetime,
        token: str | None = None,
        key: str | None = None,
    ) -> str:
        """Thumbprint of the key whose holder sends this request. `headers`: every DPoP header it has.

        `token`, `key`: the access token, and the thumbprint that it is bound to. Raises `Refused`, `NonceWanted`
        among them, or `StoreUnavailable`.
        """
        if len(headers) != 1:
            raise Refused("proof_repeated" if headers else "proof_missing")
        proof = read_proof(headers[0], method=method, url=url, token=token, now=now)
        if key is not None and proof.key != key:
            raise Refused("proof_of_another_key")
        await self._use(proof, now)
        return proof.key

    async def _use(self, proof: Proof, now: datetime) -> None:
        used = hmac.digest(self._digest_key, f"dpop\x1f{proof.key}\x1f{proof.id}".encode(), "sha256").hex()
        # As long as some worker's clock would still take it.
        until = now + PAST + FUTURE + _SKEW
        seen = await self._memory.sight(used, until, now)
        if not seen.is_new:
            raise Refused("proof_replayed")
        if not self._is_from_here(proof, seen, now):
            raise NonceWanted(self._nonces.give(seen.memory, now))

    def _is_from_here(self, proof: Proof, seen: Sighting, now: datetime) -> bool:
        """Whether this memory would know the proof, had it been used before."""
        if proof.nonce is not None:
            return self._nonces.is_given(proof.nonce, seen.memory, now)
        return seen.since is not None and proof.issued > (seen.since + FUTURE + _SKEW).timestamp()
