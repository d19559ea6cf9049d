"""The log as its readers use it: an auditor with a proof, a stranger with a public verifier, an office with a bundle."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from tlog_scales import tiles
from tlog_scales.backend import HttpBackend, LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from typer.testing import CliRunner

import gateway.audit.verify as single_file
from gateway.audit.note import Verifier
from gateway.audit.proofs import TlogProof
from gateway.audit.tree import leaf_hash
from gateway.cli import app

SECONDS = 10.0


@pytest.fixture
def outcome(hall: Any, form: Any, cast: Any) -> dict[str, Any]:
    """The entry of an answer that was just released."""
    answer = hall.resolve(form, cast, hall.agree_all(form, cast).values())
    (found,) = [each for each in hall.entries(request=answer["id"]) if each["kind"] == "outcome"]
    assert found["id"] == answer["receipt"]["entry"]
    return dict(found)


@pytest.fixture
def key(hall: Any) -> str:
    """The log's verifier key."""
    return str(hall.http.get("/v1/audit/key").text.splitlines()[0])


def proof_of(hall: Any, entry_id: str) -> TlogProof:
    """Its proof, as soon as it has its place."""
    until = time.monotonic() + SECONDS
    while (answer := hall.get(f"/v1/audit/proofs/{entry_id}", who="demo-auditor")).status_code == 404:
        assert time.monotonic() < until, answer.text
        time.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return TlogProof.parse(answer.text)


def test_an_auditor_proves_a_release(hall: Any, outcome: dict[str, Any], key: str) -> None:
    """From the receipt to the entry, from the entry to the signed tree, with nothing but the proof and the key."""
    proof = proof_of(hall, outcome["id"])
    bundle, place = divmod(proof.index, 256)
    leaf = reader_of(hall).get_entry(proof.index)

    checkpoint = proof.check(leaf_hash(leaf), [Verifier.parse(key)])
    assert outcome["id"].encode() in leaf
    assert (bundle * 256 + place, checkpoint.size > proof.index) == (proof.index, True)


def test_proofs_are_for_auditors(hall: Any, outcome: dict[str, Any]) -> None:
    """A renderer has no business there; the tree itself is open, since it tells nothing of anybody."""
    assert hall.get(f"/v1/audit/proofs/{outcome['id']}").status_code == 403
    assert hall.get("/v1/audit/proofs/aud_unknown", who="demo-auditor").status_code == 404
    assert hall.http.get("/v1/audit/checkpoint").status_code == 200
    assert hall.http.get("/v1/audit/tile/0/999").status_code == 404
    assert hall.http.get("/v1/audit/tile/0/x").status_code == 404


def reader_of(hall: Any) -> TilesReader:
    """A public verifier's reader, at the newest checkpoint."""
    reader = TilesReader(HttpBackend(f"{hall.gateway.url}/v1/audit"))
    reader.get_checkpoint()
    return reader


def test_a_public_verifier_reads_the_tree(hall: Any, outcome: dict[str, Any], key: str) -> None:
    """tlog-scales, which nobody here wrote: the signature, the root from the tiles, an entry's inclusion."""
    index = proof_of(hall, outcome["id"]).index
    reader = TilesReader(HttpBackend(f"{hall.gateway.url}/v1/audit"))
    checkpoint = reader.get_checkpoint()

    checkpoint.verify(Vkey.from_string(key))
    assert reader.calculate_root_hash() == checkpoint.root_hash
    inclusion = reader.get_inclusion_proof(index, checkpoint.size)
    inclusion.check(tiles.leaf_hash(reader.get_entry(index)), checkpoint.root_hash)


def test_an_exported_bundle_is_verified_three_ways(
    hall: Any, outcome: dict[str, Any], key: str, tmp_path: Path
) -> None:
    """By our command, by the single file on its own, by the public verifier; with one byte changed each finds it."""
    proof_of(hall, outcome["id"])
    bundle = tmp_path / "log.zip"
    said = CliRunner().invoke(
        app, ["audit", "export", "--out", str(bundle), "--state", str(hall.gateway.directory)]
    )
    assert said.exit_code == 0, said.output

    assert verified(bundle, key) == [0, 0, 0]
    assert verified(altered(bundle, tmp_path), key) == [1, 1, 1]


def test_an_office_witnesses_the_log(hall: Any, outcome: dict[str, Any], key: str, tmp_path: Path) -> None:
    """Over HTTP: it cosigns what it saw, and again when the log has grown; without a log it says so."""
    proof_of(hall, outcome["id"])
    office = ["--key", key, "--dir", str(tmp_path / "office"), "--name", "audit.example/w"]
    url = f"{hall.gateway.url}/v1/audit"

    first = CliRunner().invoke(app, ["audit", "witness", url, *office])
    hall.get("/v1/resolutions/res_unknown")
    again = CliRunner().invoke(app, ["audit", "witness", url, *office])
    nowhere = CliRunner().invoke(app, ["audit", "witness", "http://127.0.0.1:9/", *office])

    assert [each.exit_code for each in (first, again, nowhere)] == [0, 0, 2]
    assert first.stdout.count("\u2014 audit.example/w ") == 1


def verified(bundle: Path, key: str) -> list[int]:
    """What our command, the single file and the public verifier make of it: 0 sound, 1 altered."""
    ours = CliRunner().invoke(app, ["audit", "verify", str(bundle), "--key", key]).exit_code
    alone = shutil.copy(Path(single_file.__file__), bundle.with_name("verify.py"))
    command = [sys.executable, "-I", str(alone), str(bundle), "--key", key]
    single = subprocess.run(command, capture_output=True, check=False, cwd=bundle.parent).returncode
    directory = bundle.with_suffix("")
    with ZipFile(bundle) as opened:
        opened.extractall(directory)
    reader = TilesReader(LocalBackend(directory))
    checkpoint = reader.get_checkpoint()
    checkpoint.verify(Vkey.from_string(key))
    try:
        for index in range(checkpoint.size):
            inclusion = reader.get_inclusion_proof(index, checkpoint.size)
            inclusion.check(tiles.leaf_hash(reader.get_entry(index)), checkpoint.root_hash)
    except Exception:
        return [ours, single, 1]
    return [ours, single, 0]


def altered(bundle: Path, directory: Path) -> Path:
    """The same bundle with one byte of one entry changed."""
    target = directory / "altered.zip"
    with ZipFile(bundle) as source, ZipFile(target, "w") as copy:
        for member in source.infolist():
            content = source.read(member)
            if member.filename.startswith("tile/entries/000"):
                content = content.replace(b'"caller":"', b'"caller":"x', 1)[:-1]
            copy.writestr(member, content)
    return target
