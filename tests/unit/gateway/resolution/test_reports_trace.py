"""From a printed form back: trace by receipt or resolution, and the private part opened with a reason."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from msgspec import structs

from forms.definition import Field
from forms.document import to_document
from gateway.audit.entries import make_entry, open_private, receipt_of, resolution_of
from gateway.audit.log import AuditLog
from gateway.audit.unsealing import unseal_entry
from gateway.errors import CannotOpen, NotFound, StoreUnavailable
from gateway.records import Entry, EntryKind, FormPublication, GateRequest, GateWrite
from gateway.reports.trace import trace_of
from gateway.runtime import Runtime

RESOLUTION = "res_01JD5Q5J9Z0000000000000000"
RECEIPT = "rcp_01JD5Q5J9Z0000000000000000"
ASKS = [
    ["applicant", "civil", ["person.name", "person.phone"], True, "R-010", "consent:cns_1"],
    ["applicant", "licence", ["person.name"], False, "R-000", "no_consent"],
]


@pytest.fixture(autouse=True)
def log(runtime: Runtime) -> None:
    """Look-ups pass the gate of the store itself."""
    runtime.ledger = AuditLog(runtime.store.gates, runtime.telemetry)


async def write(runtime: Runtime, kind: EntryKind, number: int, **facts: Any) -> Entry:
    """One entry of the resolution, its officer and case sealed in it."""
    about = {"form": ["test-form", 2], "matter": "M-1", "purpose": "test.purpose", "registry": 3, "policy": 5}
    about |= {"department": "公安", "actor": "clerk", "subjects": {"applicant": "sub_a"}}
    entry = make_entry(
        f"aud_{number}",
        kind,
        runtime.clock(),
        caller="hall",
        request=RESOLUTION,
        facts=about | facts,
        private={"actor": "jj-0317", "case": "350582-2026-000123"},
        sealer=runtime.sealer,
    )
    await runtime.store.gates.commit([GateRequest((), lambda _: GateWrite(entry, None))])
    return entry


@pytest.fixture
async def answered(runtime: Runtime) -> Entry:
    """A resolution that was answered; its intent."""
    intent = await write(runtime, EntryKind.intent, 1, asks=ASKS)
    fields: Mapping[str, Any] = {"filled": ["name"], "timeout": ["phone"]}
    await write(runtime, EntryKind.outcome, 2, receipt=RECEIPT, result="released", fields=fields)
    return intent


async def entries(runtime: Runtime, kind: EntryKind) -> list[Entry]:
    """Those of that kind."""
    found = await runtime.store.entries.find(request=None, after="", limit=100)
    return [entry for entry in found if entry.kind is kind]


def test_a_receipt_and_its_resolution_are_one_reference() -> None:
    """Either leads to the other; what is neither leads nowhere else."""
    assert receipt_of(RESOLUTION) == RECEIPT
    assert resolution_of(RECEIPT) == resolution_of(RESOLUTION) == RESOLUTION
    assert resolution_of("cns_1") == "cns_1"


@pytest.mark.parametrize("reference", [RESOLUTION, RECEIPT])
async def test_a_printed_form_leads_to_everything_behind_it(
    runtime: Runtime, answered: Entry, reference: str
) -> None:
    """Person by reference, officer's entry, ground, mapping version, source and time."""
    told = await trace_of(reference, runtime, caller="auditor")

    assert (told["resolution"], told["receipt"]) == (RESOLUTION, RECEIPT)
    assert told["subjects"] == {"applicant": "sub_a"}
    assert told["officer"] == {"kind": "clerk", "sealed_in": answered.id}
    assert (told["registry_version"], told["policy_version"], told["form"]["version"]) == (3, 5, 2)
    assert (told["result"], told["answered_at"]) == ("released", told["asked_at"])
    assert [(ask["source"], ask["allowed"], ask["ground_or_reason"]) for ask in told["asks"]] == [
        ("civil", True, "consent:cns_1"),
        ("licence", False, "no_consent"),
    ]
    assert told["entries"] == ["aud_1", "aud_2"]


