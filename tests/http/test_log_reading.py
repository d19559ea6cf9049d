"""The log read over HTTP: a person their own uses, an auditor by person, officer and case, a printed form followed back.

Who may look, what may stand in an address, and that every look is an entry.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from field_registry import subject_from
from gateway.audit.entries import finding_key, make_entry
from gateway.records import Caller, Client, EntryKind, GateRequest, GateWrite

ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
RESOLUTION = "res_01JD5Q5J9Z0000000000000000"
RECEIPT = "rcp_01JD5Q5J9Z0000000000000000"
OFFICER, CASE = "jj-0317", "350582-2026-000123"


class Log:
    """A service whose log tells of one resolution about Ann, and tokens of whoever reads it."""

    def __init__(self, service: Any, ref: str) -> None:
        self.service, self.ref, self.http = service, ref, service.http

    def bearer(self, *roles: str, person: str | None = None, caller: str = "reader") -> dict[str, str]:
        """The header of somebody in those roles."""
        token = self.service.app.state.tokens.issue_to(
            Caller(caller, "审计局", frozenset(roles), person), 300
        )
        return {"authorization": f"Bearer {token}"}

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        """An auditor's GET, unless somebody else asks."""
        return await self.http.get(path, params=query, headers=headers or self.bearer("auditor"))

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """The same for a POST."""
        return await self.http.post(path, json=body, headers=headers or self.bearer("auditor"))

    async def me(self, **query: Any) -> Any:
        """Ann's own uses."""
        return await self.get("/v1/me/uses", self.bearer("person", person=self.ref, caller="portal"), **query)

    async def place(self) -> None:
        """What waits gets its place."""
        await self.service.app.state.sequencer.run()


@pytest.fixture
async def log(service: Any) -> Log:
    """Such a log."""
    runtime = service.runtime
    for name in ("reader", "portal", "hall"):
        await runtime.store.clients.put(
            Client(name, "一号窗", "公安", frozenset({"renderer"}), "x"), service.clock()
        )
    subject = subject_from(ANN)
    ref = await runtime.subjects.ref_of(runtime.subjects.key_of(subject), subject.kind)
    about = {"form": ["marriage", 2], "matter": "M-1", "purpose": "test", "registry": 3, "policy": 5}
    about |= {"department": "公安", "actor": "clerk", "subjects": {"applicant": ref}}
    ask = ["applicant", "civil", ["person.name"], True, "R-1", "consent:cns_1"]
    told: list[tuple[EntryKind, Mapping[str, Any]]] = [
        (EntryKind.intent, {"asks": [ask]}),
        (EntryKind.outcome, {"fields": {"filled": ["name"]}, "result": "released", "receipt": RECEIPT}),
    ]
    found = {
        "actor_key": finding_key("actor", OFFICER, runtime.fingerprint),
        "case_key": finding_key("case", CASE, runtime.fingerprint),
    }
    for kind, facts in told:
        entry = make_entry(
            runtime.new_reference("aud", service.clock()),
            kind,
            service.clock(),
            caller="hall",
            request=RESOLUTION,
            facts={**about, "refusals": [], **facts},
            private={"actor": OFFICER, "case": CASE},
            sealer=runtime.sealer,
            key=await runtime.subjects.key_for(ref),
            **(found if kind is EntryKind.intent else {}),
        )
        await runtime.store.gates.commit([GateRequest((), lambda _, e=entry: GateWrite(e, None))])
    made = Log(service, ref)
    await made.place()
    return made


def fits(service: Any, path: str, method: str, body: Any) -> bool:
    """Whether an answer has its documented schema."""
    document = service.app.openapi()
    content = document["paths"][path][method]["responses"]["200"]["content"]
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(body)
    return True


# ---------------------------------------------------------------- a person


async def test_a_person_reads_what_was_done_with_their_data(log: Log) -> None:
    """Who, for what, which items, on which ground, with what result, where its proof is; Chinese unless English is asked."""
    answer = await log.me()

    assert answer.status_code == 200, answer.text
    page = answer.json()
    (use,) = page["uses"]
    assert fits(log.service, "/v1/me/uses", "get", page)
    assert (page["total"], page["next_cursor"]) == (1, None)
    assert (use["who"], use["department"], use["actor"]) == ("一号窗", "公安", "窗口工作人员")
    assert use["ground"][0]["text"] == "授权 cns_1（规则 R-1）"
    assert OFFICER not in answer.text
    assert CASE not in answer.text
    english = await log.get(
        "/v1/me/uses",
        {**log.bearer("person", person=log.ref, caller="portal"), "accept-language": "en"},
    )
    assert "clerk" in english.json()["uses"][-1]["lines"][0]


async def test_ones_own_look_is_an_entry_that_one_sees_too(log: Log) -> None:
    """One in an hour, told like everything else."""
    for _ in range(3):
        await log.me()
    await log.place()

    page = (await log.me()).json()

    assert [use["kind"] for use in page["uses"]] == ["audit.lookup", "use"]
    assert page["uses"][0]["who"] == "本人"
    assert len(await log.service.entries("audit.lookup")) == 1


