"""`/v1/identity-links`: a 台胞证 and a 居住证 of one person, from the desk to the sources, the ledger, and apart again."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.protocol import Reply
from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from forms.definition import Field, Form, Role
from gateway.app import create_app, make_sequencer, refresh
from gateway.curation import Publisher
from gateway.records import Caller, Client
from gateway.security.client_secrets import scrypt_hash
from gateway.settings import Settings
from gateway.store.migrate import migrate
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

HALL, SECRET = "政务服务", "s" * 32
RESIDENCE = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
PERMIT = {"kind": "person", "id_type": "511", "id_no": "12345678"}
PASSPORT = {"kind": "person", "id_type": "414", "id_no": "E12345678"}
OLD_PASSPORT = {"kind": "person", "id_type": "414", "id_no": "E87654321"}
STRANGER = {"kind": "person", "id_type": "111", "id_no": "110102199101010078"}
RULE = Rule("R-010", Effect.permit, "本人同意", ground=Ground(GroundKind.consent, ""))
WHEN = "2026-11-21T02:03:04Z"


def _item(item_id: str) -> Item:
    return Item(item_id, item_id, SubjectKind.person, Datatype.text, "公安")


def _source(source_id: str, *id_types: str, **people: dict[str, Any]) -> Source:
    return Source(
        source_id,
        source_id,
        source_id,
        "sandbox",
        id_types=frozenset(id_types),
        config={"personas": people},
    )


ITEMS = ("person.name", "person.entry", "person.tax")
SOURCES = [
    _source("civil", "111", **{RESIDENCE["id_no"]: {"v": "王安妮"}, STRANGER["id_no"]: {"v": "李别人"}}),
    # Entry and exit knows travel permits and passports only; of one it names the residence permit that came after it.
    _source(
        "border",
        *("511", "414"),
        **{
            PERMIT["id_no"]: {"v": "2019-05-01", "id_no": RESIDENCE["id_no"]},
            PASSPORT["id_no"]: {"v": "2001-01-01"},
        },
    ),
    _source("tax", "111", "511", "414", **{RESIDENCE["id_no"]: {"v": "T-1"}, PERMIT["id_no"]: {"v": "T-1"}}),
]
FORM = Form(
    "settle",
    1,
    "落户",
    "M-1",
    "settle",
    HALL,
    fields=(
        Field("name", "姓名", item="person.name"),
        Field("entry", "入境日期", item="person.entry"),
        Field("tax", "税号", item="person.tax"),
        Field("payer", "付款人税号", item="person.tax", role="payer"),
    ),
    roles=(
        Role("applicant", "申请人", frozenset({SubjectKind.person})),
        Role("payer", "付款人", frozenset({SubjectKind.person})),
    ),
)
CLIENTS: Mapping[str, tuple[str, set[str]]] = {
    "desk": (HALL, {"consent_desk", "renderer"}),
    "police": ("公安", {"consent_desk"}),
    "chief": ("数据局", {"security"}),
}


def registry_of(sources: list[Source]) -> Registry:
    """Each item from one of these."""
    pairs = zip(ITEMS, ("civil", "border", "tax"), strict=True)
    bindings = [Binding(item, source, "/v") for item, source in pairs]
    return Registry.of(0, items=[_item(item) for item in ITEMS], sources=sources, bindings=bindings)


class Office:
    """A hall with a desk, another department's, and whoever logs in for themselves."""

    def __init__(self, service: Any) -> None:
        self.service, self.http, self.runtime = service, service.http, service.runtime
        self._tokens: dict[str, str] = {}

    async def furnish(self) -> None:
        """Registry, policy, form and callers."""
        now = self.service.clock()
        publisher = Publisher(self.runtime.store, "test", now, self.runtime.new_reference)
        await publisher.registry(registry_of(SOURCES))
        await publisher.policy(Policy.of(0, [Purpose("settle", "落户")], [RULE]))
        await publisher.form(FORM)
        await refresh(self.runtime)
        for name, (department, roles) in CLIENTS.items():
            hashed = scrypt_hash(SECRET, 16, 8, 1)
            client = Client(name, name, department, frozenset(roles), secret_hash=hashed)
            await self.runtime.store.clients.put(client, now)
            form = {"grant_type": "client_credentials"}
            answer = await self.http.post("/oauth/token", auth=(name, SECRET), data=form)
            self._tokens[name] = answer.json()["access_token"]

    async def republish(self, sources: list[Source]) -> None:
        """The same registry with these sources."""
        now = self.service.clock()
        publisher = Publisher(self.runtime.store, "test", now, self.runtime.new_reference)
        await publisher.registry(registry_of(sources))
        await refresh(self.runtime)

    async def log_in(self, name: str, ref: str) -> None:
        """From now on `name` is the person of that reference, by a token of their own."""
        person = Caller("portal", HALL, frozenset({"person"}), person=ref)
        self._tokens[name] = self.service.app.state.tokens.issue_to(person, 300)

    async def call(self, method: str, path: str, *, by: str = "desk", **sent: Any) -> Any:
        """The answer to that caller."""
        headers = {"authorization": f"Bearer {self._tokens[by]}", **sent.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **sent)

    def evidence(self, **changes: Any) -> dict[str, Any]:
        """What a clerk saw just now."""
        seen = {
            "kind": "both_shown",
            "reference": "复印件-17",
            "checked_by": "clerk-7",
            "presence": "in_person",
        }
        return {**seen, "checked_at": self.service.clock().isoformat(), **changes}

    async def try_link(self, subject: Any, other: Any, *, by: str = "desk", **evidence: Any) -> Any:
        """The answer to a link."""
        body = {"subject": subject, "other": other, "evidence": self.evidence(**evidence)}
        return await self.call("POST", "/v1/identity-links", by=by, json=body)

    async def link(self, subject: Any, other: Any, **evidence: Any) -> dict[str, Any]:
        """A link just made."""
        answer = await self.try_link(subject, other, **evidence)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def end(self, link_id: str, *, by: str = "desk") -> Any:
        """The answer to its end."""
        return await self.call(
            "POST", f"/v1/identity-links/{link_id}/end", by=by, json={"reason": "核对有误"}
        )

    async def agree(self, subject: Any, **changes: Any) -> Any:
        """The answer to a consent to everything."""
        body = {
            "subject": subject,
            "purpose": "settle",
            "form": "settle",
            "items": [{"item": item} for item in ITEMS],
            "recipient_departments": [HALL],
            "expires_at": (self.service.clock() + timedelta(days=9)).isoformat(),
            "notice": {
                "id": "n",
                "version": 1,
                "language": "zh-CN",
                "rendered_sha256": "0" * 64,
                "shown_at": WHEN,
                "channel": "self_service",
            },
            "evidence": {"method": "oidc"},
            **changes,
        }
        return await self.call("POST", "/v1/consents", json=body)

    async def resolve(self, consents: list[str], **subjects: Any) -> dict[str, Any]:
        """The form filled for these."""
        body = {
            "form": {"id": "settle"},
            "subjects": subjects,
            "actor": {"kind": "clerk", "id": "7"},
            "consent": consents,
        }
        answer = await self.call("POST", "/v1/resolutions", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def outcomes(self, consents: list[str], **subjects: Any) -> dict[str, str]:
        """Field → value, or else the outcome."""
        fields = (await self.resolve(consents, **subjects))["fields"]
        return {path: each["value"] or each["outcome"] for path, each in fields.items()}

    async def uses(self, by: str) -> list[str]:
        """What a person sees of their own uses, newest first; entries are given their places first."""
        await make_sequencer(self.runtime).run()
        answer = await self.call("GET", "/v1/me/uses?limit=100", by=by)
        assert answer.json()["total"] == len(answer.json()["uses"])
        return [each["entry"] for each in answer.json()["uses"]]


@pytest.fixture(params=["memory", "sqlite"])
async def office(request: Any, make_service: Any, tmp_path: Path) -> AsyncIterator[Office]:
    """The office at work, over a store of each kind."""
    service = make_service()
    if request.param == "sqlite":
        config = Settings(state_dir=tmp_path)
        migrate(config.database_url)
        app = create_app(config, clock=service.clock)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=config.public_url)
        service = replace(service, app=app, http=http)
    made = Office(service)
    await made.furnish()
    yield made
    await service.runtime.sources.close()
    await service.runtime.store.close()
    await service.http.aclose()


