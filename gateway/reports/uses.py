"""Who used a subject's data, from the log: found page by page, named, and the look itself logged before it is shown.

Whoever it is about asks for their own uses (`own_uses`), an operator for anybody's (`ledger_of`). Both read from the
newest on, so many rows at a time: however long a ledger is, no more of it stands in memory than is shown.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from field_registry import Subject
from forms.definition import Form
from gateway.audit.about import documents_of, entries_about
from gateway.audit.entries import make_entry
from gateway.audit.noting import ITSELF, note
from gateway.errors import Conflict, NotFound, NotValid
from gateway.records import Entry, EntryKind, GateRequest, GateWrite
from gateway.reports.ledger import Leaf, Names, uses
from gateway.reports.ledger_words import LABELS, Language, say
from gateway.reports.use import Use
from gateway.resolution.lost import LOST_AFTER
from gateway.runtime import Runtime
from policies import Policy
from policies.document import policy_from_document

PERSON = "person"
"""The caller of entries that a person caused who looked at their own uses."""

_AT_ONCE = 500
_RESOLUTION = (EntryKind.intent, EntryKind.outcome)
_OF_RESOLUTIONS = frozenset({*_RESOLUTION, EntryKind.reread})


@dataclass(frozen=True, slots=True)
class Ledger:
    """The newest uses of a subject's data, oldest first. `earlier`: how many came before them and are left out."""

    uses: Sequence[Use]
    earlier: int


@dataclass(frozen=True, slots=True)
class OwnUses:
    """One page of a person's own uses, newest first. `total`: of all. `cursor`: of the next page, None at the end."""

    uses: Sequence[Use]
    total: int
    cursor: str | None


async def ledger_of(
    subject: Subject, runtime: Runtime, *, caller: str, limit: int, language: Language
) -> Ledger:
    """Every use of that subject's data, the newest `limit` of them; entries without a place yet may be missing.

    That it was looked up is an entry of `caller`, durable when this returns; else raises `StoreUnavailable`.
    """
    ref = await runtime.store.subjects.find(runtime.subjects.key_of(subject))
    refs = () if ref is None else await documents_of(ref, runtime)
    shown: list[Use] = []
    total = await runtime.store.search.count_about(*refs) if refs else 0
    beyond: int | None = None
    while refs and len(shown) < limit:
        most = min(_AT_ONCE, limit - len(shown))
        rows = await entries_about(refs, runtime, beyond=beyond, limit=most, newest_first=True)
        shown += await _told([entry for _, entry in rows], refs, runtime, language)
        if len(rows) < most:
            break
        beyond = rows[-1][0]
    facts = {"subject": ref, "what": "ledger", "shown": len(shown), **_others(ref, refs)}
    await note(EntryKind.audit_lookup, facts, runtime, caller=caller)
    return Ledger(shown[::-1], max(0, total - len(shown)))


async def own_uses(
    ref: str,
    runtime: Runtime,
    *,
    cursor: str,
    limit: int,
    language: Language,
    since: datetime | None = None,
) -> OwnUses:
    """What was done with the data of the person of that reference, newest first; nothing from before `since`.

    That they looked is an entry too, one in an hour, durable when this returns. Raises `NotValid` for what is no
    cursor of ours, `StoreUnavailable`.
    """
    beyond = _position(cursor)
    refs = await documents_of(ref, runtime)
    rows = await entries_about(refs, runtime, beyond=beyond, limit=limit + 1, newest_first=True)
    shown = [(place, entry) for place, entry in rows[:limit] if since is None or entry.at >= since]
    told = await _told([entry for _, entry in shown], refs, runtime, language)
    total = await runtime.store.search.count_about(*refs)
    await _note_own_look(ref, runtime)
    has_more = len(rows) > limit == len(shown)
    return OwnUses(told, total, str(rows[limit - 1][0]) if has_more else None)


def _position(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < 1 << 63):
        raise NotValid("cursor_invalid", "This is no cursor of this list. Begin anew without one.")
    return int(cursor)


