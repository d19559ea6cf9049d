"""Who used my data: the leaves of log entries about one subject, as uses that a person understands. Pure.

One use is one resolution, told from its intent and its outcome together; an answer read again, a step of a consent and
a look-up in the log are uses of their own. Only what concerns the subject is told: asks and fields of its own roles.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from field_registry.outcomes import FILLED
from forms.definition import Field, Form
from gateway.audit.entries import subjects_of
from gateway.reports.ledger_submissions import handed_in_text
from gateway.reports.ledger_words import ACTORS, EVENTS, LABELS, RESULTS, Language, say
from gateway.reports.use import Result, Use, UsedGround, UsedItem
from policies.grounds import GroundKind, ReasonCode

Leaf = Mapping[str, Any]

_FILLED = frozenset(code.value for code in FILLED)
_WITHHELD = frozenset({"no_ground", "refused_by_person"})
_CONSENT = "consent."


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What codes are called, in one language. A code without a name stands for itself.

    `callers`: client id → name and department. `citations`: policy version and rule → the law it cites.
    """

    language: Language
    items: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[tuple[str, int], Form] = field(default_factory=dict)
    callers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    citations: Mapping[tuple[int, str], str] = field(default_factory=dict)

    def form(self, leaf: Leaf) -> Form | None:
        """The form that a resolution filled, if it can still be read."""
        told = leaf.get("form")
        return self.forms.get((told[0], told[1])) if isinstance(told, list) else None


def uses(
    leaves: Iterable[Leaf], ref: str, names: Names, lost_before: datetime, others: Collection[str] = ()
) -> list[Use]:
    """Every use of that subject's data that these leaves tell of, oldest first. Leaves about others are passed over.

    `others`: references of the documents it is linked with; what stands under them is about it as well.
    `lost_before`: an intent of before then that has no outcome has lost it, and nobody knows what left. Leaves of one
    resolution must come all together or not at all: without its intent an outcome tells nothing.
    """
    refs = frozenset({ref, *others})
    by_request: dict[str, list[Leaf]] = {}
    told: list[Use] = []
    for leaf in leaves:
        if leaf["kind"] in {"intent", "outcome", "outcome.reread"}:
            by_request.setdefault(leaf["request"], []).append(leaf)
        elif not refs.isdisjoint(subjects_of(leaf)):
            told.append(_event(leaf, refs, names))
    for of_request in by_request.values():
        intent = next((leaf for leaf in of_request if leaf["kind"] == "intent"), None)
        if intent is not None and not refs.isdisjoint(subjects_of(intent)):
            rereads = (leaf for leaf in of_request if leaf["kind"] == "outcome.reread")
            told.append(_use(intent, _outcome(of_request), refs, names, lost_before))
            told += [_reread(leaf, intent, refs, names) for leaf in rereads]
    return sorted(told, key=lambda use: (use.at, use.entry))


def _outcome(leaves: Sequence[Leaf]) -> Leaf | None:
    """How a resolution ended. One that was taken for lost may have ended after all."""
    outcomes = [leaf for leaf in leaves if leaf["kind"] == "outcome"]
    return min(outcomes, key=lambda leaf: leaf["result"] == "unknown", default=None)


def _roles(intent: Leaf, refs: frozenset[str]) -> set[str]:
    """The roles that subject had: by the document that was named, or by another that something was taken from."""
    named = {role for role, ref in intent["subjects"].items() if ref in refs}
    return named | {role for role, under in intent.get("under", {}).items() if not refs.isdisjoint(under)}


def _use(
    intent: Leaf, outcome: Leaf | None, refs: frozenset[str], names: Names, lost_before: datetime
) -> Use:
    roles = _roles(intent, refs)
    asks = [ask for ask in intent["asks"] if ask[0] in roles]
    allowed = [ask for ask in asks if ask[3]]
    refused = [ask for ask in asks if not ask[3]]
    return Use(
        **_head(intent, names),
        **_about(intent, roles, names),
        kind="use",
        items=_items(allowed, names),
        refused=_items(refused, names),
        ground=_grounds(allowed, intent["policy"], names),
        result=_result(intent, outcome, roles, names, lost_before),
    )


