"""Erasing a person in a running service: what they gave is gone, who they were is lost, and the log proves as before."""

import asyncio
import json
import secrets
import time
from typing import Any

import pytest
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from typer.testing import CliRunner

from gateway.app import make_runtime
from gateway.audit.note import Verifier
from gateway.audit.proofs import TlogProof
from gateway.audit.tree import leaf_hash
from gateway.cli import app
from gateway.records import CallerRole, Client
from gateway.security import hash_client_secret

SECONDS = 10.0
OFFICER = "security-officer"


def cli(*arguments: Any) -> tuple[int, str]:
    """A command beside the running service: exit code, what it printed."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.output


@pytest.fixture
def officer(hall: Any) -> dict[str, str]:
    """The header of a client that may erase."""
    secret = secrets.token_urlsafe(32)

    async def register() -> None:
        runtime = make_runtime(hall.gateway.settings)
        roles = frozenset({CallerRole.security.value})
        client = Client(OFFICER, OFFICER, "市数据局", roles, hash_client_secret(secret))
        await runtime.store.clients.put(client, runtime.clock())
        await runtime.store.close()

    asyncio.run(register())
    answer = hall.http.post("/oauth/token", auth=(OFFICER, secret), data={"grant_type": "client_credentials"})
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def story(hall: Any, form: Any, cast: Any) -> dict[str, Any]:
    """Consents given, the form filled, the release proven: what there is before anybody is erased."""
    consents = hall.agree_all(form, cast)
    answer = hall.resolve(form, cast, consents.values())
    entries = hall.entries(request=answer["id"])
    (outcome,) = [each for each in entries if each["kind"] == "outcome"]
    role = next(role for role in consents if cast[role]["kind"] == "person")
    return {
        "role": role,
        "subject": dict(cast[role]),
        "ref": outcome["leaf"]["subjects"][role],
        "consent": consents[role],
        "resolution": answer["id"],
        "outcome": outcome["id"],
        "proof": proof_of(hall, outcome["id"]),
    }


def proof_of(hall: Any, entry_id: str) -> TlogProof:
    """Its proof, as soon as it has its place."""
    until = time.monotonic() + SECONDS
    while (answer := hall.get(f"/v1/audit/proofs/{entry_id}", who="demo-auditor")).status_code == 404:
        assert time.monotonic() < until, answer.text
        time.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return TlogProof.parse(answer.text)


def erase(hall: Any, officer: dict[str, str], subject: Any, /, **changes: Any) -> Any:
    """Asks for it, by court order unless said otherwise."""
    body = {"subject": subject, "reason": "court_order", "request_reference": "case 17", **changes}
    return hall.http.post("/v1/subjects/erase", json=body, headers=officer)


def test_an_erased_person_is_gone_and_the_log_proves_as_before(
    hall: Any, form: Any, cast: Any, story: Any, officer: Any, tmp_path: Any
) -> None:
    """Consent and answer are gone; proofs and bundles of before and after verify; who comes again is somebody new."""
    state, key = hall.gateway.directory, hall.http.get("/v1/audit/key").text.splitlines()[0]
    before = tmp_path / "before.zip"
    assert cli("audit", "export", "--out", before, "--state", state)[0] == 0
    leaf = leaf_of(hall, story["proof"].index)

    answer = erase(hall, officer, story["subject"])

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["subject"] == story["ref"]
    assert told["consents"] >= told["ended"] >= 1
    assert told["drafts"] >= 1
    assert "case 17" not in answer.text
    assert hall.get(f"/v1/resolutions/{story['resolution']}").status_code == 410
    assert hall.get(f"/v1/consents/{story['consent']}").status_code == 410

    # The log: the same leaf at the same place, proven by the receipt of then and by a proof of now.
    for proof in (story["proof"], proof_of(hall, story["outcome"])):
        assert proof.index == story["proof"].index
        proof.check(leaf_hash(leaf), [Verifier.parse(key)])
    assert leaf_of(hall, story["proof"].index) == leaf
    (entry,) = [each for each in hall.entries(kind="subject.erased") if each["id"] == told["entry"]]
    assert (entry["leaf"]["subject"], entry["leaf"]["reason"], entry["caller"]) == (
        story["ref"],
        "court_order",
        OFFICER,
    )
    after = tmp_path / "after.zip"
    assert cli("audit", "export", "--out", after, "--state", state)[0] == 0
    for bundle in (before, after):
        code, said = cli("audit", "verify", bundle, "--key", key)
        assert code == 0, said

    # The person: nothing leads from them to what was, and they can come again.
    assert erase(hall, officer, story["subject"]).json()["code"] == "unknown_subject"
    again = hall.resolve(form, cast, hall.agree_all(form, cast).values())
    (outcome,) = [each for each in hall.entries(request=again["id"]) if each["kind"] == "outcome"]
    assert outcome["leaf"]["subjects"][story["role"]] != story["ref"]
    others = {role: ref for role, ref in outcome["leaf"]["subjects"].items() if role != story["role"]}
    assert others == {role: entry_of(hall, story)["leaf"]["subjects"][role] for role in others}


def test_the_ledger_of_an_erased_person_begins_anew(hall: Any, story: Any, officer: Any) -> None:
    """Asked by identity it shows nothing of before."""
    subject = f"{story['subject']['id_type']}:{story['subject']['id_no']}"
    ledger = ("audit", "ledger", "--subject", subject, "--json", "--state", hall.gateway.directory)
    assert any(use["kind"] == "use" for use in json.loads(cli(*ledger)[1]))

    assert erase(hall, officer, story["subject"]).status_code == 200

    assert json.loads(cli(*ledger)[1]) == []


def test_a_request_waits_for_the_law(hall: Any, story: Any, officer: Any) -> None:
    """409 with the day until which the records are kept; everything is still there, and the refusal is an entry."""
    answer = erase(hall, officer, story["subject"], reason="person_request")

    assert (answer.status_code, answer.json()["code"]) == (409, "retention_holds")
    assert hall.get(f"/v1/consents/{story['consent']}").status_code == 200
    refusal = hall.entries(kind="subject.erasure_refused")[-1]
    assert refusal["leaf"]["until"][:10] in answer.json()["detail"]


def test_only_security_erases(hall: Any, story: Any) -> None:
    """Neither a hall nor an auditor, and nobody without a token."""
    body = {"subject": story["subject"], "reason": "unlawful"}
    codes = [
        hall.http.post("/v1/subjects/erase", json=body, headers=headers).status_code
        for headers in (hall.bearer(), hall.bearer("demo-auditor"), {})
    ]

    assert codes == [403, 403, 401]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"subject": {"kind": "person", "id_type": "111", "id_no": "1"}}, 422),
        ({"reason": "because"}, 422),
        ({"reason": None}, 422),
        ({"more": 1}, 422),
    ],
)
def test_what_is_no_erasure_is_refused(
    hall: Any, story: Any, officer: Any, changes: Any, status: int
) -> None:
    """A wrong number, a reason that is none: said without repeating it."""
    answer = erase(hall, officer, story["subject"], **changes)

    assert answer.status_code == status
    assert story["subject"]["id_no"] not in answer.text


def test_the_command_asks_before_it_erases(hall: Any, story: Any) -> None:
    """Without --yes somebody has to agree; refused by the law it says until when, exit 1."""
    subject = f"{story['subject']['id_type']}:{story['subject']['id_no']}"
    erasing = ("subject", "erase", "--subject", subject, "--state", hall.gateway.directory, "--json")

    code, said = cli(*erasing, "--reason", "unlawful")
    assert (code, "This cannot be undone" in said) == (1, True)
    assert hall.get(f"/v1/consents/{story['consent']}").status_code == 200
    code, said = cli(*erasing, "--reason", "person_request", "--yes")
    assert (code, "The law keeps" in said) == (1, True)
    code, said = cli(*erasing, "--reason", "unlawful", "--yes")
    assert (code, json.loads(said)["subject"]) == (0, story["ref"])


def leaf_of(hall: Any, index: int) -> bytes:
    """The leaf at that place, from the public tiles."""
    reader = TilesReader(HttpBackend(f"{hall.gateway.url}/v1/audit"))
    reader.get_checkpoint()
    return bytes(reader.get_entry(index))


def entry_of(hall: Any, story: Any) -> dict[str, Any]:
    """The outcome of before, as auditors read it."""
    found = hall.entries(request=story["resolution"])
    return next(each for each in found if each["id"] == story["outcome"])
