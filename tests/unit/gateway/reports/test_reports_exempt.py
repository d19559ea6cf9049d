"""The 免提交 list: a paper stays at home when all it says is shared; what keeps it from that is named."""

from dataclasses import replace
from datetime import date

import pytest
from gap_bench import DAY, FIELDS, form, registry

from field_registry import Binding, Registry, Tier
from forms.definition import Field, Group, Material
from forms.materials import Obstacle, missing_of, paths_of
from gateway.reports.exempt import MaterialLine, material_lines, share_exempt, share_observed
from gateway.reports.rates import Rate

CARD = Material("id-card", "身份证", ("person.name", "person.sex"))
POLICY = Material("policy", "保险单", ("vehicle.policy_no",))
PHOTO = Material("photo", "照片", uncatalogued="照片")


def lines(*materials: Material, filled: dict[str, Rate] | None = None) -> list[MaterialLine]:
    """The lines of a form that wants these papers."""
    seen = {("review", path): rate for path, rate in (filled or {}).items()}
    return material_lines([form(materials=materials)], registry(), DAY, seen)


def obstacles(
    material: Material, known: Registry | None = None, on: date = DAY
) -> list[tuple[str, Obstacle]]:
    """What keeps that paper from being exempt."""
    return [(each.what, each.obstacle) for each in missing_of(material, known or registry(), on)]


def test_a_paper_whose_whole_content_is_shared_is_exempt() -> None:
    """Every item of it has an authoritative source."""
    assert obstacles(CARD) == []


@pytest.mark.parametrize(
    ("material", "what", "why"),
    [
        (POLICY, "vehicle.policy_no", Obstacle.not_connected),
        (Material("m", "病历", ("person.illness",)), "person.illness", Obstacle.not_shared),
        (Material("m", "无", ("none.such",)), "none.such", Obstacle.not_in_catalogue),
        (PHOTO, "照片", Obstacle.not_in_catalogue),
        (Material("m", "申请书"), "申请书", Obstacle.not_in_catalogue),
    ],
)
def test_what_keeps_a_paper_from_being_exempt_is_named(material: Material, what: str, why: Obstacle) -> None:
    """One reason per part that cannot be had; a paper of which nobody knows what it says is never exempt."""
    assert obstacles(material) == [(what, why)]


def test_one_part_is_enough_to_keep_it() -> None:
    """All of it, or it must be handed in."""
    both = replace(CARD, items=("person.name", "vehicle.policy_no"), uncatalogued="附图")

    assert obstacles(both) == [
        ("vehicle.policy_no", Obstacle.not_connected),
        ("附图", Obstacle.not_in_catalogue),
    ]


def test_a_source_that_is_not_entitled_does_not_exempt() -> None:
    """What a profile holds was typed by the person; a paper proves it, a profile does not."""
    base = registry()
    sources = [replace(each, tier=Tier.C) for each in base.sources.values()]
    weak = Registry.of(1, items=base.items.values(), sources=sources, bindings=base.bindings)
    second = Registry.of(
        1,
        items=base.items.values(),
        sources=base.sources.values(),
        bindings=[Binding("person.name", "civil", "/xm", rank=2), Binding("person.sex", "civil", "/xb")],
    )

    assert [why for _, why in obstacles(CARD, weak)] == [Obstacle.not_authoritative] * 2
    assert obstacles(CARD, second) == [("person.name", Obstacle.not_authoritative)]


def test_a_binding_counts_from_its_first_day() -> None:
    """What is in force later exempts later."""
    base = registry()
    later = [replace(each, effective_from=date(2027, 1, 1)) for each in base.bindings]
    known = Registry.of(1, items=base.items.values(), sources=base.sources.values(), bindings=later)

    assert obstacles(CARD, known) == [(each, Obstacle.not_connected) for each in CARD.items]
    assert obstacles(CARD, known, date(2027, 1, 1)) == []


def test_the_share_is_a_rate_with_its_counts() -> None:
    """One of three papers."""
    assert share_exempt(lines(CARD, POLICY, PHOTO)) == Rate(1, 3)


def test_in_practice_the_field_least_filled_decides() -> None:
    """The paper stayed at home only where all of it was filled."""
    (line,) = lines(CARD, filled={"name": Rate(10, 10), "sex": Rate(7, 10)})

    assert (line.least, line.observed) == ("sex", Rate(7, 10))


def test_where_nothing_was_seen_nothing_is_claimed() -> None:
    """Nobody applied, or the form asks for none of its content."""
    assert [each.observed for each in lines(CARD, PHOTO, filled={"name": Rate(0, 0)})] == [None, None]


def test_the_share_in_practice_is_weighted_by_use() -> None:
    """A paper that is not exempt was handed in each time; one never asked about says nothing."""
    seen = lines(CARD, POLICY, PHOTO, filled={"name": Rate(9, 10), "sex": Rate(8, 10), "policy": Rate(5, 10)})

    assert share_observed(seen) == Rate(8, 20)


def test_a_paper_is_compared_with_the_fields_of_its_own_party() -> None:
    """The spouse's name says nothing about the applicant's card; columns belong to their group's party."""
    fields = (
        *FIELDS,
        Field("spouse.name", "姓名", "spouse", "person.name"),
        Field("kin.name", "姓名", item="person.name", group="kin"),
        Field("stamp", "章", item="person.name", office_use=True),
    )
    made = form(fields=fields, groups=(Group("kin", "家属", "spouse", "name"),))

    assert paths_of(CARD, made) == {"person.name": ("name",), "person.sex": ("sex",)}
    assert paths_of(replace(CARD, role="spouse"), made) == {"person.name": ("spouse.name", "kin.name")}
