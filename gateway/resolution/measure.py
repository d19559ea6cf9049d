"""Step 12, measure: counters of what happened; names and counts, never values. Never fails the request."""

from gateway.records import EntryKind
from gateway.resolution.settle import Settled
from gateway.telemetry import Telemetry

_ENTRIES = (EntryKind.intent, EntryKind.outcome)


def measure(settled: Settled, seconds: float, telemetry: Telemetry) -> None:
    """Count one answered resolution, its outcomes, its entries and the alarms it raised."""
    form, fields = settled.plan.compiled.form.id, settled.counts.by_outcome.items()
    telemetry.resolution("answered", seconds, form, fields=fields, entries=_ENTRIES)
    for source in settled.combined.alarms:
        telemetry.wrong_subject(source)