NOTHING = {"name": "no_ground", "entry": "not_applicable", "tax": "no_ground", "payer": "identity_unbound"}
EVERYTHING = {"name": "王安妮", "entry": "2019-05-01", "tax": "T-1", "payer": "identity_unbound"}


# ---------------------------------------------------------------- the story


async def test_a_consent_under_one_document_covers_the_other(office: Office) -> None:
    """Given with the 台胞证, resolved with the 居住证: every register is asked by the document that it understands."""
    consent = (await office.agree(PERMIT)).json()["id"]
    assert await office.outcomes([consent], applicant=RESIDENCE) == NOTHING

    link = await office.link(RESIDENCE, PERMIT)

    assert await office.outcomes([consent], applicant=RESIDENCE) == EVERYTHING
    assert await office.outcomes([consent], applicant=PERMIT) == EVERYTHING
    assert (link["state"], link["subject"]["kind"], link["evidence"]["kind"]) == (
        "linked",
        "person",
        "both_shown",
    )
    intent = (await office.service.entries("intent"))[1]
    assert intent["subjects"] == {"applicant": link["subject"]["ref"]}
    assert intent["under"] == {"applicant": [link["other"]["ref"]]}


async def test_parted_documents_are_as_before(office: Office) -> None:
    """The consent covers its own document alone, answers that rested on the link are gone, and so is what was kept."""
    consent = (await office.agree(PERMIT)).json()["id"]
    link = await office.link(RESIDENCE, PERMIT)
    answer = await office.resolve([consent], applicant=RESIDENCE)

    ended = await office.end(link["id"])

    assert (ended.status_code, ended.json()["state"]) == (200, "ended")
    assert await office.outcomes([consent], applicant=RESIDENCE) == NOTHING
    # The border repeats the number of the 居住证, which is somebody else's now.
    alone = {**EVERYTHING, "name": "not_applicable", "entry": "wrong_subject"}
    assert await office.outcomes([consent], applicant=PERMIT) == alone
    assert (await office.call("GET", f"/v1/resolutions/{answer['id']}")).status_code == 410
    assert (await office.end(link["id"])).json() == ended.json()
    assert len(await office.service.entries("identity.unlinked")) == 1