async def test_a_page_leads_to_the_next(log: Log) -> None:
    """By its cursor; what is none of ours is refused."""
    await log.me()
    await log.place()

    first = (await log.me(limit=1)).json()
    second = (await log.me(limit=1, cursor=first["next_cursor"])).json()

    assert [each["uses"][0]["kind"] for each in (first, second)] == ["audit.lookup", "use"]
    assert (await log.me(cursor="nonsense")).status_code == 422


@pytest.mark.parametrize("roles", [("auditor",), ("renderer", "consent_desk"), ("operator",), ("portal",)])
async def test_ones_own_uses_are_for_persons(log: Log, roles: tuple[str, ...]) -> None:
    """No system and no official reads them here, whatever they may do elsewhere."""
    assert (await log.get("/v1/me/uses", log.bearer(*roles))).status_code == 403
    assert (await log.get("/v1/me/uses", log.bearer("person"))).status_code == 403
    assert (await log.http.get("/v1/me/uses")).status_code == 401


async def test_a_person_takes_proofs_of_what_is_about_them(log: Log) -> None:
    """Of their own entries, and of nobody else's; auditors' takings are entries, one's own are not."""
    (use,) = (await log.me()).json()["uses"]
    mine = log.bearer("person", person=log.ref, caller="portal")
    other = log.bearer("person", person="sub_other", caller="portal")
    before = len(await log.service.entries("audit.lookup"))

    taken = await log.get(use["proof"]["path"], mine)
    assert (taken.status_code, taken.text.startswith("c2sp.org/tlog-proof@v1")) == (200, True)
    assert (await log.get(use["proof"]["path"], other)).status_code == 404
    assert len(await log.service.entries("audit.lookup")) == before

    assert (await log.get(use["proof"]["path"])).status_code == 200
    (look,) = (await log.service.entries("audit.lookup"))[before:]
    assert (look["what"], look["entry"], look["caller"]) == ("proof", use["entry"], "reader")


# ---------------------------------------------------------------- an auditor


@pytest.mark.parametrize(
    "wanted",
    [
        {"subject": ANN},
        {"officer": OFFICER},
        {"case": CASE},
        {"subject": ANN, "officer": OFFICER},
        {"officer": OFFICER, "outcome": "filled", "item": "person.name"},
        {"case": CASE, "caller": "hall", "since": "2026-11-21T00:00:00Z", "until": "2026-11-22T00:00:00Z"},
    ],
)
async def test_an_auditor_searches_by_person_officer_and_case(log: Log, wanted: Mapping[str, Any]) -> None:
    """The whole resolution, without its private part; numbers only in the body of the request."""
    answer = await log.post("/v1/audit/entries/search", wanted)

    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert fits(log.service, "/v1/audit/entries/search", "post", page)
    assert [entry["kind"] for entry in page["entries"]] == ["intent", "outcome"]
    assert (page["is_complete"], page["next_cursor"]) == (True, None)
    (look,) = await log.service.entries("audit.lookup")
    assert (look["what"], look["shown"], look.get("subject")) == (
        "search",
        2,
        log.ref if "subject" in wanted else None,
    )
    assert not any(each in orjson.dumps(look).decode() for each in (OFFICER, CASE, ANN["id_no"]))


@pytest.mark.parametrize(
    "wanted", [{"officer": "jj-9999"}, {"case": "x"}, {"subject": {**ANN, "id_no": "110102199101010078"}}]
)
async def test_who_did_nothing_is_found_nowhere(log: Log, wanted: Mapping[str, Any]) -> None:
    """An empty page, and the look logged all the same."""
    page = (await log.post("/v1/audit/entries/search", wanted)).json()

    assert (page["entries"], page["is_complete"]) == ([], True)
    assert len(await log.service.entries("audit.lookup")) == 1


async def test_no_number_of_a_person_fits_in_an_address(log: Log) -> None:
    """GET knows no such filters; they are ignored as any unknown parameter is, and never searched by."""
    parameters = log.service.app.openapi()["paths"]["/v1/audit/entries"]["get"]["parameters"]

    assert not {"subject", "officer", "case", "actor"} & {each["name"] for each in parameters}


async def test_entries_are_listed_by_what_is_nobodys(log: Log) -> None:
    """Kind, form, item, source, outcome, department, ground, caller, time; pages of one search are one look-up."""
    listed = await log.get("/v1/audit/entries", form="marriage", department="公安", limit=1)
    page = listed.json()
    assert fits(log.service, "/v1/audit/entries", "get", page)
    further = await log.get(
        "/v1/audit/entries", form="marriage", department="公安", limit=1, cursor=page["next_cursor"]
    )

    assert [each.json()["entries"][0]["kind"] for each in (listed, further)] == ["intent", "outcome"]
    assert len(await log.service.entries("audit.lookup")) == 1
    for name, value in (("item", "person.name"), ("source", "civil"), ("ground", "cns_1")):
        found = (await log.get("/v1/audit/entries", **{name: value})).json()["entries"]
        assert [entry["kind"] for entry in found] == ["intent"]


