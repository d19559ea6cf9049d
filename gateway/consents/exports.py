"""A consent in the words of others. Pure; nothing is fetched, and nobody who reads the result needs to.

`as_dpv`: a consent record of ISO/IEC TS 27560 in the terms of the W3C Data Privacy Vocabulary (JSON-LD). `as_rar`:
OAuth `authorization_details` (RFC 9396). Whom it is about is told by the random reference alone. What the other
vocabulary has no word for stands under our own prefix, `og`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
"""A consent as it is read: `gateway.consents.record.told`."""

CONTEXT: Mapping[str, Any] = {
    "dpv": "https://w3id.org/dpv#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "og": "urn:oncegate:terms:",
    "dct:conformsTo": {"@type": "@id"},
    "dct:created": {"@type": "xsd:dateTime"},
    "dct:date": {"@type": "xsd:dateTime"},
    "dct:valid": {"@type": "xsd:dateTime"},
    **{
        f"dpv:{name}": {"@type": "@id"}
        for name in (
            "hasConsentStatus", "hasDataController", "hasDataSource", "hasIndicationMethod", "hasJurisdiction",
            "hasLegalBasis", "hasLocation", "hasNecessity", "hasProcessing", "hasRecipient", "hasRight",
            "isImplementedByEntity",
        )
    },
}  # fmt: skip
"""What the prefixes and links of the document mean, inside the document: reading it asks no other host."""

PROFILE = "https://w3id.org/dpv/schema/dpv-27560#record"
RAR_TYPE = "urn:oncegate:consent"

STATUS: Mapping[str, str] = {
    "requested": "dpv:ConsentRequested",
    "given": "dpv:ConsentGiven",
    "refused": "dpv:ConsentRefused",
    "deferred": "dpv:ConsentRequestDeferred",
    # DPV has no word for a pause: the class of all states in which nothing may be processed is the nearest.
    "paused": "dpv:ConsentStatusInvalidForProcessing",
    "withdrawn": "dpv:ConsentWithdrawn",
    "expired": "dpv:ConsentExpired",
    "terminated": "dpv:ConsentRevoked",
    "invalidated": "dpv:ConsentInvalidated",
    "renewed": "dpv:RenewedConsentGiven",
}
_RIGHTS = ("og:right-to-read", "og:right-to-pause", "og:right-to-withdraw", "og:right-to-see-uses")
_EVERYWHERE = "loc:CN"
_OTHERS = "third_party"
_UNTIL_SUBMITTED = "P1D"


def as_dpv(record: Record, events: Sequence[Mapping[str, Any]], *, issuer: str, base: str) -> dict[str, Any]:
    """The consent as a 27560 record: metadata, processing, parties, events.

    `events`: oldest first, each with state, at, actor and entry. `issuer`: who keeps the record. `base`: address under
    which the service is reached.
    """
    consent_id = record["id"]
    return {
        "@context": dict(CONTEXT),
        "@id": f"urn:oncegate:consent:{consent_id}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": PROFILE,
        "dct:identifier": consent_id,
        "dct:created": record["recorded_at"],
        "dct:publisher": issuer,
        "dpv:hasDataSubject": _subject(record),
        "dpv:hasConsentStatus": STATUS[record["state"]],
        "dpv:hasNotice": _notice(record),
        "dpv:hasProcess": _process(record, base),
        "og:event": [_event(event, record) for event in events],
        "og:separateAct": [_act(act) for act in record["acts"]],
        "og:parties": _parties(record, base),
        "og:denied": sorted(each["item"] for each in record["items"] if not each["permit"]),
    }


def as_rar(record: Record, *, base: str) -> list[dict[str, Any]]:
    """What the consent permits as `authorization_details`: one object, or none when it permits nothing now."""
    permitted = sorted(each["item"] for each in record["items"] if each["permit"])
    if not permitted or record["state"] not in {"given", "renewed"} or record["uses_left"] == 0:
        return []
    detail = {
        "type": RAR_TYPE,
        "identifier": record["id"],
        "locations": [f"{base}/v1/resolutions"],
        "actions": _actions(record),
        "datatypes": permitted,
        "about_others": _about_others(record) or None,
        "purpose": record["purpose"],
        "form": record["form"],
        "recipients": [party["id"] for party in _recipients(record)],
        "subject": record["subject"]["ref"],
        "not_before": record["not_before"],
        "expires_at": record["expires_at"],
        "uses_left": record["uses_left"],
        "frequency": record["frequency"],
        "data_life": record["data_life"],
    }
    return [{name: part for name, part in detail.items() if part is not None}]


def _about_others(record: Record) -> list[str]:
    """What of it tells of other people than the subject."""
    return sorted(each["item"] for each in record["items"] if each["permit"] and each.get("about") == _OTHERS)


def _actions(record: Record) -> list[str]:
    return ["read", "store"] if record["mode"] == "store" else ["read"]


def _subject(record: Record) -> dict[str, Any]:
    subject = record["subject"]
    kind = "dpv:DataSubject" if subject["kind"] == "person" else "dpv:LegalEntity"
    return {"@id": f"urn:oncegate:subject:{subject['ref']}", "@type": kind, "dct:identifier": subject["ref"]}


def _notice(record: Record) -> list[dict[str, Any]]:
    notice = record["notice"]
    return [
        {
            "@id": f"urn:oncegate:notice:{notice['id']}:{notice['version']}",
            "@type": "dpv:ConsentNotice",
            "dct:identifier": notice["id"],
            "dct:hasVersion": str(notice["version"]),
            "dct:language": notice["language"],
            "dct:date": notice["shown_at"],
            "og:renderedSha256": notice["rendered_sha256"],
            "og:channel": notice["channel"],
        }
    ]


def _process(record: Record, base: str) -> list[dict[str, Any]]:
    permitted = [each for each in record["items"] if each["permit"]]
    processing = ["dpv:Retrieve", "dpv:Disclose", *(["dpv:Store"] if record["mode"] == "store" else [])]
    process = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": _purpose(record),
        "dpv:hasLegalBasis": "dpv:ExplicitlyExpressedConsent",
        "dpv:hasPersonalData": [_personal_data(each) for each in permitted],
        "dpv:hasProcessing": processing,
        "dpv:hasDataController": _of_parties(_controllers(record)),
        "dpv:hasRecipient": _of_parties(_recipients(record)),
        "dpv:hasDataSource": _of_parties(_providers(record)),
        "dpv:hasStorageCondition": _storage(record),
        "dpv:hasJurisdiction": _EVERYWHERE,
        "dpv:hasConsentControl": _withdrawing(record, base),
        "dpv:hasRight": list(_RIGHTS),
    }
    assessment = record["basis"]["impact_assessment_ref"]
    if assessment is not None:
        process["dpv:hasImpactAssessment"] = {"@type": "dpv:ImpactAssessment", "dct:identifier": assessment}
    return [process]


def _purpose(record: Record) -> dict[str, Any]:
    purpose = {
        "@id": f"urn:oncegate:purpose:{record['purpose']}",
        "@type": "dpv:Purpose",
        "skos:broader": {"@id": "dpv:PublicBenefit"},
        "dct:identifier": record["purpose"],
        "dct:description": record["purpose_text"] or record["purpose"],
        "og:form": record["form"],
        "og:citation": list(record["basis"]["citations"]) or None,
    }
    return {name: part for name, part in purpose.items() if part is not None}


def _personal_data(each: Mapping[str, Any]) -> dict[str, Any]:
    is_sensitive = each["sensitivity"] == "sensitive"
    return {
        "@id": f"urn:oncegate:item:{each['item']}",
        "@type": "dpv:SensitivePersonalData" if is_sensitive else "dpv:PersonalData",
        "dct:identifier": each["item"],
        "dct:title": each["name"] or each["item"],
        # Where it was not recorded: the guide reads a missing necessity as required, and so do we.
        "dpv:hasNecessity": "dpv:Optional" if each["necessity"] == "optional" else "dpv:Required",
        "og:share": each["share"],
        "og:about": each.get("about"),
    }


def _storage(record: Record) -> list[dict[str, Any]]:
    """Where and how long: what may only be looked at is kept until it is submitted, a day at most."""
    life = record["data_life"] or (_UNTIL_SUBMITTED if record["mode"] == "view" else None)
    duration: dict[str, Any] = {"@type": "dpv:StorageDuration"}
    if life is None:
        duration["dpv:hasDuration"] = {"@type": "dpv:UntilTimeDuration", "rdf:value": record["expires_at"]}
    else:
        duration["dpv:hasDuration"] = {"@type": "dpv:TemporalDuration", "rdf:value": str(life)}
    return [{"@type": "dpv:StorageLocation", "dpv:hasLocation": _EVERYWHERE}, duration]


def _withdrawing(record: Record, base: str) -> dict[str, Any]:
    return {
        "@type": "dpv:WithdrawConsent",
        "og:method": "POST",
        "og:address": f"{base}/v1/consents/{record['id']}/withdraw",
    }


def _event(event: Mapping[str, Any], record: Record) -> dict[str, Any]:
    return {
        "@type": "og:ConsentEvent",
        "dct:date": event["at"],
        "dct:valid": record["expires_at"],
        "dpv:hasConsentStatus": STATUS[event["state"]],
        "dpv:hasLegalBasis": "dpv:ExplicitlyExpressedConsent",
        "dpv:hasIndicationMethod": f"og:method-{record['evidence']['method']}",
        "dpv:isImplementedByEntity": f"og:actor-{event['actor']}",
        "og:entry": event["entry"],
    }


def _act(act: Mapping[str, Any]) -> dict[str, Any]:
    """What was agreed to beside the whole, by its topic: sensitive, others, third_party or minor."""
    return {
        "@id": f"urn:oncegate:act:{act['act_id']}",
        "@type": f"og:act-{act['topic']}",
        "dct:date": act["at"],
    }


# ---------------------------------------------------------------- parties


def _party(told: Mapping[str, Any], role: str) -> dict[str, Any]:
    return {**told, "role": role}


def _recipients(record: Record) -> list[dict[str, Any]]:
    return [_party(each, "dpv:Recipient") for each in record["recipients"]]


def _controllers(record: Record) -> list[dict[str, Any]]:
    """Who answers for the processing; the recipients where an older record names nobody."""
    told = [record["controller"]] if record["controller"] else record["recipients"]
    return [_party(each, "dpv:DataController") for each in told]


def _providers(record: Record) -> list[dict[str, Any]]:
    names = record["provider_departments"]
    return [_party({"id": name, "name": name, "contact": None}, "dpv:DataSource") for name in names]


def _of_parties(parties: Iterable[Mapping[str, Any]]) -> list[str]:
    return [_party_id(party) for party in parties]


def _party_id(party: Mapping[str, Any]) -> str:
    return f"urn:oncegate:party:{party['id']}"


def _parties(record: Record, base: str) -> list[dict[str, Any]]:
    """Every party once, with all its roles. Where no contact is recorded, it is the service's own address."""
    by_id: dict[str, dict[str, Any]] = {}
    for party in (*_controllers(record), *_recipients(record), *_providers(record)):
        told = by_id.setdefault(
            party["id"],
            {
                "@id": _party_id(party),
                "@type": ["dpv:GovernmentalOrganisation"],
                "dct:identifier": party["id"],
                "dpv:hasName": party["name"],
                "dpv:hasAddress": _EVERYWHERE,
                "dpv:hasContact": party["contact"] or base,
            },
        )
        told["@type"] = list(dict.fromkeys((*told["@type"], party["role"])))
    return list(by_id.values())
