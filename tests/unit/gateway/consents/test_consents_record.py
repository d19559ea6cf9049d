"""The record: what was agreed to is kept whole, as the registry had it, and read only by whom it concerns."""

from dataclasses import fields, replace
from datetime import timedelta
from hashlib import sha256

import orjson
import pytest
from msgspec import structs

from gateway.audit.entries import canonical
from gateway.consents import ConsentRecord, read_consent, read_record
from gateway.consents.commands import Basis, Signature
from gateway.consents.service import view
from gateway.errors import CannotOpen, Gone, NotFound
from gateway.http.schemas.consents import ConsentAnswer
from gateway.records import Caller, EntryKind

DAY = timedelta(days=1)


async def whole(hall, **changes):
    """A consent in which nothing is left out."""
    return await hall.record(
        items={"person.name": True, "person.income": True, "person.phone": False},
        case="case-9",
        acts=(hall.act("sensitive"),),
        frequency=(3, timedelta(hours=1)),
        max_uses=20,
        data_life=timedelta(hours=2),
        mode="store",
        basis=Basis(impact_assessment_ref="PIA-7"),
        evidence=hall.evidence(device="pad-4", signatures=(Signature("subject", "sig-1", "0" * 64),)),
        necessity={"person.income": "required"},
        **changes,
    )


async def test_the_answer_has_its_documented_shape(hall) -> None:
    """Every key is there, possibly null, of a full record and of a lean one."""
    for consent in (await whole(hall), await hall.record(form=None)):
        ConsentAnswer.model_validate_json(orjson.dumps(consent))


async def test_items_are_kept_as_the_registry_has_them(hall) -> None:
    """Names, sources with rank, share attribute, sensitivity are ours to say; necessity is the form's."""
    items = {each["item"]: each for each in (await whole(hall))["items"]}

    assert items["person.name"] == {
        "item": "person.name",
        "permit": True,
        "name": "person.name的名称",
        "name_en": "Name",
        "necessity": "required",
        "sources": [{"id": "civil", "rank": 1, "name": "人口基础库", "department": "公安"}],
        "share": "conditional",
        "sensitivity": "personal",
        "about": "subject",
    }
    assert (items["person.income"]["necessity"], items["person.income"]["sensitivity"]) == (
        "optional",  # the form asks for it and does not insist, whatever the desk said
        "sensitive",
    )
    assert items["person.phone"]["permit"] is False


async def test_the_scope_hash_can_be_made_from_the_record(hall) -> None:
    """SHA-256 of the canonical list: item, sources with rank, share attribute, sensitivity."""
    consent = await whole(hall)
    scope = [
        {
            "item": each["item"],
            "sources": [[source["rank"], source["id"]] for source in each["sources"]],
            "share": each["share"],
            "sensitivity": each["sensitivity"],
        }
        for each in sorted(consent["items"], key=lambda each: each["item"])
    ]
    text = b"[" + b",".join(canonical(each) for each in scope) + b"]"

    assert consent["scope_hash"] == sha256(text).hexdigest()


async def test_parties_limits_and_basis(hall) -> None:
    """Who answers for it, who provides, who receives; how far; on what footing."""
    consent = await whole(hall)

    assert consent["controller"] == {"id": "政务服务", "name": "政务服务", "contact": None}
    assert consent["provider_departments"] == ["公安"]
    assert consent["recipients"] == [{"id": "政务服务", "name": "政务服务", "contact": None}]
    assert (consent["frequency"], consent["data_life"]) == ({"count": 3, "per_seconds": 3600}, "PT7200S")
    assert (consent["max_uses"], consent["uses_left"], consent["mode"]) == (20, 20, "store")
    assert consent["basis"] == {
        "kind": "consent",
        "citations": ["测试法 第1条"],
        "impact_assessment_ref": "PIA-7",
    }
    assert consent["purpose_text"] == "测试事项"


async def test_what_is_only_for_the_record_stays_sealed(hall) -> None:
    """Case, witness, device, signatures and proofs stand neither in clear in the store nor in the log."""
    consent = await whole(hall, grantor_role="self")
    stored = (await hall.runtime.store.consents.read([consent["id"]]))[consent["id"]]
    leaves = b"".join(entry.leaf for entry in await hall.entries())

    shown = repr(stored).encode() + leaves
    for word in ("case-9", "pad-4", "sig-1", "PIA-7", "35058219910603996X"):
        assert word.encode() not in shown
    assert consent["case"] == "case-9"


