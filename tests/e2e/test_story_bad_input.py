"""Bad input: each gets its code and a sentence that says what to do; a fault of one field stays with that field."""

import json

import pytest

MEGABYTE = 1_000_000
TYPED = {"insurance_no": "手工填写"}  # the insurers take their time: typed, they are not asked


def send(hall, content, **headers):
    """Bytes as the body of a resolution."""
    given = {**hall.bearer(), "content-type": "application/json", **headers}
    return hall.http.post("/v1/resolutions", content=content, headers=given)


def assert_problem(answer, status, code):
    """A problem of RFC 9457 with that code and a sentence."""
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["detail"].endswith((".", "。"))
    assert problem["trace_id"] == answer.headers["trace-id"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"id": "no-such-form", "version": 1}, "unknown_form"),
        ({"id": "no-such-form"}, "unknown_form"),
        ({"id": "vehicle-annual-review", "version": 2}, "unknown_form_version"),
        ({"id": "vehicle-annual-review", "version": 2_147_483_647}, "unknown_form_version"),
    ],
)
def test_an_unknown_form_or_version_is_not_found(hall, form, cast, asked, code):
    """404, and nobody was asked anything: the log has no entry."""
    newest = hall.entries()[-1]["id"]

    answer = hall.post("/v1/resolutions", hall.request(form, cast, [], form=asked))

    assert_problem(answer, 404, code)
    assert hall.entries(cursor=newest) == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"patience_ms": 0}, "/patience_ms"),
        ({"patience_ms": 86_400_000}, "/patience_ms"),
        ({"patience_ms": "3000"}, "/patience_ms"),
        ({"delivery": "by pigeon"}, "/delivery"),
        ({"actor": {"kind": "robot", "id": "1"}}, "/actor/kind"),
        ({"actor": None}, "/actor"),
        ({"form": {"id": "vehicle-annual-review", "version": 0}}, "/form/version"),
        ({"form": {"id": "vehicle-annual-review", "version": 2**40}}, "/form/version"),
        ({"subjects": {"vehicle": "闽C12345"}}, "/subjects/vehicle"),
        ({"subjects": {"vehicle": {"plate_number": "闽C12345"}}}, "/subjects/vehicle/kind"),
        ({"consent": ["c"] * 21}, "/consent"),
        ({"answers": ["a"]}, "/answers"),
        ({"surprise": True}, "/surprise"),
    ],
)
def test_a_request_of_the_wrong_shape_is_told_where(hall, form, cast, change, pointer):
    """422 with a finding that points at the place and repeats nothing of what was sent."""
    answer = hall.post("/v1/resolutions", hall.request(form, cast, [], **change))

    assert_problem(answer, 422, "not_valid")
    errors = answer.json()["errors"]
    assert any(error["pointer"].startswith(pointer) for error in errors)
    assert all(error["detail"] for error in errors)
    assert "闽C12345" not in answer.text


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ({"kind": "person", "id_type": "111", "id_no": "350582199106039961"}, "check_digit"),
        ({"kind": "person", "id_type": "111", "id_no": "12345"}, None),
        ({"kind": "person", "id_type": "111", "id_no": ""}, None),
        ({"kind": "person", "id_type": "999", "id_no": "350582199106039961"}, None),
        ({"kind": "person"}, None),
        ({"kind": "spaceship", "id_no": "1"}, None),
        ({"kind": "organisation", "uscc": "91350582M0000XXXXX"}, None),
    ],
)
def test_a_subject_nobody_can_be_leaves_its_own_role_unbound(hall, form, cast, subject, code):
    """200: the role's fields are `identity_unbound`, a finding says why, all other roles are filled."""
    consents = hall.agree_all(form, cast)
    people = {**cast, "applicant": subject}

    answer = hall.resolve(form, people, consents.values(), answers=TYPED)

    fields = answer["fields"]
    assert {fields[path]["outcome"] for path in ("agent_name", "agent_id_no")} == {"identity_unbound"}
    assert answer["counts"]["filled"] == 8
    findings = [each for each in answer["findings"] if each["pointer"].startswith("/subjects/applicant")]
    assert len(findings) == 1
    assert findings[0]["detail"]
    assert code is None or findings[0]["code"] == code
    number = subject.get("id_no") or subject.get("uscc") or "350582199106039961"
    assert len(number) < 3 or number not in json.dumps(answer, ensure_ascii=False)


def test_a_role_without_a_subject_costs_its_own_fields(hall, form, cast):
    """200: what hangs on the missing role is `identity_unbound`; nothing else is touched."""
    consents = hall.agree_all(form, cast)
    people = {role: subject for role, subject in cast.items() if role != "enterprise"}

    answer = hall.resolve(form, people, consents.values(), answers=TYPED)

    unbound = [path for path, field in answer["fields"].items() if field["outcome"] == "identity_unbound"]
    assert unbound == ["enterprise_name", "uscc", "transport_licence_no"]
    assert answer["counts"]["filled"] == 7


def test_a_subject_of_a_role_the_form_has_not_is_a_finding(hall, form, cast):
    """It is not used, and the answer says so."""
    consents = hall.agree_all(form, cast)

    answer = hall.resolve(form, {**cast, "neighbour": cast["applicant"]}, consents.values(), answers=TYPED)

    assert [(each["pointer"], each["code"]) for each in answer["findings"]] == [
        ("/subjects/neighbour", "unknown_role")
    ]
    assert answer["counts"]["filled"] == 10


