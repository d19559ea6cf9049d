"""Opening another shard after a disaster: an operator's act, told by the first entry of the new tree."""

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.audit.sequencer import Sequencer
from gateway.audit.shards import Break
from gateway.records import Entry, EntryKind
from gateway.runtime import Runtime


async def open_shard(sequencer: Sequencer, runtime: Runtime, *, reason: str, caller: str = ITSELF) -> Break:
    """What the new tree begins with. `reason`: in the operator's words, sealed in the entry.

    Raises `Conflict` where the log is the one that was signed, `LogUnsound` where the last good one is not known.
    """

    def entry(broken: Break) -> Entry:
        now = runtime.clock()
        return make_entry(
            runtime.new_reference("aud", now),
            EntryKind.shard_opened,
            now,
            caller=caller,
            request=None,
            facts=broken.facts(),
            private={"reason": reason},
            sealer=runtime.sealer,
        )

    broken = await sequencer.open_shard(entry)
    runtime.telemetry.entries(EntryKind.shard_opened)
    return broken