async def test_the_whole_record_for_other_rooms(hall) -> None:
    """`read_record` gives everything, for whom `read_consent` gives it; its repr tells nothing personal."""
    consent = await whole(hall)

    record = await read_record(consent["id"], hall.desk, hall.runtime)

    assert {each.name for each in fields(ConsentRecord)} >= {"parties", "limits", "basis", "notice", "acts"}
    assert (record.id, record.case, record.items[0].sources[0].rank) == (consent["id"], "case-9", 1)
    assert record.limits.frequency.count == 3
    assert record.evidence.signatures[0].by == "subject"
    assert not any(word in repr(record) for word in ("case-9", "pad-4", "sig-1"))
    with pytest.raises(NotFound):
        await read_record(consent["id"], hall.others, hall.runtime)


async def test_who_may_read(hall) -> None:
    """The recording department, a recipient, the person and who agreed for them; nobody else learns that it exists."""
    consent = await hall.record(
        recipients=("政务服务", "公安"),
        grantor_role="agent",
        grantor=hall.bob,
        relationship=hall.proof(),
        acts=(hall.act("third_party"),),
    )
    person = Caller("portal", "", frozenset({"person"}), person=consent["subject"]["ref"])
    agent = structs.replace(person, person=consent["grantor_ref"])

    for reader in (hall.desk, hall.others, person, agent):
        assert (await read_consent(consent["id"], reader, hall.runtime))["id"] == consent["id"]
    for stranger in (
        structs.replace(hall.desk, department="税务"),
        structs.replace(person, person="sub_other"),
    ):
        with pytest.raises(NotFound, match="unknown_consent"):
            await read_consent(consent["id"], stranger, hall.runtime)


async def test_a_person_is_not_let_in_by_their_department(hall) -> None:
    """A person's token reads that person's consents, whatever department it was issued by."""
    of_bob = await hall.record(subject=hall.bob)
    ann = Caller("portal", hall.desk.department, frozenset({"person"}), person="sub_ann")

    with pytest.raises(NotFound):
        await read_consent(of_bob["id"], ann, hall.runtime)


async def test_records_from_before_are_read(hall) -> None:
    """What was kept then is told, what was not is null or empty."""
    consent = await hall.record()
    stored = (await hall.runtime.store.consents.read([consent["id"]]))[consent["id"]]
    kept = {"case": None, "items": [{"item": "person.name", "permit": True}], "max_uses": None}
    kept |= {"mode": "view", "grantor_role": "self"}
    kept["notice"] = {name: consent["notice"][name] for name in consent["notice"]}
    kept["evidence"] = {"method": "oidc", "identity_provider": None, "assurance": None}
    kept["evidence"] |= {"authenticated_at": None, "witness": None}
    sealed = hall.runtime.sealer.seal(
        orjson.dumps(kept), table="consent", column="sealed", row=stored.consent.id
    )

    told = view(replace(stored, sealed=sealed), hall.runtime)

    ConsentAnswer.model_validate_json(orjson.dumps(told))
    assert told["items"][0] | {"name": ""} == told["items"][0]
    assert (told["scope_hash"], told["controller"], told["acts"]) == (None, None, [])
    assert told["recipients"] == [{"id": "政务服务", "name": "政务服务", "contact": None}]


async def test_a_record_that_was_moved_or_erased_is_not_told(hall) -> None:
    """Sealed for its own row; and once the subject is erased there is nothing to tell."""
    one, two = await hall.record(), await hall.record(subject=hall.bob)
    read = await hall.runtime.store.consents.read([one["id"], two["id"]])

    with pytest.raises(CannotOpen):
        view(replace(read[one["id"]], sealed=read[two["id"]].sealed), hall.runtime)
    with pytest.raises(Gone, match="subject_erased"):
        view(replace(read[one["id"]], sealed=b""), hall.runtime)


async def test_agreeing_to_nothing_is_a_refusal(hall) -> None:
    """Recorded as such, with an entry of its own; it never releases, and cannot be resumed into doing so."""
    consent = await hall.record(items={"person.name": False, "person.phone": False})

    assert consent["state"] == "refused"
    assert [entry.kind for entry in await hall.entries()] == [EntryKind.consent_refused]
    assert (await hall.resolve([consent["id"]]))["name"] == ("refused_by_person", "item_refused")
    assert (await hall.resolve([consent["id"]]))["income"] == ("refused_by_person", "consent_refused")
