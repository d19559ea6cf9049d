"""What the service says of itself: metrics for Prometheus and structured logs. Names and counts, never values."""

from gateway.telemetry.logs import bind_trace, configure_logging, get_logger, locations
from gateway.telemetry.metrics import CONTENT_TYPE, Telemetry

__all__ = ["CONTENT_TYPE", "Telemetry", "bind_trace", "configure_logging", "get_logger", "locations"]
