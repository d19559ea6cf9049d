"""The main job over HTTP: a token, consents, one call, and every field has its outcome, its ground and its source."""

import json
from datetime import date

from typer.testing import CliRunner

from gateway.cli import app
from gateway.demo.city import this_day
from gateway.http.schemas.resolutions import ResolutionBody

FILLED = ("plate_number", "plate_color", "vehicle_type", "vin", "transport_permit_no", "insurance_no",
          "enterprise_name", "uscc", "transport_licence_no", "agent_name", "agent_id_no")  # fmt: skip
SHARED_FREELY = ("enterprise_name", "uscc", "transport_licence_no")


def leaves(value):
    """Every text in a value."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [] if value is None else [str(value)]


def test_every_field_has_one_outcome_and_eleven_are_filled(hall, form, cast):
    """The vehicle review answers for all its 20 fields and fills 11 of them."""
    answer = hall.resolve(form, cast, hall.agree_all(form, cast).values())

    fields, counts = answer["fields"], answer["counts"]
    assert list(fields) == [field["path"] for field in form["fields"]]
    assert tuple(path for path, field in fields.items() if field["outcome"] == "filled") == FILLED
    assert (counts["fields"], counts["eligible"], counts["filled"]) == (20, 14, 11)
    assert sum(counts["by_outcome"].values()) == counts["fields"]
    assert answer["findings"] == []


def test_what_is_filled_is_what_the_registers_hold(hall, form, cast):
    """A filled value is the register's own, in its normal form."""
    city = hall.city.city
    person, enterprise = (
        city.persons[cast["applicant"]["id_no"]],
        city.enterprises[cast["enterprise"]["uscc"]],
    )
    vehicle = city.vehicles[cast["vehicle"]["plate_number"]]

    fields = hall.resolve(form, cast, hall.agree_all(form, cast).values())["fields"]

    expected = {"agent_name": person.name, "agent_id_no": person.id_no, "enterprise_name": enterprise.name,
                "uscc": enterprise.uscc, "plate_number": vehicle.plate, "vin": vehicle.vin}  # fmt: skip
    assert {path: fields[path]["value"] for path in expected} == expected


def test_each_filled_field_says_where_it_comes_from_and_on_which_ground(hall, form, cast):
    """Tier, source, times, ground and rule stand on every filled field; the ground is the own consent or a law."""
    consents = hall.agree_all(form, cast)
    role_of = {field["path"]: field["role"] for field in form["fields"]}

    fields = hall.resolve(form, cast, consents.values())["fields"]

    for path in FILLED:
        field = fields[path]
        assert field["tier"] == "A"
        assert field["locked"] is True
        assert field["source"].keys() == {"id", "name", "department"}
        assert date.fromisoformat(field["recorded_at"]) <= this_day()
        assert field["retrieved_at"].endswith("Z")
        if path in SHARED_FREELY:
            assert field["ground"]["kind"] == "other_law"
            assert field["ground"]["citation"]
            assert field["rule"] == "R-900"
        else:
            assert field["ground"] == {"kind": "consent", "id": consents[role_of[path]]}
            assert field["rule"] == "R-010"
        assert field["stale"] is False


def test_each_field_that_is_not_filled_says_why(hall, form, cast):
    """No value, a sentence, and who can do something about it."""
    fields = hall.resolve(form, cast, hall.agree_all(form, cast).values())["fields"]

    missing = {path: field for path, field in fields.items() if path not in FILLED}
    assert len(missing) == 9
    assert all(
        field["value"] is None and field["message"] and field["fixed_by"] for field in missing.values()
    )
    assert missing["modification_item"]["outcome"] == "skipped_hidden"
    assert missing["review_station"]["outcome"] == "no_binding"


def test_messages_follow_the_accepted_language(hall, form, cast):
    """The same answer in English for a caller that prefers it."""
    body = hall.request(form, cast, [])

    english = hall.post("/v1/resolutions", body, accept_language="en-GB, zh;q=0.5").json()["fields"]
    chinese = hall.post("/v1/resolutions", body).json()["fields"]

    assert "consent" in english["vin"]["message"]
    assert "授权" in chinese["vin"]["message"]


def test_the_answer_can_be_read_again_byte_by_byte(hall, form, cast):
    """GET gives exactly what was released, and anybody else's id gives 404."""
    body = hall.request(form, cast, hall.agree_all(form, cast).values())
    first = hall.post("/v1/resolutions", body)

    again = hall.get(f"/v1/resolutions/{first.json()['id']}")
    unknown = hall.get("/v1/resolutions/res_nobody")

    assert (again.status_code, again.content) == (200, first.content)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_resolution")