def test_a_subject_of_the_wrong_kind_is_a_finding(hall, form, cast):
    """An enterprise in the agent's place: the agent's fields stay empty, the request stands."""
    consents = hall.agree_all(form, cast)

    answer = hall.resolve(form, {**cast, "applicant": cast["enterprise"]}, consents.values(), answers=TYPED)

    assert answer["fields"]["agent_name"]["outcome"] == "identity_unbound"
    assert len(answer["findings"]) == 1
    assert answer["counts"]["filled"] == 8


def test_an_answer_to_no_field_is_a_finding(hall, form, cast):
    """An answer the form does not ask for is not used, and not repeated."""
    answer = hall.resolve(form, cast, [], answers={"shoe_size": "四十三码"})

    assert [each["pointer"] for each in answer["findings"]] == ["/answers/shoe_size"]
    assert "四十三码" not in json.dumps(answer, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", {}, 400, "not_json"),
        (b'{"form": {"id": "a"}, "form": {"id": "b"}}', {}, 400, "not_json"),
        (b"{", {}, 400, "not_json"),
        (b'{"form": NaN}', {}, 400, "not_json"),
        (b'{"form": 1e999999}', {}, 400, "not_json"),
        ('{"form": "车"}'.encode("utf-16"), {}, 400, "not_json"),
        (b'{"form": "\xff\xfe"}', {}, 400, "not_json"),
        ('{"form": "车"}'.encode("gb18030"), {}, 400, "not_json"),
        (b"\xef\xbb\xbf{}", {}, 400, "not_json"),
        (b'{"answers": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", {}, 400, "json_too_deep"),
        (b'{"answers": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}", {}, 400, "json_too_deep"),
        (b"{}", {"content-type": "text/plain"}, 415, "json_required"),
        (b"{}", {"content-type": "application/json; charset=gb18030"}, 415, "json_required"),
        (b"[]", {}, 422, "not_valid"),
        (b"null", {}, 422, "not_valid"),
    ],
    ids=["empty", "key-twice", "cut", "nan", "infinity", "utf16", "invalid-utf8", "gb18030", "bom", "deep-lists", "deep-objects",
         "text", "charset", "list", "null"],
)  # fmt: skip
def test_a_body_that_is_no_json_of_ours_is_refused(hall, content, headers, status, code):
    """Wrong bytes, wrong encoding, wrong type, absurd nesting: refused before anything looks inside."""
    assert_problem(send(hall, content, **headers), status, code)


def test_ten_megabytes_are_too_many(hall):
    """413, whether the size is announced or not."""
    announced = send(hall, b"x" * (10 * MEGABYTE))
    streamed = send(hall, (b"x" * 100_000 for _ in range(100)))

    assert_problem(announced, 413, "body_too_large")
    assert_problem(streamed, 413, "body_too_large")


def test_a_not_a_number_inside_is_no_json(hall, form, cast):
    """NaN and Infinity are not JSON, wherever they stand."""
    body = json.dumps(hall.request(form, cast, [], answers={"contact_phone": float("nan")}))

    assert_problem(send(hall, body.encode()), 400, "not_json")
    in_words = hall.resolve(form, cast, [], answers={"contact_phone": "NaN, Infinity"})
    assert in_words["fields"]["contact_phone"]["answered"] is True


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"items": [{"item": "person.shoe_size"}]}, "/items/0/item", "unknown_item"),
        ({"purpose": "no.such-purpose"}, "/purpose", "unknown_purpose"),
        ({"form": "no-such-form"}, "/form", "unknown_form"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "period"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "/expires_at", "period"),
        ({"subject": {"kind": "vehicle", "plate_number": "???"}}, "/subject", None),
        ({"subject": {"kind": "ghost"}}, "/subject", None),
    ],
)
def test_a_consent_that_cannot_be_recorded_says_why(hall, form, cast, change, pointer, code):
    """422 with one finding at the place; nothing is recorded but that it was refused."""
    body = {**hall.consent_body(form, "vehicle", cast["vehicle"]), **change}
    newest = hall.entries()[-1]["id"]

    answer = hall.post("/v1/consents", body)

    assert_problem(answer, 422, "consent_not_valid")
    found = answer.json()["errors"]
    assert [error["pointer"].startswith(pointer) for error in found] == [True]
    assert code is None or found[0]["code"] == code
    told = [(entry["kind"], entry["leaf"]["codes"]) for entry in hall.entries(cursor=newest)]
    assert told == [("consent.rejected", [found[0]["code"]])]


@pytest.mark.parametrize("missing", ["notice", "expires_at", "recipient_departments", "items", "evidence"])
def test_a_consent_without_its_essentials_is_not_valid(hall, form, cast, missing):
    """No consent without notice, expiry, recipients, items and evidence."""
    body = hall.consent_body(form, "vehicle", cast["vehicle"])
    del body[missing]

    answer = hall.post("/v1/consents", body)

    assert_problem(answer, 422, "not_valid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{missing}"]


def test_without_a_token_or_the_role_nothing_is_answered(hall, form, cast):
    """401 without a token or with an invented one, 403 for a caller that may only audit."""
    body = hall.request(form, cast, [])

    nobody = hall.http.post("/v1/resolutions", json=body)
    invented = hall.http.post("/v1/resolutions", json=body, headers={"authorization": "Bearer x.y.z"})
    auditor = hall.http.post("/v1/resolutions", json=body, headers=hall.bearer("demo-auditor"))

    assert_problem(nobody, 401, "token_missing")
    assert invented.status_code == 401
    assert auditor.status_code == 403
    assert hall.get("/v1/audit/entries").status_code == 403
