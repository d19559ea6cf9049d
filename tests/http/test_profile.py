"""`/v1/me/profile`, and what "also my record" does from one form to the next."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from field_registry import Subject, SubjectKind, Tier
from gateway.profiles.purging import purge_profiles
from gateway.records import Caller
from gateway.retention import erase_subject
from gateway.settings import Settings
from gateway.store import MemoryStore
from policies.retention import ErasureReason
from policies.rules import Conditions, Effect, Rule
from tests.profile_town import ANN, BOB, HALL, Town, form, later, policy, registry

MAIL = "ann@example.com"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    made = await Town.open(Settings(state_dir=tmp_path), MemoryStore())
    yield made
    await made.close()


# ---------------------------------------------------------------- keeping


async def test_only_what_the_person_says_is_kept(town: Town) -> None:
    """Of two values typed, the one marked "record" is kept; the other served its form and nothing else."""
    resolution = await town.resolve()
    told = await town.hand_in(resolution, {"email": MAIL, "phone": "13900139000"}, keep=["email"])

    assert [each["item"] for each in await town.profile()] == ["person.email"]
    assert len(told["kept"]) == 1


async def test_a_kept_value_says_what_it_was_given_for(town: Town) -> None:
    """Purpose, form, submission, day and end stand beside every value."""
    told = await town.keep(email=MAIL)

    [kept] = await town.profile()
    assert (kept["value"], kept["display"], kept["form"]) == (MAIL, MAIL, "residence")
    assert kept["purpose"] == {"code": "residence", "name": "居住登记"}
    assert kept["submission"] == told["id"]
    assert kept["given_at"] == "2026-11-21T02:03:04.000000Z"
    assert kept["expires_at"] == "2027-11-21T02:03:04.000000Z"
    assert kept["differs_from"] is None


async def test_an_item_is_kept_as_long_as_its_source_says(town: Town) -> None:
    """The registry sets a period of its own for phones."""
    await town.keep(phone="13900139000")

    [kept] = await town.profile()
    assert kept["expires_at"] == "2028-11-20T02:03:04.000000Z"


async def test_a_value_is_kept_in_its_normal_spelling(town: Town) -> None:
    """A date typed the way people do comes back as one."""
    await town.keep(born="1991.6.3")

    assert [each["value"] for each in await town.profile()] == ["1991-06-03"]


async def test_keeping_is_an_act_of_its_own_in_the_log(town: Town) -> None:
    """Each kept field has its entry: the item, the purpose, until when; nowhere the value."""
    told = await town.keep(email=MAIL, phone="13900139000")

    entries = await town.entries("profile.kept")
    assert sorted(each["items"] for each in entries) == [["person.email"], ["person.phone"]]
    assert {(each["purpose"], each["submission"], each["caller"]) for each in entries} == {
        ("residence", told["id"], "hall")
    }
    assert {each["subject"] for each in entries} == {await town.ref()}
    leaves = str(await town.entries())
    assert MAIL not in leaves
    assert "13900139000" not in leaves


async def test_what_a_register_gave_is_not_kept(town: Town) -> None:
    """Only what the person typed goes into their record; a register's word stays the register's."""
    resolution = await town.resolve()
    body = {"values": {"name": "陈小满"}, "keep": {"name": "record"}}
    url = f"/v1/resolutions/{resolution['id']}/submission"
    answer = await town.http.post(url, json=body, headers=town.headers)

    assert answer.status_code == 422 or not answer.json()["kept"]
    assert await town.profile() == []


# ---------------------------------------------------------------- offering


async def test_a_kept_value_is_offered_to_confirm(town: Town) -> None:
    """In the next form it stands with tier C, open to change, with where it is from and the day it was given."""
    await town.keep(email=MAIL)

    field = (await town.resolve("school"))["fields"]["email"]
    assert (field["outcome"], field["value"], field["tier"], field["locked"]) == ("filled", MAIL, "C", False)
    assert field["source"] == {"id": "profile", "name": "一人一档", "department": "数据局"}
    assert (field["recorded_at"], field["rule"]) == ("2026-11-21", "R-1")


async def test_nobody_is_offered_what_another_kept(town: Town) -> None:
    """Bob's form knows nothing of Ann's record."""
    await town.keep(email=MAIL)

    field = (await town.resolve("school", BOB))["fields"]["email"]
    assert (field["outcome"], field["value"]) == ("not_found", None)


async def test_an_expired_value_is_not_offered(town: Town) -> None:
    """The day its time is over, a value is gone from forms and from the record, before any purge."""
    await town.keep(email=MAIL)
    town.clock.now = later(days=365)

    assert (await town.resolve("school"))["fields"]["email"]["outcome"] == "not_found"
    assert await town.profile() == []


async def test_the_purge_empties_and_counts(town: Town) -> None:
    """Purged values are counted in one entry; a second purge finds nothing."""
    await town.keep(email=MAIL, born="1991-06-03")
    town.clock.now = later(days=366)

    assert await purge_profiles(town.runtime) == 2
    assert await purge_profiles(town.runtime) == 0
    assert [each["values"] for each in await town.entries("profile.purged")] == [2]


async def test_rules_decide_about_the_record_as_about_any_source(town: Town) -> None:
    """A rule that forbids tier C keeps the record out of that purpose, and only of that."""
    await town.keep(email=MAIL)
    conditions = Conditions(purposes=frozenset({"school"}), tiers=frozenset({Tier.C}))
    await town.publisher.policy(policy(Rule("F-1", Effect.forbid, "registers only", conditions)))
    await town.runtime.library.refresh(town.clock())

    assert (await town.resolve("school"))["fields"]["email"]["outcome"] == "no_ground"
    assert (await town.resolve("residence"))["fields"]["email"]["outcome"] == "filled"


async def test_a_form_without_bindings_to_the_record_reads_none(town: Town) -> None:
    """Where nothing could be offered the record is not looked into."""
    names = form("names", *[each for each in form("x").fields if each.path == "name"])
    await town.publisher.form(names)
    await town.runtime.library.refresh(town.clock())
    await town.keep(email=MAIL)

    await town.resolve("names")

    asked = [
        row[1]
        for entry in await town.entries("intent")
        for row in entry["asks"]
        if entry["form"][0] == "names"
    ]
    assert asked == ["civil"]


# ---------------------------------------------------------------- the register says otherwise


async def test_a_register_outranks_the_record_and_the_difference_is_told(town: Town) -> None:
    """Once a register is connected its value is offered, locked; the record says whom it differs from, and when."""
    await town.keep(email=MAIL)
    await town.publish(registry("person.email"))
    town.clock.now = later(minutes=5)

    field = (await town.resolve("school"))["fields"]["email"]
    [kept] = await town.profile()

    assert (field["value"], field["tier"], field["locked"]) == ("register@example.com", "A", True)
    assert kept["value"] == MAIL
    assert kept["differs_from"] == {
        "source": {"id": "civil", "name": "人口基础库", "department": "公安"},
        "retrieved_at": "2026-11-21T02:08:04.000000Z",
    }
    [outcome] = [each for each in await town.entries("outcome") if "differs" in each]
    assert outcome["differs"] == [["applicant", "person.email", "civil"]]


async def test_a_register_that_agrees_is_no_difference(town: Town) -> None:
    """Equal values, whatever their spelling, are no reason for a dispute."""
    await town.keep(email=MAIL, phone="138 0013 8000")
    await town.publish(registry("person.phone"))
    await town.resolve("school")

    assert {each["item"]: each["differs_from"] for each in await town.profile()} == {
        "person.email": None,
        "person.phone": None,
    }


async def test_a_register_that_has_nothing_leaves_the_record_standing(town: Town) -> None:
    """Bob's register knows no address of his mail: what he typed is offered still."""
    await town.keep(BOB, email="bob@example.com")
    await town.publish(registry("person.email"))

    field = (await town.resolve("school", BOB))["fields"]["email"]
    assert (field["value"], field["tier"]) == ("bob@example.com", "C")
    assert [each["differs_from"] for each in await town.profile(BOB)] == [None]


