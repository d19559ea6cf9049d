"""What somebody may try with a link, a session or a request, and what must come of it."""

from dataclasses import replace
from typing import Any

import pytest

from field_registry import Binding, Registry
from gateway.app import refresh
from gateway.audit.entries import open_private
from gateway.curation import Publisher
from gateway.errors import CannotOpen

HALL = "政务服务"
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
CHILD = {"kind": "person", "id_type": "111", "id_no": "110102202001010075"}


async def change_a_source(hall: Any) -> None:
    """The name comes from another source as well, from now on."""
    runtime = hall.runtime
    before = runtime.library.published.registry
    found = [
        each for item in before.items for each in before.bindings_of(item, runtime.library.published.day)
    ]
    changed = Registry.of(
        0,
        items=before.items.values(),
        sources=before.sources.values(),
        bindings=[*found, Binding("person.name", "tax", "/name", rank=2)],
    )
    await Publisher(runtime.store, "test", hall.clock(), runtime.new_reference).registry(changed)
    await refresh(runtime)


@pytest.mark.parametrize("shown_at", ["", "x", "86400000", "99999999999999999"])
async def test_a_nonce_of_one_step_is_none_of_another(hall: Any, shown_at: str) -> None:
    """Else an answer could claim a notice of any time, or break the page."""
    told, phone, page = await hall.ready()
    form = page.form("answer")

    answer = await phone.http.post(
        phone.path,
        data={
            "step": f"answer.{form['shown_at']}",
            "nonce": form["nonce"],
            "shown_at": shown_at,
            "decision": "agree",
            "permit": "person.name",
        },
    )

    assert answer.status_code == 403
    assert (await hall.stands(told["id"]))["state"] == "requested"


async def test_what_changed_since_the_notice_was_made_is_not_agreed_to(hall: Any) -> None:
    """The page says so, an entry too, and nothing is recorded; saying no is still possible."""
    told, phone, page = await hall.ready()
    await change_a_source(hall)

    late = await phone.answer(page, "agree", "person.name")

    assert late.status == 422
    assert (await hall.stands(told["id"]))["consent"] is None
    (leaf,) = await hall.entries("consent.rejected")
    assert leaf["codes"] == ["scope_changed"]
    await phone.answer(page, "refuse")
    assert (await hall.stands(told["id"]))["state"] == "refused"


async def test_a_slash_behind_a_link_leads_nowhere(hall: Any) -> None:
    """No redirect names the host that the request named: that host would learn the link."""
    phone = hall.phone((await hall.ask())["url"])

    answer = await phone.http.get(f"{phone.path}/", headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_what_is_sealed_of_asking_goes_with_the_subjects_key(hall: Any) -> None:
    """The notice's hash, the case and the witness: a root key alone must not open them once the subject is erased."""
    told = await hall.ask(case="350582-2026-000123")
    (entry,) = await hall.runtime.store.entries.find(request=told["id"], after="", limit=10)
    key = await hall.runtime.subjects.key_for((await hall.entries("consent.requested"))[0]["subject"])

    with pytest.raises(CannotOpen):
        open_private(entry, hall.runtime.sealer)
    assert open_private(entry, hall.runtime.sealer, key)["case"] == "350582-2026-000123"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"subject": CHILD}, "guardian_missing"), ({"grantor_role": "agent"}, "grantor_missing")],
)
async def test_who_may_not_be_asked_so_is_an_entry(hall: Any, changes: dict[str, Any], code: str) -> None:
    """A guardian left out, an agent without proof: refused, and told with its code and nobody's number."""
    assert (await hall.post(**changes)).status_code == 422
    (leaf,) = await hall.entries("consent.rejected")

    assert (leaf["codes"], leaf["department"]) == ([code], HALL)
    assert "1101022020" not in str(leaf)


async def test_asking_again_what_was_refused_is_an_entry(hall: Any) -> None:
    """That it was tried; and on whose word it was done, where a desk says that the person wants it."""
    _, phone, page = await hall.ready()
    await phone.answer(page, "refuse")

    assert (await hall.post()).status_code == 409
    await hall.ask(initiated_by="subject")

    assert [leaf["codes"] for leaf in await hall.entries("consent.rejected")] == [["refused_recently"]]
    assert [leaf["initiated_by"] for leaf in await hall.entries("consent.requested")] == ["desk", "subject"]