async def _note_own_look(ref: str, runtime: Runtime) -> None:
    """Note that a person looked at their own uses, unless it is noted for this hour.

    The id of the entry is that of the person and the hour: however many processes serve them, there is one.
    """
    now = runtime.clock()
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    entry_id = _id_of_look(ref, hour, runtime)
    if await runtime.store.search.entry(entry_id) is not None:
        return
    facts = {"subject": ref, "what": "own", "shown": 0}
    entry = make_entry(entry_id, EntryKind.audit_lookup, now, caller=PERSON, request=None, facts=facts)
    with suppress(Conflict):  # another process has just noted it
        await runtime.ledger.pass_gate(GateRequest((), lambda _: GateWrite(entry, None)))
        runtime.telemetry.entries(EntryKind.audit_lookup)


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_PART = len("aud_0123456789")


def _id_of_look(ref: str, hour: datetime, runtime: Runtime) -> str:
    digest = runtime.fingerprint(f"\0own\0{ref}\0{hour.isoformat()}".encode())
    part = int(digest, 16)
    tail = "".join(_DIGITS[part >> shift & 31] for shift in range(0, 80, 5))
    return runtime.new_reference("aud", hour)[:_TIME_PART] + tail


def _others(ref: str | None, refs: Sequence[str]) -> dict[str, list[str]]:
    """Linked documents whose history was shown too: it stands in theirs that it was."""
    return {"subjects": others} if (others := [each for each in refs if each != ref]) else {}


async def _told(
    page: Sequence[Entry], refs: Sequence[str], runtime: Runtime, language: Language
) -> list[Use]:
    """One use for each of these entries, in their order; what else belongs to their resolutions is looked up."""
    requests = {entry.request for entry in page if entry.kind in _OF_RESOLUTIONS and entry.request}
    found = {entry.id: entry for entry in page}
    if requests:
        together = await runtime.store.search.of_requests(sorted(requests), _RESOLUTION)
        found.update((entry.id, entry) for entry in together)
    leaves = [orjson.loads(entry.leaf) for entry in found.values()]
    names = await _names(leaves, runtime, language)
    lost_before = runtime.clock() - LOST_AFTER
    by_entry = {use.entry: use for use in uses(leaves, refs[0], names, lost_before, refs[1:])}
    return [by_entry[entry.id] for entry in page if entry.id in by_entry]


async def _names(leaves: Sequence[Leaf], runtime: Runtime, language: Language) -> Names:
    """What the codes in these leaves are called. Items and sources go by their present names."""
    registry = runtime.library.published.registry
    policies = await _policies({leaf["policy"] for leaf in leaves if "policy" in leaf}, runtime)
    is_english = language == "en"
    return Names(
        language,
        items={each.id: (is_english and each.name_en) or each.name for each in registry.items.values()},
        sources={each.id: (is_english and each.name_en) or each.name for each in registry.sources.values()},
        purposes={
            code: (is_english and purpose.name_en) or purpose.name
            for policy in policies
            for code, purpose in policy.purposes.items()
        },
        forms=await _forms(leaves, runtime),
        callers=await _callers({leaf["caller"] for leaf in leaves}, runtime, language),
        citations={
            (policy.version, rule.id): rule.ground.citation
            for policy in policies
            for rule in policy.rules.rules
            if rule.ground is not None
        },
    )


async def _policies(versions: Iterable[int], runtime: Runtime) -> list[Policy]:
    """Those versions and the current one, which comes last."""
    current = runtime.library.published.policy
    found = []
    for version in sorted(set(versions) - {current.version, 0}):
        try:
            published = await runtime.store.publications.load("policy", version)
        except NotFound:
            continue  # its codes stand for themselves
        found.append(policy_from_document({**orjson.loads(published.document), "version": version}))
    return [*found, current]


async def _forms(leaves: Sequence[Leaf], runtime: Runtime) -> dict[tuple[str, int], Form]:
    told = {tuple(leaf["form"]) for leaf in leaves if isinstance(leaf.get("form"), list)}
    forms = {}
    for form_id, version in sorted(told):
        try:
            forms[form_id, version] = await runtime.library.form(form_id, version)
        except NotFound:
            continue  # its id stands for it
    return forms


async def _callers(ids: Iterable[str], runtime: Runtime, language: Language) -> dict[str, tuple[str, str]]:
    callers = {ITSELF: (say(LABELS["itself"], language), ""), PERSON: (say(LABELS["person"], language), "")}
    for client_id in sorted(set(ids) - callers.keys()):
        client = await runtime.store.clients.client(client_id)
        if client is not None:
            callers[client_id] = (client.name, client.department)
    return callers
