"""What leads an auditor to a resolution: keyed digests of officer and case, a receipt that is the resolution's twin."""

from typing import Any

import orjson

from forms.definition import Field
from gateway.audit.entries import finding_key, make_entry
from gateway.audit.log import AuditLog
from gateway.records import Caller, Draft, EntryKind, GateRequest, GateWrite
from gateway.resolution.drafts import key_of_draft, read_answer, seal_answer
from gateway.runtime import Runtime

NAME = Field("name", "姓名", item="person.name")


async def test_an_intent_is_found_by_officer_and_case(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """By digests that tell nothing without the key and are the same every time; the outcome carries none."""
    plan = bench.plan(bench.form(NAME))
    decisions = bench.decisions(plan)
    await bench.intent(plan, decisions, runtime)
    await bench.release(bench.passage(plan), decisions, bench.replies(plan, {}), runtime)

    intent, outcome = (write.entry for write in ledger.writes)
    assert intent.actor_key == finding_key("actor", " clerk-17 ", runtime.fingerprint)
    assert intent.case_key == finding_key("case", "case-9", runtime.fingerprint)
    assert (len(intent.actor_key), "clerk-17" in intent.actor_key) == (32, False)
    assert (outcome.actor_key, outcome.case_key) == (None, None)


async def test_officers_and_cases_do_not_meet(runtime: Runtime) -> None:
    """The same number is one thing as an officer's and another as a case's."""
    assert finding_key("actor", "17", runtime.fingerprint) != finding_key("case", "17", runtime.fingerprint)


async def test_a_receipt_is_its_resolution_by_another_name(bench: Any, ledger: Any, runtime: Runtime) -> None:
    """In the answer and in the entry: whoever holds a printed form can be led to everything behind it."""
    plan = bench.plan(bench.form(NAME))
    released = await bench.release(
        bench.passage(plan), bench.decisions(plan), bench.replies(plan, {}), runtime
    )

    assert orjson.loads(released.body)["receipt"]["id"] == "rcp_1"
    assert orjson.loads(ledger.writes[-1].entry.leaf)["receipt"] == "rcp_1"


async def test_an_answer_read_again_names_whom_it_is_about(bench: Any, runtime: Runtime) -> None:
    """So that they find the reading among their uses."""
    runtime.ledger = AuditLog(runtime.store.gates, runtime.telemetry)
    refs = (
        await runtime.subjects.ref_of("key-1", "person"),
        await runtime.subjects.ref_of("key-2", "person"),
    )
    key = key_of_draft(await runtime.subjects.keys_of(refs), refs, runtime.keys)
    sealed = seal_answer(b"{}", "res_1", runtime.sealer, key)
    until = bench.standing().expires_at
    draft = Draft("res_1", "hall", "test-form", 2, bench.now, until, (), sealed, refs)
    entry = make_entry("aud_1", EntryKind.outcome, bench.now, caller="hall", request="res_1", facts={})
    await runtime.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None, draft=draft))])

    await read_answer("res_1", Caller("hall", "政务服务", frozenset({"renderer"})), runtime)

    found = await runtime.store.entries.find(request="res_1", after="", limit=10)
    (reading,) = [orjson.loads(each.leaf) for each in found if each.kind is EntryKind.reread]
    assert reading["subjects"] == list(refs)
