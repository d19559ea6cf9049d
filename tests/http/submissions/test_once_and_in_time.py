"""Handed in twice, at once, too late, or after a consent has ended: each has its rule, and nothing is half-written."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from field_registry import subject_from
from gateway.resolution.drafts import open_draft, purge_drafts, seal_answer
from gateway.retention.erase import erase_subject
from gateway.store import Database, SqlStore
from gateway.store.migrate import migrate
from gateway.submissions.keeping import purge_submissions
from policies.retention import ErasureReason

ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
ON_CONSENT = ("name", "name_again", "id_no", "sex", "birth_date")
LACKING = {"school": "一中", "income": "100"}
DAY = timedelta(days=1)


async def test_the_same_twice_is_one_submission(hall):
    """Sent again, in another spelling of the same, the answer is the same; with other content it is a conflict."""
    resolved = await hall.resolve()
    first = await hall.submit(resolved)

    again = await hall.submit(resolved, {"birth_date": "1991年6月3日", "sex": "女"})
    other = await hall.submit(resolved, {"school": "一中"})

    assert (again.status_code, again.json()) == (200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "already_submitted")
    assert first.json()["id"] in other.json()["detail"]
    assert len(await hall.entries("submission.received")) == 1


async def test_an_answer_that_was_handed_in_says_where_that_is(hall):
    """Whoever reads the answer afterwards is led to the submission, and not told to resolve once more."""
    resolved = await hall.resolve()
    made = (await hall.submit(resolved)).json()

    gone = await hall.call("GET", f"/v1/resolutions/{resolved['id']}")

    assert (gone.status_code, gone.json()["code"]) == (410, "resolution_gone")
    assert f"`GET /v1/submissions/{made['id']}`" in gone.json()["detail"]


async def test_an_idempotency_key_is_honoured(hall):
    """The same request under the same key gives the same answer; the key does not serve another request."""
    resolved, key = await hall.resolve(), {"Idempotency-Key": "k-1"}
    url = f"/v1/resolutions/{resolved['id']}/submission"
    body = {"values": dict(hall.offered)}

    first = await hall.call("POST", url, body, headers=key)
    again = await hall.call("POST", url, body, headers=key)
    other = await hall.call("POST", url, {"values": {**hall.offered, "school": "一中"}}, headers=key)

    assert (first.status_code, first.json()) == (200, again.json())
    assert (other.status_code, other.json()["code"]) == (400, "idempotency_key_reused")


async def test_of_two_at_once_exactly_one_is_written(hall_on_disk, tmp_path, open_another):
    """Two workers and many requests: one submission, one entry; the same content gets its answer, other a conflict."""
    hall = hall_on_disk
    async with AsyncExitStack() as stack:
        other = await open_another(stack, hall)
        same = await hall.resolve()
        equal = await asyncio.gather(*(each.submit(same) for each in (hall, other) * 4))
        rivals = await hall.resolve()
        unequal = await asyncio.gather(
            *(each.submit(rivals, {"school": f"{n}中"}) for n, each in enumerate((hall, other) * 4))
        )

    assert {answer.status_code for answer in equal} == {200}
    assert len({answer.content for answer in equal}) == 1
    assert sorted(answer.status_code for answer in unequal) == [200, *[409] * 7]
    assert {answer.json().get("code") for answer in unequal} == {None, "already_submitted"}
    assert len(await hall.entries("submission.received")) == 2


@pytest.mark.parametrize(
    ("values", "told"), [({}, (200, None)), ({"school": "一中"}, (409, "already_submitted"))]
)
async def test_what_was_taken_is_not_refused_for_a_consent_that_ended_since(hall_on_disk, values, told):
    """Sent twice at once, and the consent withdrawn between the two: the same gets its answer, other a conflict."""
    hall = hall_on_disk
    resolved = await hall.resolve()
    hall.runtime.ledger = gate = Overtaken(hall, resolved["id"])

    late = await hall.submit(resolved, values)

    assert (late.status_code, late.json().get("code")) == told
    assert gate.first.status_code == 200
    assert told[0] == 409 or late.json() == gate.first.json()


class Overtaken:
    """A ledger at whose gate, before the first that comes, the same form is handed in and its consent withdrawn."""

    def __init__(self, hall, resolution):
        self._hall, self._resolution, self._ledger = hall, resolution, hall.runtime.ledger
        self.first = None

    async def pass_gate(self, request):
        """As late as that."""
        if self.first is None:
            self.first = ...  # what comes now passes at once
            self.first = await self._hall.submit(self._resolution)
            withdrawal = f"/v1/consents/{await self._hall.consent()}/withdraw"
            assert (await self._hall.call("POST", withdrawal)).status_code == 200
        return await self._ledger.pass_gate(request)

    def __getattr__(self, name):
        """Otherwise the same ledger."""
        return getattr(self._ledger, name)


async def test_a_paused_consent_carries_nothing(hall):
    """What it carried is named, without a value; stated as the person's own word it is typed and has no source."""
    resolved, consent = await hall.resolve(), await hall.consent()
    assert (await hall.call("POST", f"/v1/consents/{consent}/pause")).status_code == 200

    refused = await hall.submit(resolved)
    some = await hall.submit(resolved, own_word=["name"])
    named = [each["pointer"].removeprefix("/values/").replace("/", ".") for each in refused.json()["errors"]]
    taken = await hall.submit(resolved, own_word=named)

    assert (refused.status_code, refused.json()["code"]) == (409, "consent_ended")
    assert {path for path in named if not path.startswith("children")} == set(ON_CONSENT)
    assert "安妮" not in refused.text
    assert some.status_code == 409
    fields = taken.json()["fields"]
    assert {
        (fields[path]["disposition"], fields[path]["tier"], fields[path]["source"]) for path in named
    } == {("typed", None, None)}
    assert {(fields[path]["outcome"], fields[path]["reason"]) for path in named} == {
        ("refused_by_person", "consent_ended")
    }
    assert not any(fields[path]["obtainable"] for path in named)
    address = fields["address"]
    assert (address["disposition"], address["tier"]) == ("kept", "A")  # on the law, not on consent


