"""Check: what is wrong with a policy once registry and forms are known. Every fault names file, line and remedy."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from field_registry import Registry
from field_registry.errors import Fault
from field_registry.items import ShareAttribute
from field_registry.located import did_you_mean
from policies.load import LoadedPolicy, Place
from policies.mask import MASKS
from policies.rules import BUILT_IN, Conditions, Effect, Rule

_PLAIN_KEYS = ("purposes", "matters", "departments", "caller_roles", "roles", "share", "sensitivity", "tiers")


@dataclass(frozen=True, slots=True)
class Known:
    """What the rest of the system knows by name. An empty set is not checked against.

    `form_purposes`: the purpose codes of all forms. `departments`: those that may call. `places`: ("purpose", code of a
    form) or ("item", id) → the file and line that a fault about it names.
    """

    form_purposes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    matters: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    caller_roles: frozenset[str] = frozenset()
    places: Mapping[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    def fault(self, kind: str, name: str, code: str, message: str, severity: str = "error") -> Fault:
        """A fault about a form's purpose or an item, which stand in files of others."""
        file, line = self.places.get((kind, name), (f"{kind}s", 0))
        return Fault(file, line, code, message, severity)


def check_policy(loaded: LoadedPolicy, registry: Registry, known: Known) -> tuple[Fault, ...]:
    """Every fault of a policy, in file order by kind of check; empty when it can be published."""
    return (
        *_duplicates(loaded),
        *_names(loaded, registry, known),
        *_grounds(loaded, registry),
        *_shadowed(loaded),
        *_form_purposes(loaded, known),
        *_masks(registry, known),
    )


def _duplicates(loaded: LoadedPolicy) -> Iterator[Fault]:
    yield from _twice(((purpose.code, place) for purpose, place in loaded.purposes), "purpose")
    yield from _twice(((rule.id, place) for rule, place in loaded.rules), "rule")
    for rule, place in loaded.rules:
        if rule.id in BUILT_IN:
            message = f"rule id {rule.id!r} is built in; choose another"
            yield place.fault("reserved_rule_id", message, "id")


def _twice(entries: Iterable[tuple[str, Place]], what: str) -> Iterator[Fault]:
    first: dict[str, Place] = {}
    for name, place in entries:
        earlier = first.setdefault(name, place)
        if earlier is not place:
            where = f"{earlier.file.file}:{earlier.file.line_of(earlier.where)}"
            yield place.fault(f"duplicate_{what}", f"{what} {name!r} already stands in {where}; rename one")


def _names(loaded: LoadedPolicy, registry: Registry, known: Known) -> Iterator[Fault]:
    vocabulary: dict[str, frozenset[str]] = {
        "purposes": frozenset(purpose.code for purpose, _ in loaded.purposes),
        "matters": known.matters,
        "departments": known.departments,
        "caller_roles": known.caller_roles,
        "roles": known.roles,
    }
    domains = frozenset(item.domain for item in registry.items.values())
    for rule, place in loaded.rules:
        for key, names in vocabulary.items():
            if names or key == "purposes":  # a purpose must be declared, even if none is
                yield from _unknown(rule, place, key, names)
        for pattern in sorted(rule.when.items - {"*"}):
            yield from _unknown_item(rule, place, pattern, registry, domains)


def _unknown(rule: Rule, place: Place, key: str, names: frozenset[str]) -> Iterator[Fault]:
    singular = key.removesuffix("s")
    for name in sorted(getattr(rule.when, key) - names):
        message = (
            f"rule {rule.id} names {singular} {name!r}, which is not defined.{did_you_mean(name, names)}"
        )
        yield place.fault(f"unknown_{singular}", message, "when", key)