# ---------------------------------------------------------------- the person's own


async def test_reading_the_record_is_an_entry_before_it_is_shown(town: Town) -> None:
    """Every look is logged with how much was shown."""
    await town.keep(email=MAIL)
    await town.profile()

    [look] = await town.entries("profile.read")
    assert (look["subject"], look["shown"], look["caller"]) == (await town.ref(), 1, "person")


async def test_the_record_is_paged(town: Town) -> None:
    """Page by page, each value once."""
    await town.keep(email=MAIL, phone="13900139000", born="1991-06-03")
    headers, found, cursor = await town.person(), [], ""
    while cursor is not None:
        answer = await town.http.get("/v1/me/profile", headers=headers, params={"limit": 1, "cursor": cursor})
        found += [each["item"] for each in answer.json()["values"]]
        cursor = answer.json()["next_cursor"]

    assert sorted(found) == ["person.birth_date", "person.email", "person.phone"]


async def correct(town: Town, item: str, value: Any) -> Any:
    """Ann puts a value into her record."""
    return await town.http.put(f"/v1/me/profile/{item}", json={"value": value}, headers=await town.person())


async def test_a_corrected_value_takes_the_old_ones_place(town: Town) -> None:
    """It is offered from now on, and keeps what the old one was given for."""
    await town.keep(email=MAIL)
    town.clock.now = later(days=10)
    answer = await correct(town, "person.email", " new@example.com ")

    assert answer.status_code == 200, answer.text
    [kept] = await town.profile()
    assert (kept["value"], kept["form"], kept["submission"]) == ("new@example.com", "residence", None)
    assert answer.json()["entry"] in [each["id"] for each in await town.entries("profile.kept")]
    field = (await town.resolve("school"))["fields"]["email"]
    assert (field["value"], field["recorded_at"]) == ("new@example.com", "2026-12-01")


