"""再来一单: a form begun from an application of before; registers are asked anew, what was typed is offered again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from field_registry import Registry, Subject, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field
from gateway.app import refresh
from gateway.records import Caller
from gateway.retention import erase_subject
from gateway.settings import Settings
from gateway.store import MemoryStore
from policies.retention import ErasureReason
from tests.profile_town import ANN, BOB, Town, form, later, registry

MAIL = "ann@example.com"
TYPED = {"email": MAIL, "born": "1991.6.3", "note": "三楼"}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    made = await Town.open(Settings(state_dir=tmp_path), MemoryStore())
    yield made
    await made.close()


@pytest.fixture
async def before(town: Town) -> str:
    """The id of an application of Ann's, in which she typed three values and kept none."""
    told = await town.hand_in(await town.resolve(), TYPED)
    submission_id: str = told["id"]
    return submission_id


def codes(answer: dict[str, Any]) -> list[str]:
    """What is said about the request."""
    return [finding["code"] for finding in answer["findings"]]


async def test_what_was_typed_then_is_offered_to_confirm(town: Town, before: str) -> None:
    """Tier C, open to change, said to be of the last application and of its day; also where no item stands behind."""
    town.clock.now = later(days=3)
    answer = await town.resolve(again=before)
    email, note = answer["fields"]["email"], answer["fields"]["note"]

    assert (email["outcome"], email["value"], email["tier"], email["locked"]) == ("filled", MAIL, "C", False)
    assert (email["source"]["id"], email["recorded_at"], email["rule"]) == (
        "last-application",
        "2026-11-21",
        "S-again",
    )
    assert (email["ground"]["kind"], email["ground"]["citation"]) == ("other_law", "国务院令第716号 第七条")
    assert (note["value"], note["item"]) == ("三楼", None)
    assert answer["fields"]["born"]["value"] == "1991-06-03"
    assert answer["again"] == {"submission": before, "offered": ["born", "email", "note"], "changed": []}


async def test_nothing_is_offered_without_asking_for_it(town: Town, before: str) -> None:
    """A form that is not begun again knows nothing of the last one, and its answer does not speak of it."""
    answer = await town.resolve()

    assert answer["fields"]["email"]["outcome"] == "not_found"
    assert "again" not in answer


async def test_counts_and_entries_tell_what_was_offered(town: Town, before: str) -> None:
    """Counts add up, and the log names the application and the fields, before anything left."""
    answer = await town.resolve(again=before)
    intent = (await town.entries("intent"))[-1]
    outcome = (await town.entries("outcome"))[-1]

    assert sum(answer["counts"]["by_outcome"].values()) == answer["counts"]["fields"] == 5
    assert answer["counts"]["filled"] == len(outcome["fields"]["filled"]) == 4
    assert intent["again"] == before
    assert outcome["again"] == [before, ["born", "email", "note"]]
    assert MAIL not in str(await town.entries())


async def test_registers_are_asked_anew_and_changes_are_marked(town: Town, before: str) -> None:
    """What a register says now wins over what was typed then, and is marked where it differs."""
    await town.publish(registry("person.email"))
    answer = await town.resolve(again=before)
    email, name = answer["fields"]["email"], answer["fields"]["name"]

    assert (email["value"], email["tier"], email["changed"]) == ("register@example.com", "A", True)
    assert "changed" not in name
    assert answer["again"]["changed"] == ["email"]


async def test_a_register_that_says_the_same_is_the_registers_word(town: Town) -> None:
    """What the person typed then and a register says now is the register's: tier A, locked, not marked."""
    told = await town.hand_in(await town.resolve(), {"email": "register@example.com"})
    await town.publish(registry("person.email"))
    answer = await town.resolve(again=told["id"])
    email = answer["fields"]["email"]

    assert (email["tier"], email["locked"], "changed" in email) == ("A", True, False)
    assert answer["again"] == {"submission": told["id"], "offered": [], "changed": []}


async def test_what_a_register_said_then_is_not_offered_again(town: Town) -> None:
    """A register that is away today is not replaced by what it said then: its ground may be gone."""
    await town.publish(registry("person.phone"))
    told = await town.hand_in(await town.resolve(), {})
    await town.publish(registry())
    answer = await town.resolve(again=told["id"])

    assert answer["fields"]["phone"]["outcome"] == "not_found"
    assert answer["again"]["offered"] == []


async def test_what_the_person_types_now_is_never_replaced(town: Town, before: str) -> None:
    """Answers of this form stand, whatever was typed then."""
    answer = await town.resolve(again=before, answers={"email": "now@example.com"})

    assert answer["fields"]["email"]["value"] is None
    assert answer["fields"]["email"]["answered"]
    assert "email" not in answer["again"]["offered"]