@pytest.mark.parametrize(
    "body",
    [
        {"subject": {"kind": "person", "id_type": "111", "id_no": "350582199106039961"}},
        {"outcome": "unheard_of"},
        {"since": "yesterday"},
        {"since": "2026-11-21T00:00:00"},
        {"limit": 0},
        {"cursor": "nonsense"},
        {"name": "Ann"},
        {"officer": ""},
        [],
    ],
)
async def test_a_search_of_the_wrong_shape_is_refused(log: Log, body: Any) -> None:
    """Without repeating what was sent, and without a look-up."""
    answer = await log.post("/v1/audit/entries/search", body)

    assert answer.status_code == 422, answer.text
    assert "350582199106039961" not in answer.text
    assert await log.service.entries("audit.lookup") == []


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_cannot_be_told_in_utc_is_refused(log: Log, at: str) -> None:
    """422 with its place, however it is sent."""
    assert (await log.post("/v1/audit/entries/search", {"since": at})).status_code == 422
    assert (await log.get("/v1/audit/entries", until=at)).status_code == 422


@pytest.mark.parametrize("at", [0, 1763690584, 1.5, "1763690584", "", True])
async def test_a_number_of_seconds_is_no_time(log: Log, at: Any) -> None:
    """A time is written out; what looks like seconds since 1970 is refused, as the document of the API says."""
    answer = await log.post("/v1/audit/entries/search", {"until": at})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/until")


async def test_who_worked_is_opened_with_a_reason(log: Log) -> None:
    """Told with the entry that says so; the person sees in their ledger that an auditor looked."""
    intent = (await log.service.entries("intent"))[0]["id"]
    assert (await log.post(f"/v1/audit/entries/{intent}/open", {})).status_code == 422
    assert (await log.post("/v1/audit/entries/aud_x/open", {"reason": "complaint"})).status_code == 404

    opened = (await log.post(f"/v1/audit/entries/{intent}/open", {"reason": "complaint 17"})).json()

    assert fits(log.service, "/v1/audit/entries/{entry}/open", "post", opened)
    assert (opened["actor"], opened["case"], opened["matches_commitment"]) == (OFFICER, CASE, True)
    (leaf,) = await log.service.entries("audit.opened")
    assert (leaf["id"], leaf["caller"], leaf["entry"]) == (opened["opening"], "reader", intent)
    await log.place()
    assert (await log.me()).json()["uses"][0]["result"]["text"] == "审计人员查看了经办人和案件编号"


@pytest.mark.parametrize("reference", [RESOLUTION, RECEIPT])
async def test_a_printed_form_is_followed_back(log: Log, reference: str) -> None:
    """From its receipt to person, officer's entry, ground, mapping version, source and time."""
    answer = await log.get(f"/v1/audit/receipts/{reference}")

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert fits(log.service, "/v1/audit/receipts/{receipt}", "get", told)
    assert (told["receipt"], told["registry_version"]) == (RECEIPT, 3)
    assert told["subjects"] == {"applicant": log.ref}
    assert OFFICER not in answer.text
    assert (await log.get("/v1/audit/receipts/rcp_unknown")).status_code == 404


@pytest.mark.parametrize("roles", [("renderer",), ("data_admin",), ("operator",), ("security",), ("person",)])
async def test_the_log_is_for_auditors(log: Log, roles: tuple[str, ...]) -> None:
    """Searching, opening and following back; nobody else's try is a look-up."""
    headers = log.bearer(*roles, person=log.ref if roles == ("person",) else None, caller="portal")
    intent = (await log.service.entries("intent"))[0]["id"]

    answers = [
        await log.get("/v1/audit/entries", headers),
        await log.post("/v1/audit/entries/search", {"officer": OFFICER}, headers),
        await log.post(f"/v1/audit/entries/{intent}/open", {"reason": "curious"}, headers),
        await log.get(f"/v1/audit/receipts/{RECEIPT}", headers),
    ]

    assert [each.status_code for each in answers] == [403] * 4
    assert await log.service.entries("audit.lookup", "audit.opened") == []


async def test_the_log_itself_is_read_by_anybody_without_a_trace(log: Log) -> None:
    """Checkpoint and tiles are public: whoever mirrors the log is no one who looks at a person."""
    assert (await log.http.get("/v1/audit/checkpoint")).status_code == 200
    assert (await log.http.get("/v1/audit/tile/0/000.p/2")).status_code == 200
    assert await log.service.entries("audit.lookup") == []


async def test_the_clock_does_not_let_one_look_last(log: Log) -> None:
    """After an hour a person's further look is an entry of its own."""
    await log.me()
    log.service.clock.tick(timedelta(hours=1))
    await log.me()

    assert len(await log.service.entries("audit.lookup")) == 2
