"""`oncegate consent …` on a small installation of its own: finding consents, telling them, keeping receipts."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from field_registry import Binding, Item, Registry, Source, SubjectKind
from field_registry.items import Datatype
from gateway.app import make_runtime
from gateway.cli import app
from gateway.consents import RecordConsent, move_consent, record_consent
from gateway.consents.commands import Evidence, Notice
from gateway.curation.publish import Publisher
from gateway.records import Caller
from gateway.settings import Settings
from gateway.store.migrate import migrate
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Effect

HALL = Caller("hall", "政务服务", frozenset({"consent_desk"}))
ANN = {"kind": "person", "id_type": "111", "id_no": "35058219910603996X"}
BOB = {"kind": "person", "id_type": "111", "id_no": "350582199106039951"}
ANN_TEXT = "111:35058219910603996X"
REGISTRY = Registry.of(
    0,
    items=[Item("person.phone", "电话", SubjectKind.person, Datatype.phone, "公安")],
    sources=[Source("civil", "人口库", "公安", "sandbox", config={"personas": {}})],
    bindings=[Binding("person.phone", "civil", "/phone")],
)
POLICY = Policy.of(
    0,
    [Purpose("residence", "居住证"), Purpose("school", "入学")],
    [Rule("R-1", Effect.permit, "agreed", ground=Ground(GroundKind.consent, ""))],
)


def run(*arguments, typed=None):
    """The command in this process: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, ["consent", *(str(each) for each in arguments)], input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def agreement(subject, purpose, now):
    text = hashlib.sha256(purpose.encode()).hexdigest()
    return RecordConsent(
        subject=subject,
        purpose=purpose,
        items={"person.phone": True},
        recipients=("政务服务",),
        expires_at=now + timedelta(days=1),
        notice=Notice("notice", 1, "zh-CN", text, now, "self_service"),
        evidence=Evidence("oidc"),
    )


async def _furnish(config):
    """Ann's consent to both matters, the second withdrawn; somebody else's to the first."""
    runtime = make_runtime(config)
    try:
        now = datetime.now(UTC)
        publisher = Publisher(runtime.store, "test", now, runtime.new_reference)
        await publisher.registry(REGISTRY)
        await publisher.policy(POLICY)
        await runtime.library.refresh(now)
        made = [
            (await record_consent(agreement(subject, purpose, now), HALL, runtime))["id"]
            for subject, purpose in ((ANN, "residence"), (ANN, "school"), (BOB, "residence"))
        ]
        await move_consent(made[1], "withdraw", HALL, runtime, actor_kind="applicant")
        return made
    finally:
        await runtime.ledger.drain()
        await runtime.store.close()


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """The state directory, and the ids of the consents in it."""
    directory: Path = tmp_path_factory.mktemp("state")
    config = Settings(state_dir=directory)
    migrate(config.database_url)
    return directory, asyncio.run(_furnish(config))


def listed(installation, *arguments, typed=None):
    code, printed, said = run("list", "--state", installation[0], "--json", *arguments, typed=typed)
    assert code == 0, said
    return [consent["id"] for consent in json.loads(printed)["consents"]]


def test_all_of_them_oldest_first(installation):
    """Page by page."""
    made = installation[1]

    assert listed(installation) == made
    assert listed(installation, "--limit", "2") == made[:2]
    assert listed(installation, "--cursor", made[1]) == made[2:]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--in-state", "given"), [0, 2]),
        (("--in-state", "withdrawn"), [1]),
        (("--purpose", "residence"), [0, 2]),
        (("--purpose", "residence", "--in-state", "withdrawn"), []),
        (("--subject", ANN_TEXT), [0, 1]),
        (("--subject", ANN_TEXT, "--purpose", "school"), [1]),
        (("--subject", "plate:闽C00000"), []),
    ],
)
def test_filters_narrow_the_list(arguments, expected, installation):
    """By state, purpose and subject, together too."""
    assert listed(installation, *arguments) == [installation[1][number] for number in expected]


def test_the_subject_can_come_by_a_pipe_or_a_file(installation, tmp_path):
    """So that it stands in no history of commands."""
    file = tmp_path / "subject.txt"
    file.write_text(f"{ANN_TEXT}\n", encoding="utf-8")

    assert listed(installation, "--subject-file", file) == installation[1][:2]
    assert listed(installation, "--subject-file", "-", typed=ANN_TEXT) == installation[1][:2]
    assert run("list", "--subject", ANN_TEXT, "--subject-file", file, "--state", installation[0])[0] == 2