async def test_taking_a_consent_back_is_no_gap_in_the_reports(hall):
    """What was emptied with it counts as refused by the person, and the application stays in its segment."""
    resolved, consent = await hall.resolve(), await hall.consent()
    assert (await hall.call("POST", f"/v1/consents/{consent}/withdraw")).status_code == 200
    refused = await hall.submit(resolved)
    named = [each["pointer"].removeprefix("/values/").replace("/", ".") for each in refused.json()["errors"]]

    taken = (await hall.submit(resolved, own_word=named)).json()

    assert taken["segment"] == "resident"
    assert {taken["fields"][path]["outcome"] for path in named} == {"refused_by_person"}


async def test_a_consent_that_ran_out_is_a_ground_that_lacks(hall):
    """Nobody said no: its period was over before the form came back."""
    resolved = await hall.resolve()
    hall.clock.now += timedelta(hours=22, minutes=30)
    refused = await hall.submit(resolved)
    named = [each["pointer"].removeprefix("/values/").replace("/", ".") for each in refused.json()["errors"]]

    taken = (await hall.submit(resolved, own_word=named)).json()

    assert {taken["fields"][path]["outcome"] for path in named} == {"no_ground"}


async def test_an_expired_consent_carries_nothing(hall):
    """A consent whose period is over between the two counts as ended, whatever its state says yet."""
    resolved = await hall.resolve()
    hall.clock.now += timedelta(hours=22)

    answer = await hall.submit(resolved)

    assert (answer.status_code, answer.json()["code"]) == (409, "consent_ended")


async def test_a_withdrawn_consent_has_emptied_the_answer(hall):
    """The log still says what was offered: all of it is named, and taken as the person's own word."""
    resolved, consent = await hall.resolve(), await hall.consent()
    assert (await hall.call("POST", f"/v1/consents/{consent}/withdraw")).status_code == 200

    refused = await hall.submit(resolved)
    named = [each["pointer"].removeprefix("/values/").replace("/", ".") for each in refused.json()["errors"]]
    taken = await hall.submit(resolved, own_word=named)
    again = await hall.submit(resolved, own_word=named)

    assert (refused.status_code, refused.json()["code"]) == (409, "consent_ended")
    assert {*ON_CONSENT, "address", "children.0.name"} <= set(named)
    said = {each["pointer"]: each["detail"] for each in refused.json()["errors"]}
    assert (
        "another ground" in said["/values/address"]
    )  # it stood on the law: resolved again, it is offered again
    assert "another ground" not in said["/values/name"]
    fields = taken.json()["fields"]
    assert {(fields[path]["disposition"], fields[path]["tier"]) for path in named} == {("typed", None)}
    assert taken.json()["counts"]["offered"] == 0
    assert again.json() == taken.json()


