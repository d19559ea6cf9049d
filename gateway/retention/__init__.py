"""How long things are kept and how they end: erasing a subject, and bringing what is sealed under the newest root."""

from gateway.retention.erase import Erased, erase_subject
from gateway.retention.rekey import rewrap, root_uses

__all__ = ["Erased", "erase_subject", "rewrap", "root_uses"]
