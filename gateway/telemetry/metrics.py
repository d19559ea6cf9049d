"""Counters and histograms, one registry per application so that many can live in one process.

Recording never fails a request: a method here raises nothing. Labels come from closed lists or from the registry
(source ids); a label that would make the thousandth child is counted as "other", so that a mistake elsewhere cannot
fill the memory. Children are looked up once: `labels()` costs more than the increment.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

from gateway.telemetry.logs import get_logger

P = ParamSpec("P")
M = TypeVar("M", Counter, Histogram)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_MAX_CHILDREN = 1_000
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_log = get_logger(__name__)


class _Children(Generic[M]):
    """The children of one metric by their labels; at most `_MAX_CHILDREN`."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def __call__(self, *labels: str) -> M:
        child = self._children.get(labels)
        if child is None:
            if len(self._children) >= _MAX_CHILDREN:
                labels = ("other",) * len(labels)
            child = self._children[labels] = self._metric.labels(*labels)
        return child


def _never_raises(record: Callable[P, None]) -> Callable[P, None]:
    @wraps(record)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            record(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  (a metric must never cost a person their form)
            _log.warning("metric_not_recorded", metric=record.__name__, error=type(error).__name__)

    return recorded


class Telemetry:
    """Everything the service counts. Methods are named after what happened and may be called from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._resolutions = _Children(
            self._counter("resolutions", "Resolutions answered or failed.", "outcome")
        )
        self._seconds = self._histogram("resolution_seconds", "Time to answer a resolution.", _SECONDS)
        self._fields = _Children(self._counter("fields", "Fields by outcome.", "outcome"))
        self._calls = _Children(self._counter("source_calls", "Calls to sources.", "source", "outcome"))
        self._call_seconds = _Children(
            self._histogram("source_seconds", "Time a source took to answer.", _SECONDS, "source")
        )
        self._wrong_subjects = _Children(
            self._counter("wrong_subject", "Answers about somebody else: an alarm.", "source")
        )
        self._gate_refusals = _Children(self._counter("gate_refusals", "Asks stopped at a gate.", "gate"))
        self._entries = _Children(self._counter("entries", "Log entries committed.", "kind"))
        self._batches = self._histogram("commit_batch_size", "Requests that shared one commit.", _SIZES)
        self._problems = _Children(self._counter("problems", "Problems answered, by code.", "code"))

    @_never_raises
    def resolution(self, outcome: str, seconds: float) -> None:
        """One resolution ended: "answered" or "failed", after so many seconds."""
        self._resolutions(outcome).inc()
        self._seconds.observe(seconds)

    @_never_raises
    def fields(self, counts: Mapping[str, int]) -> None:
        """Outcomes of the fields of one resolution, already counted."""
        for outcome, count in counts.items():
            self._fields(outcome).inc(count)

    @_never_raises
    def source_call(self, source: str, outcome: str, seconds: float) -> None:
        """One call to a source ended with that outcome code, after so many seconds."""
        self._calls(source, outcome).inc()
        self._call_seconds(source).observe(seconds)

    @_never_raises
    def wrong_subject(self, source: str) -> None:
        """A source answered about somebody else; any increase is an alarm."""
        self._wrong_subjects(source).inc()
        _log.error("wrong_subject", source=source)

    @_never_raises
    def gate_refusal(self, gate: str, count: int = 1) -> None:
        """Asks that a gate stopped: "pull" or "release"."""
        self._gate_refusals(gate).inc(count)

    @_never_raises
    def entries(self, kind: str, count: int = 1) -> None:
        """Entries of one kind that are durable now."""
        self._entries(kind).inc(count)

    @_never_raises
    def commit_batch(self, size: int) -> None:
        """How many requests shared one commit."""
        self._batches.observe(size)

    @_never_raises
    def problem(self, code: str) -> None:
        """A problem was answered with that stable code."""
        self._problems(code).inc()

    def render(self) -> bytes:
        """Everything counted so far, in the text format that `CONTENT_TYPE` names."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"oncegate_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"oncegate_{name}", text, labels, buckets=buckets, registry=self.registry)
