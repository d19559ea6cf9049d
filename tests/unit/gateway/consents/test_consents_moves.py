"""The life of a consent: every step an event and an entry, and nothing that has ended comes back."""

from datetime import timedelta

import orjson
import pytest
from msgspec import structs

from gateway.audit.entries import open_private
from gateway.consents import MOVES, move_consent, read_consent, read_events
from gateway.errors import BadRequest, Conflict, GatewayError, NotAllowed, NotFound
from gateway.records import Caller

DAY = timedelta(days=1)
ENDS = {"withdraw": "withdrawn", "terminate": "terminated", "invalidate": "invalidated"}


async def move(hall, consent_id, how, *, by=None, **more):
    """The consent after that step."""
    if how == "invalidate":
        more.setdefault("reason", "伪造的签名")
    return await move_consent(
        consent_id, how, by or hall.desk, hall.runtime, **{"actor_kind": "clerk", **more}
    )


@pytest.mark.parametrize(("how", "state"), ENDS.items())
async def test_what_has_ended_stays_ended(hall, how, state) -> None:
    """Doing it twice is harmless; every other step is refused, and the drafts that used it are empty."""
    consent_id = (await hall.record())["id"]
    answer = await hall.answer([consent_id])

    assert [(await move(hall, consent_id, how))["state"] for _ in range(2)] == [state, state]

    assert (await hall.runtime.store.drafts.read(answer["id"])).sealed is None
    for other in sorted(MOVES.keys() - {how, "invalidate"}):
        with pytest.raises(Conflict, match=f"consent_is_{state}"):
            await move(hall, consent_id, other)
    assert await hall.states(consent_id) == ["given", state]
    assert (await hall.resolve([consent_id]))["name"][0] == "no_ground"


async def test_false_evidence_shows_after_the_end_too(hall) -> None:
    """What is terminated may still turn out to have been invalid; what was withdrawn stays the person's own act."""
    ended, taken_back = (await hall.record())["id"], (await hall.record())["id"]
    await move(hall, ended, "terminate")
    await move(hall, taken_back, "withdraw")

    assert (await move(hall, ended, "invalidate"))["state"] == "invalidated"
    with pytest.raises(Conflict, match="consent_is_withdrawn"):
        await move(hall, taken_back, "invalidate")


async def test_pausing_and_resuming(hall) -> None:
    """Nothing is released meanwhile, and everything again afterwards."""
    consent_id = (await hall.record())["id"]

    await move(hall, consent_id, "pause")
    paused = await hall.resolve([consent_id])
    await move(hall, consent_id, "resume")

    assert paused["name"] == ("no_ground", "consent_paused")
    assert (await hall.resolve([consent_id]))["name"] == ("filled", None)
    assert await hall.states(consent_id) == ["given", "paused", "given"]


async def test_each_step_says_who_and_why(hall) -> None:
    """Actor, time and entry in the event; the words of a reason only sealed in the entry."""
    consent_id = (await hall.record())["id"]
    hall.now += timedelta(hours=1)

    await move(hall, consent_id, "withdraw", actor_kind="applicant", reason="改变主意")

    event = (await read_events(consent_id, hall.desk, hall.runtime, after="", limit=10))[-1]
    entry = (await hall.entries("consent.withdrawn"))[0]
    assert (event.at, event.actor, event.actor_kind, event.reason) == (hall.now, "hall", "applicant", "given")
    assert (event.entry_id, entry.request) == (entry.id, consent_id)
    assert "改变主意" not in entry.leaf.decode()
    key = await hall.runtime.subjects.key_for(orjson.loads(entry.leaf)["subject"])
    assert open_private(entry, hall.runtime.sealer, key) == {"reason": "改变主意"}


async def test_to_invalidate_one_says_what_was_found(hall) -> None:
    """Without a reason nothing happens."""
    consent_id = (await hall.record())["id"]

    for reason in ("", "  "):
        with pytest.raises(BadRequest, match="reason_required"):
            await move(hall, consent_id, "invalidate", reason=reason)
    assert await hall.states(consent_id) == ["given"]


async def test_events_come_page_by_page(hall) -> None:
    """In order of time, for those who may read the consent and nobody else."""
    consent_id = (await hall.record())["id"]
    for how in ("pause", "resume", "pause", "withdraw"):
        hall.now += timedelta(seconds=1)
        await move(hall, consent_id, how)

    first = await read_events(consent_id, hall.desk, hall.runtime, after="", limit=3)
    rest = await read_events(consent_id, hall.desk, hall.runtime, after=first[-1].id, limit=3)

    assert [event.state.value for event in (*first, *rest)] == [
        "given",
        "paused",
        "given",
        "paused",
        "withdrawn",
    ]
    with pytest.raises(NotFound):
        await read_events(consent_id, hall.others, hall.runtime, after="", limit=3)


# ---------------------------------------------------------------- the person


@pytest.fixture
async def mine(hall):
    """A consent of Ann's, and the caller that she is."""
    consent = await hall.record()
    return consent["id"], Caller("portal", "", frozenset({"person"}), person=consent["subject"]["ref"])