async def test_either_document_shows_the_history_of_both(office: Office) -> None:
    """Uses and consents under both, once each; apart again each shows its own, and what was taken under it."""
    consent = (await office.agree(PERMIT)).json()["id"]
    await office.resolve([], applicant=RESIDENCE)
    await office.resolve([consent], applicant=PERMIT)
    link = await office.link(RESIDENCE, PERMIT)
    await office.log_in("by-residence", link["subject"]["ref"])
    await office.log_in("by-permit", link["other"]["ref"])
    await office.resolve([consent], applicant=RESIDENCE)

    both = [await office.uses("by-residence"), await office.uses("by-permit")]
    listed = [
        (await office.call("GET", "/v1/me/consents", by=by)).json() for by in ("by-residence", "by-permit")
    ]
    await office.end(link["id"])
    first, of_both, of_permit = [each["id"] for each in await office.service.entries("intent")]
    apart = [await office.uses("by-residence"), await office.uses("by-permit")]
    listed += [
        (await office.call("GET", "/v1/me/consents", by=by)).json() for by in ("by-residence", "by-permit")
    ]

    assert {first, of_both, of_permit} <= set(both[0])
    assert set(both[0]) <= set(both[1])
    assert [[each["id"] for each in page["consents"]] for page in listed] == [
        [consent],
        [consent],
        [],
        [consent],
    ]
    assert (first in apart[0], of_both in apart[0], of_permit in apart[0]) == (True, False, True)
    # Asked for under the residence permit, but taken from the travel permit: its holder sees that too.
    assert (first in apart[1], of_both in apart[1], of_permit in apart[1]) == (False, True, True)


async def test_the_person_takes_back_under_either_document(office: Office) -> None:
    """Their consents are theirs, whichever document they were given with."""
    consent = (await office.agree(PERMIT)).json()["id"]
    link = await office.link(RESIDENCE, PERMIT)
    await office.log_in("ann", link["subject"]["ref"])

    answers = [
        await office.call("POST", f"/v1/consents/{consent}/{step}", by="ann")
        for step in ("pause", "resume", "withdraw")
    ]

    assert [each.json()["state"] for each in answers] == ["paused", "given", "withdrawn"]


