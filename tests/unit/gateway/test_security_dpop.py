"""DPoP: proofs that are read, remembered and asked for again; what forgetting costs, and that it permits nothing."""

import hashlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from joserfc import jws as jose
from joserfc.jwk import ECKey

from gateway.cache import MemoryCache
from gateway.cache.redis import RedisCache
from gateway.errors import CacheUnavailable, StoreUnavailable
from gateway.records import Sighting
from gateway.security import KeyRing
from gateway.security.dpop import read_proof, token_hash
from gateway.security.jws import Refused
from gateway.security.nonces import Nonces
from gateway.security.proofs import NonceWanted, ProofMemory, Proofs
from gateway.store.replays import MemoryReplays

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)
RING = KeyRing([b"r" * 32])
KEY = ECKey.generate_key("P-256")
URL = "https://gate.example/v1/forms"

# The example of RFC 9449, section 4.2, and the thumbprint of its key from section 6.1.
RFC_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoR"
    "jQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdG"
    "kiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTY"
    "yMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)


def make_proof(**changes: Any) -> str:
    """A good proof, with changes."""
    good = {"jti": "j1", "htm": "GET", "htu": URL, "iat": NOW.timestamp()}
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False)}
    return jose.serialize_compact(header, orjson.dumps(claims), KEY)


async def accept(proofs: Proofs, proof: str, now: datetime = NOW, **more: Any) -> str:
    """Accept it for the usual request."""
    return await proofs.accept([proof], method="GET", url=URL, now=now, **more)


class LostCache(MemoryCache):
    """A cache that is away while `is_lost`."""

    is_lost = False

    async def sight(self, key: str, ttl: timedelta, now: datetime) -> Sighting:
        """As the port promises when the cache is away."""
        if self.is_lost:
            raise CacheUnavailable("cache_unavailable", "Try again.")
        return await super().sight(key, ttl, now)


class LostReplays(MemoryReplays):
    """A database that cannot be reached."""

    async def add_once(self, key: str, until: datetime) -> bool:
        """As the port promises when the database is away."""
        raise StoreUnavailable("store_unavailable", "Try again.")


# ---------------------------------------------------------------- reading


def test_the_example_of_the_rfc_is_read() -> None:
    """The published proof holds for its request, and its key has the published thumbprint."""
    at = datetime.fromtimestamp(1562262616, UTC)

    proof = read_proof(RFC_PROOF, method="POST", url="https://server.example.com/token", token=None, now=at)

    assert (proof.key, proof.id) == ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "-BwC3ESc6acc2lTc")


