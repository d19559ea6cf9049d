"""Step 12, measure: counters of what happened; names and counts, never values. Never fails the request."""

from gateway.records import EntryKind
from gateway.resolution.settle import Settled
from gateway.telemetry import Telemetry


def measure(settled: Settled, seconds: float, telemetry: Telemetry) -> None:
    """Count one answered resolution, its outcomes, its entries and the alarms it raised."""
    telemetry.resolution("answered", seconds, settled.plan.compiled.form.id)
    telemetry.fields({str(code): number for code, number in settled.counts.by_outcome.items()})
    telemetry.entries(EntryKind.intent)
    telemetry.entries(EntryKind.outcome)
    for source in settled.combined.alarms:
        telemetry.wrong_subject(source)
