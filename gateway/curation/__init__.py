"""Curation: how registry, policy and forms come into force."""

from gateway.curation.publish import Publisher
from gateway.curation.shipped import SHIPPED

__all__ = ["SHIPPED", "Publisher"]
