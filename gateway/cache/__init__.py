"""Caches behind the port `gateway.ports.Cache`: in the process, or Redis or Valkey shared by all workers."""

from gateway.cache.memory import MemoryCache
from gateway.ports import Cache

__all__ = ["MemoryCache", "make_cache"]


def make_cache(cache_url: str | None) -> Cache:
    """The cache that the setting `cache_url` names; opens nothing yet."""
    if not cache_url:
        return MemoryCache()
    from gateway.cache.redis import RedisCache

    return RedisCache(cache_url)