def test_a_subject_that_is_none_is_wrong_use_and_is_not_repeated(installation):
    """Exit 2, without the number."""
    code, printed, said = run("list", "--subject", "111:123", "--state", installation[0])

    assert code == 2
    assert "123" not in printed + said


def test_one_is_shown_with_what_happened_to_it(installation):
    """In words, and for machines."""
    directory, made = installation
    _, text, _ = run("show", made[1], "--state", directory)
    _, printed, _ = run("show", made[1], "--state", directory, "--as", "json")
    told = json.loads(printed)

    assert "state: withdrawn" in text
    assert [event["state"] for event in told["events"]] == ["given", "withdrawn"]
    assert ANN["id_no"] not in text + printed
    assert json.loads(run("show", made[1], "--state", directory, "--json")[1]) == told


def test_one_is_shown_in_the_words_of_others(installation):
    """ISO/IEC TS 27560 in DPV; RFC 9396, where a withdrawn one authorises nothing."""
    directory, made = installation

    dpv = json.loads(run("show", made[0], "--state", directory, "--as", "dpv")[1])
    rar = [json.loads(run("show", each, "--state", directory, "--as", "rar")[1]) for each in made[:2]]

    assert (dpv["@type"], dpv["dct:identifier"]) == ("dpv:ConsentRecord", made[0])
    assert [len(each) for each in rar] == [1, 0]


def test_one_that_is_not_there(installation):
    """Exit 1, and what to do."""
    code, _, said = run("show", "cns_nothing", "--state", installation[0])

    assert code == 1
    assert "oncegate consent list" in said


# ---------------------------------------------------------------- receipts


@pytest.fixture
def kept(installation, tmp_path):
    """A receipt file, and what was said when it was written."""
    file = tmp_path / "receipt.json"
    code, printed, said = run(
        "receipt", installation[1][0], "--out", file, "--state", installation[0], "--json"
    )
    assert code == 0, said
    return file, json.loads(printed)


def test_a_receipt_is_verified_without_the_installation(kept, installation):
    """With the file alone it agrees with itself; with keys that were kept it is proven."""
    file, told = kept
    keys = file.with_name("keys.json")
    keys.write_text(json.dumps({"keys": [json.loads(file.read_bytes())["receipt_key"]]}), encoding="utf-8")

    code, printed, said = run("verify", file)
    proven = run("verify", file, "--key", told["log_key"], "--receipt-key", keys)
    _, for_machines, _ = run("verify", file, "--json")

    assert code == 0, said
    assert f"Sound: consent {installation[1][0]}" in printed
    assert "The keys came with the file" in printed
    assert proven[0] == 0
    assert "The keys came with the file" not in proven[1]
    verdict = json.loads(for_machines)
    assert (verdict["sound"], verdict["faults"], verdict["jti"]) == (True, [], installation[1][0])


def test_a_changed_receipt_is_said_to_be_so(kept):
    """Exit 1, in plain words."""
    file, _ = kept
    changed = json.loads(file.read_bytes())
    changed["leaf"] = changed["leaf"].replace("residence", "tax-audit")
    file.write_text(json.dumps(changed), encoding="utf-8")

    code, printed, _ = run("verify", file)
    machines = run("verify", file, "--json")

    assert code == 1
    assert "The receipt and the log's entry differ about: purpose." in printed
    assert "the entry was changed" in printed
    assert (machines[0], json.loads(machines[1])["sound"]) == (1, False)


def test_the_keys_of_another_service_do_not_fit(kept):
    """Exit 1: the signature is not of that key."""
    file, _ = kept
    other = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    keys = file.with_name("other.json")
    keys.write_text(json.dumps(other), encoding="utf-8")

    code, printed, _ = run("verify", file, "--receipt-key", keys)

    assert code == 1
    assert "another key" in printed


def test_what_cannot_be_read_is_wrong_use(kept, tmp_path):
    """Exit 2: no file, or keys that are none. A file that is no receipt is a fault: exit 1."""
    file, _ = kept
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("[]", encoding="utf-8")

    assert run("verify", tmp_path / "nothing.json")[0] == 2
    assert run("verify", file, "--receipt-key", nonsense)[0] == 2
    assert run("verify", nonsense)[0] == 1
