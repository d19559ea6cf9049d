"""A form handed in over HTTP: what becomes of each slot, and what is stored, logged and shown of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from gateway.slots import from_facts
from gateway.submissions.keeping import purge_submissions, read_values


def dispositions(answer: dict[str, Any]) -> dict[str, str]:
    """Path → disposition."""
    return {path: field["disposition"] for path, field in answer["fields"].items()}


async def test_what_comes_back_as_it_was_offered_is_kept(hall):
    """Every offered slot is kept, every other one blank or typed; the dispositions add up to the eligible slots."""
    answer = await hall.handed_in()

    shown, counts = dispositions(answer), answer["counts"]
    offered = [path for path, field in answer["fields"].items() if field["tier"]]
    assert {shown[path] for path in offered} == {"kept"}
    assert len(offered) == counts["offered"] == counts["kept"] == 12
    assert (
        sum(counts[kind] for kind in ("kept", "edited", "disputed", "cleared", "typed", "blank"))
        == counts["eligible"]
    )
    assert answer["fields"]["name"] == {
        "disposition": "kept", "outcome": "filled", "reason": None, "tier": "A", "source": "civil",
        "item": "person.name", "obtainable": True,
    }  # fmt: skip


async def test_ways_of_writing_are_no_edits(hall):
    """Full-width digits, spaces, a Chinese date, a 15-digit number's form, the name of a code: all kept."""
    children = [
        {"name": " 小明 ", "id_no": "３５０５８２２０１５０３０１００１ｘ", "birth_date": "2015年3月1日"},
        {"name": "小　红", "id_no": "350582 20180706 0024", "birth_date": 20180706},
    ]

    answer = await hall.handed_in(
        {
            "name": "安 妮",
            "id_no": "３５０５８２１９９１０６０３９９６ｘ",
            "sex": "女",
            "birth_date": "1991.6.3",
            "address": "福建省晋江市青阳街道１号",
            "children": children,
        }
    )

    assert {field["disposition"] for field in answer["fields"].values() if field["tier"]} == {"kept"}
    assert answer["counts"]["edited"] == 0


async def test_a_changed_locked_value_is_marked_and_never_kept(hall):
    """By default a changed register value is an edit; the duplicate field that still has it stays kept."""
    answer = await hall.handed_in({"name": "安娜"})

    shown = dispositions(answer)
    assert (shown["name"], shown["name_again"]) == ("edited", "kept")
    assert {(each["pointer"], each["code"]) for each in answer["findings"]} >= {
        ("/values/name", "contradiction"), ("/values/name_again", "contradiction"),
    }  # fmt: skip


async def test_the_policy_may_refuse_changes_of_locked_values(hall):
    """Where the purpose says so, each changed place is named, of duplicates too; an unlocked field may change."""
    resolved = await hall.resolve("strict")

    refused = await hall.submit(resolved, {"name": "安娜", "sex": "1", "address": "别处"})
    disputed = await hall.submit(
        resolved, {"name": "安娜", "address": "别处"}, disputes={"name": {"reason": "登记有误"}}
    )

    assert refused.status_code == 422
    assert {(each["pointer"], each["code"]) for each in refused.json()["errors"]} == {
        ("/values/name", "locked_value_changed"), ("/values/sex", "locked_value_changed"),
    }  # fmt: skip
    assert disputed.status_code == 200
    assert dispositions(disputed.json())["name"] == "disputed"


async def test_rows_in_another_order_are_no_edit(hall):
    """Rows are known by their identity: turned round, under other numbers, every cell is kept, also where locked."""
    first, second = hall.offered["children"]

    turned = await hall.handed_in({"children": [second, first]}, form="strict")
    numbered = await hall.handed_in(
        {"children": None, **{f"children.7.{leaf}": value for leaf, value in first.items()},
         **{f"children.3.{leaf}": value for leaf, value in second.items()}}
    )  # fmt: skip

    for answer in (turned, numbered):
        rows = {path: shown for path, shown in dispositions(answer).items() if path.startswith("children.")}
        assert {shown for path, shown in rows.items() if not path.endswith("school")} == {"kept"}
        assert len(rows) == 8