async def test_what_was_typed_into_an_answer_that_is_over_is_not_lost(hall):
    """410; what the person typed or changed waits sealed, and a new resolution takes it up. Registers are asked anew."""
    resolved = await hall.resolve(answers={"wants_more": True})
    hall.clock.now += timedelta(hours=25)
    values = {"school": "泉州一中", "sex": "男", "wants_more": True, "more": "补充"}

    late = await hall.submit(resolved, values)
    hall.consents.clear()
    await hall.consent(expires_at="2026-11-23T00:00:00Z")
    continued = await hall.resolve(continues=resolved["id"], answers={"more": "新的"})

    assert (late.status_code, late.json()["code"]) == (410, "resolution_gone")
    assert "continues" in late.json()["detail"]
    answered = {path for path, field in continued["fields"].items() if field.get("answered")}
    assert answered == {"school", "sex", "wants_more", "more"}
    assert continued["fields"]["name"]["value"] == "安妮"
    values |= {"more": "新的", "declaration": True}
    assert (await hall.submit(continued, values)).status_code == 200
    assert (await hall.entries("intent"))[-1]["continues"] == resolved["id"]
    assert len(await hall.entries("submission.too_late")) == 1


async def test_it_is_kept_also_when_the_answer_was_purged_already(hall):
    """Then what no register had given is kept; what one had given is asked for again."""
    resolved = await hall.resolve()
    hall.clock.now += timedelta(hours=25)
    await purge_drafts(hall.runtime)

    assert (await hall.submit(resolved, {"school": "泉州一中"})).status_code == 410
    hall.consents.clear()
    await hall.consent(expires_at="2026-11-23T00:00:00Z")
    continued = await hall.resolve(continues=resolved["id"])

    assert {path for path, field in continued["fields"].items() if field.get("answered")} == {"school"}


async def test_it_is_kept_for_a_day_and_for_whoever_typed_it(hall):
    """Nobody else continues it, no other form does, and after a day nobody at all."""
    resolved = await hall.resolve()
    hall.clock.now += timedelta(hours=25)
    await hall.submit(resolved, {"school": "泉州一中"})
    body = {
        "form": {"id": "family"}, "subjects": {"applicant": ANN}, "actor": {"kind": "clerk", "id": "x"},
        "continues": resolved["id"],
    }  # fmt: skip

    stranger = await hall.call("POST", "/v1/resolutions", body, headers=hall.another())
    other_form = await hall.call("POST", "/v1/resolutions", {**body, "form": {"id": "strict"}})
    hall.clock.now += DAY
    gone = await hall.call("POST", "/v1/resolutions", body)
    await purge_submissions(hall.runtime)
    purged = await hall.call("POST", "/v1/resolutions", body)

    assert [(each.status_code, each.json()["code"]) for each in (stranger, other_form, gone, purged)] == [
        (404, "nothing_to_continue"), (404, "nothing_to_continue"), (410, "typed_gone"), (404, "nothing_to_continue"),
    ]  # fmt: skip


async def test_a_draft_from_before_there_were_submissions_is_resolved_again(hall):
    """It has no header, so that nobody knows whose it is; what was typed into it is kept all the same."""
    resolved = await hall.resolve()
    store, runtime = hall.runtime.store, hall.runtime
    draft = await store.drafts.read(resolved["id"])
    key = runtime.keys.open((await store.subjects.keys(draft.subjects))[draft.subjects[0]], draft.subjects[0])
    body, _ = open_draft(draft.sealed, draft.id, runtime.sealer, key)
    await store.cells.renew(
        "resolution.sealed", lambda _: seal_answer(body, draft.id, runtime.sealer, key), after="", limit=5
    )

    answer = await hall.submit(resolved, {"school": "泉州一中"})
    again = await hall.call("GET", f"/v1/resolutions/{resolved['id']}")

    assert (answer.status_code, answer.json()["code"]) == (410, "resolution_gone")
    assert (await store.submissions.typed(resolved["id"])) is not None
    assert again.json() == resolved


async def test_nothing_is_kept_of_an_erased_subject(hall):
    """The draft of somebody who was erased cannot be handed in, and what was typed into it is not kept."""
    resolved = await hall.resolve()
    await erase_subject(subject_from(ANN), ErasureReason.court_order, hall.runtime, caller="test")

    answer = await hall.submit(resolved, {"school": "泉州一中"})

    assert (answer.status_code, answer.json()["code"]) == (410, "resolution_gone")
    assert await hall.runtime.store.submissions.typed(resolved["id"]) is None
    assert await hall.entries("submission.received", "submission.too_late") == []


