"""A consent in the words of others: every required section of ISO/IEC TS 27560, and RFC 9396, with nothing to fetch."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from gateway.consents.exports import CONTEXT, STATUS, as_dpv, as_rar
from policies import ConsentState

ISSUER, BASE = "urn:oncegate:test", "https://gate.example"
EVENTS = [
    {"state": "given", "at": "2026-11-21T02:00:00.000000Z", "actor": "window", "entry": "aud_1"},
    {"state": "withdrawn", "at": "2026-11-21T03:00:00.000000Z", "actor": "applicant", "entry": "aud_2"},
]


def item(name, *, permit=True, necessity="required", sensitivity="personal", about="subject"):
    """One item as a record has it."""
    return {
        "item": name,
        "permit": permit,
        "name": f"{name} 的名称",
        "name_en": "",
        "necessity": necessity,
        "sources": [{"id": "civil", "rank": 1, "name": "人口库", "department": "公安"}],
        "share": "conditional",
        "sensitivity": sensitivity,
        "about": about,
    }


def record(**changes):
    """A consent as it is read."""
    return {
        "id": "cns_1",
        "state": "given",
        "subject": {"ref": "sub_1", "kind": "person"},
        "purpose": "residence.permit",
        "purpose_text": "办理居住证申领",
        "form": "residence-permit",
        "case": None,
        "items": [
            item("person.name"),
            item("person.phone", necessity="optional", sensitivity="sensitive"),
            item("person.employer_name", permit=False),
        ],
        "scope_hash": "0" * 64,
        "controller": {"id": "政务服务", "name": "政务服务中心", "contact": "tel:12345"},
        "provider_departments": ["公安"],
        "recipient_departments": ["公安", "政务服务"],
        "recipients": [
            {"id": "公安", "name": "公安局", "contact": None},
            {"id": "政务服务", "name": "政务服务中心", "contact": "tel:12345"},
        ],
        "not_before": "2026-11-21T02:00:00.000000Z",
        "expires_at": "2026-11-22T02:00:00.000000Z",
        "max_uses": 3,
        "uses_left": 2,
        "frequency": None,
        "data_life": None,
        "mode": "view",
        "basis": {
            "kind": "consent",
            "citations": ["《居住证暂行条例》第九条"],
            "impact_assessment_ref": None,
        },
        "grantor_role": "self",
        "notice": {
            "id": "oncegate.consent-notice",
            "version": 1,
            "language": "zh-CN",
            "rendered_sha256": "a" * 64,
            "shown_at": "2026-11-21T01:59:00.000000Z",
            "channel": "window",
        },
        "acts": [{"topic": "sensitive", "act_id": "act_1", "at": "2026-11-21T01:59:30.000000Z"}],
        "evidence": {"method": "signature_pad"},
        "recorded_at": "2026-11-21T02:00:00.000000Z",
        **changes,
    }


def dpv(**changes):
    return as_dpv(record(**changes), EVENTS, issuer=ISSUER, base=BASE)


def rar(**changes):
    return as_rar(record(**changes), base=BASE)


_TEXT = {"type": "string", "minLength": 1}
_SOME = {"type": "array", "minItems": 1}
_TERM = {"type": "string", "pattern": "^(dpv|og|loc|dct):"}
# What the standard calls mandatory (6.3.2 record metadata, 6.3.4-5 processing, 6.3.6 parties, 6.3.7 events), by the
# names that the DPV guide gives each.
RECORD_27560 = {
    "type": "object",
    "required": ["@context", "@id", "@type", "dct:conformsTo", "dct:identifier", "dpv:hasDataSubject", "dpv:hasNotice",
                 "dpv:hasProcess", "og:parties", "og:event"],
    "properties": {
        "@type": {"const": "dpv:ConsentRecord"},
        "dct:conformsTo": {"const": "https://w3id.org/dpv/schema/dpv-27560#record"},
        "dct:identifier": _TEXT,
        "dpv:hasDataSubject": {"required": ["@id", "@type", "dct:identifier"]},
        "dpv:hasNotice": {**_SOME, "items": {
            "required": ["@id", "@type", "dct:language", "dct:date"],
            "properties": {"@type": {"const": "dpv:ConsentNotice"}, "dct:language": _TEXT},
        }},
        "dpv:hasProcess": {**_SOME, "items": {
            "required": ["dpv:hasPurpose", "dpv:hasPersonalData", "dpv:hasDataController", "dpv:hasRecipient",
                         "dpv:hasStorageCondition", "dpv:hasJurisdiction", "dpv:hasConsentControl", "dpv:hasRight",
                         "dpv:hasLegalBasis"],
            "properties": {
                "dpv:hasPurpose": {"required": ["@type", "dct:description"]},
                "dpv:hasPersonalData": {**_SOME, "items": {
                    "required": ["@type", "dct:identifier", "dpv:hasNecessity"],
                    "properties": {"@type": {"enum": ["dpv:PersonalData", "dpv:SensitivePersonalData"]},
                                   "dpv:hasNecessity": {"enum": ["dpv:Required", "dpv:Optional"]}},
                }},
                "dpv:hasDataController": _SOME,
                "dpv:hasRecipient": _SOME,
                "dpv:hasStorageCondition": {**_SOME, "allOf": [
                    {"contains": {"properties": {"@type": {"const": kind}}, "required": ["@type", has]}}
                    for kind, has in (("dpv:StorageLocation", "dpv:hasLocation"),
                                      ("dpv:StorageDuration", "dpv:hasDuration"))
                ]},
                "dpv:hasConsentControl": {"properties": {"@type": {"const": "dpv:WithdrawConsent"}}},
            },
        }},
        "og:parties": {**_SOME, "items": {
            "required": ["@id", "@type", "dct:identifier", "dpv:hasName", "dpv:hasAddress", "dpv:hasContact"],
            "properties": {"dpv:hasName": _TEXT, "dpv:hasContact": _TEXT},
        }},
        "og:event": {**_SOME, "items": {
            "required": ["dct:date", "dct:valid", "dpv:hasConsentStatus", "dpv:hasLegalBasis",
                         "dpv:isImplementedByEntity"],
            "properties": {"dpv:hasConsentStatus": _TERM},
        }},
    },
}  # fmt: skip
RAR_9396 = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": _TEXT,
            "locations": {**_SOME, "items": {"type": "string", "pattern": "^https?://"}},
            "actions": {**_SOME, "items": _TEXT},
            "datatypes": {**_SOME, "items": _TEXT},
            "identifier": _TEXT,
            "privileges": {**_SOME, "items": _TEXT},
        },
    },
}


@pytest.mark.parametrize("state", list(ConsentState), ids=lambda state: state.value)
def test_every_mandatory_field_of_the_standard_is_there(state):
    """In whatever state a consent is."""
    told = json.loads(json.dumps(dpv(state=state.value)))

    assert list(Draft202012Validator(RECORD_27560).iter_errors(told)) == []
    assert told["dpv:hasConsentStatus"] == STATUS[state.value]


def test_a_record_from_before_more_was_kept_is_told_as_far_as_it_goes():
    """Without controller, contacts, names or necessity, every mandatory field is still there."""
    bare = {**item("person.name"), "name": "", "necessity": None, "share": None, "sensitivity": None}
    told = dpv(controller=None, items=[bare], purpose_text="", provider_departments=[])

    assert list(Draft202012Validator(RECORD_27560).iter_errors(told)) == []
    process = told["dpv:hasProcess"][0]
    assert process["dpv:hasPersonalData"][0]["dct:title"] == "person.name"
    assert process["dpv:hasPurpose"]["dct:description"] == "residence.permit"


def terms(part):
    """Every prefixed word in the document: keys, types and links."""
    if isinstance(part, dict):
        for key, inner in part.items():
            if key != "@context":
                yield key
                yield from terms(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from terms(inner)
    elif isinstance(part, str) and re.fullmatch(r"[a-z]+:[A-Za-z-]+", part):
        yield part


def test_every_prefix_is_explained_in_the_document_and_nothing_is_fetched():
    """The context is written out: no address stands in it that a reader would have to ask."""
    told = dpv()
    used = {term.partition(":")[0] for term in terms(told) if ":" in term}

    assert isinstance(told["@context"], dict)
    assert used - CONTEXT.keys() - {"tel", "urn"} == set()
    assert "@import" not in told["@context"]


def test_what_was_refused_is_no_personal_data_of_the_process():
    """Only what was permitted is processed; what was denied is told apart."""
    told = dpv()

    data = [each["dct:identifier"] for each in told["dpv:hasProcess"][0]["dpv:hasPersonalData"]]
    assert data == ["person.name", "person.phone"]
    assert told["og:denied"] == ["person.employer_name"]


def test_sensitive_and_optional_items_are_marked():
    """PIPL art. 28 is a class in DPV; necessity is a word of it."""
    name, phone = dpv()["dpv:hasProcess"][0]["dpv:hasPersonalData"]

    assert (name["@type"], name["dpv:hasNecessity"]) == ("dpv:PersonalData", "dpv:Required")
    assert (phone["@type"], phone["dpv:hasNecessity"]) == ("dpv:SensitivePersonalData", "dpv:Optional")


def test_each_party_stands_once_with_all_its_roles():
    """Who provides and receives is one party."""
    police = next(each for each in dpv()["og:parties"] if each["dct:identifier"] == "公安")

    assert police["@type"] == ["dpv:GovernmentalOrganisation", "dpv:Recipient", "dpv:DataSource"]
    assert police["dpv:hasContact"] == BASE


@pytest.mark.parametrize(
    ("changes", "kind", "value"),
    [
        ({}, "dpv:TemporalDuration", "P1D"),
        ({"mode": "store", "data_life": "PT2592000S"}, "dpv:TemporalDuration", "PT2592000S"),
        ({"mode": "store"}, "dpv:UntilTimeDuration", "2026-11-22T02:00:00.000000Z"),
    ],
)
def test_how_long_it_is_kept_is_always_said(changes, kind, value):
    """Until submission and a day at most; or its data life; or until the consent ends."""
    _, duration = dpv(**changes)["dpv:hasProcess"][0]["dpv:hasStorageCondition"]

    assert duration["dpv:hasDuration"] == {"@type": kind, "rdf:value": value}


def test_an_impact_assessment_is_named_where_there_is_one():
    """The law wants one for some matters."""
    basis = {"kind": "consent", "citations": [], "impact_assessment_ref": "PIA-7"}

    assessed = dpv(basis=basis)["dpv:hasProcess"][0]
    assert assessed["dpv:hasImpactAssessment"]["dct:identifier"] == "PIA-7"
    assert "dpv:hasImpactAssessment" not in dpv()["dpv:hasProcess"][0]


def test_a_subject_that_is_no_person_is_no_data_subject():
    """An enterprise agrees by its legal representative; it is a legal entity."""
    assert (
        dpv(subject={"ref": "sub_2", "kind": "organisation"})["dpv:hasDataSubject"]["@type"]
        == "dpv:LegalEntity"
    )


def test_every_state_has_its_word():
    """Ten states, ten words of DPV."""
    assert set(STATUS) == {state.value for state in ConsentState}
    assert len(set(STATUS.values())) == len(STATUS)


@pytest.mark.parametrize("state", list(ConsentState), ids=lambda state: state.value)
def test_authorization_details_stand_for_what_releases(state):
    """`given` and `renewed` are told as RFC 9396 has it; every other state authorises nothing."""
    told = rar(state=state.value)

    assert list(Draft202012Validator(RAR_9396).iter_errors(told)) == []
    assert bool(told) == (state.value in {"given", "renewed"})


def test_authorization_details_name_only_what_was_permitted():
    """Items, actions, recipients, limits."""
    (detail,) = rar(mode="store", frequency={"count": 3, "per_seconds": 86_400})

    assert detail["datatypes"] == ["person.name", "person.phone"]
    assert detail["actions"] == ["read", "store"]
    assert detail["recipients"] == ["公安", "政务服务"]
    assert (detail["uses_left"], detail["frequency"]) == (2, {"count": 3, "per_seconds": 86_400})
    assert "data_life" not in detail


def test_a_consent_that_permits_nothing_authorises_nothing():
    """No empty `datatypes`."""
    assert rar(items=[item("person.name", permit=False)]) == []


def test_a_consent_that_is_used_up_permits_nothing():
    """Its authorization_details are empty, as those of one that has ended."""
    assert rar(uses_left=0) == []
    assert rar(uses_left=1)[0]["uses_left"] == 1


def test_what_is_about_others_and_each_separate_act_are_told():
    """By the item's own mark and by the acts' ids, in both; nothing of it where there is nothing to tell."""
    of_others = [item("person.name"), item("person.spouse_name", about="third_party")]
    act = {"topic": "others", "act_id": "act_2", "at": "2026-11-21T01:59:40.000000Z"}

    document = dpv(items=of_others, acts=[act])
    told = document["dpv:hasProcess"][0]["dpv:hasPersonalData"]

    assert [each["og:about"] for each in told] == ["subject", "third_party"]
    assert document["og:separateAct"] == [
        {"@id": "urn:oncegate:act:act_2", "@type": "og:act-others", "dct:date": act["at"]}
    ]
    assert rar(items=of_others)[0]["about_others"] == ["person.spouse_name"]
    assert "about_others" not in rar()[0]
