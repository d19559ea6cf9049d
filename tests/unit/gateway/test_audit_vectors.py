"""Answers that others publish: proofs of RFC 6962 trees, signed notes. Skipped where the files are not at hand."""

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.note import BadKey, BadNote, Checkpoint, Signer, Verifier, open_note, sign_note
from gateway.audit.tree import verify_consistency, verify_inclusion


def vectors(name: str) -> Any:
    """The content of one file of vectors; ONCEGATE_SHARED_DATA says where the data lies, else beside the repository."""
    beside = Path(__file__).parents[3].parent / "shared" / "data"
    path = Path(os.environ.get("ONCEGATE_SHARED_DATA") or beside) / "vectors" / name
    if not path.is_file():
        pytest.skip(f"no {name} here; ONCEGATE_SHARED_DATA may name the directory with vectors/")
    return json.loads(path.read_text(encoding="utf-8"))


def hashes(vector: dict[str, Any]) -> list[bytes]:
    """The steps of a vector's proof."""
    return [b64decode(step) for step in vector["proof"] or []]


def test_inclusion_as_others_judge_it():
    """Every published inclusion proof, right or spoilt, is judged as its authors judge it."""
    every = vectors("inclusion.json")
    judged = {
        vector["file"]: verify_inclusion(
            b64decode(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            hashes(vector),
            b64decode(vector["root"]),
        )
        for vector in every
    }

    assert judged == {vector["file"]: not vector["wantErr"] for vector in every}
    assert set(judged.values()) == {True, False}


def test_consistency_as_others_judge_it():
    """Every published consistency proof, right or spoilt, is judged as its authors judge it."""
    every = vectors("consistency.json")
    judged = {
        vector["file"]: verify_consistency(
            vector["size1"],
            vector["size2"],
            b64decode(vector["root1"]),
            b64decode(vector["root2"]),
            hashes(vector),
        )
        for vector in every
    }

    assert judged == {vector["file"]: not vector["wantErr"] for vector in every}
    assert set(judged.values()) == {True, False}


def test_notes_as_others_judge_them():
    """Published notes open with their keys; spoilt ones and those of another key do not."""
    for vector in vectors("signed_note_vectors.json")["notes"]:
        verifier = Verifier.parse(vector["vkey"])
        if vector["valid"]:
            opened = open_note(vector["note"], [verifier])
            assert opened.names == (verifier.name,), vector["name"]
            assert vector["note"].startswith(f"{opened.text}\n— ")
        else:
            with pytest.raises(BadNote):
                open_note(vector["note"], [verifier])


def test_notes_are_signed_as_others_sign_them():
    """With a published private key the same text gives the same note, byte for byte."""
    signed = [vector for vector in vectors("signed_note_vectors.json")["notes"] if "skey" in vector]
    for vector in signed:
        _, _, name, _, encoded = vector["skey"].split("+", 4)
        signer = Signer.from_seed(name, b64decode(encoded)[1:])
        text = open_note(vector["note"], [signer.verifier]).text

        assert signer.verifier_key == vector["vkey"]
        assert sign_note(text, [signer]) == vector["note"]
    assert signed


def test_bad_keys_are_refused():
    """Keys of a wrong length or an unknown kind are refused, though their ids fit."""
    for vector in vectors("signed_note_vectors.json")["bad_vkeys"]:
        with pytest.raises(BadKey):
            Verifier.parse(vector["vkey"])


def test_checkpoints_are_read_as_others_read_them():
    """A published checkpoint says here what it says there, and is written back unchanged."""
    for vector in vectors("signed_note_vectors.json")["checkpoints"]:
        text = vector["note"].partition("\n\n")[0] + "\n"
        checkpoint = Checkpoint.parse(text)

        assert checkpoint == Checkpoint(vector["origin"], vector["size"], b64decode(vector["root_b64"]))
        assert checkpoint.text() == text