async def test_erasing_a_subject_empties_what_it_handed_in(hall):
    """Final values and typed answers go with the subject; the slots, which name nobody, stay."""
    resolved = await hall.resolve()
    made = (await hall.submit(resolved)).json()
    late = await hall.resolve()
    hall.clock.now += timedelta(hours=25)
    await hall.submit(late, {"school": "泉州一中"})

    await erase_subject(subject_from(ANN), ErasureReason.court_order, hall.runtime, caller="test")

    stored = await hall.runtime.store.submissions.read(made["id"])
    assert stored is not None
    assert stored.sealed is None
    assert await hall.runtime.store.submissions.typed(late["id"]) is None
    assert len(await hall.runtime.store.submissions.snapshots(made["id"])) == 1


@pytest.mark.parametrize("kept", ["P0D", "P1D"])
async def test_final_values_are_kept_only_as_long_as_the_settings_say(make_hall, kept):
    """P0D keeps nothing at all, from the beginning."""
    async with make_hall(submission_kept=kept) as hall:
        made = await hall.handed_in()

        stored = await hall.runtime.store.submissions.read(made["id"])

    assert stored is not None
    assert (stored.sealed is None) == (kept == "P0D")


async def test_it_takes_two_visits_to_the_database(tmp_path, make_hall):
    """One reads, one writes, whatever the size of the form; reading what a form's baseline is waits once a minute."""
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url)
    database = Counting(url)
    async with make_hall(store=SqlStore(database), database_url=url) as hall:
        await hall.handed_in()
        resolved = await hall.resolve()
        before = Counter(database.visits)

        answer = await hall.submit(resolved, {"school": "一中"}, disputes={"sex": {"reason": "登记有误"}})

    assert answer.status_code == 200
    assert database.visits - before == {"read": 1, "write": 1}


class Counting(Database):
    """A database that counts the visits it gets."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.visits: Counter[str] = Counter()

    async def read(self, work):
        """Counted."""
        self.visits["read"] += 1
        return await super().read(work)

    async def write(self, work):
        """Counted."""
        self.visits["write"] += 1
        return await super().write(work)


async def test_nothing_is_left_of_who_is_erased_while_a_form_is_handed_in(hall_on_disk):
    """Whichever is first, neither waits for the other without end, and no value, record or ticket stays readable."""
    hall = hall_on_disk
    for _ in range(5):
        resolved = await hall.resolve(consent=[])  # no consent whose row both would wait at
        said = {"keep": {"phone": "record"}, "disputes": {"address": {"reason": "搬家了"}}}
        handed_in, _ = await asyncio.gather(
            hall.submit(resolved, {**LACKING, "phone": "13800138000"}, **said),
            erase_subject(subject_from(ANN), ErasureReason.court_order, hall.runtime, caller="test"),
        )

        made = await hall.runtime.store.submissions.of_resolution(resolved["id"])
        assert handed_in.status_code in (200, 409, 410), handed_in.text
        assert made is None or made.sealed is None
        (subject,) = (await hall.entries("intent"))[-1]["subjects"].values()
        now, page = hall.clock.now, {"after": "", "limit": 9}
        assert await hall.runtime.store.profiles.of_subject(subject, now, **page) == []
        assert all(not each.sealed for each in await hall.runtime.store.disputes.of_subject(subject, **page))


async def test_two_forms_at_once_keep_one_value(hall_on_disk, open_another):
    """Of one item one value stands in the record, however many workers bring one at the same moment."""
    hall = hall_on_disk
    async with AsyncExitStack() as stack:
        halls = (hall, await open_another(stack, hall)) * 4
        resolved = [await each.resolve(consent=[]) for each in halls]
        answers = await asyncio.gather(
            *(
                each.submit(answer, {**LACKING, "phone": f"1380013800{number}"}, keep={"phone": "record"})
                for number, (each, answer) in enumerate(zip(halls, resolved, strict=True))
            )
        )

    assert {each.status_code for each in answers} == {200}
    (subject,) = (await hall.entries("intent"))[-1]["subjects"].values()
    standing = await hall.runtime.store.profiles.of_subject(subject, hall.clock.now, after="", limit=9)
    assert len(standing) == 1