def _unknown_item(
    rule: Rule, place: Place, pattern: str, registry: Registry, domains: frozenset[str]
) -> Iterator[Fault]:
    domain = pattern.removesuffix(".*")
    if domain != pattern and domain not in domains:
        message = (
            f"rule {rule.id} names domain {domain!r}, of which no item exists.{did_you_mean(domain, domains)}"
        )
        yield place.fault("unknown_domain", message, "when", "items")
    if domain == pattern and pattern not in registry.items:
        hint = did_you_mean(pattern, registry.items)
        message = f"rule {rule.id} names item {pattern!r}, which the registry does not hold.{hint}"
        yield place.fault("unknown_item", message, "when", "items")


def _grounds(loaded: LoadedPolicy, registry: Registry) -> Iterator[Fault]:
    unshared = frozenset(item.id for item in registry.items.values() if item.share is ShareAttribute.none)
    for rule, place in loaded.rules:
        if rule.ground is None:
            continue
        if not rule.ground_is_complete:
            message = f"rule {rule.id}: a ground of kind {rule.ground.kind} must give `citation` (the law) and `code`"
            yield place.fault("ground_without_citation", message, "ground")
        for item_id in sorted(rule.when.items & unshared):
            if not rule.opens_unshared(registry.item(item_id)):
                message = (
                    f"rule {rule.id} permits {item_id!r}, which is not shared (share: none); "
                    "only a statutory_duty with citation can"
                )
                yield place.fault("unshared_without_duty", message, "when", "items")


def _shadowed(loaded: LoadedPolicy) -> Iterator[Fault]:
    forbids = [rule for rule, _ in loaded.rules if rule.effect is Effect.forbid]
    for rule, place in loaded.rules:
        over = _forbid_over(rule, forbids) if rule.effect is Effect.permit else None
        if over is not None:
            message = f"rule {rule.id} can never permit: {over.id} forbids all it matches; narrow or drop one"
            yield place.fault("unreachable_permit", message, "when")


def _forbid_over(permit: Rule, forbids: Sequence[Rule]) -> Rule | None:
    return next((forbid for forbid in forbids if is_wider(forbid.when, permit.when)), None)


def is_wider(wide: Conditions, narrow: Conditions) -> bool:
    """Whether everything that matches `narrow` surely matches `wide`.

    Never wrongly true; false for want of proof, e.g. when only the registry could tell that a domain has one item.
    """
    plain = all(_includes(getattr(wide, key), getattr(narrow, key)) for key in _PLAIN_KEYS)
    if not plain or not wide.items:
        return plain
    return bool(narrow.items) and all(_is_matched(pattern, wide.items) for pattern in narrow.items)


def _includes(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    return not wide or (bool(narrow) and narrow <= wide)


def _is_matched(pattern: str, wide: frozenset[str]) -> bool:
    return not wide.isdisjoint((pattern, f"{pattern.partition('.')[0]}.*", "*"))


def _form_purposes(loaded: LoadedPolicy, known: Known) -> Iterator[Fault]:
    declared = {purpose.code for purpose, _ in loaded.purposes}
    served: dict[str, list[str]] = defaultdict(list)
    permits = [rule for rule, _ in loaded.rules if rule.effect is Effect.permit]
    for rule in permits:
        for code in rule.when.purposes or known.form_purposes:
            served[code].append(rule.id)
    for code in sorted(known.form_purposes):
        if code not in declared:
            message = (
                f"a form has purpose {code!r}, which no policy file declares.{did_you_mean(code, declared)}"
            )
            yield known.fault("purpose", code, "unknown_purpose", message)
        elif code not in served:
            message = (
                f"no rule permits anything for purpose {code!r}, so its forms stay empty; add a rule for it"
            )
            yield known.fault("purpose", code, "purpose_without_rule", message, "warning")


def _masks(registry: Registry, known: Known) -> Iterator[Fault]:
    for item in registry.items.values():
        if item.mask not in MASKS:
            all_masks = ", ".join(sorted(MASKS)[1:])
            message = (
                f"item {item.id!r} has mask {item.mask!r}.{did_you_mean(item.mask, MASKS)} Known: {all_masks}"
            )
            yield known.fault("item", item.id, "unknown_mask", message)