async def test_two_rows_that_swap_their_names_are_edited(hall):
    """A locked cell that stands in another row is a change of both, and refused where changes are."""
    first, second = hall.offered["children"]
    swapped = [{**first, "name": second["name"]}, {**second, "name": first["name"]}]

    marked = await hall.handed_in({"children": swapped})
    refused = await hall.submit(await hall.resolve("strict"), {"children": swapped})

    shown = dispositions(marked)
    assert (shown["children.0.name"], shown["children.1.name"]) == ("edited", "edited")
    assert (shown["children.0.id_no"], shown["children.0.birth_date"]) == ("kept", "kept")
    assert [each["pointer"] for each in refused.json()["errors"]] == [
        "/values/children/0/name", "/values/children/1/name",
    ]  # fmt: skip


async def test_rows_may_be_taken_out_and_added(hall):
    """A row that does not come back is cleared, a new one is typed and could not have been had."""
    first = hall.offered["children"][0]
    new = {"name": "小刚", "id_no": "110102199101010078", "birth_date": "1991-01-01"}

    answer = await hall.handed_in({"children": [new, first]}, form="strict")

    fields = answer["fields"]
    assert {fields[f"children.0.{leaf}"]["disposition"] for leaf in new} == {"typed"}
    assert fields["children.0.name"]["reason"] == "row_not_matched"
    assert fields["children.0.name"]["obtainable"] is False
    assert {fields[f"children.1.{leaf}"]["disposition"] for leaf in first} == {"kept"}
    assert {fields[f"children.2.{leaf}"]["disposition"] for leaf in first} == {"cleared"}


async def test_what_was_typed_before_is_typed(hall):
    """A field answered before anything was asked is typed, whatever it says, and could have been had."""
    resolved = await hall.resolve(answers={"sex": "女"})

    answer = (await hall.submit(resolved)).json()

    assert answer["fields"]["sex"]["disposition"] == "typed"
    assert answer["fields"]["sex"]["obtainable"] is True
    assert answer["fields"]["sex"]["tier"] is None


async def test_masked_delivery_is_judged_by_the_value_behind_the_mask(hall):
    """What was shown masked is compared with what the register gave."""
    resolved = await hall.resolve(delivery="masked")
    assert resolved["fields"]["id_no"]["value"] is None

    answer = (await hall.submit(resolved, {"sex": "1"})).json()

    assert (dispositions(answer)["id_no"], dispositions(answer)["sex"]) == ("kept", "edited")


async def test_what_comes_back_as_it_was_shown_masked_is_the_value_behind_the_mask(hall):
    """A caller who has the masks alone can hand the form in; a mask of another slot is no value there."""
    resolved = await hall.resolve(delivery="masked")
    shown = {path: field["display"] for path, field in resolved["fields"].items() if field.get("display")}
    assert "*" in shown["id_no"]

    async def hand_in(resolution, values):
        return await hall.call("POST", f"/v1/resolutions/{resolution}/submission", {"values": values})

    swapped = await hand_in(resolved["id"], shown | {"name_again": shown["id_no"]})
    taken = await hand_in((await hall.resolve(delivery="masked"))["id"], shown)

    answer = taken.json()
    assert taken.status_code == 200, taken.text
    assert {dispositions(answer)[path] for path in shown} == {"kept"}
    kept = await read_values(answer["id"], hall.runtime)
    assert (kept["id_no"], kept["children.0.name"]) == ("35058219910603996X", "小明")
    assert dispositions(swapped.json())["name_again"] == "edited"


async def test_a_declaration_has_to_be_made(hall):
    """A required box that is not ticked keeps the form from being taken, where it is shown."""
    asked = {"wants_more": True, "more": "有"}
    resolved = await hall.resolve()

    left_out = await hall.submit(resolved, asked)
    refused = await hall.submit(resolved, asked | {"declaration": False})
    made = await hall.submit(resolved, asked | {"declaration": True})

    for answer in (left_out, refused):
        said = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
        assert (answer.status_code, said) == (422, [("/values/declaration", "required")])
    assert made.status_code == 200


