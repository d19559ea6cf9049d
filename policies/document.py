"""A policy and its document: one published version, as decisions use it and as the database keeps it (JSON)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from field_registry import Tier
from field_registry.items import Sensitivity, ShareAttribute
from policies.errors import BadDocument
from policies.grounds import Ground, GroundKind
from policies.purposes import LockedEdits, Purpose
from policies.rules import Conditions, Effect, Rule, Rules
from policies.shape import flaws_of

_TEXT_SETS = ("purposes", "matters", "departments", "caller_roles", "roles", "items")


@dataclass(frozen=True, slots=True)
class Policy:
    """Purposes and rules of one version. `version`: 0 for one that was never published, else counted from 1."""

    version: int
    purposes: Mapping[str, Purpose] = field(hash=False)
    rules: Rules

    @classmethod
    def of(cls, version: int, purposes: Iterable[Purpose], rules: Iterable[Rule]) -> "Policy":
        """A policy of these parts, with its rules compiled."""
        by_code = {purpose.code: purpose for purpose in sorted(purposes, key=lambda purpose: purpose.code)}
        return cls(version, MappingProxyType(by_code), Rules.of(rules))


def policy_to_document(policy: Policy) -> dict[str, Any]:
    """The policy as JSON-ready data; equal policies give equal documents, whatever order they were written in."""
    return {
        "version": policy.version,
        "purposes": [_purpose_to_document(purpose) for purpose in policy.purposes.values()],
        "rules": [_rule_to_document(rule) for rule in policy.rules.rules],
    }


def policy_from_document(document: Mapping[str, Any]) -> Policy:
    """The policy a document describes. Raises `BadDocument`: a stored policy that cannot be read decides nothing."""
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise BadDocument("version: must be a whole number from 0")
    body = {key: value for key, value in document.items() if key != "version"}
    for flaw in flaws_of(body):
        raise BadDocument(f"/{'/'.join(str(step) for step in flaw.where)}: {flaw.message}")
    rules = [rule_of(entry) for entry in body.get("rules", ())]
    for rule in rules:
        if rule.ground is not None and not rule.ground_is_complete:
            raise BadDocument(
                f"rule {rule.id}: a ground of kind {rule.ground.kind} cites its law and its code"
            )
    return Policy.of(version, map(purpose_of, body.get("purposes", ())), rules)


def purpose_of(entry: Mapping[str, Any]) -> Purpose:
    """The purpose that an entry of the right shape describes."""
    locked_edits = LockedEdits(entry.get("locked_edits", LockedEdits.mark))
    return Purpose(**{**entry, "locked_edits": locked_edits})


def rule_of(entry: Mapping[str, Any]) -> Rule:
    """The rule that an entry of the right shape describes."""
    when = entry.get("when", {})
    conditions = Conditions(
        **{key: frozenset(when.get(key, ())) for key in _TEXT_SETS},
        share=frozenset(map(ShareAttribute, when.get("share", ()))),
        sensitivity=frozenset(map(Sensitivity, when.get("sensitivity", ()))),
        tiers=frozenset(map(Tier, when.get("tiers", ()))),
    )
    ground = _ground_of(entry["ground"]) if "ground" in entry else None
    return Rule(entry["id"], Effect(entry["effect"]), entry["why"], conditions, ground)


def _ground_of(entry: Mapping[str, str]) -> Ground:
    return Ground(GroundKind(entry["kind"]), entry.get("code", ""), entry.get("citation", ""))


def _purpose_to_document(purpose: Purpose) -> dict[str, str]:
    texts = {"name": purpose.name, "name_en": purpose.name_en, "citation": purpose.citation}
    if purpose.locked_edits is not LockedEdits.mark:
        texts["locked_edits"] = purpose.locked_edits.value
    return {"code": purpose.code} | {key: text for key, text in texts.items() if text}


def _rule_to_document(rule: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {"id": rule.id, "effect": rule.effect.value, "why": rule.why}
    keys = (*_TEXT_SETS, "share", "sensitivity", "tiers")
    when = {key: sorted(str(each) for each in getattr(rule.when, key)) for key in keys}
    if any(when.values()):
        document["when"] = {key: entries for key, entries in when.items() if entries}
    if rule.ground is not None:
        texts = {"kind": rule.ground.kind.value, "code": rule.ground.id, "citation": rule.ground.citation}
        document["ground"] = {key: text for key, text in texts.items() if text}
    return document
