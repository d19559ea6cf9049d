"""What a record must satisfy before it is a consent: each rule refuses with its code, and the refusal is an entry."""

from datetime import timedelta

import orjson
import pytest

from field_registry import subject_from
from gateway.consents.commands import Party, Relationship
from gateway.errors import NotValid

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
INCOME = {"person.name": True, "person.income": True}


async def test_a_sound_record_is_taken(hall) -> None:
    """State `given`, told by an event and an entry."""
    consent = await hall.record()

    assert consent["state"] == "given"
    assert await hall.states(consent["id"]) == ["given"]
    assert [entry.kind.value for entry in await hall.entries()] == ["consent.given"]


# ---------------------------------------------------------------- separate acts


async def test_a_sensitive_item_needs_an_act_of_its_own(hall) -> None:
    """PIPL art. 29: agreeing to the whole is not agreeing to it."""
    assert await hall.refused(items=INCOME) == [("/acts", "sensitive_act_missing")]
    assert (await hall.record(items=INCOME, acts=(hall.act("sensitive"),)))["state"] == "given"


async def test_a_sensitive_item_that_was_denied_needs_no_act(hall) -> None:
    """Nothing of it is asked for."""
    assert (await hall.record(items={"person.name": True, "person.income": False}))["state"] == "given"


async def test_one_tick_for_everything_satisfies_nothing(hall) -> None:
    """Two topics under one act id: bundled, and so refused, however many topics are claimed."""
    bundled = (hall.act("sensitive", "tick"), hall.act("third_party", "tick"))

    assert await hall.refused(items=INCOME, acts=bundled) == [("/acts/1/act_id", "act_used_twice")]


async def test_an_act_for_another_topic_does_not_count(hall) -> None:
    """Agreeing that data is passed on is not agreeing to what is sensitive."""
    assert await hall.refused(items=INCOME, acts=(hall.act("third_party"),)) == [
        ("/acts", "sensitive_act_missing")
    ]


@pytest.mark.parametrize(
    ("offset", "code"), [(-SECOND, "act_before_notice"), (timedelta(minutes=2), "act_in_future")]
)
async def test_an_act_lies_between_the_notice_and_now(hall, offset, code) -> None:
    """Nobody agrees before they have read it, nor tomorrow."""
    act = hall.act("sensitive", at=hall.now + offset)

    assert await hall.refused(items=INCOME, acts=(act,)) == [("/acts/0/at", code)]


async def test_a_terminal_may_be_a_little_ahead(hall) -> None:
    """Clocks differ by seconds."""
    act = hall.act("sensitive", at=hall.now + timedelta(seconds=30))

    assert (await hall.record(items=INCOME, acts=(act,)))["acts"][0]["topic"] == "sensitive"


async def test_passing_data_on_needs_an_act_of_its_own(hall) -> None:
    """A recipient beside the controller (PIPL art. 23)."""
    wider = {"recipients": ("政务服务", "税务")}

    assert await hall.refused(**wider) == [("/acts", "third_party_act_missing")]
    assert (await hall.record(**wider, acts=(hall.act("third_party"),)))["state"] == "given"


async def test_the_department_of_the_form_may_be_the_controller(hall) -> None:
    """A hall that records for it passes nothing on; any other controller is refused."""
    transport = Party("交通运输", "示范市交通运输局", "0595-0000")

    taken = await hall.record(controller=transport, recipients=("交通运输",))

    assert taken["controller"] == {"id": "交通运输", "name": "示范市交通运输局", "contact": "0595-0000"}
    elsewhere = Party("税务", "税务局")
    assert await hall.refused(controller=elsewhere, recipients=("税务",)) == [
        ("/controller/id", "unknown_controller")
    ]


async def test_contacts_are_of_recipients(hall) -> None:
    """More can be told about those who receive, and nobody else slips in."""
    assert await hall.refused(contacts=(Party("税务", "税务局"),)) == [
        ("/recipients/0/id", "not_a_recipient")
    ]


# ---------------------------------------------------------------- who agrees