async def test_erasing_by_one_document_erases_the_person(office: Office) -> None:
    """Both keys, both histories, and the evidence; the log tells it to nobody any more."""
    consent = (await office.agree(PERMIT)).json()["id"]
    link = await office.link(RESIDENCE, PERMIT)

    erased = await office.call(
        "POST", "/v1/subjects/erase", by="chief", json={"subject": RESIDENCE, "reason": "court_order"}
    )

    assert (erased.status_code, erased.json()["consents"]) == (200, 1)
    assert (await office.call("GET", f"/v1/consents/{consent}")).status_code == 410
    told = (await office.call("GET", f"/v1/identity-links/{link['id']}")).json()
    assert (told["state"], told["evidence"]) == ("ended", None)
    (leaf,) = await office.service.entries("subject.erased")
    assert {leaf["subject"], *leaf["subjects"]} == {link["subject"]["ref"], link["other"]["ref"]}
    again = await office.call(
        "POST", "/v1/subjects/erase", by="chief", json={"subject": PERMIT, "reason": "court_order"}
    )
    assert again.json()["code"] == "unknown_subject"


async def test_one_person_in_two_roles_is_asked_about_once(office: Office) -> None:
    """As applicant by one document and as payer by the other: one call to the register that knows both."""
    consent = (await office.agree(PERMIT)).json()["id"]
    await office.link(RESIDENCE, PERMIT)
    asked: list[Any] = []

    class Counting:
        """The sources, and what they are asked."""

        def __init__(self, sources: Any) -> None:
            self._sources = sources

        async def gather(self, asks_by: Any, deadline: float, now: Any) -> Mapping[Any, Reply]:
            asked.extend((source, subject.id_type) for source, subject in asks_by)
            found: Mapping[Any, Reply] = await self._sources.gather(asks_by, deadline, now)
            return found

        async def close(self) -> None:
            await self._sources.close()

    office.runtime.sources = Counting(office.runtime.sources)  # type: ignore[assignment]

    values = await office.outcomes([consent], applicant=RESIDENCE, payer=PERMIT)

    assert values == {**EVERYTHING, "payer": "T-1"}
    assert sorted(asked) == [("border", "511"), ("civil", "111"), ("tax", "111")]


async def test_an_answer_about_somebody_else_stays_somebody_elses(office: Office) -> None:
    """A register may repeat any document of that person, and nobody else's: `wrong_subject`, and an alarm."""
    consent = (await office.agree(PERMIT)).json()["id"]
    await office.link(RESIDENCE, OLD_PASSPORT)
    wrong = await office.outcomes(
        [consent], applicant=PERMIT
    )  # the border names a residence permit: not theirs

    await office.try_link(RESIDENCE, PERMIT)
    right = await office.outcomes([consent], applicant=PERMIT)

    assert (wrong["entry"], right["entry"]) == ("wrong_subject", "2019-05-01")


async def test_a_link_that_ends_during_the_pull_withholds_what_came(office: Office) -> None:
    """Whose data it is is no longer known when the answer would leave; the rest of the form is answered."""
    consent = (await office.agree(PERMIT)).json()["id"]
    link = await office.link(RESIDENCE, PERMIT)

    class Parting:
        """Sources that take so long that a desk parts the documents meanwhile."""

        def __init__(self, sources: Any) -> None:
            self._sources = sources

        async def gather(self, asks_by: Any, deadline: float, now: Any) -> Any:
            found = await self._sources.gather(asks_by, deadline, now)
            assert (await office.end(link["id"])).status_code == 200
            return found

        async def close(self) -> None:
            await self._sources.close()

    office.runtime.sources = Parting(office.runtime.sources)  # type: ignore[assignment]

    values = await office.outcomes([consent], applicant=RESIDENCE)

    assert values == {**NOTHING, "entry": "no_ground"}
    (outcome,) = await office.service.entries("outcome")
    assert (outcome["result"], outcome["discarded"]) == ("nothing_released", 3)


# ---------------------------------------------------------------- what is not linked


