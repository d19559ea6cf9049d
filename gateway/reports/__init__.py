"""Reports: rates that carry their counts."""

from gateway.reports.rates import DEFINITION, Rate

__all__ = ["DEFINITION", "Rate"]
