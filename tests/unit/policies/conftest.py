"""Factories for the policies tests: everything has a default that permits; a test overrides the one thing is about."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from field_registry import Ask, Binding, Item, SubjectKind
from field_registry.items import Datatype
from policies import Consent, ConsentState, Ground, GroundKind, Request, Rule, Standing
from policies.rules import Conditions, Effect, Profile

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
CONDITION_KEYS = frozenset(Conditions.__dataclass_fields__)


@dataclass(frozen=True)
class Make:
    """One factory per kind of thing."""

    now: datetime = NOW

    def item(self, item_id: str = "person.name", **overrides: Any) -> Item:
        defaults: dict[str, Any] = {
            "kind": SubjectKind.person,
            "datatype": Datatype.text,
            "department": "公安",
        }
        return Item(item_id, "项", **(defaults | overrides))

    def ask(
        self,
        item_id: str = "person.name",
        *,
        role: str = "applicant",
        source: str = "civil",
        columns: tuple[str, ...] = (),
        **overrides: Any,
    ) -> Ask:
        item = self.item(item_id, **overrides)
        cells = tuple((self.item(each, within=item_id), Binding(each, source, "/x")) for each in columns)
        return Ask(item, Binding(item_id, source, "/x"), role, cells)

    def standing(self, **overrides: Any) -> Standing:
        day = timedelta(days=1)
        return structs.replace(Standing(ConsentState.given, self.now - day, self.now + day), **overrides)

    def consent(self, consent_id: str = "cns_1", **overrides: Any) -> Consent:
        standing = {key: overrides.pop(key) for key in Standing.__struct_fields__ if key in overrides}
        base = Consent(
            id=consent_id,
            subject_key="key-of-applicant",
            purpose="transport.vehicle-review",
            form=None,
            recipients=frozenset({"交通运输"}),
            permitted=frozenset({"person.name"}),
            denied=frozenset(),
            standing=self.standing(**standing),
        )
        return structs.replace(base, **overrides)

    def request(self, **overrides: Any) -> Request:
        base = Request(
            matter="vehicle-review",
            form="vehicle-annual-review",
            purpose="transport.vehicle-review",
            department="交通运输",
            caller_roles=frozenset({"renderer"}),
            subject_keys={"applicant": "key-of-applicant", "spouse": "key-of-spouse"},
            now=self.now,
        )
        return structs.replace(base, **overrides)

    def profile(self, **overrides: Any) -> Profile:
        return Profile.of(self.request(**overrides))

    def permit(self, rule_id: str = "R-010", ground: Ground | None = None, **when: Any) -> Rule:
        conditions = Conditions(**{key: frozenset(entries) for key, entries in when.items()})
        return Rule(rule_id, Effect.permit, "why", conditions, ground or Ground(GroundKind.consent, ""))

    def duty(self, rule_id: str = "R-020", citation: str = "某条例第九条", **when: Any) -> Rule:
        return self.permit(rule_id, Ground(GroundKind.statutory_duty, "350582-017", citation), **when)

    def forbid(self, rule_id: str = "R-900", **when: Any) -> Rule:
        conditions = Conditions(**{key: frozenset(entries) for key, entries in when.items()})
        return Rule(rule_id, Effect.forbid, "why", conditions)


@pytest.fixture(scope="session")
def make() -> Make:
    """The factories."""
    return Make()
