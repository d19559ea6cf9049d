"""Check: what registry and forms reveal about a policy."""

from pathlib import Path

import pytest

from field_registry import Registry
from field_registry.items import ShareAttribute
from policies.check import Known, check_policy, is_wider
from policies.load import load_policy
from policies.rules import Conditions

HEAD = """\
purposes:
  - {code: transport.vehicle-review, name: 车辆年审}
rules:
"""
GOOD = '  - {id: R-010, effect: permit, why: w, when: {items: ["person.*"]}, ground: {kind: consent}}\n'


@pytest.fixture
def registry(make):
    """Three items, one of them not shared."""
    items = [
        make.item("person.name", mask="name"),
        make.item("person.phone"),
        make.item("vehicle.vin", share=ShareAttribute.none, share_citation="某条例"),
    ]
    return Registry.of(1, items=items, sources=[], bindings=[])


@pytest.fixture
def check(tmp_path: Path, registry):
    """The faults of these rule lines, as a compiler prints them."""

    def run(*lines: str, known: Known | None = None, head: str = HEAD) -> list[str]:
        (tmp_path / "p.yaml").write_text(
            head + "".join(f"  - {{{line}}}\n" for line in lines), encoding="utf-8"
        )
        return [str(fault) for fault in check_policy(load_policy(tmp_path), registry, known or Known())]

    return run


def permit(rule_id: str = "R-010", when: str = "", ground: str = "kind: consent") -> str:
    """One line of YAML."""
    return f"id: {rule_id}, effect: permit, why: w, when: {{{when}}}, ground: {{{ground}}}"


def forbid(rule_id: str = "R-900", when: str = "") -> str:
    """One line of YAML."""
    return f"id: {rule_id}, effect: forbid, why: w, when: {{{when}}}"


DUTY = 'kind: statutory_duty, code: "017", citation: 某条例第九条'


def test_a_sound_policy_has_no_faults(check):
    """Nothing is reported that is right."""
    lines = (
        permit(when='items: ["person.*"]'),
        permit("R-020", "items: [vehicle.vin]", DUTY),
        forbid(when="roles: [agent]"),
    )
    known = Known(frozenset({"transport.vehicle-review"}), roles=frozenset({"agent", "applicant"}))

    assert check(*lines, known=known) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (permit(when="items: [person.nmae]"), "4: rule R-010 names item 'person.nmae', which the registry does not hold. Did you mean 'person.name'? [unknown_item]"),
        (permit(when='items: ["persn.*"]'), "4: rule R-010 names domain 'persn', of which no item exists. Did you mean 'person'? [unknown_domain]"),
        (permit(when="purposes: [transport.vehicle-revue]"), "4: rule R-010 names purpose 'transport.vehicle-revue', which is not defined. Did you mean 'transport.vehicle-review'? [unknown_purpose]"),
        (permit(ground="kind: statutory_duty"), "4: rule R-010: a ground of kind statutory_duty must give `citation` (the law) and `code` [ground_without_citation]"),
        (permit(ground='kind: emergency, code: "1"'), "4: rule R-010: a ground of kind emergency must give `citation` (the law) and `code` [ground_without_citation]"),
        (permit(when="items: [vehicle.vin]"), "4: rule R-010 permits 'vehicle.vin', which is not shared (share: none); only a statutory_duty with citation can [unshared_without_duty]"),
        (permit("R-000"), "4: rule id 'R-000' is built in; choose another [reserved_rule_id]"),
        (permit("S-none"), "4: rule id 'S-none' is built in; choose another [reserved_rule_id]"),
    ],
)  # fmt: skip
def test_one_fault_one_line(check, line, fault):
    """Each fault is told with file, line, remedy, and the nearest name that exists."""
    assert check(line) == [f"p.yaml:{fault}"]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("roles", "role"),
        ("matters", "matter"),
        ("departments", "department"),
        ("caller_roles", "caller_role"),
    ],
)
def test_names_of_the_rest_of_the_system(check, key, code):
    """A name that the forms or callers do not know is a fault; where nothing is known, nothing is checked."""
    line = permit(when=f"{key}: [renderr]")

    (found,) = check(line, known=Known(**{key: frozenset({"renderer"})}))

    assert found == (
        f"p.yaml:4: rule R-010 names {code} 'renderr', which is not defined. Did you mean 'renderer'? [unknown_{code}]"
    )
    assert check(line) == []


def test_an_id_given_twice(check):
    """The second of two rules or purposes of one name is reported with the place of the first."""
    head = HEAD.replace("rules:", "  - {code: transport.vehicle-review, name: 再来}\nrules:")

    assert check(permit(), permit(), head=head) == [
        "p.yaml:3: purpose 'transport.vehicle-review' already stands in p.yaml:2; rename one [duplicate_purpose]",
        "p.yaml:6: rule 'R-010' already stands in p.yaml:5; rename one [duplicate_rule]",
    ]


def test_a_permit_that_can_never_match(check):
    """A permit under a forbid that covers all of it is dead, and the forbid is named."""
    assert check(permit(when="items: [person.name], tiers: [A]"), forbid(when='items: ["person.*"]')) == [
        "p.yaml:4: rule R-010 can never permit: R-900 forbids all it matches; narrow or drop one [unreachable_permit]"
    ]


def test_forms_without_policy(check):
    """A form whose purpose is not declared is a fault; one whose purpose nothing permits is a warning."""
    known = Known(form_purposes=frozenset({"transport.vehicle-review", "transport.vehicle-revue"}))

    assert check(permit(when="purposes: [transport.vehicle-review]"), known=known) == [
        "purposes:0: a form has purpose 'transport.vehicle-revue', which no policy file declares. "
        "Did you mean 'transport.vehicle-review'? [unknown_purpose]"
    ]
    assert check(forbid(), known=Known(frozenset({"transport.vehicle-review"}))) == [
        "purposes:0: no rule permits anything for purpose 'transport.vehicle-review', so its forms stay empty; "
        "add a rule for it [purpose_without_rule]"
    ]


def test_a_mask_that_does_not_exist(tmp_path, make):
    """An item whose masking rule is misspelt would fail at display, so it is found before."""
    registry = Registry.of(1, items=[make.item(mask="nmae")], sources=[], bindings=[])
    (tmp_path / "p.yaml").write_text(HEAD + GOOD, encoding="utf-8")

    (found,) = check_policy(load_policy(tmp_path), registry, Known())

    assert str(found).startswith(
        "items:0: item 'person.name' has mask 'nmae'. Did you mean 'name'? Known: address"
    )


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ({}, {}, True),
        ({}, {"items": {"person.name"}}, True),
        ({"items": {"person.*"}}, {"items": {"person.name", "person.*"}}, True),
        ({"items": {"*"}}, {"items": {"person.name"}}, True),
        ({"items": {"person.*"}}, {"items": {"person.name", "vehicle.vin"}}, False),
        ({"items": {"person.*"}}, {}, False),
        ({"items": {"person.name"}}, {"items": {"person.*"}}, False),
        ({"roles": {"a", "b"}}, {"roles": {"a"}}, True),
        ({"roles": {"a"}}, {"roles": {"a", "b"}}, False),
        ({"roles": {"a"}}, {}, False),
        ({"roles": {"a"}, "items": {"*"}}, {"roles": {"a"}, "items": {"x.y"}, "tiers": {"A"}}, True),
    ],
)
def test_is_wider(wide, narrow, expected):
    """Wider is told only where it is sure."""
    wide, narrow = ({key: frozenset(value) for key, value in each.items()} for each in (wide, narrow))

    assert is_wider(Conditions(**wide), Conditions(**narrow)) is expected
