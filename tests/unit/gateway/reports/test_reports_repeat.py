"""Repeat collection: every field that asks again for what is held, with who holds it, how often, and what to do."""

from dataclasses import replace
from datetime import date, timedelta

from gap_bench import NOON, D, Out, application, catalogue, form, measured, slot, sums_of, typed

from forms.once_only import HeldItems
from gateway.reports.rates import Rate
from gateway.reports.repeat import Advice, RepeatRow, RepeatTally, held_fields, rows_of
from gateway.slots import Slot, Snapshot


def again(path: str, outcome: Out = Out.timeout, disposition: D = D.typed, **more: object) -> Slot:
    """A slot that was typed though it could have been had."""
    return slot(path, outcome, disposition, obtainable=True, **more)


def rows(*applications: Snapshot) -> list[RepeatRow]:
    """The list that these applications make."""
    return rows_of(tally_of(*applications), catalogue("person.phone"))


def tally_of(*applications: Snapshot) -> RepeatTally:
    """What these applications count, by way of cells of days."""
    tally = RepeatTally()
    tally.take(sums_of(applications, "d"))
    tally.rates(measured("department", applications))
    return tally


def test_what_was_typed_though_held_is_listed_with_who_holds_it() -> None:
    """Office, form, field, item, its owner and source, how often, when last."""
    (row,) = rows(application(again("name")), application(again("name"), at=NOON + timedelta(days=1)))

    assert (row.department, row.form, row.form_name, row.field, row.label) == (
        "交通",
        "review",
        "年审表",
        "name",
        "姓名",
    )
    assert row.item is not None
    assert (row.item.id, row.item.department, row.sources) == ("person.name", "公安", ("civil",))
    assert (row.again.times, row.again.applications, row.last) == (2, 2, date(2026, 11, 22))


def test_what_could_not_be_had_is_not_listed() -> None:
    """Typing what nobody holds, or what the person refused to have fetched, is nobody's fault."""
    assert rows(application(typed("note"), typed("name", Out.refused_by_person))) == []


def test_a_value_that_is_only_confirmed_is_not_collected_again() -> None:
    """Kept and disputed slots were not asked for a second time; edited ones were."""
    found = rows(
        application(*(again("name", Out.filled, each) for each in (D.kept, D.disputed, D.cleared, D.edited)))
    )

    assert [row.again.times for row in found] == [1]


def test_the_rate_of_an_office_is_that_of_the_contract() -> None:
    """M7: typed or edited though obtainable, of typed, edited and disputed."""
    disputed = slot("sex", disposition=D.disputed)
    tally = tally_of(application(again("name"), typed("note"), disputed, slot("policy")))

    assert tally.departments["交通"].m7 == Rate(1, 3)


def test_offices_are_kept_apart() -> None:
    """Each acts on its own list; what costs most comes first."""
    found = rows(
        application(again("name"), department="税务"),
        application(again("name")),
        application(again("name")),
    )

    assert [(row.department, row.again.times) for row in found] == [("交通", 2), ("税务", 1)]


def test_rows_of_one_application_are_one_application() -> None:
    """A repeating group asks several times of one person: so many times typed, in one application."""
    (row,) = rows(application(again("name"), replace(again("name"), path="name.1")))

    assert (row.again.times, row.again.applications) == (2, 1)


def test_tests_are_not_counted() -> None:
    """An application that only tried the system."""
    assert rows(application(again("name"), is_test=True)) == []


def test_the_advice_is_what_this_office_can_do() -> None:
    """Name the item; ask first; press the source; have the register verified; nothing where the form changed."""
    found = rows(
        application(
            again("phone", Out.no_binding),
            again("sex", Out.no_ground),
            again("name", Out.timeout),
            again("policy", Out.filled, D.edited),
            again("gone"),
        )
    )

    assert {row.field: row.advice for row in found} == {
        "phone": Advice.bind,
        "sex": Advice.ask_first,
        "name": Advice.press_source,
        "policy": Advice.verify,
        "gone": Advice.drop,
    }


def test_a_form_that_is_gone_is_still_told_of() -> None:
    """By its id, with nothing left to do."""
    (row,) = rows(application(again("name"), form="gone"))

    assert (row.form_name, row.label, row.item, row.advice) == ("gone", "name", None, Advice.drop)


def test_publishing_tells_what_the_form_asks_though_it_is_held() -> None:
    """The field, and the item it could name with the department that owns it."""
    (found,) = held_fields(form(), HeldItems.of(catalogue().registry))

    assert (found.path, found.item.id, found.item.department) == ("phone", "person.phone", "人社")
