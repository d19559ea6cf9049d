"""What the law lets be fetched, over every form that ships: told completely, and never what needs consent."""

import hashlib
from datetime import date
from pathlib import Path

import pytest

import gateway.consents
from field_registry import Ask
from field_registry.load import load_registry
from forms.load import load_forms
from gateway.consents.asked_items import asks_of, items_to_ask
from gateway.consents.duties import duties_of
from gateway.curation import SHIPPED
from gateway.resolution.compiled import compile_form
from policies.grounds import GroundKind
from policies.load import load_policy
from policies.rules import Profile

HALL = "政务服务"
ROLES = frozenset({"renderer", "consent_desk"})
TEMPLATES = Path(gateway.consents.__file__).parent / "templates"
PUBLISHED = {
    "duty-notice-1.zh-CN.txt": "af9ce88572e5e537a03eefbeb75af73cbb868d6e1091f3c894f4b9877966fe70",
    "duty-notice-1.en.txt": "54653d99297aec233807eb4d8a2061387cfe908aa3cf13feddef68becfbf0afb",
}


@pytest.fixture(scope="module")
def compiled():
    """Every shipped form, compiled."""
    registry = load_registry(SHIPPED["field_registry"]).registry
    policy = load_policy(SHIPPED["policies"]).policy
    forms = load_forms(SHIPPED["forms"]).forms
    return [compile_form(form, registry, policy, date(2026, 11, 21)) for form in forms]


def verdicts(form, want):
    """What the rules say of every way to ask for an item."""
    asks: tuple[Ask, ...] = tuple(asks_of(want))
    of = form.form
    scope = form.rules.scope(Profile(of.matter, of.id, of.purpose, HALL, ROLES))
    return [verdict for verdict in scope.verdicts(asks, form.tiers) if verdict is not None]


def test_an_item_is_told_under_a_duty_exactly_when_some_source_opens_without_consent(compiled):
    """Neither more nor less than a resolution would fetch."""
    for form in compiled:
        for role in form.form.roles:
            told = {item.item for duty in duties_of(form, role.name, HALL, ROLES) for item in duty.items}
            expected = {
                want.item.id
                for want in form.wanted
                if want.role == role.name
                and any(verdict.settled and verdict.settled.allowed for verdict in verdicts(form, want))
            }
            assert told == expected, (form.form.id, role.name)


def test_nothing_that_needs_consent_from_every_source_is_told_as_a_duty(compiled):
    """What a person may refuse is asked for, not announced."""
    for form in compiled:
        for role in form.form.roles:
            told = {item.item for duty in duties_of(form, role.name, HALL, ROLES) for item in duty.items}
            for asked in items_to_ask(form, role.name, [HALL], ROLES):
                wants = [want for want in form.wanted if want.key == (role.name, asked.item)]
                by_law = any(
                    verdict.settled and verdict.settled.allowed
                    for want in wants
                    for verdict in verdicts(form, want)
                )
                assert (asked.item in told) == by_law


def test_every_duty_names_its_law(compiled):
    """A ground without code and citation could not be told to anybody."""
    duties = [
        duty
        for form in compiled
        for role in form.form.roles
        for duty in duties_of(form, role.name, HALL, ROLES)
    ]

    assert {duty.kind for duty in duties} <= set(GroundKind) - {GroundKind.consent}
    assert len(duties) > 10
    for duty in duties:
        assert duty.code
        assert duty.citation
        assert duty.items
        for item in duty.items:
            assert item.sources
            assert item.fields


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_template_is_never_changed_once_published(name):
    """The hash that an entry keeps must be reproducible for ever: a change is a new version beside the old one."""
    assert hashlib.sha256((TEMPLATES / name).read_bytes()).hexdigest() == PUBLISHED[name]
