"""Structured logs: an event name and its data, as JSON or for a terminal, with the trace id of the request.

No personal value may stand in a log. Code does not log them; should it once do so by mistake, the last processor
drops what stands under a key that can hold one, and shortens exceptions to where they happened: an exception's text
can quote the value that caused it.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from gateway.settings import Settings

FORBIDDEN_KEYS = frozenset({
    "address", "answers", "api_key", "assertion", "authorization", "body", "client_assertion", "client_secret",
    "cookie", "database_url", "display", "id_no", "jwt", "mobile", "name", "password", "payload", "person", "phone",
    "plaintext", "plate_number", "raw", "secret", "subject", "subjects", "token", "uscc", "value", "values",
})  # fmt: skip
"""Keys whose values are never written, at any depth, in any spelling of case."""

_CHATTY = (
    "alembic",
    "sqlalchemy.engine",
    "uvicorn.access",
    "httpx",
)  # they write statements and paths
REDACTED = "[redacted]"
Event = MutableMapping[str, Any]


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log of the process through here, to stderr unless `stream` is given. May be called again."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        shorten_exception,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(settings, shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def get_logger(name: str) -> Any:
    """A logger: `log.info("event_name", key=value)`. Events are snake_case names, not sentences."""
    return structlog.stdlib.get_logger(name)


def bind_trace(trace_id: str) -> None:
    """Put the trace id on every log line of this task and those it starts; ends with the task of the request."""
    structlog.contextvars.bind_contextvars(trace_id=trace_id)


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """The event without the values of forbidden keys, at any depth."""
    return {key: _clean(key, value) for key, value in event.items()}


def shorten_exception(_logger: Any, _method: str, event: Event) -> Event:
    """The event with an exception reduced to its type and the lines it passed, without its text."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        event["at"] = locations(error)
    return event


def locations(error: BaseException, most: int = 8) -> list[str]:
    """Where an exception was raised: the innermost frames as "module:line", last one raising."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return frames[-most:]


def _clean(key: object, value: Any) -> Any:
    if isinstance(key, str) and key.lower().replace("-", "_") in FORBIDDEN_KEYS:
        return REDACTED
    if isinstance(value, dict):
        return {inner: _clean(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(None, item) for item in value]
    return value


def _formatter(settings: Settings, shared: list[Any]) -> logging.Formatter:
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
