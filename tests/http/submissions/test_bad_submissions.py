"""What cannot be handed in: each has its code, names its place, repeats nothing that was sent and writes nothing."""

import pytest

SECRET = "绝密内容"
BAD_VALUES = [
    ({"nonsense": SECRET}, "/values/nonsense", "unknown_path"),
    ({"more": SECRET}, "/values/more", "hidden_field"),
    ({"opinion": SECRET}, "/values/opinion", "office_use"),
    ({"hint": SECRET}, "/values/hint", "not_a_field"),
    ({"sex": SECRET}, "/values/sex", "not_normal"),
    ({"birth_date": SECRET}, "/values/birth_date", "not_normal"),
    ({"wants_more": SECRET}, "/values/wants_more", "type"),
    ({"wants_more": True, "more": SECRET * 2}, "/values/more", "maxLength"),
    ({"wants_more": True}, "/values/more", "required"),
    ({"name": None}, "/values/name", "required"),
    ({"children": [{"name": SECRET}]}, "/values/children/0/id_no", "required"),
    ({"children": [{}, {}, {}, {}, {}, {"id_no": "110102199101010078", "x": SECRET}]}, "/values/children/5/x", "unknown_path"),
    ({"children.0.name": SECRET}, "/values/children/0/name", "given_twice"),
    ({"name": {"first": SECRET}}, "/values/name/first", "unknown_path"),
    ({"name": [[SECRET]]}, "/values/name", "not_an_answer"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "pointer", "code"), BAD_VALUES)
async def test_a_value_that_cannot_be_taken_is_named(hall, values, pointer, code):
    """422 with the place and the rule; no entry, no submission, and what was sent is not in the answer."""
    resolved = await hall.resolve()

    answer = await hall.submit(resolved, values)

    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
    assert SECRET not in answer.text
    assert await hall.entries("submission.received") == []
    assert (await hall.submit(resolved)).status_code == 200


BAD_PARTS = [
    ({"disputes": {"school": {"reason": "x"}}}, "/disputes/school", "not_offered"),
    ({"disputes": {"more": {"reason": "x"}}}, "/disputes/more", "not_a_slot"),
    ({"disputes": {SECRET: {"reason": "x"}}}, "/disputes", "not_a_slot"),
    ({"keep": {"wants_more": "record"}}, "/keep/wants_more", "no_item"),
    ({"keep": {"name": "record"}}, "/keep/name", "not_bound"),
    ({"keep": {"id_no": "record"}}, "/keep/id_no", "identity"),
    ({"keep": {"children.0.name": "record"}}, "/keep/children.0.name", "rows"),
    ({"keep": {"nowhere": "record"}}, "/keep", "not_a_slot"),
    ({"assisted": {"name": {"tier": "D", "value": SECRET}}}, "/assisted/name", "already_offered"),
    ({"assisted": {"nowhere": {"tier": "D", "value": SECRET}}}, "/assisted", "not_a_slot"),
    ({"own_word": ["nowhere"]}, "/own_word", "not_a_slot"),
]


@pytest.mark.parametrize(("parts", "pointer", "code"), BAD_PARTS)
async def test_a_claim_that_leads_nowhere_is_named(hall, parts, pointer, code):
    """Disputes, things to keep and readings of papers must be about slots that they can be about."""
    answer = await hall.submit(await hall.resolve(), **parts)

    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
    assert SECRET not in answer.text
    assert await hall.entries("submission.received") == []


BAD_SHAPES = [
    {},
    {"values": []},
    {"values": {}, "surprise": 1},
    {"values": {}, "disputes": {"name": {"reason": ""}}},
    {"values": {}, "assisted": {"name": {"tier": "A", "value": "x"}}},
    {"values": {}, "keep": {"name": "forever"}},
    {"values": {}, "test": "yes please"},
]


@pytest.mark.parametrize("body", BAD_SHAPES)
async def test_a_body_of_the_wrong_shape_is_refused(hall, body):
    """The shape is checked before anything is read."""
    resolved = await hall.resolve()

    answer = await hall.call("POST", f"/v1/resolutions/{resolved['id']}/submission", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "not_valid")


async def test_a_person_of_no_subject_has_no_record(hall):
    """A value of a role that was given no subject cannot be kept in anybody's record."""
    form = hall.form
    fields = [field if field.path != "spouse_name" else type(field)(
        "spouse_name", "配偶电话", role="spouse", item="person.phone") for field in form.fields]  # fmt: skip
    await hall.publish(
        type(form)(
            **{
                **{name: getattr(form, name) for name in form.__slots__},
                "version": 2,
                "fields": tuple(fields),
            }
        )
    )

    answer = await hall.submit(
        await hall.resolve(), {"spouse_name": "13800138000"}, keep={"spouse_name": "record"}
    )

    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("/keep/spouse_name", "subject_unbound")
    ]


async def test_another_hall_cannot_hand_it_in(hall):
    """A resolution is there for the caller it was given to, and for nobody else; nor is one that never was."""
    resolved = await hall.resolve()
    url = f"/v1/resolutions/{resolved['id']}/submission"

    stranger = await hall.call("POST", url, {"values": {}}, headers=hall.another())
    never = await hall.submit("res_never")

    assert (stranger.status_code, stranger.json()["code"]) == (404, "unknown_resolution")
    assert (never.status_code, never.json()["code"]) == (404, "unknown_resolution")
    assert (await hall.submit(resolved)).status_code == 200


async def test_many_answers_and_deep_ones_are_refused(hall):
    """A body that nests without end, or answers without end, is refused and costs little."""
    resolved = await hall.resolve()
    deep: object = SECRET
    for _ in range(12):
        deep = {"a": deep}

    nested = await hall.submit(resolved, {"name": deep})
    many = await hall.submit(resolved, {f"x{number}": 1 for number in range(6_000)})

    assert {nested.status_code, many.status_code} == {422}
    assert SECRET not in nested.text
    assert "too_many" in {each["code"] for each in many.json()["errors"]}
