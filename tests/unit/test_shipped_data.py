"""The registry, forms and policy that ship with the product: sound, complete and saying what their README says."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import field_registry
import forms
import policies
from connectors.protocol import Environment
from connectors.registry import build_connector, config_schemas
from field_registry import Item, Registry, Source, Subject, Tier
from field_registry.check import check_registry
from field_registry.items import Datatype, ShareAttribute
from field_registry.load import Loaded, load_registry
from field_registry.normalise import apply_transform, normaliser_for
from forms.check import check_forms
from forms.definition import Field, FieldKind, Form
from forms.load import LoadedForms, load_forms
from gateway.profiles.keepable import refusal_to_keep
from policies.check import Known, check_policy
from policies.load import LoadedPolicy, load_policy
from policies.rules import Profile, Rules, Verdict

TODAY = date(2026, 11, 21)
HALL = "政务服务"
REGISTRY_DIR = Path(field_registry.__file__).parent / "data"
FORMS_DIR = Path(forms.__file__).parent / "data"
POLICY_DIR = Path(policies.__file__).parent / "data"

WITHOUT_GROUND = {
    ("school-entry", "guardian.marital_status"): False,
    ("veterans-return", "chronic_diseases"): True,
}
"""The two fields that show what a refusal looks like, and whether a rule forbids them (else: no rule at all)."""


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """The shipped registry with the places of its parts."""
    return load_registry(REGISTRY_DIR)


@pytest.fixture(scope="module")
def registry(loaded: Loaded) -> Registry:
    """The shipped registry."""
    return loaded.registry


@pytest.fixture(scope="module")
def shipped_forms() -> LoadedForms:
    """The shipped forms with the places of their parts."""
    return load_forms(FORMS_DIR)


@pytest.fixture(scope="module")
def by_id(shipped_forms: LoadedForms) -> dict[str, Form]:
    """The shipped forms by id."""
    return {form.id: form for form in shipped_forms.forms}


@pytest.fixture(scope="module")
def policy() -> LoadedPolicy:
    """The shipped purposes and rules with their places."""
    return load_policy(POLICY_DIR)


def open_fields(form: Form) -> list[Field]:
    """The eligible fields that stand open while no question has been answered."""
    return [field for field in form.fields if field.may_be_eligible and field.visible_when is None]


def mapped_fields(form: Form) -> Iterator[tuple[Field, str]]:
    """The eligible fields that name an item, with the item to be asked: for a column, its group's."""
    for field in form.fields:
        if field.may_be_eligible and field.item is not None:
            group = form.group(field.group) if field.group else None
            yield field, (group.item if group is not None and group.item else field.item)


# ------------------------------------------------------------------------------------------------ registry


def test_the_registry_has_no_fault(loaded: Loaded) -> None:
    """Every lint of the registry passes on what we ship, configurations among them."""
    assert [str(fault) for fault in check_registry(loaded, connector_schemas=config_schemas())] == []


def test_the_city_is_as_large_as_promised(registry: Registry) -> None:
    """At least 14 systems of at least 12 departments, over several kinds of connector."""
    departments = {source.department for source in registry.sources.values()}

    assert len(registry.sources) >= 14
    assert len(departments) >= 12
    assert {"http_json", "sql", "file"} <= {source.connector for source in registry.sources.values()}


def test_every_item_has_one_authoritative_binding(registry: Registry) -> None:
    """一数一源: exactly one binding of rank 1 per item."""
    ranks = {item_id: [b.rank for b in registry.bindings_of(item_id, TODAY)] for item_id in registry.items}

    assert {item_id: found for item_id, found in ranks.items() if found.count(1) != 1} == {}


def test_every_http_source_repeats_whom_it_speaks_of(registry: Registry) -> None:
    """An answer of an HTTP source can always be checked against the asked subject."""
    silent = [
        source.id
        for source in registry.sources.values()
        if source.connector == "http_json" and not source.config["answer"].get("echo")
    ]

    assert silent == []