async def test_agreeing_for_another_wants_proof(hall) -> None:
    """An agent without a document, and without saying that the data is another's."""
    assert await hall.refused(grantor_role="agent") == [
        ("/acts", "third_party_act_missing"),
        ("/relationship_evidence", "relationship_missing"),
    ]
    taken = await hall.record(
        grantor_role="agent", grantor=hall.bob, relationship=hall.proof(), acts=(hall.act("third_party"),)
    )
    assert taken["relationship_evidence"]["kind"] == "household_register"
    assert taken["grantor_ref"] not in (None, taken["subject"]["ref"])


async def test_a_child_cannot_agree(hall) -> None:
    """Under 14: a guardian, by proof, in an act of its own (PIPL art. 31)."""
    assert await hall.refused(subject=hall.child) == [
        ("/acts", "minor_act_missing"),
        ("/grantor_role", "guardian_missing"),
    ]
    by_guardian = {"subject": hall.child, "grantor_role": "guardian", "acts": (hall.act("minor"),)}
    assert await hall.refused(**by_guardian) == [("/relationship_evidence", "relationship_missing")]
    named = await hall.record(**by_guardian, relationship=hall.proof(), grantor=hall.ann)
    assert named["grantor_role"] == "guardian"


@pytest.mark.parametrize(
    ("kind", "reference", "findings"),
    [
        ("birth_certificate", "B-1", []),
        ("guardianship_ruling", "G-1", []),
        ("household_register", "H-1", [("/grantor", "grantor_missing")]),
        ("other", "paper", [("/grantor", "grantor_missing")]),
        ("birth_certificate", " ", [("/relationship_evidence", "relationship_missing")]),
    ],
)
async def test_whoever_agrees_for_another_is_named(hall, kind, reference, findings) -> None:
    """By a document that names them, or by their identity: a household register names everybody in the house."""
    shown = {
        "subject": hall.child,
        "grantor_role": "guardian",
        "acts": (hall.act("minor"),),
        "relationship": Relationship(kind, reference),
    }

    if findings:
        assert await hall.refused(**shown) == findings
    else:
        assert (await hall.record(**shown))["relationship_evidence"]["reference"] == reference


async def test_a_child_is_one_until_its_birthday_is_over(hall) -> None:
    """The day after the fourteenth birthday it agrees itself."""
    hall.now = hall.now.replace(year=2034, month=5, day=12)
    await hall.refused(subject=hall.child)
    hall.now += DAY

    assert (await hall.record(subject=hall.child))["state"] == "given"


@pytest.mark.parametrize(
    ("role", "grantor", "code"),
    [
        ("self", "bob", "grantor_not_as_said"),
        ("guardian", "ann", "grantor_not_as_said"),
        ("guardian", "child", "grantor_is_child"),
    ],
)
async def test_the_grantor_is_who_the_role_says(hall, role, grantor, code) -> None:
    """`self` is the subject, any other role is somebody else, and never a child."""
    ruling = Relationship("guardianship_ruling", "G-1")
    named = {"grantor": getattr(hall, grantor), "relationship": ruling, "acts": (hall.act("third_party"),)}

    assert await hall.refused(grantor_role=role, **named) == [("/grantor", code)]


async def test_a_grantor_that_cannot_be_read_is_a_finding(hall) -> None:
    """As for the subject."""
    assert await hall.refused(grantor={"kind": "ghost"}) == [("/grantor", "unknown_subject_kind")]


# ---------------------------------------------------------------- when, how, for how long


@pytest.mark.parametrize("method", ["signature_pad", "paper_scan", "card_and_face"])
async def test_at_a_window_a_clerk_is_witness(hall, method) -> None:
    """Somebody saw it; elsewhere nobody can have."""
    window = {"notice": hall.notice(channel="window"), "evidence": hall.evidence(method=method)}

    assert await hall.refused(**window) == [("/evidence/witness", "witness_missing")]
    assert (await hall.record(evidence=hall.evidence(method=method)))["state"] == "given"


