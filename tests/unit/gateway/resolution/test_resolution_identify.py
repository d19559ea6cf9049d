"""Identifying: who asks about whom; the first gate then reads the consents they bring."""

from dataclasses import replace
from typing import Any

import pytest

from field_registry import subject_from
from forms.definition import Field
from gateway.audit.log import AuditLog
from gateway.resolution.gates import Passage, note_intent
from gateway.resolution.identify import identify
from gateway.runtime import Runtime
from policies import Consent, ConsentState

SEX = Field("sex", "性别", item="person.sex")
SPOUSE = Field("spouse.sex", "配偶性别", "spouse", "person.sex")


def identified(bench: Any, runtime: Runtime, **changes: Any) -> Any:
    """What is known about a call before anything is read."""
    plan = bench.plan(bench.form(SEX, SPOUSE), **changes)
    return identify(plan, bench.command(**changes), bench.now, runtime)


async def admitted(bench: Any, runtime: Runtime, **changes: Any) -> tuple[Passage, dict[str, Consent]]:
    """The passage that a real gate admits, and the consents it read."""
    runtime = replace(runtime, ledger=AuditLog(runtime.store.gates, runtime.telemetry))
    plan = bench.plan(bench.form(SEX, SPOUSE), **changes)
    seen: dict[str, Consent] = {}

    def judge(_asks: Any, consents: Any, _request: Any, *, now: Any) -> Any:
        assert now == bench.now
        seen.update(consents)
        return bench.decisions(plan, ground=bench.by_duty)

    who = identify(plan, bench.command(**changes), bench.now, runtime)
    passage, _ = await note_intent(plan, who, judge, runtime)
    return passage, seen


def test_the_request_is_what_policies_judge(bench: Any, runtime: Runtime) -> None:
    """Matter, form and purpose of the form; department and roles of the caller; the subject by its blind index."""
    request = identified(bench, runtime).request

    assert (request.matter, request.form, request.purpose) == ("M-1", "test-form", "test.purpose")
    assert (request.department, request.caller_roles) == ("政务服务", {"renderer"})
    assert request.subject_keys == {"applicant": runtime.subjects.key_of(subject_from(bench.ann))}
    assert request.now == bench.now


def test_every_resolution_has_its_own_id(bench: Any, runtime: Runtime) -> None:
    """Two calls alike in everything are still two."""
    first, second = [identified(bench, runtime) for _ in range(2)]

    assert first.id != second.id
    assert first.id.startswith("res_")


async def test_consents_are_read_as_they_stand(bench: Any, runtime: Runtime, record: Any) -> None:
    """Those the caller named and no others, in the state they have now."""
    standing = bench.standing(ConsentState.paused)
    await record("cns_a", standing=standing)
    await record("cns_other")

    _, consents = await admitted(bench, runtime)

    assert set(consents) == {"cns_a"}
    assert consents["cns_a"].standing == standing


async def test_a_consent_that_does_not_exist_is_a_finding(bench: Any, runtime: Runtime) -> None:
    """It is told beside what the plan found, and the request goes on."""
    subjects = {"applicant": bench.ann, "nobody": bench.bob}
    passage, consents = await admitted(bench, runtime, consents=("cns_gone",), subjects=subjects)

    assert consents == {}
    assert [(each.pointer, each.code) for each in passage.plan.findings] == [
        ("/subjects/nobody", "unknown_role"),
        ("/consent", "consent_unknown"),
    ]


async def test_one_subject_in_two_roles_is_one(bench: Any, runtime: Runtime) -> None:
    """The same person has one key and one reference, whatever roles they have."""
    couple = {"applicant": bench.ann, "spouse": bench.ann}
    passage, _ = await admitted(bench, runtime, subjects=couple)

    assert len(identified(bench, runtime, subjects=couple).new_subjects) == 1
    assert len(set(passage.subject_refs.values())) == 1


async def test_a_reference_stays_and_tells_nothing(bench: Any, runtime: Runtime) -> None:
    """A subject has the same random reference in every request, and its identifier is not in it."""
    first, again = [(await admitted(bench, runtime))[0] for _ in range(2)]
    other, _ = await admitted(bench, runtime, subjects={"applicant": bench.bob})

    assert first.subject_refs == again.subject_refs != other.subject_refs
    assert bench.ann["id_no"] not in first.subject_refs["applicant"]


@pytest.mark.parametrize("consents", [(), ("cns_a",)])
async def test_a_consent_brings_the_reference_it_was_recorded_under(
    bench: Any, runtime: Runtime, record: Any, consents: tuple[str, ...]
) -> None:
    """With or without it the entries of a subject name the same reference."""
    await record()
    known = (await runtime.store.consents.read(["cns_a"]))["cns_a"].subject_ref

    passage, _ = await admitted(bench, runtime, consents=consents)

    assert passage.subject_refs == {"applicant": known}


@pytest.mark.parametrize("consents", [(), ("cns_a",)])
async def test_every_subject_comes_with_its_key(
    bench: Any, runtime: Runtime, record: Any, consents: tuple[str, ...]
) -> None:
    """Known or seen for the first time, brought along by a consent or not: the gate reads or makes the key."""
    await record()
    family = {"applicant": bench.ann, "spouse": bench.bob}

    passage, _ = await admitted(bench, runtime, subjects=family, consents=consents)
    again, _ = await admitted(bench, runtime, subjects=family, consents=consents)

    assert set(passage.keys) == set(passage.subject_refs.values())
    assert passage.keys == again.keys
    assert len({key.material for key in passage.keys.values()}) == 2


async def test_a_subject_that_was_erased_is_another_one_from_then_on(bench: Any, runtime: Runtime) -> None:
    """Nothing of it is remembered by the process: the next request refers to a new subject with a new key."""
    before, _ = await admitted(bench, runtime)
    ref = before.subject_refs["applicant"]
    await runtime.store.subjects.erase(ref, bench.now, end=bench.no_end, entry=bench.erased)

    after, _ = await admitted(bench, runtime)

    assert after.subject_refs["applicant"] != ref
    assert ref not in after.keys