def test_columns_come_from_the_source_of_their_rows(registry: Registry) -> None:
    """Each source that gives a repeating item gives its columns too."""
    for item in registry.items.values():
        if item.datatype is Datatype.rows:
            of_rows = {binding.source for binding in registry.bindings_of(item.id, TODAY)}
            columns = registry.columns_of(item.id)

            assert columns, item.id
            for column in columns:
                assert {b.source for b in registry.bindings_of(column.id, TODAY)} == of_rows, column.id


def test_what_is_not_shared_says_why(registry: Registry) -> None:
    """At least one item is not shared at all, and every such item cites the law."""
    unshared = [item for item in registry.items.values() if item.share is ShareAttribute.none]

    assert unshared
    assert all(item.share_citation for item in unshared)


def test_every_source_can_be_built(registry: Registry) -> None:
    """Each configuration fits its kind, once its places and secrets are given."""
    for source in registry.sources.values():
        build_connector(source, environment_of(source))


def environment_of(source: Source) -> Environment:
    """An environment with every place and secret that source names."""
    text = json.dumps(plain(source.config), ensure_ascii=False)
    places = {name: place_of(name) for name in re.findall(r"\$\{(\w+)\}", text)}
    secrets = dict.fromkeys(re.findall(r'"secret": "([\w-]+)"', text), "a-secret-of-tests")
    return Environment(
        secrets=secrets,
        clock=lambda: datetime(2026, 11, 21, tzinfo=UTC),
        places=places,
        allow_private_addresses=True,
        profile=NobodysRecord(),
    )


class NobodysRecord:
    """The service's own record, with nothing in it."""

    async def held(self, subject: Subject, items: frozenset[str]) -> None:
        """Nothing of anybody."""


def place_of(name: str) -> str:
    """An address of the kind that place needs."""
    kind = name.rpartition("_")[2]
    return {"url": "http://127.0.0.1:9", "db": "sqlite:///city.db", "drop": "drop.csv"}[kind]


def plain(part: Any) -> Any:
    """A configuration as plain dictionaries and lists."""
    if hasattr(part, "items"):
        return {key: plain(value) for key, value in part.items()}
    return [plain(value) for value in part] if isinstance(part, list | tuple) else part


SPELLINGS = [
    ("person.birth_date", "civil", "19910603", "1991-06-03"),
    ("person.hukou_division", "civil", "350681", "350604"),
    ("person.ethnicity", "licences", "汉", "01"),
    ("person.birth_date", "exit-entry", "17/08/1988", "1988-08-17"),
    ("person.sex", "exit-entry", "F", "2"),
    ("person.residence_since", "residence", "2019-05-20", "2019-05-20"),
    ("person.marital_status", "marriage", "LH", "40"),
    ("person.si_start_date", "social-insurance", "2013/7/1", "2013-07-01"),
    ("org.si_arrears", "social-insurance", "否", False),
    ("child.sex", "birth", "女", "2"),
    ("vehicle.registered_on", "vehicle-registration", 1522512000000, "2018-04-01"),
    ("vehicle.use", "vehicle-registration", "F", "货运"),
    ("vehicle.plate_number", "transport-vehicles", "闽c·12345", "闽C12345"),
    ("vehicle.plate_color", "transport-vehicles", "黄牌", "2"),
    ("vehicle.insurance_from", "vehicle-insurance", "20251201000000", "2025-12-01"),
    ("org.type", "enterprise", "有限责任公司(自然人投资或控股)", "1130"),
    ("org.established_on", "enterprise", "2014年11月15日", "2014-11-15"),
    ("org.registered_capital", "enterprise", 874, "8740000.00"),
    ("shareholder.paid", "enterprise", 300.25, "3002500.00"),
    ("food.valid_to", "food-permits", "2028.05.31", "2028-05-31"),
    ("tax.revenue", "tax", "18,650,000.00", "18650000.00"),
    ("tax.has_arrears", "tax", "N", False),
    ("project.starts_on", "projects", "20260401", "2026-04-01"),
    ("intake.volume", "water", 12.5, "125000.00"),
    ("safety.hazard_level", "emergency", "0", "无重大危险源"),
    ("property.registered_on", "realestate", "2020-08-19T00:00:00", "2020-08-19"),
    ("veteran.grant", "veterans", "86,400.00", "86400.00"),
    ("medical.insurance_kind", "medical", "310", "职工基本医疗保险"),
    ("pupil.guardian_relation", "school", "50", "50"),
    ("disability.valid_to", "disability", "2029-03-31", "2029-03-31"),
]


