"""The demonstration city 示范市: a synthetic population, and its registers as real sources on loopback.

`make_city` is pure; `start_city` brings the registers up in a process of their own.
"""

from gateway.demo.city import RunningCity, start_city
from gateway.demo.population import make_city
from gateway.demo.records import Case, City

__all__ = ["Case", "City", "RunningCity", "make_city", "start_city"]