@pytest.mark.parametrize(
    ("other", "evidence", "finding"),
    [
        (dict(RESIDENCE, id_type="112"), {}, ("/other", "same_document")),
        (dict(STRANGER, id_no="110102910101007"), {}, ("/evidence/kind", "must_name_both")),
        (dict(PERMIT, id_no="1"), {}, ("/other", "characters")),
        ({"kind": "vehicle", "plate_number": "闽C12345"}, {}, ("/other/kind", "kinds_differ")),
        (PERMIT, {"presence": "representative"}, ("/evidence/presence", "person_absent")),
        (PERMIT, {"checked_at": "2026-11-21T03:00:00Z"}, ("/evidence/checked_at", "checked_in_future")),
        (PERMIT, {"checked_at": "2026-11-19T03:00:00Z"}, ("/evidence/checked_at", "check_too_old")),
    ],
)
async def test_what_the_evidence_does_not_show_is_refused(
    office: Office, other: dict[str, Any], evidence: dict[str, Any], finding: tuple[str, str]
) -> None:
    """One finding that says what to do, an entry with its code, nothing linked, and no number repeated."""
    answer = await office.try_link(RESIDENCE, other, **evidence)

    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [finding]
    assert RESIDENCE["id_no"] not in answer.text
    (leaf,) = await office.service.entries("identity.refused")
    assert (leaf["codes"], leaf["department"]) == ([finding[1]], HALL)
    assert await office.runtime.store.identities.listing(after="", limit=5) == []


async def test_a_changed_number_is_linked_by_the_paper_that_names_both(office: Office) -> None:
    """Passport after passport, resident ID after resident ID, plate after plate: only with such a paper."""
    plates = [{"kind": "vehicle", "plate_number": f"闽C1234{n}"} for n in (5, 6)]

    made = [
        await office.link(OLD_PASSPORT, PASSPORT, kind="new_names_old"),
        await office.link(RESIDENCE, STRANGER, kind="issuer_certificate"),
        await office.link(*plates, kind="register_answer", presence="representative"),
    ]

    assert [each["state"] for each in made] == ["linked"] * 3


async def test_a_document_of_somebody_else_is_ambiguous(office: Office) -> None:
    """409, an entry, and nothing changes for whom it belongs to; linking the same two again is said as such."""
    await office.link(RESIDENCE, PERMIT)

    taken = await office.try_link(STRANGER, PERMIT)
    again = await office.try_link(PERMIT, RESIDENCE)

    assert [(each.status_code, each.json()["code"]) for each in (taken, again)] == [
        (409, "identity_ambiguous"),
        (409, "identity_already_linked"),
    ]
    consent = (await office.agree(PERMIT)).json()["id"]
    assert await office.outcomes([consent], applicant=RESIDENCE) == EVERYTHING
    assert [each["codes"] for each in await office.service.entries("identity.refused")] == [
        ["identity_ambiguous"],
        ["identity_already_linked"],
    ]


async def test_a_number_that_two_hold_counts_for_neither(office: Office) -> None:
    """Passports of two countries with one number: `identity_ambiguous` for that role, nothing is recorded under it."""
    first = await office.link(RESIDENCE, PASSPORT)
    consent = (await office.agree(RESIDENCE)).json()["id"]

    claimed = await office.try_link(STRANGER, PASSPORT)

    assert (claimed.status_code, claimed.json()["code"]) == (409, "identity_ambiguous")
    answer = await office.resolve([consent], applicant=PASSPORT, payer=RESIDENCE)
    assert {path: each["outcome"] for path, each in answer["fields"].items()} == {
        **dict.fromkeys(("name", "entry", "tax"), "identity_ambiguous"),
        "payer": "filled",
    }
    assert (await office.agree(PASSPORT)).json()["code"] == "identity_ambiguous"
    assert (await office.try_link(PASSPORT, PERMIT)).json()["code"] == "identity_ambiguous"
    assert (await office.outcomes([consent], applicant=RESIDENCE))["entry"] == "not_applicable"
    (claim,) = [each for each in await office.service.entries("identity.refused") if "request" in each]
    told = (await office.call("GET", f"/v1/identity-links/{claim['request']}")).json()
    assert (told["state"], told["other"]["ref"]) == ("contested", first["other"]["ref"])

    assert (await office.end(claim["request"])).json()["state"] == "ended"
    assert (await office.outcomes([consent], applicant=PASSPORT))["entry"] == "2001-01-01"


# ---------------------------------------------------------------- who may