def _reread(leaf: Leaf, intent: Leaf, refs: frozenset[str], names: Names) -> Use:
    roles = _roles(intent, refs)
    code = "reread" if leaf["result"] == "released" else "reread_withheld"
    items = _items([ask for ask in intent["asks"] if ask[0] in roles and ask[3]], names)
    head = _head(leaf, names) | _about(intent, roles, names) | {"actor": ""}
    return Use(**head, kind="reread", items=items, result=Result(code, say(RESULTS[code], names.language)))


def _event(leaf: Leaf, refs: frozenset[str], names: Names) -> Use:
    """A step of a consent, a look-up, an erasure …; what an entry does not tell stays out."""
    head, kind = _head(leaf, names), leaf["kind"]
    if kind == "audit.lookup":
        text = say(RESULTS["looked_up"], names.language, leaf["shown"])
        return Use(**head, kind=kind, result=Result("looked_up", text))
    if kind == "notice.given" and "duties" in leaf:
        return _notice(leaf, names)
    if kind == "submission.received" and "slots" in leaf:
        return _handed_in(leaf, refs, names)
    text = say(EVENTS[kind], names.language) if kind in EVENTS else say(RESULTS["noted"], names.language)
    code = kind.removeprefix(_CONSENT) if kind.startswith(_CONSENT) else "noted"
    result = Result(
        code,
        text,
        until=leaf.get("expires_at") or "",
        recipients=tuple(leaf.get("recipients") or ()),
        denied=_named(leaf.get("denied"), names),
    )
    purpose = leaf.get("purpose") or ""
    return Use(
        **head,
        kind=kind,
        matter=names.purposes.get(purpose, purpose),
        items=_named(leaf.get("permitted") or leaf.get("items"), names),
        ground=_consent_of(leaf),
        result=result,
    )


def _handed_in(leaf: Leaf, refs: frozenset[str], names: Names) -> Use:
    """A form that was handed in: which one, and what became of the fields that are about this subject."""
    roles = {role for role, ref in leaf["subjects"].items() if ref in refs}
    form = names.form(leaf)

    def is_theirs(path: str) -> bool:
        return form is not None and key_of(path, form)[0] in roles

    text = handed_in_text(leaf, is_theirs, names.items, names.language)
    result = Result("noted", text or say(EVENTS[leaf["kind"]], names.language))
    return Use(**_head(leaf, names), **_about(leaf, roles, names), kind=leaf["kind"], result=result)


def _notice(leaf: Leaf, names: Names) -> Use:
    """What somebody was told is fetched about them under the law: which items, on which grounds."""
    duties = [(GroundKind(kind), *rest) for kind, *rest in leaf["duties"]]
    return Use(
        **_head(leaf, names),
        **_about(leaf, {leaf["role"]}, names),
        kind=leaf["kind"],
        items=_named(list(dict.fromkeys(item for *_, items in duties for item in items)), names),
        ground=tuple(
            UsedGround(kind.value, code, rule, citation) for kind, code, citation, rule, _ in duties
        ),
        result=Result("noted", say(EVENTS[leaf["kind"]], names.language)),
    )


def _consent_of(leaf: Leaf) -> tuple[UsedGround, ...]:
    """The consent that an entry belongs to, if it does."""
    request = leaf.get("request") or ""
    return (UsedGround(GroundKind.consent.value, request, ""),) if request.startswith("cns_") else ()


def _named(items: object, names: Names) -> tuple[UsedItem, ...]:
    told = items if isinstance(items, list) else ()
    return tuple(UsedItem(item, names.items.get(item, item)) for item in told if isinstance(item, str))


def _head(leaf: Leaf, names: Names) -> dict[str, Any]:
    who, department = names.callers.get(leaf["caller"], (leaf["caller"], ""))
    actor = leaf.get("actor", "")
    return {
        "at": datetime.fromisoformat(leaf["at"]),
        "entry": leaf["id"],
        "who": who,
        "department": leaf.get("department", department),
        "actor": say(ACTORS[actor], names.language) if actor in ACTORS else actor,
    }


