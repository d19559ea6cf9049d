"""What of a person's record tells of other people is agreed to in an act of its own, or not released."""

from dataclasses import replace
from typing import Any

import pytest

from field_registry import Item, SubjectKind
from field_registry.items import About, Datatype, names_others
from gateway.consents.asked_items import items_to_ask
from gateway.consents.exports import as_rar
from gateway.resolution.compiled import compile_form

BOTH = {"person.name": True, "person.phone": True}


def phone(**more: Any) -> Item:
    """The telephone number, which a registry may say to be an emergency contact's."""
    return Item("person.phone", "紧急联系人电话", SubjectKind.person, Datatype.text, "公安", **more)


CONTACT = phone(about=About.third_party)


async def test_it_needs_an_act_of_its_own(hall) -> None:
    """Once the registry says whom it is about; neither the sensitive act nor that of passing on stands for it."""
    await hall.publish(CONTACT)
    acts = (hall.act("sensitive"), hall.act("third_party"))

    assert await hall.refused(acts=acts) == [("/acts", "others_act_missing")]
    assert (await hall.record(acts=(hall.act("others"),)))["state"] == "given"
    assert (await hall.record(items={"person.name": True, "person.phone": False}))["state"] == "given"


async def test_one_tick_does_not_stand_for_it_and_for_passing_on(hall) -> None:
    """Both are asked, each in its own act."""
    await hall.publish(CONTACT)
    wider = {"recipients": ("政务服务", "税务")}
    bundled = (hall.act("others", "tick"), hall.act("third_party", "tick"))

    assert await hall.refused(**wider, acts=bundled) == [("/acts/1/act_id", "act_used_twice")]
    assert (await hall.record(**wider, acts=(hall.act("others"), hall.act("third_party"))))[
        "state"
    ] == "given"


async def test_a_consent_from_before_does_not_cover_it_any_more(hall) -> None:
    """At the gate: what was agreed to as one's own is withheld, and the rest is not; renewed with the act it is given."""
    before = await hall.record()
    await hall.publish(CONTACT)

    withheld = await hall.resolve([before["id"]])
    after = await hall.record(acts=(hall.act("others"),), renews=before["id"])
    released = await hall.resolve([after["id"]])

    assert (withheld["name"][0], withheld["phone"]) == ("filled", ("no_ground", "consent_outdated"))
    assert [released[path][0] for path in ("name", "phone")] == ["filled", "filled"]


async def test_a_consent_with_the_act_outlives_other_publications(hall) -> None:
    """What the registry says of other items touches it not."""
    await hall.publish(CONTACT)
    consent = await hall.record(acts=(hall.act("others"),))
    await hall.publish(CONTACT, replace(CONTACT, id="person.fax"))

    assert (await hall.resolve([consent["id"]]))["phone"][0] == "filled"


async def test_record_notice_and_exports_show_it(hall) -> None:
    """The item as it was when agreed to, with the act beside it."""
    await hall.publish(CONTACT)
    consent = await hall.record(acts=(hall.act("others"),))
    library = hall.runtime.library
    compiled = library.compiled(await library.form("test-form", None), compile_form)
    asked = items_to_ask(compiled, "applicant", ("政务服务",), frozenset())

    about = {each["item"]: each["about"] for each in consent["items"]}
    assert about == {"person.name": "subject", "person.phone": "third_party"}
    assert [act["topic"] for act in consent["acts"]] == ["others"]
    assert as_rar(consent, base="https://a")[0]["about_others"] == ["person.phone"]
    assert {each.item: each.names_others for each in asked} == {
        "person.name": False,
        "person.phone": True,
        "person.income": False,
    }


def column(datatype: Datatype, about: About | None = None) -> Item:
    """A column of rows."""
    return Item(
        "member.x", "成员", SubjectKind.person, datatype, "公安", within="person.household", about=about
    )


ROWS = Item("person.household", "户内成员", SubjectKind.person, Datatype.rows, "公安")


@pytest.mark.parametrize(
    ("item", "columns", "expected"),
    [
        (phone(), (), False),
        (CONTACT, (), True),
        (ROWS, (column(Datatype.date),), False),
        (ROWS, (column(Datatype.date), column(Datatype.name)), True),
        (ROWS, (column(Datatype.id_no),), True),
        (ROWS, (column(Datatype.date, About.third_party),), True),
        (ROWS, (column(Datatype.name, About.subject),), False),
        (replace(ROWS, about=About.subject), (column(Datatype.name),), False),
        (replace(ROWS, about=About.third_party), (), True),
    ],
)
def test_whom_an_item_is_about_is_said_by_the_registry(
    item: Item, columns: tuple[Item, ...], expected: bool
) -> None:
    """Of the item first, then of its columns; unsaid, rows with names or numbers of people are about those people."""
    assert names_others(item, columns) is expected
