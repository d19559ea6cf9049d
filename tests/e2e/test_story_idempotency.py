"""The same `Idempotency-Key` and body make one thing, however often and however concurrently they are sent."""

import secrets


def key():
    return secrets.token_hex(8)


def test_a_resolution_sent_twice_is_one(hall, form, cast):
    """The second answer is the first, byte by byte; the log knows one intent, and that it was given again."""
    body = hall.request(form, cast, hall.agree_all(form, cast).values())
    newest, once = hall.entries()[-1]["id"], key()

    first, second = (hall.post("/v1/resolutions", body, idempotency_key=once) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert [entry["kind"] for entry in hall.entries(cursor=newest)] == [
        "intent",
        "outcome",
        "outcome.reread",
    ]


def test_a_consent_sent_twice_is_one(hall, form, cast):
    """The same consent comes back, and it was given once."""
    body = hall.consent_body(form, "vehicle", cast["vehicle"])
    newest, once = hall.entries()[-1]["id"], key()

    first, second = (hall.post("/v1/consents", body, idempotency_key=once) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert [entry["kind"] for entry in hall.entries(cursor=newest)] == ["consent.given"]


def test_a_key_used_for_another_body_is_refused(hall, form, cast):
    """400, and nothing was done for the second body."""
    body = hall.request(form, cast, [])
    once = key()
    hall.post("/v1/resolutions", body, idempotency_key=once)
    newest = hall.entries()[-1]["id"]

    other = hall.post("/v1/resolutions", {**body, "case": "another"}, idempotency_key=once)

    assert (other.status_code, other.json()["code"]) == (400, "idempotency_key_reused")
    assert hall.entries(cursor=newest) == []


def test_of_concurrent_requests_with_one_key_one_executes(hall, form, cast):
    """Five at once: one intent; whoever is not answered with the same bytes is told to wait."""
    body = hall.request(form, cast, hall.agree_all(form, cast).values())
    newest, once = hall.entries()[-1]["id"], key()
    hall.fault("civil", "slow", seconds=0.5)

    coming = [hall.in_background(hall.post, "/v1/resolutions", body, idempotency_key=once) for _ in range(5)]

    answers = [each.result(30) for each in coming]
    told = {answer.json().get("code", "answered") for answer in answers}
    assert told <= {"answered", "idempotency_in_progress"}
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert [entry["kind"] for entry in hall.entries(cursor=newest)] == ["intent", "outcome"]
    assert hall.post("/v1/resolutions", body, idempotency_key=once).status_code == 200


def test_a_refused_request_leaves_its_key_free(hall, form, cast):
    """A key whose request failed may be used again for the corrected one."""
    once = key()
    wrong = {**hall.consent_body(form, "vehicle", cast["vehicle"]), "recipient_departments": ["没有的部门"],
             "expires_at": "2020-01-01T00:00:00Z"}  # fmt: skip

    refused = hall.post("/v1/consents", wrong, idempotency_key=once)
    right = hall.post(
        "/v1/consents", hall.consent_body(form, "vehicle", cast["vehicle"]), idempotency_key=once
    )

    assert (refused.status_code, right.status_code) == (422, 201)


def test_a_key_does_not_travel_to_another_path(hall, form, cast):
    """The same key on another path with another body is refused, not answered with the wrong resource."""
    once = key()
    made = hall.post(
        "/v1/consents", hall.consent_body(form, "vehicle", cast["vehicle"]), idempotency_key=once
    )

    other = hall.post("/v1/resolutions", hall.request(form, cast, []), idempotency_key=once)

    assert made.status_code == 201
    assert (other.status_code, other.json()["code"]) == (400, "idempotency_key_reused")
