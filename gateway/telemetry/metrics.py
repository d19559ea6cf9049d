"""What the service counts, one registry per application so that many can live in one process.

Recording never fails a request: a method here raises nothing. Labels come from closed lists or from the registry
(source ids).
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.telemetry.logs import get_logger
from gateway.telemetry.tallies import Counts, Distribution, Observations

P = ParamSpec("P")

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BOUNDS_MS = tuple(round(1000 * seconds) for seconds in _SECONDS)
"""The times that are told apart, in ms, each inclusive."""

# A province has 200 sources, each with some ten outcomes, and 20,000 forms; Prometheus is shown neither product.
_MOST_OUTCOMES, _MOST_FORMS = 4_000, 20_000
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_log = get_logger(__name__)


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
        self._resolutions = self._counts("resolutions", "Resolutions answered or failed.", "outcome")
        self._seconds = self._times(
            "resolution_seconds", "Time to answer a resolution.", _SECONDS, "form", shown=(), most=_MOST_FORMS
        )
        self._fields = self._counts("fields", "Fields by outcome.", "outcome")
        self._call_seconds = self._times(
            "source_seconds",
            "Time a source took to answer.",
            _SECONDS,
            "source",
            "outcome",
            shown=("source",),
            most=_MOST_OUTCOMES,
        )
        self._calls = Observations(
            self.registry,
            "oncegate_source_calls",
            "Calls to sources.",
            self._call_seconds,
            "source",
            "outcome",
        )
        self._not_asked = self._counts(
            "source_not_asked", "Calls not made: the breaker open, or maintenance.", "source", "outcome"
        )
        self._wrong_subjects = self._counts(
            "wrong_subject", "Answers about somebody else: an alarm.", "source"
        )
        self._gate_refusals = self._counts("gate_refusals", "Asks stopped at a gate.", "gate")
        self._entries = self._counts("entries", "Log entries committed.", "kind")
        self._batches = self._times("commit_batch_size", "Requests that shared one commit.", _SIZES)
        self._problems = self._counts("problems", "Problems answered, by code.", "code")
        self._limited = self._counts("rate_limited", "Requests refused for their rate.", "route")

    @_never_raises
    def resolution(
        self,
        outcome: str,
        seconds: float,
        form: str = "",
        *,
        fields: Iterable[tuple[str, int]] = (),
        entries: Iterable[str] = (),
    ) -> None:
        """One resolution of that form ended: "answered" or "failed", after so many seconds.

        `fields`: outcomes, and how many ended with each. `entries`: kinds of the entries that are durable now.
        """
        self._resolutions.add((outcome,))
        self._seconds.observe((form,), seconds)
        for code, count in fields:
            self._fields.add((code,), count)
        for kind in entries:
            self._entries.add((kind,))

    @_never_raises
    def source_call(self, source: str, outcome: str, seconds: float) -> None:
        """One call to a source ended with that outcome code, after so many seconds."""
        self._call_seconds.observe((source, outcome), seconds)

    @_never_raises
    def source_not_asked(self, source: str, outcome: str) -> None:
        """A call was not made at all: "circuit_open" or "maintenance"."""
        self._not_asked.add((source, outcome))

    @_never_raises
    def wrong_subject(self, source: str) -> None:
        """A source answered about somebody else; any increase is an alarm."""
        self._wrong_subjects.add((source,))
        _log.error("wrong_subject", source=source)

    @_never_raises
    def gate_refusal(self, gate: str, count: int = 1) -> None:
        """Asks that a gate stopped: "pull" or "release"."""
        self._gate_refusals.add((gate,), count)

    @_never_raises
    def entries(self, kind: str, count: int = 1) -> None:
        """Entries of one kind that are durable now."""
        self._entries.add((kind,), count)

    @_never_raises
    def commit_batch(self, size: int) -> None:
        """How many requests shared one commit."""
        self._batches.observe((), size)

    @_never_raises
    def problem(self, code: str) -> None:
        """A problem was answered with that stable code."""
        self._problems.add((code,))

    @_never_raises
    def rate_limited(self, route: str) -> None:
        """A caller was over its rate on a route of that class: "resolutions", "token" …"""
        self._limited.add((route,))

    def render(self) -> bytes:
        """Everything counted so far, in the text format that `CONTENT_TYPE` names."""
        return generate_latest(self.registry)

    def calls_so_far(self) -> dict[tuple[str, str, int | None], int]:
        """Calls by source, outcome and the time in ms they took at most; None beyond all, 0 where none was made."""
        so_far = _by_time(self._call_seconds)
        for (source, outcome), count in self._not_asked.counts().items():
            so_far[source, outcome, 0] = int(count)
        return so_far

    def answers_so_far(self) -> dict[tuple[str, int | None], int]:
        """Resolutions by form and the time in ms they took at most; None beyond all."""
        return _by_time(self._seconds)

    def _counts(self, name: str, text: str, *labels: str) -> Counts:
        return Counts(self.registry, f"oncegate_{name}", text, *labels)

    def _times(
        self,
        name: str,
        text: str,
        bounds: tuple[float, ...],
        *labels: str,
        shown: tuple[str, ...] | None = None,
        most: int = 1_000,
    ) -> Distribution:
        return Distribution(self.registry, f"oncegate_{name}", text, bounds, *labels, shown=shown, most=most)


def _by_time(noted: Distribution) -> dict[tuple[Any, ...], int]:
    return {
        (*labels, up_to): count
        for labels, counts in noted.counts().items()
        for up_to, count in zip((*BOUNDS_MS, None), counts, strict=True)
        if count
    }