async def test_a_value_may_be_put_into_the_record_directly(town: Town) -> None:
    """Without any form it serves the record itself."""
    assert (await correct(town, "person.email", MAIL)).status_code == 200

    [kept] = await town.profile()
    assert (kept["purpose"], kept["form"], kept["submission"]) == (None, None, None)


@pytest.mark.parametrize(
    ("item", "value", "status", "code"),
    [
        ("person.unit", "a unit", 400, "not_keepable"),
        ("person.id_no", ANN["id_no"], 400, "not_keepable"),
        ("person.children", [{"a": 1}], 400, "not_keepable"),
        ("person.name", "陈小满", 400, "not_keepable"),
        ("person.nothing", "x", 404, "unknown_item"),
        ("person.birth_date", "someday", 422, "value_not_valid"),
        ("person.email", "", 422, "value_not_valid"),
        ("person.email", None, 422, "value_not_valid"),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    town: Town, item: str, value: Any, status: int, code: str
) -> None:
    """Unshared items, identities, rows, items no record is bound to, and what is no value: each says why."""
    answer = await correct(town, item, value)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await town.profile() == []


async def test_a_deleted_value_is_offered_no_more(town: Town) -> None:
    """Deleting works at once and is an entry; what is not there cannot be deleted."""
    await town.keep(email=MAIL)
    headers = await town.person()
    first = await town.http.delete("/v1/me/profile/person.email", headers=headers)
    second = await town.http.delete("/v1/me/profile/person.email", headers=headers)

    assert (first.status_code, second.status_code) == (200, 404)
    assert second.json()["code"] == "nothing_kept"
    assert (await town.resolve("school"))["fields"]["email"]["outcome"] == "not_found"
    assert [each["items"] for each in await town.entries("profile.deleted")] == [["person.email"]]


async def test_an_erased_person_has_no_record(town: Town) -> None:
    """With the subject its record is gone; whoever comes again of the same identity begins with none."""
    await town.keep(email=MAIL)
    ann = Subject(SubjectKind.person, "111", ANN["id_no"])
    await erase_subject(ann, ErasureReason.court_order, town.runtime, caller="officer")

    assert (await town.resolve("school"))["fields"]["email"]["outcome"] == "not_found"
    assert await town.profile() == []


async def test_a_token_of_an_erased_person_keeps_nothing(town: Town) -> None:
    """A token that outlived its person cannot write behind the erasure."""
    headers = await town.person()
    ann = Subject(SubjectKind.person, "111", ANN["id_no"])
    await erase_subject(ann, ErasureReason.court_order, town.runtime, caller="officer")
    answer = await town.http.put("/v1/me/profile/person.email", json={"value": MAIL}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (410, "subject_erased")


@pytest.mark.parametrize(
    "role", ["renderer", "consent_desk", "data_admin", "operator", "auditor", "security"]
)
async def test_nobody_else_reads_a_persons_record(town: Town, role: str) -> None:
    """No system and no operator, whatever their role."""
    headers = town.bearer(Caller("hall", HALL, frozenset({role})))
    answers = [
        await town.http.get("/v1/me/profile", headers=headers),
        await town.http.put("/v1/me/profile/person.email", json={"value": "x"}, headers=headers),
        await town.http.delete("/v1/me/profile/person.email", headers=headers),
    ]

    assert {each.status_code for each in answers} == {403}


async def test_the_language_of_names_follows_the_reader(town: Town) -> None:
    """In English where English is asked for."""
    await town.keep(email=MAIL)
    headers = {**await town.person(), "accept-language": "en"}
    [kept] = (await town.http.get("/v1/me/profile", headers=headers)).json()["values"]

    assert (kept["name"], kept["purpose"]["name"]) == ("E-mail", "Residence")


async def test_the_record_stands_in_the_persons_ledger(town: Town) -> None:
    """What was kept and deleted is told among the uses of the person's data."""
    await town.keep(email=MAIL)
    await town.http.delete("/v1/me/profile/person.email", headers=await town.person())
    await town.app.state.sequencer.run()
    answer = await town.http.get("/v1/me/uses", headers=await town.person())

    lines = "\n".join(line for use in answer.json()["uses"] for line in use["lines"])
    assert "同意留存本人填写的内容" in lines
    assert "删除了留存的内容" in lines
