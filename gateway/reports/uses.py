"""Who used a subject's data, from the log: found, named, and the look-up itself logged before anything is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from field_registry import Subject
from forms.definition import Form
from gateway.audit.noting import ITSELF, note
from gateway.errors import NotFound
from gateway.records import Entry, EntryKind
from gateway.reports.ledger import Leaf, Names, uses
from gateway.reports.ledger_words import LABELS, Language, say
from gateway.reports.use import Use
from gateway.resolution.lost import LOST_AFTER
from gateway.runtime import Runtime
from policies import Policy
from policies.document import policy_from_document

_AT_ONCE = 1_000
_OF_RESOLUTIONS = frozenset({EntryKind.intent, EntryKind.outcome})


@dataclass(frozen=True, slots=True)
class Ledger:
    """The newest uses of a subject's data, oldest first. `earlier`: how many came before them and are left out."""

    uses: Sequence[Use]
    earlier: int


async def ledger_of(
    subject: Subject, runtime: Runtime, *, caller: str, limit: int, language: Language
) -> Ledger:
    """Every use of that subject's data, the newest `limit` of them; entries without a place yet may be missing.

    That it was looked up is an entry of `caller`, durable when this returns; else raises `StoreUnavailable`.
    """
    ref = await runtime.store.subjects.find(runtime.subjects.key_of(subject))
    leaves = [] if ref is None else [orjson.loads(entry.leaf) for entry in await _entries(ref, runtime)]
    names = await _names(leaves, runtime, language)
    found = uses(leaves, ref or "", names, runtime.clock() - LOST_AFTER)
    shown = found[-limit:]
    await note(EntryKind.audit_lookup, {"subject": ref, "shown": len(shown)}, runtime, caller=caller)
    return Ledger(shown, len(found) - len(shown))


async def _entries(ref: str, runtime: Runtime) -> list[Entry]:
    """What is about that subject, and what else belongs to its resolutions: answers read again name no subject."""
    about: list[Entry] = []
    after = -1
    while page := await runtime.store.log.about(ref, after=after, limit=_AT_ONCE):
        about += [entry for _, entry in page]
        after = page[-1][0]
    requests = dict.fromkeys(entry.request for entry in about if entry.kind in _OF_RESOLUTIONS)
    found = [entry for entry in about if entry.kind not in _OF_RESOLUTIONS]
    for request in requests:
        if request is not None:
            found += await _of_request(request, runtime)
    return found


async def _of_request(request: str, runtime: Runtime) -> list[Entry]:
    found: list[Entry] = []
    after = ""
    while page := await runtime.store.entries.find(request=request, after=after, limit=_AT_ONCE):
        found += page
        after = page[-1].id
        if len(page) < _AT_ONCE:
            break
    return found


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
    callers = {ITSELF: (say(LABELS["itself"], language), "")}
    for client_id in sorted(set(ids) - callers.keys()):
        client = await runtime.store.clients.client(client_id)
        if client is not None:
            callers[client_id] = (client.name, client.department)
    return callers