async def test_what_the_register_lacks_or_spoils_never_blocks(hall):
    """Required fields that the register holds empty or invalid are taken without; a disputed one may stay open."""
    answer = await hall.handed_in({"sex": None}, disputes={"sex": {"reason": "登记有误"}})

    said = {(each["pointer"], each["code"]) for each in answer["findings"]}
    wanting = {(f"/values/{path}", "required") for path in ("school", "income", "sex")}
    assert said == wanting | {("/values/signature", "not_signed")}
    assert dispositions(answer)["sex"] == "disputed"


async def test_an_entry_tells_every_slot_and_no_value(hall):
    """The leaf counts the application from the log alone; nothing the person said stands in it."""
    answer = await hall.handed_in({"school": "泉州一中"}, actor={"kind": "clerk", "id": "jj-0317"})

    (leaf,) = await hall.entries("submission.received")
    assert leaf["id"] == answer["receipt"]["entry"]
    assert {slot.path: slot.disposition for slot in from_facts(leaf["slots"])} == dispositions(answer)
    assert (leaf["form"], leaf["segment"], leaf["snapshot"], leaf["is_test"]) == (
        ["family", 1],
        "resident",
        1,
        False,
    )
    text = orjson.dumps(leaf).decode()
    assert not any(
        value in text for value in ("安妮", "泉州一中", "jj-0317", "35058219910603996X", "1991-06-03")
    )


async def test_the_answer_can_be_read_again(hall):
    """GET gives the same answer; another caller's is not there; the list holds one's own, page by page."""
    answer = await hall.handed_in()
    later = await hall.handed_in({"school": "一中"})

    same = await hall.call("GET", f"/v1/submissions/{answer['id']}")
    stranger = await hall.call("GET", f"/v1/submissions/{answer['id']}", headers=hall.another())
    first = (await hall.call("GET", "/v1/submissions?limit=1")).json()
    second = (await hall.call("GET", f"/v1/submissions?limit=1&cursor={first['next_cursor']}")).json()
    others = (await hall.call("GET", "/v1/submissions", headers=hall.another())).json()

    assert same.json() == answer
    assert (stranger.status_code, stranger.json()["code"]) == (404, "unknown_submission")
    assert [each["submissions"][0]["id"] for each in (first, second)] == [answer["id"], later["id"]]
    assert (second["next_cursor"], others["submissions"]) == (None, [])
    assert (await hall.call("GET", "/v1/submissions?form=strict")).json()["submissions"] == []
    assert (
        len((await hall.call("GET", "/v1/submissions?since=2026-11-21T02:03:04Z")).json()["submissions"]) == 2
    )
    assert (await hall.call("GET", "/v1/submissions?until=2026-11-21T02:03:04Z")).json()["submissions"] == []


async def test_final_values_are_kept_and_then_gone(hall):
    """What was handed in can be read by whoever prints it until its time is over; then only slots are left."""
    answer = await hall.handed_in({"birth_date": "1991年6月3日"})

    kept = await read_values(answer["id"], hall.runtime)
    hall.clock.now += timedelta(days=180)
    purged = await purge_submissions(hall.runtime)

    assert kept is not None
    assert (kept["birth_date"], kept["children.0.name"]) == ("1991-06-03", "小明")
    assert purged == 1
    assert await read_values(answer["id"], hall.runtime) is None
    assert (await hall.call("GET", f"/v1/submissions/{answer['id']}")).json() == answer
    assert (await hall.entries("submissions.purged"))[0]["submissions"] == 1


async def test_the_draft_is_emptied_with_the_submission(hall):
    """What was offered is not kept beside what was handed in."""
    resolved = await hall.resolve()
    await hall.submit(resolved)

    again = await hall.call("GET", f"/v1/resolutions/{resolved['id']}")

    assert (again.status_code, again.json()["code"]) == (410, "resolution_gone")