async def test_only_whom_it_concerns_reads_and_ends_a_link(office: Office) -> None:
    """The recording department and the person, by either document; nobody else learns that there is one."""
    link = await office.link(RESIDENCE, PERMIT)
    await office.log_in("ann", link["other"]["ref"])
    await office.log_in("eve", "sub_of_another")
    path = f"/v1/identity-links/{link['id']}"

    seen = {
        by: (await office.call("GET", path, by=by)).status_code for by in ("desk", "ann", "eve", "police")
    }

    assert seen == {"desk": 200, "ann": 200, "eve": 404, "police": 404}
    assert [(await office.end(link["id"], by=by)).status_code for by in ("eve", "police", "ann")] == [
        404,
        404,
        200,
    ]
    (leaf,) = await office.service.entries("identity.unlinked")
    assert leaf["person"] == link["other"]["ref"]


async def test_a_person_does_not_end_somebody_elses_claim(office: Office) -> None:
    """Who has the document by the first link does not see the claim; a claimant sees it, and a desk decides."""
    first = await office.link(RESIDENCE, PASSPORT)
    await office.try_link(STRANGER, PASSPORT)
    claim = (await office.runtime.store.identities.listing(after=first["id"], limit=5))[0]
    await office.log_in("ann", first["subject"]["ref"])
    await office.log_in("bob", claim.to_ref)

    assert (await office.end(claim.id, by="ann")).status_code == 404
    refused = await office.end(claim.id, by="bob")

    assert (refused.status_code, refused.json()["code"]) == (403, "desk_required")
    assert (await office.end(claim.id)).json()["state"] == "ended"


async def test_the_same_key_links_once(office: Office) -> None:
    """Sent twice under one Idempotency-Key it is one link, told the same."""
    body = {"subject": RESIDENCE, "other": PERMIT, "evidence": office.evidence()}
    key = {"idempotency-key": "k-1"}

    answers = [await office.call("POST", "/v1/identity-links", json=body, headers=key) for _ in range(2)]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(await office.service.entries("identity.linked")) == 1


async def test_numbers_and_evidence_stay_sealed(office: Office) -> None:
    """Neither the log nor the store holds a number, a paper's reference or a clerk's in clear."""
    link = await office.link(RESIDENCE, PERMIT)
    store = office.runtime.store

    kept = repr(await store.identities.read(link["id"])) + str(
        await office.service.entries("identity.linked")
    )
    assert not [
        each for each in (RESIDENCE["id_no"], PERMIT["id_no"], "clerk-7", "复印件-17") if each in kept
    ]
    found = await store.identities.read(link["id"])
    assert found is not None
    assert found.sealed is not None
    assert "复印件-17".encode() not in found.sealed


# ---------------------------------------------------------------- a source that holds several kinds of document


async def test_a_register_is_asked_by_the_other_document_where_it_knows_nobody(office: Office) -> None:
    """Tax takes every kind and has filed its holder under the one they came with; it is asked by that one too."""
    await office.link(RESIDENCE, PERMIT)
    await office.link(RESIDENCE, PASSPORT, kind="both_shown")
    consent = (await office.agree(PASSPORT)).json()["id"]

    found = await office.outcomes([consent], applicant=PASSPORT)

    assert found["tax"] == "T-1"
    (intent,) = await office.service.entries("intent")
    refs = {each["subject"]["ref"] for each in await links_of(office)} | {
        each["other"]["ref"] for each in await links_of(office)
    }
    # Whoever holds a document that a source may be asked by reads it in their own ledger.
    assert set(intent["under"]["applicant"]) == refs - set(intent["subjects"].values())


async def links_of(office: Office) -> list[dict[str, Any]]:
    """Every link, as the desk sees it."""
    found = await office.runtime.store.identities.listing(after="", limit=9)
    return [(await office.call("GET", f"/v1/identity-links/{each.id}")).json() for each in found]


async def test_a_register_that_knows_the_holder_is_asked_once(office: Office) -> None:
    """By the document of the request; that there are others is nobody's business."""
    await office.link(RESIDENCE, PERMIT)
    consent = (await office.agree(RESIDENCE)).json()["id"]
    asked = Counting(office.runtime)

    await office.resolve([consent], applicant=RESIDENCE)

    assert sorted(asked.calls) == [("border", "511"), ("civil", "111"), ("tax", "111")]


