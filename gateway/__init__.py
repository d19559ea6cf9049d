"""OnceGate 一采通: the gateway that ends re-typing at government counters (数据最多采一次)."""

from importlib.metadata import version

__version__ = version("oncegate")