@pytest.mark.parametrize(("item_id", "source_id", "raw", "expected"), SPELLINGS)
def test_a_source_is_understood(
    registry: Registry, item_id: str, source_id: str, raw: object, expected: object
) -> None:
    """What each register writes becomes the catalogue's one spelling."""
    item = registry.item(item_id)
    binding = next(b for b in registry.bindings_of(item_id, TODAY) if b.source == source_id)
    codes = registry.code_list(item.code_list) if item.code_list else None

    actual = normaliser_for(item, codes)(apply_transform(raw, binding.transform))

    assert expected == actual


def test_every_source_has_a_spelling_above(registry: Registry) -> None:
    """No register is added without saying how it writes."""
    registers = {source.id for source in registry.sources.values() if source.connector != "profile"}

    assert registers == {source for _, source, _, _ in SPELLINGS}


def test_the_record_stands_behind_every_register(registry: Registry) -> None:
    """What people typed is of tier C, first only where no register holds the item, and kept without a transform."""
    record = registry.source("profile")
    of_record = [binding for binding in registry.bindings if binding.source == "profile"]

    assert record.tier is Tier.C
    assert of_record
    for binding in of_record:
        others = [each for each in registry.bindings_of(binding.item, TODAY) if each is not binding]
        assert all(each.rank < binding.rank for each in others), binding.item
        assert (binding.attribute, binding.transform) == (binding.item, None)
        assert refusal_to_keep(registry.item(binding.item), registry, TODAY) is None


# ------------------------------------------------------------------------------------------------ forms


def test_the_forms_have_no_fault(shipped_forms: LoadedForms, registry: Registry) -> None:
    """Every lint of forms passes on what we ship, once-only among them."""
    assert [str(fault) for fault in check_forms(shipped_forms, registry)] == []


def test_there_are_forms_for_every_matter_named(by_id: dict[str, Form]) -> None:
    """The twelve matters the demonstration promises, and more."""
    promised = {
        "vehicle-annual-review",
        "emergency-plan-filing",
        "residence-permit",
        "marriage-registration",
        "newborn-registration",
        "social-insurance-enrolment",
        "food-operation-licence",
        "enterprise-relocation",
        "construction-start",
        "water-intake",
        "school-entry",
        "veterans-return",
    }

    assert len(by_id) >= 14
    assert promised <= set(by_id)


def test_the_vehicle_review_has_twenty_fields_of_which_eleven_can_be_filled(
    by_id: dict[str, Form], registry: Registry
) -> None:
    """The figures known from Fujian's vehicle review: 20 fields, 14 eligible, 11 filled."""
    form = by_id["vehicle-annual-review"]
    bound = [field for field in open_fields(form) if registry.bindings_of(field.item or "", TODAY)]

    assert (form.version, len(form.fields), len(open_fields(form)), len(bound)) == (3, 20, 14, 11)


def test_forms_have_between_a_dozen_and_some_forty_fields(by_id: dict[str, Form]) -> None:
    """Forms as long as real ones, with both labels on every field."""
    for form in by_id.values():
        assert 12 <= len(form.fields) <= 45, form.id
        assert all(field.label and field.label_en and field.section for field in form.fields), form.id


def test_together_the_forms_use_every_means(by_id: dict[str, Form]) -> None:
    """Questions, groups, office use, uploads, signatures, typed fields: each stands in some form."""
    fields = [field for form in by_id.values() for field in form.fields]
    kinds = {field.kind for field in fields}

    assert {FieldKind.upload, FieldKind.signature, FieldKind.consent_box, FieldKind.display} <= kinds
    assert any(field.visible_when for field in fields)
    assert any(field.office_use for field in fields)
    assert any(field.may_be_eligible and field.item is None for field in fields)
    assert any(form.groups for form in by_id.values())
    assert max(len(form.roles) for form in by_id.values()) >= 3


