"""Caches behind the port `gateway.ports.Cache`: in the process, or Redis or Valkey shared by all workers."""

from gateway.cache.memory import MemoryCache
from gateway.ports import Cache, RateAccount

__all__ = ["MemoryCache", "make_cache", "make_rate_account"]


def make_cache(cache_url: str | None) -> Cache:
    """The cache that the setting `cache_url` names; opens nothing yet."""
    if not cache_url:
        return MemoryCache()
    from gateway.cache.redis import RedisCache

    return RedisCache(cache_url)


def make_rate_account(cache_url: str | None, workers: int) -> RateAccount | None:
    """The account by which several workers lend one another tokens; None where there is nobody to lend to."""
    if not cache_url or workers == 1:
        return None
    from gateway.cache.redis_rates import RedisRateAccount

    return RedisRateAccount(cache_url)
