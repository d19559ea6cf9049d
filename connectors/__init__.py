"""How sources are asked: one connector per source, an answer or a reason for every ask, under a deadline.

Asking many at once is `connectors.gather`, on purpose not re-exported: only the resolution pipeline may use it.
"""

from connectors.errors import BadConfiguration, ConnectorError, SourceBroken, SourceDenied, SourceTimeout
from connectors.protocol import Connector, Environment, Found, Health, Record
from connectors.registry import build_connector, config_schemas

__all__ = [
    "BadConfiguration",
    "Connector",
    "ConnectorError",
    "Environment",
    "Found",
    "Health",
    "Record",
    "SourceBroken",
    "SourceDenied",
    "SourceTimeout",
    "build_connector",
    "config_schemas",
]