async def test_a_consent_leads_back_to_its_request(hall: Any) -> None:
    """In the log alone: which request it answers, over which channel, by which method."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name")
    (leaf,) = await hall.entries("consent.given")

    assert (leaf["asked"], leaf["channel"], leaf["method"]) == (told["id"], "self_service", "qr")


async def test_what_was_shown_as_optional_is_recorded_so(hall: Any) -> None:
    """Also when a form published meanwhile makes it required: the person decided by what they read."""
    told, phone, page = await hall.ready()
    runtime = hall.runtime
    form = await runtime.library.form("family", None)
    stricter = tuple(replace(field, required=True) for field in form.fields)
    await Publisher(runtime.store, "test", hall.clock(), runtime.new_reference).form(
        replace(form, version=2, fields=stricter)
    )
    await refresh(runtime)
    await phone.answer(page, "agree", "person.address")

    consent = await hall.consent((await hall.stands(told["id"]))["consent"])

    assert {each["item"]: each["necessity"] for each in consent["items"]}["person.address"] == "optional"


async def test_the_log_commits_to_the_record_and_its_notice(hall: Any) -> None:
    """What was agreed to cannot be exchanged later for another record of the same consent."""
    told, phone, page = await hall.ready()
    await phone.answer(page, "agree", "person.name")
    consent_id = (await hall.stands(told["id"]))["consent"]
    (entry,) = await hall.runtime.store.entries.find(request=consent_id, after="", limit=10)
    (leaf,) = await hall.entries("consent.given")

    private = open_private(entry, hall.runtime.sealer, await hall.runtime.subjects.key_for(leaf["subject"]))

    assert private["notice"] == told["notice"]["rendered_sha256"]
    assert len(private["record"]) == 64


def consent(**changes: Any) -> dict[str, Any]:
    """What a desk sends to record Ann's consent to her name."""
    notice = {"id": "n", "version": 1, "language": "zh-CN", "rendered_sha256": "a" * 64}
    return {
        "subject": ANN,
        "purpose": "family",
        "items": [{"item": "person.name"}],
        "recipient_departments": [HALL],
        "expires_at": "2026-11-21T20:00:00Z",
        "notice": {**notice, "shown_at": "2026-11-21T02:00:00Z", "channel": "self_service"},
        "evidence": {"method": "oidc"},
    } | changes


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("part", ["notice", "evidence", "not_before", "expires_at", "relationship_evidence"])
async def test_a_time_that_cannot_be_told_in_utc_is_refused(hall: Any, part: str, at: str) -> None:
    """It would be recorded, and could never be read or taken back again."""
    body = consent()
    proof = {"kind": "other", "reference": "1", "checked_at": at}
    changed = {
        "notice": {**body["notice"], "shown_at": at},
        "evidence": {"method": "oidc", "authenticated_at": at},
        "relationship_evidence": proof,
    }

    answer = await hall.http.post("/v1/consents", json=body | {part: changed.get(part, at)})

    assert answer.status_code == 422
    assert await hall.entries("consent.given") == []


async def test_a_desk_may_name_the_scope_of_its_notice(hall: Any) -> None:
    """Of what it recorded before: taken while the registry says the same, refused once it does not."""
    made = (await hall.http.post("/v1/consents", json=consent())).json()["scope_hash"]
    assert (await hall.http.post("/v1/consents", json=consent(scope_hash=made))).status_code == 201
    await change_a_source(hall)

    stale = await hall.http.post("/v1/consents", json=consent(scope_hash=made))

    assert [finding["code"] for finding in stale.json()["errors"]] == ["scope_changed"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"basis": {"kind": "statutory_duty"}}, "basis_not_consent"),
        ({"not_before": "2050-01-01T00:00:00Z", "expires_at": "2050-01-02T00:00:00Z"}, "period"),
    ],
)
async def test_what_only_looks_like_a_consent_is_refused(
    hall: Any, changes: dict[str, Any], code: str
) -> None:
    """Being told of a duty is not agreeing; and nobody agrees today to what begins in twenty years."""
    answer = await hall.http.post("/v1/consents", json=consent(**changes))

    assert [finding["code"] for finding in answer.json()["errors"]] == [code]
