"""Counters and histograms as plain numbers, shown to Prometheus when it asks.

A request moves some twenty of them. The client library's own children lock several times and call several levels deep
for each (5 µs); here it is one lock and an addition, and all formatting waits for the scrape. A label that would make
the thousandth child is counted as "other", so that a mistake elsewhere cannot fill the memory.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Labels = tuple[str, ...]

_MAX_CHILDREN = 1_000


class Counts(Collector):
    """A counter by labels. Safe from any thread."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._lock = Lock()
        self._counts: dict[Labels, float] = {}
        registry.register(self)

    def add(self, labels: Labels, count: float = 1) -> None:
        """Count so many more; raises for fewer and for what is no number."""
        if count < 0:
            raise ValueError("a counter only grows")
        with self._lock:
            if labels in self._counts:
                self._counts[labels] += count
            else:
                known = _child(self._counts, labels)
                self._counts[known] = self._counts.get(known, 0) + count

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What is counted so far."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self.counts().items():
            family.add_metric(labels, count)
        yield family

    def counts(self) -> dict[Labels, float]:
        """What each child stands at."""
        with self._lock:
            return dict(self._counts)


class Distribution(Collector):
    """A histogram by labels. Safe from any thread. `bounds`: ascending, each inclusive; infinity is added.

    `shown`: the labels that Prometheus is shown, what is counted by the others added up; None shows all. `most`:
    children it keeps apart.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        bounds: Sequence[float],
        *labels: str,
        shown: tuple[str, ...] | None = None,
        most: int = _MAX_CHILDREN,
    ) -> None:
        self._name, self._text, self._bounds, self._most = name, text, bounds, most
        self._shown = labels if shown is None else shown
        self._places = [labels.index(each) for each in self._shown]
        self._lock = Lock()
        self._children: dict[Labels, list[float]] = {}
        if not labels:
            self._children[()] = self._blank()
        registry.register(self)

    def observe(self, labels: Labels, amount: float) -> None:
        """Note one amount; raises for what is no number."""
        bucket = bisect_left(self._bounds, amount)
        with self._lock:
            child = self._children.get(labels) or self._child(labels)
            child[bucket] += 1
            child[-1] += amount

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What is noted so far."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._shown)
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        for labels, (*counts, total) in self._summed().items():
            at_most = [sum(counts[: place + 1]) for place in range(len(counts))]
            family.add_metric(labels, list(zip(names, at_most, strict=True)), total)
        yield family

    def counts(self) -> dict[Labels, tuple[int, ...]]:
        """How many amounts each child has noted so far: per bound, the last beyond them all."""
        with self._lock:
            return {labels: tuple(map(int, child[:-1])) for labels, child in self._children.items()}

    def _child(self, labels: Labels) -> list[float]:
        """The child that labels never seen are counted by."""
        return self._children.setdefault(_child(self._children, labels, self._most), self._blank())

    def _summed(self) -> dict[Labels, list[float]]:
        with self._lock:
            children = [(labels, list(child)) for labels, child in self._children.items()]
        summed: dict[Labels, list[float]] = {} if self._shown else {(): self._blank()}
        for labels, child in children:
            into = summed.setdefault(tuple(labels[place] for place in self._places), self._blank())
            for place, count in enumerate(child):
                into[place] += count
        return summed

    def _blank(self) -> list[float]:
        """One count per bucket, the last of them without bound, and the sum of all amounts."""
        return [0.0] * (len(self._bounds) + 2)


class Observations(Collector):
    """A counter of how often a distribution noted anything, by all its labels. Costs nothing until it is asked."""

    def __init__(
        self, registry: CollectorRegistry, name: str, text: str, of: Distribution, *labels: str
    ) -> None:
        self._name, self._text, self._of, self._labels = name, text, of, labels
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What is counted so far."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, counts in self._of.counts().items():
            family.add_metric(labels, sum(counts))
        yield family


def _child(
    children: dict[Labels, float] | dict[Labels, list[float]], labels: Labels, most: int = _MAX_CHILDREN
) -> Labels:
    if labels in children:
        return labels
    if not all(isinstance(label, str) for label in labels):
        raise TypeError(
            "labels are text"
        )  # here, where it costs one metric, not at the scrape, where it costs all
    return labels if len(children) < most else ("other",) * len(labels)