@pytest.mark.parametrize("channel", ["window", "terminal"])
async def test_at_a_counter_it_counts_once_and_for_a_day(hall, channel) -> None:
    """Unless it says how many uses; not longer, unless it says how often."""
    counter = {"notice": hall.notice(channel=channel)}

    assert (await hall.record(**counter))["max_uses"] == 1
    counter = {"notice": hall.notice(channel=channel, rendered_sha256="1" * 64)}
    assert (await hall.record(**counter, max_uses=7))["uses_left"] == 7
    counter = {"notice": hall.notice(channel=channel, rendered_sha256="2" * 64)}
    assert await hall.refused(**counter, expires_at=hall.now + DAY + SECOND) == [("/expires_at", "period")]
    monthly = await hall.record(**counter, expires_at=hall.now + 180 * DAY, frequency=(1, timedelta(days=30)))
    assert (monthly["max_uses"], monthly["frequency"]) == (None, {"count": 1, "per_seconds": 2_592_000})


async def test_elsewhere_it_may_run_for_180_days(hall) -> None:
    """From `not_before` where that is given, and uses are not limited by themselves."""
    longest = await hall.record(expires_at=hall.now + 180 * DAY)
    later = {"not_before": hall.now + DAY, "expires_at": hall.now + 181 * DAY}

    assert longest["max_uses"] is None
    assert (await hall.record(**later))["state"] == "given"
    assert await hall.refused(expires_at=hall.now + 180 * DAY + SECOND) == [("/expires_at", "period")]


@pytest.mark.parametrize(
    ("begins", "ends"), [(None, timedelta(0)), (None, -HOUR), (2 * HOUR, HOUR), (HOUR, HOUR)]
)
async def test_a_period_has_a_length(hall, begins, ends) -> None:
    """It ends after now and after it began, whatever the clocks say."""
    begin = None if begins is None else hall.now + begins

    assert await hall.refused(not_before=begin, expires_at=hall.now + ends) == [("/expires_at", "period")]


async def test_a_notice_of_tomorrow_was_not_read(hall) -> None:
    """Nor was anybody identified then."""
    tomorrow = hall.now + DAY

    assert await hall.refused(notice=hall.notice(shown_at=tomorrow)) == [
        ("/notice/shown_at", "notice_in_future")
    ]
    assert await hall.refused(evidence=hall.evidence(authenticated_at=tomorrow)) == [
        ("/evidence/authenticated_at", "evidence_in_future")
    ]


# ---------------------------------------------------------------- the refusal itself


async def test_every_fault_is_told_at_once_and_the_refusal_is_an_entry(hall) -> None:
    """One finding per rule; the entry holds their codes, and of what was sent only what the log may hold."""
    before = await hall.record()
    wrong = {
        "items": {**INCOME, "person.shoe_size": True},
        "recipients": ("张三13800138000",),
        "case": "闽20260001",
        "expires_at": hall.now - DAY,
    }

    findings = await hall.refused(**wrong, grantor_role="agent")

    entry = (await hall.entries("consent.rejected"))[0]
    leaf = orjson.loads(entry.leaf)
    assert leaf["codes"] == sorted({code for _, code in findings})
    assert (leaf["subject"], leaf["purpose"], leaf["form"], leaf["department"]) == (
        before["subject"]["ref"],
        "test.purpose",
        "test-form",
        "政务服务",
    )
    assert entry.sealed is None
    assert not any(word in entry.leaf.decode() for word in ("13800138000", "闽2026", "shoe", "35058219"))
    assert len(await hall.entries("consent.given")) == 1


async def test_a_stranger_who_was_refused_is_not_stored(hall) -> None:
    """A record that is not taken leaves no trace of whom it was about."""
    await hall.refused(purpose="no.such", form="no-such", subject=hall.bob)

    leaf = orjson.loads((await hall.entries("consent.rejected"))[0].leaf)
    assert (leaf["subject"], leaf["purpose"], leaf["form"]) == (None, None, None)
    assert (
        await hall.runtime.store.subjects.find(hall.runtime.subjects.key_of(subject_from(hall.bob))) is None
    )


async def test_a_finding_says_what_to_do_and_repeats_nothing(hall) -> None:
    """Details teach; they never hold what was sent."""
    with pytest.raises(NotValid) as caught:
        await hall.record(items=INCOME, grantor_role="agent", notice=hall.notice(shown_at=hall.now + DAY))

    assert all(len(finding["detail"]) > 40 for finding in caught.value.errors)
    assert not any("35058219" in finding["detail"] for finding in caught.value.errors)
