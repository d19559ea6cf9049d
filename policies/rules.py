"""Rules: the decision table, compiled once. Deny by default; a forbid wins; every result names its rule.

A rule matches when every condition it states matches (AND) and a condition matches when any of its entries does (OR).
Two results need no rule of the table and carry built-in ids: `NO_RULE` when nothing permits, and `NOT_SHARED` for
items of share attribute `none`, which only a statutory permit that names the item and its citation can open.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from field_registry import Ask, Item, Tier
from field_registry.items import Sensitivity, ShareAttribute
from policies.errors import BadRule
from policies.grounds import Decision, Ground, GroundKind, ReasonCode, Request

NO_RULE = "R-000"
"""The rule of everything that no rule permits."""
NOT_SHARED = "S-none"
"""The rule of items that are not shared at all (国务院令第809号: 不予共享)."""
BUILT_IN = frozenset({NO_RULE, NOT_SHARED, "S-answered", "S-again"})
"""Ids that no rule may take; "S-answered" belongs to `policies.minimise`, "S-again" to a form begun again."""

# A profile is one form for one department; a form asks some hundred items at most. Both bounds together keep the memo
# under 20 MB whatever is asked; a full one is emptied, which costs the next request one pass over the table.
_MAX_PROFILES = 128
_MAX_VERDICTS = 512
_NOTHING_PERMITS = Decision(False, NO_RULE, ReasonCode.no_rule)
_MAX_TABLES = 16


class Effect(StrEnum):
    """What a matching rule does."""

    permit = "permit"
    forbid = "forbid"


class Profile(NamedTuple):
    """What all asks of a request have in common and rules can match on; the key of the memo.

    `department`: the caller's, i.e. who receives the data.
    """

    matter: str
    form: str
    purpose: str
    department: str
    caller_roles: frozenset[str]

    @classmethod
    def of(cls, request: Request) -> "Profile":
        """The profile of a request."""
        return cls(request.matter, request.form, request.purpose, request.department, request.caller_roles)


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a rule matches. An empty set is any.

    `items`: exact ids, "domain.*" or "*". `departments`: the caller's. `roles`: whose data it is in the form.
    """

    purposes: frozenset[str] = frozenset()
    matters: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    caller_roles: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    share: frozenset[ShareAttribute] = frozenset()
    sensitivity: frozenset[Sensitivity] = frozenset()
    tiers: frozenset[Tier] = frozenset()

    def match_profile(self, profile: Profile) -> bool:
        """Whether the conditions on the request as a whole match."""
        return (
            _has(self.purposes, profile.purpose)
            and _has(self.matters, profile.matter)
            and _has(self.departments, profile.department)
            and (not self.caller_roles or not self.caller_roles.isdisjoint(profile.caller_roles))
        )

    def match_ask(self, item: Item, tier: Tier, role: str) -> bool:
        """Whether the conditions on one ask match."""
        return (
            _has(self.roles, role)
            and _has(self.share, item.share)
            and _has(self.sensitivity, item.sensitivity)
            and _has(self.tiers, tier)
            and (not self.items or not self.items.isdisjoint((item.id, f"{item.domain}.*", "*")))
        )