async def test_a_register_that_knows_neither_is_asked_by_each_once(office: Office) -> None:
    """And then it is not found; a document alone is not asked about twice."""
    await office.link(STRANGER, OLD_PASSPORT)
    consent = (await office.agree(STRANGER)).json()["id"]
    alone = (await office.agree(PASSPORT)).json()["id"]
    asked = Counting(office.runtime)

    both = await office.outcomes([consent], applicant=STRANGER)
    one = await office.outcomes([alone], applicant=PASSPORT)

    assert (both["tax"], one["tax"]) == ("not_found", "not_found")
    assert [each for each in asked.calls if each[0] == "tax"] == [
        ("tax", "111"),
        ("tax", "414"),
        ("tax", "414"),
    ]


async def test_somebody_elses_record_under_the_other_document_is_not_shown(office: Office) -> None:
    """What comes back is looked at as ever: a record that names a stranger is nobody's answer."""
    personas = {PERMIT["id_no"]: {"v": "T-9", "id_no": STRANGER["id_no"]}}
    sources = [*SOURCES[:2], _source("tax", "111", "511", **personas)]
    await office.republish(sources)
    await office.link(RESIDENCE, PERMIT)
    consent = (await office.agree(RESIDENCE)).json()["id"]

    assert (await office.outcomes([consent], applicant=RESIDENCE))["tax"] == "wrong_subject"


class Counting:
    """Which source was asked by which kind of document."""

    def __init__(self, runtime: Any) -> None:
        self.calls: list[tuple[str, str]] = []
        self._sources = runtime.sources
        runtime.sources = self

    async def gather(self, asks: Any, deadline: float, now: Any) -> Any:
        """As the sources behind it."""
        self.calls += [(source, subject.id_type) for source, subject in asks]
        return await self._sources.gather(asks, deadline, now)

    async def close(self) -> None:
        """As the sources behind it."""
        await self._sources.close()


# ---------------------------------------------------------------- organisations, and passports of countries


async def test_an_old_registration_number_is_linked_to_the_credit_code(office: Office) -> None:
    """By a representative with the licence; a consent under the one covers the other, apart again it does not."""
    code = {"kind": "organisation", "uscc": "91350100M000100Y43"}
    old = {"kind": "organisation", "reg_no": "110108000000016"}

    absent = await office.try_link(code, {"kind": "organisation", "reg_no": "110108000000019"})
    link = await office.link(code, old, presence="representative")
    again = await office.try_link(old, code, presence="representative")

    assert (absent.status_code, absent.json()["errors"][0]["code"]) == (422, "check_digit")
    assert (link["state"], link["other"]["kind"]) == ("linked", "organisation")
    assert again.json()["code"] == "identity_already_linked"


async def test_two_countries_passports_of_one_number_are_two_people(office: Office) -> None:
    """With its country a passport is one person's: nobody claims it, and nobody is taken for its holder."""
    french, chinese = {**PASSPORT, "issuer": "FRA"}, {**PASSPORT, "issuer": "CHN"}
    await office.link(RESIDENCE, french)

    other = await office.link(STRANGER, chinese)
    twice = await office.try_link(STRANGER, french)
    pair = await office.try_link(french, chinese)

    assert other["state"] == "linked"
    assert (twice.status_code, twice.json()["code"]) == (409, "identity_ambiguous")
    assert "this claim" not in twice.json()["detail"]
    assert pair.json()["errors"][0]["code"] == "issuers_differ"


async def test_a_register_of_numbers_does_not_answer_for_a_country(office: Office) -> None:
    """Who names a passport with some country, right or wrong, is not told what stands under its number."""
    american = {**PASSPORT, "issuer": "USA"}
    consents = [(await office.agree(each)).json()["id"] for each in (PASSPORT, american)]

    bare = await office.outcomes(consents[:1], applicant=PASSPORT)
    named = await office.outcomes(consents[1:], applicant=american)

    assert (bare["entry"], named["entry"]) == ("2001-01-01", "not_applicable")


async def test_a_passport_recorded_without_its_country_is_linked_to_itself_with_it(office: Office) -> None:
    """What was recorded before anybody asked for the country is not lost to its holder."""
    consent = (await office.agree(PASSPORT)).json()["id"]
    await office.link({**PASSPORT, "issuer": "FRA"}, PASSPORT)

    found = await office.outcomes([consent], applicant={**PASSPORT, "issuer": "FRA"})

    assert found["entry"] == "2001-01-01"