def test_masked_delivery_shows_no_value_in_clear(hall, form, cast):
    """What is delivered masked fills the same fields and holds no value of theirs that is masked."""
    consents = hall.agree_all(form, cast)
    clear = hall.resolve(form, cast, consents.values())["fields"]
    body = hall.request(form, cast, consents.values(), delivery="masked")

    masked = hall.post("/v1/resolutions", body)

    ResolutionBody.model_validate_json(masked.content)
    fields = masked.json()["fields"]
    assert [path for path in fields if fields[path]["outcome"] == "filled"] == list(FILLED)
    assert all(fields[path]["value"] is None for path in FILLED)
    for path in ("agent_name", "agent_id_no"):
        assert "*" in fields[path]["display"]
        assert str(clear[path]["value"]) not in masked.text


def test_what_the_person_typed_is_kept_and_its_source_not_asked(hall, form, cast):
    """Both things the population register would give are typed already: it is not called at all."""
    consents = hall.agree_all(form, cast)
    before = hall.city.calls("civil")
    typed = {"agent_name": "本人所填", "agent_id_no": "本人所填"}

    answer = hall.resolve(form, cast, consents.values(), answers=typed)

    assert hall.city.calls("civil") == before
    for path in typed:
        field = answer["fields"][path]
        assert (field["answered"], field["reason"], field["value"]) == (True, "already_answered", None)
    assert answer["counts"]["filled"] == 9


def test_choosing_the_plate_brings_the_vehicle(hall, form, cast):
    """The answer to the identity field stands for the subject, and what was typed is not fetched again."""
    consents = hall.agree_all(form, cast)
    without = {role: subject for role, subject in cast.items() if role != "vehicle"}
    plate = cast["vehicle"]["plate_number"]

    unbound = hall.resolve(form, without, consents.values())
    chosen = hall.resolve(form, without, consents.values(), answers={"plate_number": plate})

    assert unbound["fields"]["vin"]["outcome"] == "identity_unbound"
    assert unbound["counts"]["filled"] == 5
    assert chosen["fields"]["vin"]["outcome"] == "filled"
    assert chosen["fields"]["plate_number"]["answered"] is True
    assert chosen["counts"]["filled"] == 10


def test_a_field_comes_up_when_the_answer_it_hangs_on_is_given(hall, form, cast):
    """Hidden fields are skipped; once their condition holds they are asked like any other."""
    consents = hall.agree_all(form, cast)

    answer = hall.resolve(form, cast, consents.values(), answers={"has_modification": True})

    assert answer["fields"]["modification_item"]["outcome"] == "no_binding"
    assert "skipped_hidden" not in answer["counts"]["by_outcome"]


def test_one_call_per_source_and_subject_however_many_fields(hall, form, cast):
    """Six fields of the vehicle's ledger and the operator's licence are two calls: one per subject."""
    consents = hall.agree_all(form, cast)
    before = {
        source: hall.city.calls(source) for source in ("transport-vehicles", "civil", "vehicle-insurance")
    }

    hall.resolve(form, cast, consents.values())

    made = {source: hall.city.calls(source) - calls for source, calls in before.items()}
    assert made == {"transport-vehicles": 2, "civil": 1, "vehicle-insurance": 1}


def test_every_form_of_the_city_resolves(hall, casts):
    """All sixteen forms answer for every field, and most of what they ask comes filled."""
    names = [form["id"] for form in hall.get("/v1/forms").json()["forms"]]
    assert len(names) == 16

    for name in names:
        form, people = hall.form(name), casts(name)[0]
        answer = hall.resolve(form, people, hall.agree_all(form, people).values())
        counts = answer["counts"]
        assert sum(counts["by_outcome"].values()) == counts["fields"] == len(answer["fields"])
        assert counts["filled"] * 2 >= counts["eligible"], name


def test_the_log_tells_intent_then_outcome_without_a_value(hall, form, cast):
    """Two entries per resolution, in this order, with references and codes and nothing that was released."""
    answer = hall.resolve(form, cast, hall.agree_all(form, cast).values())

    told = hall.entries(request=answer["id"])

    assert [entry["kind"] for entry in told] == ["intent", "outcome"]
    assert told[1]["id"] == answer["receipt"]["entry"]
    assert told[1]["leaf"]["receipt"] == answer["receipt"]["id"]
    values = {answer["fields"][path]["value"] for path in FILLED}
    assert values.isdisjoint(leaves(told))


def test_the_command_line_resolves_beside_the_service(hall, form, cast):
    """The same pipeline from the command line, beside a served gateway, on the same state."""
    consents = hall.agree_all(form, cast)
    subjects = (
        f"vehicle=vehicle:{cast['vehicle']['plate_number']}",
        f"enterprise=organisation:{cast['enterprise']['uscc']}",
        f"applicant=person:111:{cast['applicant']['id_no']}",
    )
    arguments = [part for subject in subjects for part in ("--subject", subject)]
    arguments += [part for consent in consents.values() for part in ("--consent", consent)]

    result = CliRunner().invoke(
        app,
        ["resolve", "vehicle-annual-review", *arguments, "--state", str(hall.gateway.directory), "--json"],
    )

    answer = json.loads(result.stdout)

    assert answer["counts"]["filled"] == 11
    assert [entry["kind"] for entry in hall.entries(request=answer["id"])] == ["intent", "outcome"]