def _has(allowed: frozenset[str], value: str) -> bool:
    return not allowed or value in allowed


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the decision table.

    `why`: one sentence for auditors and for the person. `ground`: what a permit stands on, with `id` the duty-list
    code (empty for consent: the consent's own id takes its place); None for a forbid.
    """

    id: str
    effect: Effect
    why: str
    when: Conditions = Conditions()
    ground: Ground | None = None

    def __post_init__(self) -> None:
        """Refuse a permit without ground and a forbid with one."""
        if (self.effect is Effect.permit) is (self.ground is None):
            raise BadRule(f"rule {self.id}: a permit states its ground, a forbid has none")

    @property
    def ground_is_complete(self) -> bool:
        """Whether the ground says enough to be shown to an auditor: all kinds but consent need code and citation."""
        if self.ground is None or self.ground.kind is GroundKind.consent:
            return True
        return bool(self.ground.id and self.ground.citation)

    def opens_unshared(self, item: Item) -> bool:
        """Whether this permit is strong enough for an item of share attribute `none`: named, by duty, with citation."""
        return (
            self.ground is not None
            and self.ground.kind is GroundKind.statutory_duty
            and bool(self.ground.citation)
            and item.id in self.when.items
        )


@dataclass(frozen=True, slots=True)
class Permit:
    """One rule that permits, and on what ground. A consent ground has no id yet."""

    rule: str
    ground: Ground

    @property
    def needs_consent(self) -> bool:
        """Whether a person has to have agreed."""
        return self.ground.kind is GroundKind.consent


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the table says about one item, before any consent is looked at.

    `forbidden_by`: the rule that forbids, else None. `permits`: those that need no consent first, then by rule id;
    empty when forbidden. `settled`: the decision when it does not depend on consents, else None.
    """

    forbidden_by: str | None
    permits: tuple[Permit, ...]
    settled: Decision | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Settle what no consent can change."""
        object.__setattr__(self, "settled", self._settle())

    def _settle(self) -> Decision | None:
        if self.forbidden_by is not None:
            unshared = self.forbidden_by == NOT_SHARED
            reason = ReasonCode.not_shared if unshared else ReasonCode.forbidden
            return Decision(False, self.forbidden_by, reason)
        if not self.permits:
            return Decision(False, NO_RULE, ReasonCode.no_rule)
        first = self.permits[0]
        return None if first.needs_consent else Decision(True, first.rule, ReasonCode.allowed, first.ground)


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The part of the table that can matter to one profile, with its verdicts remembered."""

    rules: tuple[Rule, ...]
    _memo: dict[tuple[str, str, str, str, str], Verdict] = field(default_factory=dict, repr=False)
    _tables: dict[int, "Table"] = field(default_factory=dict, repr=False)

    def verdicts(
        self, asks: Sequence[Ask], tier_of: Callable[[str], Tier] | Mapping[str, Tier]
    ) -> Sequence[Verdict | None]:
        """What the table says about each ask, its columns included; None where the source's tier is not known."""
        return self.table(asks, tier_of).verdicts

    def table(self, asks: Sequence[Ask], tier_of: Callable[[str], Tier] | Mapping[str, Tier]) -> "Table":
        """The verdicts on all of these asks. Remembered for the very tuple: most requests for a form bring the same."""
        kept = self._tables.get(id(asks))
        if kept is not None and kept.asks is asks and kept.tier_of is tier_of:
            return kept
        tier = tier_of.get if isinstance(tier_of, Mapping) else tier_of
        verdicts = [
            None if (of := tier(ask.binding.source)) is None else self._of_ask(ask, of) for ask in asks
        ]
        table = Table(asks, tier_of, verdicts, _settled(verdicts), _wishes(asks, verdicts))
        if isinstance(asks, tuple) and len(asks) <= _MAX_VERDICTS:
            if len(self._tables) >= _MAX_TABLES:
                self._tables.clear()
            self._tables[id(asks)] = table
        return table

    def _of_ask(self, ask: Ask, tier: Tier) -> Verdict:
        """A repeating item stands or falls with its columns: one that is forbidden forbids it whole."""
        verdict = self.verdict(ask.item, tier, ask.role)
        if verdict.forbidden_by is None:
            for item, _ in ask.columns:
                column = self.verdict(item, tier, ask.role)
                if column.forbidden_by is not None:
                    return column
        return verdict

    def verdict(self, item: Item, tier: Tier, role: str) -> Verdict:
        """What the table says about this item. Remembered by everything rules can match on."""
        # Share and sensitivity belong to the key: the same item id may change them in the next registry version.
        key = (item.id, role, tier, item.share, item.sensitivity)
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= _MAX_VERDICTS:
                self._memo.clear()
            found = self._memo[key] = self._judge(item, tier, role)
        return found

    def _judge(self, item: Item, tier: Tier, role: str) -> Verdict:
        matching = [rule for rule in self.rules if rule.when.match_ask(item, tier, role)]
        forbidding = next((rule for rule in matching if rule.effect is Effect.forbid), None)
        if forbidding is not None:
            return Verdict(forbidding.id, ())
        if item.share is ShareAttribute.none:
            matching = [rule for rule in matching if rule.opens_unshared(item)]
            if not matching:
                return Verdict(NOT_SHARED, ())
        permits = (Permit(rule.id, rule.ground) for rule in matching if rule.ground is not None)
        return Verdict(None, tuple(sorted(permits, key=lambda permit: permit.needs_consent)))


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """Asks of one role that one rule permits if the person agreed.

    `places`: where they stand among all asks. `items`: what they ask for; `touched`: the columns of those as well.
    """

    role: str
    rule: str
    places: tuple[int, ...]
    items: frozenset[str]
    touched: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Verdicts on one sequence of asks, which is kept too: its id stays its own as long as it lives.

    `settled`: the decision on each ask that no consent can change; a refusal where one can. `wishes`: those others.
    """

    asks: Sequence[Ask]
    tier_of: object
    verdicts: Sequence[Verdict | None]
    settled: tuple[Decision, ...]
    wishes: tuple[Wish, ...]


def _settled(verdicts: Sequence[Verdict | None]) -> tuple[Decision, ...]:
    return tuple((verdict and verdict.settled) or _NOTHING_PERMITS for verdict in verdicts)


def _wishes(asks: Sequence[Ask], verdicts: Sequence[Verdict | None]) -> tuple[Wish, ...]:
    together: dict[tuple[str, str], list[int]] = {}
    for place, (ask, verdict) in enumerate(zip(asks, verdicts, strict=True)):
        if verdict is not None and verdict.settled is None:
            together.setdefault((ask.role, verdict.permits[0].rule), []).append(place)
    return tuple(_wish(role, rule, places, asks) for (role, rule), places in together.items())


def _wish(role: str, rule: str, places: Sequence[int], asks: Sequence[Ask]) -> Wish:
    items = frozenset(asks[place].item.id for place in places)
    columns = frozenset(item.id for place in places for item, _ in asks[place].columns)
    return Wish(role, rule, tuple(places), items, items | columns)


@dataclass(frozen=True, slots=True)
class Rules:
    """A compiled decision table. Build it with `Rules.of`; share it between requests.

    `rules`: by id. The memo is bounded and belongs to the table, so a new policy version starts with an empty one.
    """

    rules: tuple[Rule, ...]
    _scopes: dict[Profile, Scope] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "Rules":
        """A table of these rules, whatever their order. Duplicates of an id all count; `check` finds them."""
        return cls(tuple(sorted(rules, key=lambda rule: rule.id)))

    def scope(self, profile: Profile) -> Scope:
        """The rules that can matter to this profile; look it up once per request, not once per ask."""
        found = self._scopes.get(profile)
        if found is None:
            if len(self._scopes) >= _MAX_PROFILES:
                self._scopes.clear()
            matching = tuple(rule for rule in self.rules if rule.when.match_profile(profile))
            found = self._scopes[profile] = Scope(matching)
        return found

    def verdict(self, item: Item, tier: Tier, role: str, profile: Profile) -> Verdict:
        """What the table says about this item for this profile, before any consent is looked at."""
        return self.scope(profile).verdict(item, tier, role)