async def test_a_test_application_is_marked_and_never_counted(hall):
    """It stands in the entry and the snapshot as a test, and waits for no count."""
    answer = await hall.handed_in(test=True)
    await hall.handed_in()

    assert answer["test"] is True
    assert [leaf["is_test"] for leaf in await hall.entries("submission.received")] == [True, False]
    assert [shot.is_test for shot in await hall.runtime.store.submissions.snapshots(answer["id"])] == [True]


async def test_what_is_typed_may_be_kept_in_the_record(hall):
    """A typed value that the person wants kept is offered in the next form as tier C, and kept there."""
    answer = await hall.handed_in({"phone": "138 0013 8000"}, keep={"phone": "record"})

    resolved = await hall.resolve()
    offered = resolved["fields"]["phone"]
    next_time = (await hall.submit(resolved, {"phone": "13800138000"})).json()

    assert answer["kept"] == ["person.phone"]
    assert (offered["outcome"], offered["value"], offered["tier"]) == ("filled", "13800138000", "C")
    assert next_time["fields"]["phone"]["disposition"] == "kept"


async def test_a_typed_value_that_the_record_holds_could_have_been_had(hall):
    """The profile is asked for what it holds: typed again, it counts as repeat collection."""
    await hall.handed_in({"phone": "13800138000"}, keep={"phone": "record"})

    answer = await hall.handed_in({"phone": "13900139000"}, form="family")

    assert answer["fields"]["phone"]["disposition"] == "edited"
    assert answer["fields"]["phone"]["obtainable"] is True


async def test_a_dispute_opens_one_ticket_for_the_owner(hall):
    """Two fields that showed the same wrong value make one dispute; the values stand sealed in it."""
    answer = await hall.handed_in(
        {"name": "安娜", "name_again": "安娜"},
        disputes={path: {"reason": "登记有误", "evidence": ["户口簿"]} for path in ("name", "name_again")},
    )

    (dispute_id,) = answer["disputes"]
    ticket = await hall.runtime.store.disputes.read(dispute_id)
    assert ticket is not None
    assert (ticket.item, ticket.source, ticket.department) == ("person.name", "civil", "公安")
    assert ticket.submission_id == answer["id"]
    assert answer["counts"]["disputed"] == 2


async def test_what_the_caller_read_from_a_paper_is_judged_against_it(hall):
    """An OCR value is offered as tier D where the gateway had nothing: kept, or edited."""
    assisted = {
        "children.0.school": {"tier": "D", "value": "实验小学"},
        "school": {"tier": "E", "value": "一中"},
    }
    first, second = hall.offered["children"]

    answer = await hall.handed_in(
        {"school": "二中", "children": [{**first, "school": " 实验小学"}, second]}, assisted=assisted
    )

    fields = answer["fields"]
    assert (fields["children.0.school"]["disposition"], fields["children.0.school"]["tier"]) == ("kept", "D")
    assert (fields["school"]["disposition"], fields["school"]["tier"]) == ("edited", "E")


async def test_a_newer_version_of_the_form_does_not_matter(hall):
    """A form is taken as the version that was resolved, and it is said that a newer one is there."""
    resolved = await hall.resolve()
    await hall.publish(replace(hall.form, version=2, fields=hall.form.fields[1:]))

    answer = (await hall.submit(resolved)).json()

    assert answer["form"] == {"id": "family", "version": 1}
    assert "newer_form_version" in {each["code"] for each in answer["findings"]}


async def test_what_is_disputed_already_is_not_disputed_twice(hall):
    """A value under correction can be named again: the form is taken, one ticket stands, and that is said."""
    said = {"name": {"reason": "it is spelled otherwise"}}
    await hall.submit(await hall.resolve(), disputes=said)
    again = await hall.resolve()
    assert again["fields"]["name"]["outcome"] == "disputed"

    answer = (await hall.submit(again, {"name": "安娜"}, disputes=said)).json()

    assert dispositions(answer)["name"] == "typed"
    assert answer["disputes"] == []
    assert ("/disputes/name", "already_disputed") in {
        (each["pointer"], each["code"]) for each in answer["findings"]
    }