async def test_fields_are_told_with_the_sources_that_were_asked(
    bench: Any, runtime: Runtime, answered: Entry
) -> None:
    """By the form as it was published: item, role, sources and grounds; without the form, by path alone."""
    (field, *_) = (await trace_of(RECEIPT, runtime, caller="auditor"))["fields"]
    assert (field["path"], field["item"], field["sources"]) == ("name", None, [])

    form = bench.form(Field("name", "姓名", item="person.name"), Field("phone", "电话", item="person.phone"))
    entry = structs.replace(answered, id="aud_f", kind=EntryKind.form_published)
    document = orjson.dumps(to_document(form))
    published = FormPublication(
        form.id, 2, form.name, form.matter, "交通", "d" * 64, bench.now, "x", document
    )
    await runtime.store.forms.publish(published, entry)
    name, phone = (await trace_of(RECEIPT, runtime, caller="auditor"))["fields"]

    assert (name["outcome"], name["item"], name["role"]) == ("filled", "person.name", "applicant")
    assert (name["sources"], name["grounds"]) == (["civil"], ["consent:cns_1"])
    assert (phone["outcome"], phone["sources"]) == ("timeout", ["civil"])


async def test_one_that_never_ended_is_told_too(runtime: Runtime) -> None:
    """Asked, and nothing known of an answer."""
    await write(runtime, EntryKind.intent, 1, asks=ASKS)

    told = await trace_of(RECEIPT, runtime, caller="auditor")

    assert (told["receipt"], told["result"], told["answered_at"], told["fields"]) == (None, None, None, [])


async def test_following_a_form_back_is_an_entry_about_the_same_persons(
    runtime: Runtime, answered: Entry
) -> None:
    """Before it is shown; for what is not there, nothing is shown."""
    await trace_of(RECEIPT, runtime, caller="auditor")
    with pytest.raises(NotFound):
        await trace_of("rcp_unknown", runtime, caller="auditor")

    (look,) = [orjson.loads(each.leaf) for each in await entries(runtime, EntryKind.audit_lookup)]
    assert (look["what"], look["request"], look["subjects"]) == ("trace", RESOLUTION, ["sub_a"])


# ---------------------------------------------------------------- the private part


async def test_who_worked_is_opened_for_a_reason_that_is_kept(runtime: Runtime, answered: Entry) -> None:
    """Officer and case, checked against the entry; the opening names auditor and entry, its reason is sealed."""
    opened = await unseal_entry(answered.id, "complaint 17", runtime, caller="auditor")

    assert opened.private == {"actor": "jj-0317", "case": "350582-2026-000123"}
    assert "jj-0317" not in repr(opened)
    (opening,) = await entries(runtime, EntryKind.audit_opened)
    leaf = orjson.loads(opening.leaf)
    assert (opening.id, leaf["caller"], leaf["entry"]) == (opened.opening, "auditor", answered.id)
    assert (leaf["subjects"], leaf["request"]) == (["sub_a"], RESOLUTION)
    assert b"complaint" not in opening.leaf
    assert open_private(opening, runtime.sealer) == {"reason": "complaint 17"}


async def test_nothing_is_opened_that_could_not_be_logged(runtime: Runtime, answered: Entry) -> None:
    """No entry, no officer."""

    class Unwritable:
        async def pass_gate(self, request: object) -> Any:
            raise StoreUnavailable("store_unavailable", "The database cannot be reached.")

        async def drain(self) -> None:
            pass

    runtime.ledger = Unwritable()

    with pytest.raises(StoreUnavailable):
        await unseal_entry(answered.id, "complaint 17", runtime, caller="auditor")


async def test_what_has_no_private_part_is_not_opened(runtime: Runtime) -> None:
    """Nor what does not exist; and no opening is logged that did not happen."""
    plain = make_entry("aud_5", EntryKind.drafts_purged, runtime.clock(), caller="x", request=None, facts={})
    await runtime.store.gates.commit([GateRequest((), lambda _: GateWrite(plain, None))])

    for entry_id in (plain.id, "aud_unknown"):
        with pytest.raises(NotFound):
            await unseal_entry(entry_id, "complaint 17", runtime, caller="auditor")
    assert await entries(runtime, EntryKind.audit_opened) == []


async def test_a_private_part_that_was_exchanged_is_not_shown(runtime: Runtime, answered: Entry) -> None:
    """It does not match what the entry committed to; that it was tried is logged."""
    forged = structs.replace(answered, id="aud_8", sealed=b"\x00" * 64)
    await runtime.store.gates.commit([GateRequest((), lambda _: GateWrite(forged, None))])

    with pytest.raises(CannotOpen):
        await unseal_entry(forged.id, "complaint 17", runtime, caller="auditor")
    assert len(await entries(runtime, EntryKind.audit_opened)) == 1