async def test_a_person_takes_back_what_they_gave(hall, mine) -> None:
    """Pause, resume and withdraw alone, and it is told as theirs, whatever the body says."""
    consent_id, ann = mine

    for how in ("pause", "resume", "withdraw"):
        await move(hall, consent_id, how, by=ann, actor_kind="clerk")

    events = await read_events(consent_id, ann, hall.runtime, after="", limit=10)
    assert [event.actor_kind for event in events[1:]] == ["applicant"] * 3


async def test_a_person_does_not_end_it_for_a_department(hall, mine) -> None:
    """Whether the purpose is served, or evidence false, is not theirs to say."""
    consent_id, ann = mine

    for how in ("terminate", "invalidate"):
        with pytest.raises(NotAllowed, match="not_by_the_person"):
            await move(hall, consent_id, how, by=ann)


async def test_nobody_moves_anothers(hall, mine) -> None:
    """Neither another person nor another department; a recipient may end it and not resume it."""
    consent_id, ann = mine
    shared = (await hall.record(recipients=("政务服务", "公安"), acts=(hall.act("third_party"),)))["id"]

    for how in MOVES:
        for stranger in (structs.replace(ann, person="sub_other"), hall.others):
            with pytest.raises(NotFound):
                await move(hall, consent_id, how, by=stranger)
    await move(hall, shared, "pause", by=hall.others)
    with pytest.raises(NotAllowed, match="not_the_recording_department"):
        await move(hall, shared, "resume", by=hall.others)
    assert (await move(hall, shared, "terminate", by=hall.others))["state"] == "terminated"


# ---------------------------------------------------------------- renewal


async def test_a_renewal_takes_the_place_of_the_old_one(hall) -> None:
    """A new record in state `renewed`, linked; the old one is terminated in the same transaction, its drafts empty."""
    old = (await hall.record())["id"]
    answer = await hall.answer([old])

    new = await hall.record(renews=old, items={"person.name": True})

    assert (new["state"], new["renews"]) == ("renewed", old)
    assert await hall.states(old) == ["given", "terminated"]
    assert (await hall.runtime.store.drafts.read(answer["id"])).sealed is None
    assert (await hall.resolve([new["id"]]))["name"] == ("filled", None)
    assert (await hall.resolve([old]))["name"] == ("no_ground", "consent_ended")
    leaves = {entry.kind.value: orjson.loads(entry.leaf) for entry in await hall.entries()}
    assert leaves["consent.renewed"]["renews"] == old
    assert leaves["consent.terminated"]["renewed_by"] == new["id"]


async def test_a_renewed_consent_resumes_as_renewed(hall) -> None:
    """The state still tells what it is."""
    new = await hall.record(renews=(await hall.record())["id"])

    await move(hall, new["id"], "pause")

    assert (await move(hall, new["id"], "resume"))["state"] == "renewed"


async def test_what_may_be_renewed(hall) -> None:
    """A consent of the same subject and purpose that the caller may read and that was not ended for good."""
    of_bob = (await hall.record(subject=hall.bob))["id"]
    withdrawn = (await hall.record())["id"]
    await move(hall, withdrawn, "withdraw")
    expired = (await hall.record())["id"]

    assert await hall.refused(renews=of_bob) == [("/renews", "renews_another")]
    assert await hall.refused(renews=withdrawn) == [("/renews", "renews_ended")]
    assert await hall.refused(renews="cns_unknown") == [("/renews", "unknown_consent")]
    assert await hall.refused(renews=expired, by=hall.others, recipients=("公安",)) == [
        ("/renews", "unknown_consent")
    ]
    hall.now += 2 * DAY
    assert (await hall.record(renews=expired))["state"] == "renewed"
    assert [entry.kind.value for entry in await hall.entries("consent.rejected")] == ["consent.rejected"] * 4


async def test_refusing_a_renewal_leaves_the_old_one(hall) -> None:
    """The person says no to the new one; what they had agreed to they can withdraw."""
    old = (await hall.record())["id"]

    new = await hall.record(renews=old, items={"person.name": False})

    assert (new["state"], new["renews"]) == ("refused", None)
    assert await hall.states(old) == ["given"]


async def test_of_two_renewals_one_wins(hall) -> None:
    """The other is refused, whichever check it passed before."""
    old = (await hall.record())["id"]
    await hall.record(renews=old)

    with pytest.raises(GatewayError) as caught:
        await hall.record(renews=old)

    assert caught.value.errors[0]["code"] == "renews_ended"
    assert len(await hall.entries("consent.renewed")) == 1


# ---------------------------------------------------------------- clocks


async def test_a_step_goes_by_our_clock_alone(hall) -> None:
    """A clock set back does not bring an end undone, nor hide it."""
    consent_id = (await hall.record())["id"]
    await move(hall, consent_id, "withdraw")
    hall.now -= 2 * DAY

    assert (await read_consent(consent_id, hall.desk, hall.runtime))["state"] == "withdrawn"
    assert (await hall.resolve([consent_id]))["name"] == ("no_ground", "consent_withdrawn")
