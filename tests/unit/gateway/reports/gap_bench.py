"""A small catalogue and applications made by hand: what the tests of gaps, repeat collection and exempt papers share."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import orjson

from field_registry import Binding, Item, OutcomeCode, Registry, Source, SubjectKind, Tier
from field_registry.items import Datatype, ShareAttribute
from field_registry.outcomes import Disposition
from forms.definition import Field, Form, Role
from gateway.records import CauseCell, CauseSum, Countable
from gateway.reports import rollup
from gateway.reports.gap_causes import Catalogue
from gateway.reports.gap_tally import Tally
from gateway.reports.measures import Measures
from gateway.reports.periods import day_of
from gateway.resolution.compiled import compile_form
from gateway.slots import Slot, Snapshot, to_facts
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect

DAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
Out, D, T = OutcomeCode, Disposition, Tier

DUTY = Ground(GroundKind.statutory_duty, "D-1", "某法 第1条")
AGREED = Ground(GroundKind.consent, "")


def item(item_id: str, name: str, department: str = "公安", **more: Any) -> Item:
    """An item of a person."""
    return Item(item_id, name, SubjectKind.person, Datatype.text, department, **more)


ITEMS = (
    item("person.name", "姓名"),
    item("person.sex", "性别"),
    item("person.phone", "联系电话", "人社"),
    item("vehicle.policy_no", "保险单号", "金融监管"),
    item("person.income", "收入", "税务"),
    item("person.illness", "病史", "卫健", share=ShareAttribute.none),
)
FIELDS = (
    Field("name", "姓名", item="person.name"),
    Field("sex", "性别", item="person.sex"),
    Field("phone", "联系电话"),  # the once-only check names person.phone
    Field("policy", "保单", item="vehicle.policy_no"),
    Field("income", "收入", item="person.income"),
    Field("illness", "病史", item="person.illness"),
    Field("note", "备注"),
)
RULES = (
    Rule("R-1", Effect.permit, "agreed", Conditions(items=frozenset({"person.*"})), AGREED),
    Rule("R-2", Effect.permit, "duty", Conditions(items=frozenset({"person.sex", "vehicle.*"})), DUTY),
)


def registry(*bound: str, version: int = 1) -> Registry:
    """The registry, with these items bound beside name and sex."""
    return Registry.of(
        version,
        items=ITEMS,
        sources=[
            Source("civil", "人口库", "公安", "sandbox"),
            Source("insurance", "保险库", "金融监管", "sandbox"),
        ],
        bindings=[
            Binding("person.name", "civil", "/xm"),
            Binding("person.sex", "civil", "/xb"),
            *(Binding(each, "insurance", "/x") for each in bound),
        ],
    )


def form(form_id: str = "review", **changes: Any) -> Form:
    """A form with one field of each kind of trouble."""
    role = Role("applicant", "申请人", frozenset({SubjectKind.person}))
    made = Form(form_id, 1, "年审表", "M-1", "review", "交通", FIELDS, (role,))
    return replace(made, **changes)


def catalogue(*bound: str, forms: tuple[Form, ...] | None = None, rules: Any = RULES) -> Catalogue:
    """What is published: these forms against that registry."""
    made = registry(*bound)
    policy = Policy.of(1, [Purpose("review", "审验")], rules)
    known = Catalogue(made, DAY)
    for each in forms if forms is not None else (form(), form("other")):
        known.learn(compile_form(each, made, policy, DAY))
    return known


def slot(
    path: str, outcome: OutcomeCode = Out.filled, disposition: Disposition = D.kept, **more: Any
) -> Slot:
    """One slot. A filled one is of tier A and from the population register."""
    is_filled = outcome in (Out.filled, Out.filled_stale)
    named = next((each.item for each in FIELDS if each.path == path), None)
    base = Slot(
        path=path,
        field=path,
        item="person.phone" if path == "phone" else named,
        source="civil" if is_filled else None,
        outcome=outcome,
        tier=T.A if is_filled else None,
        disposition=disposition,
        mapped=is_filled,
        attempted=is_filled,
    )
    return replace(base, **more)


def typed(path: str, outcome: OutcomeCode = Out.no_binding, **more: Any) -> Slot:
    """A slot that the person filled in."""
    return slot(path, outcome, D.typed, **more)


NUMBERS = count(1)


def application(*slots: Slot, **changes: Any) -> Snapshot:
    """One application of a resident at the hall."""
    base = Snapshot(
        submission_id=f"smn_{next(NUMBERS):026d}",
        number=1,
        at=NOON,
        form="review",
        form_version=1,
        matter="M-1",
        department="交通",
        segment="resident",
        registry_version=1,
        policy_version=1,
        slots=slots,
    )
    return replace(base, **changes)


def countable(of: Snapshot, sign: int = 1) -> Countable:
    """That application as it is counted."""
    return Countable(
        *(sign, day_of(of.at), of.form, of.matter, of.department, of.segment),
        *(of.definition, of.baseline, of.is_test, orjson.dumps(to_facts(of.slots))),
    )


def sums_of(applications: Iterable[Snapshot], grain: str = "m") -> list[CauseSum]:
    """What the roll-ups say of the causes in these applications, from cells of months or of days."""
    found: dict[CauseCell, tuple[list[int], int]] = {}
    for cell, counts in rollup.count(map(countable, applications)).causes:
        if cell.grain == grain:
            group = cell._replace(start=0)
            before, newest = found.get(group, ([0, 0, 0, 0], 0))
            summed = [each + more for each, more in zip(before, counts, strict=True)]
            found[group] = summed, max(newest, cell.start if counts[0] > 0 else 0)
    return [
        CauseSum(cell.place, cell.key, (counts[0], counts[1], counts[2], counts[3]), newest)
        for cell, (counts, newest) in found.items()
    ]


def measured(by: str, applications: Iterable[Snapshot]) -> dict[str, Measures]:
    """What the roll-ups say of whole applications, by "segment" or "department"."""
    found: dict[str, Measures] = {}
    for key, counts in rollup.count(map(countable, applications)).cells:
        if (key.dimension, key.grain) == ("form", "m"):
            group = getattr(key, by)
            found[group] = found.get(group, Measures()) + Measures(*counts)
    return found


def tally_from(applications: Iterable[Snapshot], known: Catalogue | None = None, grain: str = "m") -> Tally:
    """What the gap report counts of these applications, by way of the roll-ups."""
    whole = list(applications)
    tally = Tally(known or catalogue())
    tally.take(sums_of(whole, grain))
    tally.rates(measured("segment", whole))
    return tally