def test_the_table_of_forms_is_true(by_id: dict[str, Form]) -> None:
    """README.md lists every form with its own version, purpose and counts."""
    text = (FORMS_DIR / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines()]
    told = {row[0]: (row[1], row[2], row[3], row[4], *row[6:]) for row in rows if len(row) == 9}
    expected = {
        form.id: (
            str(form.version),
            form.name,
            form.department,
            form.purpose,
            str(len(form.fields)),
            str(len(open_fields(form))),
            str(sum(field.item is not None for field in open_fields(form))),
        )
        for form in by_id.values()
    }

    assert expected == {key: row for key, row in told.items() if key in expected}


# ------------------------------------------------------------------------------------------------ policy


def test_the_policy_has_no_fault(policy: LoadedPolicy, registry: Registry, by_id: dict[str, Form]) -> None:
    """Every lint of the policy passes against our own registry and forms."""
    known = Known(
        form_purposes=frozenset(form.purpose for form in by_id.values()),
        roles=frozenset(role.name for form in by_id.values() for role in form.roles),
        matters=frozenset(form.matter for form in by_id.values()),
        departments=frozenset(source.department for source in registry.sources.values()) | {HALL},
    )

    assert [str(fault) for fault in check_policy(policy, registry, known)] == []


def verdict_on(rules: Rules, form: Form, field: Field, item: Item, department: str) -> Verdict:
    """What the table says when that department asks for that field's item of an authoritative register."""
    profile = Profile(form.matter, form.id, form.purpose, department, frozenset({"renderer"}))
    return rules.verdict(item, Tier.A, field.role, profile)


def test_every_field_with_an_item_has_a_rule(
    policy: LoadedPolicy, registry: Registry, by_id: dict[str, Form]
) -> None:
    """The department in charge and the hall may have every mapped field, but for the two that show a refusal."""
    rules = Rules.of(rule for rule, _ in policy.rules)
    refused: dict[tuple[str, str], bool] = {}
    for form in by_id.values():
        for field, item_id in mapped_fields(form):
            for department in (form.department, HALL):
                verdict = verdict_on(rules, form, field, registry.item(item_id), department)
                if not verdict.permits:
                    refused[form.id, field.path] = verdict.forbidden_by is not None

    assert refused == WITHOUT_GROUND


def test_no_rule_forbids_a_column_of_a_group_a_form_shows(
    policy: LoadedPolicy, registry: Registry, by_id: dict[str, Form]
) -> None:
    """A repeating group is refused whole for one forbidden column, so no form may name such a column."""
    rules = Rules.of(rule for rule, _ in policy.rules)
    for form in by_id.values():
        for field in form.fields:
            if field.group and field.item:
                verdict = verdict_on(rules, form, field, registry.item(field.item), form.department)
                assert verdict.forbidden_by is None, (form.id, field.path)


def test_another_department_gets_only_what_is_shared_without_condition(
    policy: LoadedPolicy, registry: Registry, by_id: dict[str, Form]
) -> None:
    """A department that has no part in a matter receives nothing of it but the unconditional items."""
    rules = Rules.of(rule for rule, _ in policy.rules)
    for form in by_id.values():
        for field, item_id in mapped_fields(form):
            item = registry.item(item_id)
            verdict = verdict_on(rules, form, field, item, "残疾人联合会")
            is_open = item.share is ShareAttribute.unconditional
            assert bool(verdict.permits) is is_open, (form.id, field.path)


def test_the_vehicle_review_stands_on_rule_ten(
    policy: LoadedPolicy, registry: Registry, by_id: dict[str, Form]
) -> None:
    """The contract's example: the plate is released under R-010, on consent."""
    rules = Rules.of(rule for rule, _ in policy.rules)
    form = by_id["vehicle-annual-review"]
    field = form.field("plate_number")
    assert field is not None

    verdict = verdict_on(rules, form, field, registry.item("vehicle.plate_number"), "交通运输")

    assert [(permit.rule, permit.needs_consent) for permit in verdict.permits] == [("R-010", True)]