async def test_the_record_goes_before_the_last_application(town: Town) -> None:
    """What the person keeps in their record is what they said last; the last form only fills what is left."""
    told = await town.hand_in(await town.resolve(), TYPED)
    await town.http.put(
        "/v1/me/profile/person.email", json={"value": "kept@example.com"}, headers=await town.person()
    )
    answer = await town.resolve(again=told["id"])

    assert answer["fields"]["email"]["value"] == "kept@example.com"
    assert answer["fields"]["email"]["changed"]
    assert answer["again"]["offered"] == ["born", "note"]


async def test_another_form_of_the_same_purpose_can_be_begun_from_it(town: Town, before: str) -> None:
    """Fields of the same item about the same subject are found; fields without an item are not."""
    answer = await town.resolve("renewal", again=before)

    assert answer["again"]["offered"] == ["born", "email"]


async def test_a_new_version_of_the_form_takes_what_it_still_asks(town: Town, before: str) -> None:
    """A field that now stands for another item is not filled with what was typed for the old one."""
    changed = (
        Field("email", "联系电话", item="person.phone"),
        Field("mail", "电子邮箱", item="person.email"),
        Field("note", "备注"),
    )
    await town.publisher.form(form("residence", *changed, version=2))
    await refresh(town.runtime)
    answer = await town.resolve(again=before)

    assert answer["again"]["offered"] == ["mail", "note"]
    assert answer["fields"]["email"]["value"] is None


async def test_a_value_that_is_none_today_is_not_offered(town: Town, before: str) -> None:
    """What the item's rules refuse by now is left out rather than offered wrong."""
    published = registry()
    stricter = [
        replace(item, datatype=Datatype.phone) if item.id == "person.email" else item
        for item in published.items.values()
    ]
    await town.publish(
        Registry.of(0, items=stricter, sources=published.sources.values(), bindings=published.bindings)
    )

    assert (await town.resolve(again=before))["again"]["offered"] == ["born", "note"]


@pytest.mark.parametrize(
    ("form_id", "person", "code"),
    [("residence", BOB, "again_other_subject"), ("school", ANN, "again_other_purpose")],
)
async def test_it_serves_its_subject_and_purpose_only(
    town: Town, before: str, form_id: str, person: dict[str, str], code: str
) -> None:
    """Somebody else's form, or one for another purpose, is resolved as if nothing had been said, and says why."""
    answer = await town.resolve(form_id, person, again=before)

    assert codes(answer) == [code]
    assert answer["fields"]["email"]["value"] is None
    assert "again" not in answer


async def test_an_application_of_nobody_here_is_unknown(town: Town, before: str) -> None:
    """One that does not exist and one of another department are told apart by nobody."""
    other = town.bearer(Caller("other-hall", "税务", frozenset({"renderer"})))
    body = {
        "form": {"id": "residence"},
        "subjects": {"applicant": ANN},
        "actor": {"kind": "clerk", "id": "c"},
        "again": before,
    }
    theirs = (await town.http.post("/v1/resolutions", json=body, headers=other)).json()

    assert codes(theirs) == codes(await town.resolve(again="smn_none")) == ["again_unknown"]
    assert theirs["fields"]["email"]["value"] is None


async def test_what_is_kept_no_more_cannot_be_begun_from(town: Town, before: str) -> None:
    """Once the values of then are over, the form begins empty."""
    made = await town.runtime.store.submissions.read(before)
    assert made is not None
    town.clock.now = made.keep_until

    assert codes(await town.resolve(again=before)) == ["again_gone"]


async def test_an_erased_person_cannot_be_begun_from(town: Town, before: str) -> None:
    """Whoever comes again after an erasure is somebody new; the old application is not theirs."""
    ann = Subject(SubjectKind.person, "111", ANN["id_no"])
    await erase_subject(ann, ErasureReason.court_order, town.runtime, caller="officer")

    answer = await town.resolve(again=before)
    assert codes(answer)[0].startswith("again_")
    assert answer["fields"]["email"]["value"] is None


async def test_masked_delivery_shows_no_value_of_then(town: Town, before: str) -> None:
    """Where only a display leaves, what was typed then leaves masked too; a field without an item wholly."""
    answer = await town.resolve(again=before, delivery="masked")

    assert {answer["fields"][path]["value"] for path in ("email", "note")} == {None}
    assert "三楼" not in str(answer)


async def test_what_was_offered_again_and_left_is_kept(town: Town, before: str) -> None:
    """Handing it in unchanged is `kept` of tier C, and can be begun from in turn."""
    resolution = await town.resolve(again=before)
    told = await town.hand_in(resolution, {})
    once_more = await town.resolve(again=told["id"])

    assert {path: told["fields"][path]["disposition"] for path in ("email", "note")} == {
        "email": "kept",
        "note": "kept",
    }
    assert once_more["again"]["offered"] == ["born", "email", "note"]


async def test_a_test_is_nothing_to_begin_from(town: Town) -> None:
    """What somebody tried out once is not offered as what the person had typed."""
    tried = await town.hand_in(await town.resolve(), TYPED, test=True)

    answer = await town.resolve(again=tried["id"])

    assert codes(answer) == ["again_gone"]
    assert answer["fields"]["email"]["value"] is None
