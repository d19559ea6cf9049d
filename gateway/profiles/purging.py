"""Emptying kept values whose time is over; what they were given for stays counted as long as records are."""

from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF
from gateway.records import Entry, EntryKind
from gateway.runtime import Runtime


async def purge_profiles(runtime: Runtime) -> int:
    """How many values were emptied; the purge is an entry. Raises `StoreUnavailable`."""
    now = runtime.clock()

    def entry(purged: int) -> Entry:
        facts = {"values": purged}
        entry_id = runtime.new_reference("aud", now)
        return make_entry(entry_id, EntryKind.profile_purged, now, caller=ITSELF, request=None, facts=facts)

    return await runtime.store.profiles.purge(now, now - runtime.settings.records_kept, entry)