def test_the_hash_of_a_token_is_the_rfcs() -> None:
    """`ath` is the SHA-256 of the token's text in base64url."""
    digest = hashlib.sha256(b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU").digest()

    assert (
        token_hash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU") == urlsafe_b64encode(digest).decode()[:43]
    )


@pytest.mark.parametrize(("seconds", "holds"), [(-60, True), (-61, False), (30, True), (31, False)])
def test_a_proof_lives_a_minute(seconds: int, holds: bool) -> None:
    """Made up to a minute ago, or half a minute ahead by a clock that is a little off."""
    proof = make_proof(iat=NOW.timestamp() + seconds)

    if holds:
        assert read_proof(proof, method="GET", url=URL, token=None, now=NOW).issued
    else:
        with pytest.raises(Refused, match="proof_time_wrong"):
            read_proof(proof, method="GET", url=URL, token=None, now=NOW)


def test_a_proof_shows_neither_id_nor_nonce() -> None:
    """What a client has chosen stays out of `repr`."""
    shown = repr(
        read_proof(make_proof(jti="mine", nonce="yours"), method="GET", url=URL, token=None, now=NOW)
    )

    assert "mine" not in shown
    assert "yours" not in shown


# ---------------------------------------------------------------- nonces


def test_a_nonce_lives_two_to_three_minutes() -> None:
    """Known again for at least two minutes, and not after three."""
    nonces = Nonces(RING)
    nonce = nonces.give("memory", NOW)

    known = [nonces.is_given(nonce, "memory", NOW + timedelta(seconds=each)) for each in (0, 120, 179, 180)]

    assert known == [True, True, True, False]


def test_a_nonce_is_for_one_memory_and_one_ring() -> None:
    """Another memory's name or another installation's key makes another nonce; every worker of ours makes the same."""
    nonce = Nonces(RING).give("memory", NOW)

    assert Nonces(RING).is_given(nonce, "memory", NOW)
    assert not Nonces(RING).is_given(nonce, "other", NOW)
    assert not Nonces(KeyRing([b"x" * 32])).is_given(nonce, "memory", NOW)


def test_a_rotated_root_key_keeps_nonces() -> None:
    """Workers that have read the new ring and those that have not know each other's."""
    rotated = KeyRing([b"n" * 32, b"r" * 32])

    assert Nonces(rotated).is_given(Nonces(RING).give("memory", NOW), "memory", NOW)


# ---------------------------------------------------------------- once, whatever is forgotten


async def nonce_of(proofs: Proofs, now: datetime, jti: str) -> str:
    """The nonce that is given to a client that has none of this memory."""
    with pytest.raises(NonceWanted) as caught:
        await accept(proofs, make_proof(jti=jti, nonce="none", iat=now.timestamp()), now)
    return caught.value.nonce


async def test_a_memory_that_is_new_wants_a_nonce_for_a_minute() -> None:
    """A process that has just started cannot know what was used before; a minute and a half later it does."""
    proofs = Proofs(RING, ProofMemory(MemoryCache(), MemoryReplays()))
    with pytest.raises(NonceWanted):
        await accept(proofs, make_proof())

    taken = []
    for seconds in (30, 60, 61, 200):
        now = NOW + timedelta(seconds=seconds)
        try:
            await accept(proofs, make_proof(jti=f"s{seconds}", iat=now.timestamp()), now)
            taken.append(seconds)
        except NonceWanted:
            pass

    assert taken == [61, 200]


async def test_with_its_nonce_a_new_memory_takes_a_proof_once() -> None:
    """The retry is served at once; the same proof again is not."""
    proofs = Proofs(RING, ProofMemory(MemoryCache(), MemoryReplays()))
    proof = make_proof(nonce=await nonce_of(proofs, NOW, "first"))

    assert await accept(proofs, proof) == KEY.thumbprint()
    with pytest.raises(Refused, match="proof_replayed"):
        await accept(proofs, proof)


async def test_no_replay_passes_when_the_cache_comes_and_goes() -> None:
    """Used in the cache, in the database while the cache is away, and after its return: each proof passes once."""
    cache = LostCache()
    proofs = Proofs(RING, ProofMemory(cache, MemoryReplays()))
    of_cache = make_proof(jti="a", nonce=await nonce_of(proofs, NOW, "first"))
    await accept(proofs, of_cache)
    cache.is_lost = True
    of_database = make_proof(jti="b", nonce=await nonce_of(proofs, NOW, "second"))
    await accept(proofs, of_database)

    replays = []
    for is_lost in (True, False, True):
        cache.is_lost = is_lost
        for proof in (of_cache, of_database):
            with pytest.raises(Refused) as caught:
                await accept(proofs, proof)
            replays.append(str(caught.value))

    assert set(replays) <= {"proof_nonce_wanted", "proof_replayed"}


async def test_while_the_cache_is_away_no_proof_passes_without_nonce() -> None:
    """The database knows only what it saw itself: slower by a round trip, never more permissive."""
    cache = LostCache()
    proofs = Proofs(RING, ProofMemory(cache, MemoryReplays()))
    with pytest.raises(NonceWanted):
        await accept(proofs, make_proof(jti="begin"))
    await accept(proofs, used := make_proof(jti="used", iat=LATER.timestamp()), LATER)

    cache.is_lost = True

    with pytest.raises(NonceWanted):
        await accept(proofs, used, LATER)
    with pytest.raises(NonceWanted):
        await accept(proofs, make_proof(jti="fresh", iat=LATER.timestamp()), LATER)


async def test_without_cache_and_database_nothing_is_believed() -> None:
    """Nobody can say whether the proof was used: 503, not yes."""
    cache = LostCache()
    cache.is_lost = True

    with pytest.raises(StoreUnavailable):
        await accept(Proofs(RING, ProofMemory(cache, LostReplays())), make_proof())


async def test_workers_without_a_common_cache_share_the_database() -> None:
    """Each with a memory of its own would take a proof once per worker."""
    replays = MemoryReplays()
    one, two = (Proofs(RING, ProofMemory(None, replays)) for _ in range(2))
    proof = make_proof(nonce=await nonce_of(one, NOW, "first"))
    await accept(one, proof)

    with pytest.raises(Refused, match="proof_replayed"):
        await accept(two, proof)


@pytest.mark.servers
async def test_a_flushed_server_lets_no_replay_through(valkey_url: str) -> None:
    """Two workers over one Valkey, flushed between use and replay: a nonce is wanted, and the retry passes once."""
    import redis

    caches = [RedisCache(valkey_url) for _ in range(2)]
    one, two = (Proofs(RING, ProofMemory(cache, MemoryReplays())) for cache in caches)
    await nonce_of(one, NOW, "begin")
    at = {"iat": LATER.timestamp()}
    used = make_proof(jti="a", nonce=await nonce_of(one, LATER, "first"), **at), make_proof(jti="b", **at)
    for proof in used:
        await accept(one, proof, LATER)

    with redis.Redis.from_url(valkey_url) as server:
        server.flushall()
    for proof in used:
        with pytest.raises(NonceWanted):
            await accept(two, proof, LATER)
    again = make_proof(jti="c", nonce=await nonce_of(two, LATER, "second"), iat=LATER.timestamp())
    passed = await accept(two, again, LATER)
    for cache in caches:
        await cache.close()

    assert passed == KEY.thumbprint()


async def test_a_forged_proof_leaves_nothing_behind() -> None:
    """What does not hold is refused before it is remembered: junk cannot fill the memory or spend an honest id."""
    cache = MemoryCache()
    proofs = Proofs(RING, ProofMemory(cache, MemoryReplays()))

    for forged in (make_proof()[:-4] + "AAAA", make_proof(htm="POST"), make_proof(iat=0)):
        with pytest.raises(Refused):
            await accept(proofs, forged)
    with pytest.raises(Refused, match="proof_of_another_key"):
        await accept(proofs, make_proof(), key="x" * 43)

    assert not cache._seen
