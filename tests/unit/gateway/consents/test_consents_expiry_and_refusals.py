"""What time does: periods that end are told, and a refusal keeps its peace for thirty days."""

import asyncio
from datetime import timedelta

from gateway.consents import move_consent, read_consent
from gateway.consents.expiry import expire_consents
from gateway.consents.refusals import refused_recently

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


async def state_of(hall, consent_id):
    """The state as it is read."""
    return (await read_consent(consent_id, hall.desk, hall.runtime))["state"]


async def test_a_period_that_is_over_shows_before_it_is_written(hall) -> None:
    """Reading and deciding go by the time: nothing waits for the job."""
    consent_id = (await hall.record())["id"]
    hall.now += DAY - SECOND
    before = await state_of(hall, consent_id)
    hall.now += SECOND

    assert (before, await state_of(hall, consent_id)) == ("given", "expired")
    assert (await hall.resolve([consent_id]))["name"] == ("no_ground", "consent_expired")
    assert await hall.states(consent_id) == ["given"]


async def test_the_job_writes_what_is_over_once(hall) -> None:
    """State, event and entry each; a second run, and one beside it, finds nothing."""
    over = [(await hall.record())["id"] for _ in range(3)]
    await move_consent(over[2], "pause", hall.desk, hall.runtime, actor_kind="clerk")
    standing = (await hall.record(expires_at=hall.now + 9 * DAY))["id"]
    withdrawn = (await hall.record())["id"]
    await move_consent(withdrawn, "withdraw", hall.desk, hall.runtime, actor_kind="clerk")
    hall.now += 2 * DAY

    counts = await asyncio.gather(*(expire_consents(hall.runtime) for _ in range(3)))

    assert sorted(counts) == [0, 0, 3]
    assert {each: (await hall.states(each))[-1] for each in (*over, standing, withdrawn)} == {
        **dict.fromkeys(over, "expired"),
        standing: "given",
        withdrawn: "withdrawn",
    }
    entries = await hall.entries("consent.expired")
    assert {entry.request for entry in entries} == set(over)
    assert {entry.caller for entry in entries} == {"oncegate"}
    event = (await hall.runtime.store.consents.events(over[0], after="", limit=9))[-1]
    assert (event.actor_kind, event.reason, event.actor) == ("gateway", "period_over", "oncegate")


async def test_what_has_expired_can_be_withdrawn_and_not_resumed(hall) -> None:
    """Taking back is possible as long as there is anything to take back."""
    consent_id = (await hall.record())["id"]
    answer = await hall.answer([consent_id])
    hall.now += DAY
    await expire_consents(hall.runtime)

    assert (await move_consent(consent_id, "withdraw", hall.desk, hall.runtime, actor_kind="applicant"))[
        "state"
    ] == "withdrawn"
    assert (await hall.runtime.store.drafts.read(answer["id"])).sealed is None


# ---------------------------------------------------------------- refusals


async def test_a_refusal_is_remembered_for_thirty_days(hall) -> None:
    """Item by item, whether the rest was agreed to or nothing was."""
    begun = hall.now
    partly = await hall.record(items={"person.name": True, "person.phone": False})
    ref = partly["subject"]["ref"]
    hall.now += DAY
    await hall.record(items={"person.income": False})

    async def told(*items):
        return await refused_recently(ref, items, hall.now, hall.runtime)

    assert await told("person.name", "person.phone", "person.income") == {
        "person.phone": begun + 30 * DAY,
        "person.income": begun + 31 * DAY,
    }
    assert await told("person.name") == {}
    hall.now = begun + 30 * DAY
    assert await told("person.phone", "person.income") == {"person.income": begun + 31 * DAY}


async def test_permitting_it_later_ends_the_peace(hall) -> None:
    """The person came by themself and agreed; refusing again begins it anew."""
    ref = (await hall.record(items={"person.phone": False}))["subject"]["ref"]
    hall.now += DAY
    await hall.record(items={"person.phone": True})
    allowed = await refused_recently(ref, ["person.phone"], hall.now, hall.runtime)
    hall.now += DAY
    await hall.record(items={"person.phone": False})

    assert allowed == {}
    assert await refused_recently(ref, ["person.phone"], hall.now, hall.runtime) == {
        "person.phone": hall.now + 30 * DAY
    }


async def test_nobody_else_is_kept_from_asking(hall) -> None:
    """Another person has refused nothing; a withdrawal is no refusal to be asked."""
    ann = await hall.record(items={"person.phone": False})
    bob = await hall.record(subject=hall.bob)
    await move_consent(bob["id"], "withdraw", hall.desk, hall.runtime, actor_kind="applicant")

    assert await refused_recently(bob["subject"]["ref"], ["person.phone"], hall.now, hall.runtime) == {}
    assert await refused_recently(ann["subject"]["ref"], [], hall.now, hall.runtime) == {}
    assert await refused_recently("sub_unknown", ["person.phone"], hall.now, hall.runtime) == {}


async def test_a_desk_may_still_record(hall) -> None:
    """Who comes and agrees is not turned away."""
    await hall.record(items={"person.phone": False})

    assert (await hall.record(items={"person.phone": True}))["state"] == "given"


async def test_many_records_are_all_looked_at(hall) -> None:
    """More than a page of them: the first refusal still counts."""
    ref = (await hall.record(items={"person.phone": False}))["subject"]["ref"]
    for _ in range(205):
        await hall.record(items={"person.name": True})

    assert list(await refused_recently(ref, ["person.phone"], hall.now, hall.runtime)) == ["person.phone"]