def _about(intent: Leaf, roles: set[str], names: Names) -> dict[str, Any]:
    form, (form_id, version) = names.form(intent), intent["form"]
    is_english = names.language == "en"
    labels = {each.name: (is_english and each.label_en) or each.label for each in form.roles} if form else {}
    name = form_id if form is None else (is_english and form.name_en) or form.name
    return {
        "matter": names.purposes.get(intent["purpose"], intent["purpose"]),
        "form": name + say(LABELS["version"], names.language, version),
        "roles": tuple(labels.get(role, role) for role in sorted(roles)),
    }


def _items(asks: Iterable[Sequence[Any]], names: Names) -> tuple[UsedItem, ...]:
    found = (
        UsedItem(item, names.items.get(item, item), names.sources.get(source, source), "" if allowed else why)
        for _, source, items, allowed, _, why in asks
        for item in items
    )
    return tuple(dict.fromkeys(found))  # two roles may want the same


def _grounds(asks: Iterable[Sequence[Any]], policy: int, names: Names) -> tuple[UsedGround, ...]:
    footings = ((*footing.partition(":"), rule) for *_, rule, footing in asks)
    found = (
        UsedGround(kind, ground_id, rule, names.citations.get((policy, rule), ""))
        for kind, _, ground_id, rule in footings
    )
    return tuple(dict.fromkeys(found))


def _result(
    intent: Leaf, outcome: Leaf | None, roles: set[str], names: Names, lost_before: datetime
) -> Result:
    if outcome is None:
        is_lost = datetime.fromisoformat(intent["at"]) < lost_before
        return _plain("unknown" if is_lost else "in_progress", names)
    if outcome["result"] == "unknown":
        return _plain("unknown", names)
    if intent.get("omitted") or outcome.get(
        "omitted"
    ):  # too long for a leaf: the details are sealed beside it
        return _plain("released_some" if outcome["result"] == "released" else "nothing_found", names)
    asks = [ask for ask in intent["asks"] if ask[0] in roles]
    if not any(ask[3] for ask in asks):
        is_refusal = any(ask[5] != ReasonCode.already_answered for ask in asks)
        return _plain("refused" if is_refusal else "not_asked", names)
    form = names.form(outcome)
    if form is None:  # published forms stay for good; without this one its fields cannot be told apart
        released = outcome["result"] == "released"
        return _plain("released_some" if released else "nothing_found", names)
    return _of_fields(intent, outcome, roles, form, names)


def _of_fields(intent: Leaf, outcome: Leaf, roles: set[str], form: Form, names: Names) -> Result:
    asked = {(ask[0], item) for ask in intent["asks"] if ask[0] in roles and ask[3] for item in ask[2]}
    count: Counter[str] = Counter()
    lost: dict[str, None] = {}
    for code, paths in outcome["fields"].items():
        keys = [key for path in paths if (key := key_of(path, form)) in asked]
        count[code] = len(keys)
        if code in _WITHHELD:
            lost |= dict.fromkeys(item for _, item in keys)
    filled = sum(count[code] for code in _FILLED)
    before = {ask[5] for ask in intent["asks"] if not ask[3]}
    # What was refused from the first is told with its items; what came up since is why the rest was held back.
    reasons = [why for why in outcome["refusals"] if why not in before] or outcome["refusals"]
    code = "released" if filled else "withheld" if lost else "nothing_found"
    return Result(
        code,
        say(RESULTS[code], names.language, filled),
        filled,
        withheld=tuple(UsedItem(item, names.items.get(item, item)) for item in lost),
        reasons=tuple(reasons) if lost else (),
        silent={
            code: number for code, number in count.items() if number and code not in {*_FILLED, *_WITHHELD}
        },
    )


def key_of(path: str, form: Form) -> tuple[str, str]:
    """Role and item that a slot's value comes by; for a row's slot, those of its group. Empty for what is no field."""
    of: Field | None = form.field(".".join(part for part in path.split(".") if not part.isdigit()))
    if of is None:
        return "", ""
    group = form.group(of.group) if of.group else None
    return (group.role, group.item or "") if group else (of.role, of.item or "")


def _plain(code: str, names: Names) -> Result:
    return Result(code, say(RESULTS[code], names.language))
