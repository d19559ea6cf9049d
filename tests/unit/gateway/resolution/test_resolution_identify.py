"""Identifying: who asks about whom, and the consents they bring, read afresh."""

from typing import Any

import pytest

from field_registry import subject_from
from forms.definition import Field
from gateway.resolution.identify import identify
from gateway.runtime import Runtime
from policies import ConsentState

SEX = Field("sex", "性别", item="person.sex")
SPOUSE = Field("spouse.sex", "配偶性别", "spouse", "person.sex")


async def identified(bench: Any, runtime: Runtime, **changes: Any) -> Any:
    """What is known about a call."""
    plan = bench.plan(bench.form(SEX, SPOUSE), **changes)
    return await identify(plan, bench.command(**changes), bench.now, runtime)


async def test_the_request_is_what_policies_judge(bench: Any, runtime: Runtime) -> None:
    """Matter, form and purpose of the form; department and roles of the caller; the subject by its blind index."""
    request = (await identified(bench, runtime)).request

    assert (request.matter, request.form, request.purpose) == ("M-1", "test-form", "test.purpose")
    assert (request.department, request.caller_roles) == ("政务服务", {"renderer"})
    assert request.subject_keys == {"applicant": runtime.subjects.key_of(subject_from(bench.ann))}
    assert request.now == bench.now


async def test_consents_are_read_as_they_stand(bench: Any, runtime: Runtime, record: Any) -> None:
    """Those the caller named and no others, in the state they have now."""
    standing = bench.standing(ConsentState.paused)
    await record("cns_a", standing=standing)
    await record("cns_other")

    who = await identified(bench, runtime)

    assert set(who.consents) == {"cns_a"}
    assert who.consents["cns_a"].standing == standing


async def test_a_consent_that_does_not_exist_is_a_finding(bench: Any, runtime: Runtime) -> None:
    """It is told beside what the plan found, and the request goes on."""
    subjects = {"applicant": bench.ann, "nobody": bench.bob}
    who = await identified(bench, runtime, consents=("cns_gone",), subjects=subjects)

    assert who.consents == {}
    assert [(each.pointer, each.code) for each in who.passage.plan.findings] == [
        ("/subjects/nobody", "unknown_role"),
        ("/consent", "consent_unknown"),
    ]


async def test_one_subject_in_two_roles_is_one(bench: Any, runtime: Runtime) -> None:
    """The same person has one key and one reference, whatever roles they have."""
    who = await identified(bench, runtime, subjects={"applicant": bench.ann, "spouse": bench.ann})

    assert len(set(who.request.subject_keys.values())) == 1
    assert len(set(who.passage.subject_refs.values())) == 1


async def test_a_reference_stays_and_tells_nothing(bench: Any, runtime: Runtime) -> None:
    """A subject has the same random reference in every request, and its identifier is not in it."""
    first, again = [await identified(bench, runtime) for _ in range(2)]
    other = await identified(bench, runtime, subjects={"applicant": bench.bob})

    assert first.passage.subject_refs == again.passage.subject_refs != other.passage.subject_refs
    assert bench.ann["id_no"] not in first.passage.subject_refs["applicant"]


@pytest.mark.parametrize("consents", [(), ("cns_a",)])
async def test_a_consent_brings_the_reference_it_was_recorded_under(
    bench: Any, runtime: Runtime, record: Any, consents: tuple[str, ...]
) -> None:
    """With or without it, the entries of a subject name the same reference."""
    await record()
    known = (await runtime.store.consents.read(["cns_a"]))["cns_a"].subject_ref

    who = await identified(bench, runtime, consents=consents)

    assert who.passage.subject_refs == {"applicant": known}


async def test_every_resolution_has_its_own_id(bench: Any, runtime: Runtime) -> None:
    """Two calls alike in everything are still two."""
    first, second = [await identified(bench, runtime) for _ in range(2)]

    assert first.passage.id != second.passage.id
    assert first.passage.id.startswith("res_")
