"""The verifier: what is sound is told so, what is wrong is named, and the file works alone."""

import ast
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import verify
from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Cosigner, Signer, cosign, sign_note
from gateway.audit.tree import edge, grow, leaf_hash, root
from gateway.audit.verify import CannotVerify, Report, verify_bundle

SIZES = (0, 1, 255, 256, 257, 700)
LOG = Signer.from_seed("log.example/a", bytes(range(32)))
OLD = Signer.from_seed("log.example/a", bytes(32))
KEY = LOG.verifier_key
Members = dict[str, bytes]


def make_leaf(number: int, kind: str = "drafts.purged", **facts: Any) -> bytes:
    return canonical(
        {"id": f"aud_{number}", "kind": kind, "at": f"2026-11-21T02:03:{number % 60:02}Z"} | facts
    )


def make_entries(size: int) -> list[bytes]:
    return [make_leaf(number) for number in range(size)]


def intent(number: int, request: str, footing: str = "statutory_duty:D1", *, allowed: bool = True) -> bytes:
    ask = ["applicant", "civil", ["person.name"], allowed, "R-010", footing]
    return make_leaf(number, "intent", request=request, asks=[ask])


def make_note(entries: Sequence[bytes], signers: Sequence[Signer] = (LOG,), origin: str = LOG.name) -> str:
    grown = grow(0, {}, [leaf_hash(entry) for entry in entries])
    text = Checkpoint(origin, len(entries), root(len(entries), grown.tiles)).text()
    return sign_note(text, signers)


def make_members(
    folder: Path, entries: Sequence[bytes], earlier: Sequence[int | tuple[int, str]] = (), **changes: Any
) -> Members:
    """The members of a sound bundle of these entries. `earlier`: sizes to make a checkpoint of, or notes."""
    notes = [each if isinstance(each, tuple) else (each, make_note(entries[:each])) for each in earlier]
    given: dict[str, Any] = {
        "checkpoint": make_note(entries),
        "earlier": notes,
        "keys": [KEY],
        "entries": entries,
        "size": len(entries),
    }
    write_bundle(folder / "made.zip", **(given | changes))
    with zipfile.ZipFile(folder / "made.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(folder: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "packed.zip"


def check(folder: Path, entries: Sequence[bytes], **changes: Any) -> Report:
    """What the verifier says of a bundle of these entries."""
    return verify_bundle(pack(folder, make_members(folder, entries, **changes)), [KEY])


# ---------------------------------------------------------------- sound logs


@pytest.mark.parametrize("size", SIZES)
def test_a_sound_bundle_of_any_size_is_sound(tmp_path: Path, size: int) -> None:
    """Nothing is found where nothing is wrong, at sizes on both sides of a tile's border."""
    entries = make_entries(size)
    earlier = [part for part in (0, 1, 2, 255, 256, 256, 511, 699, 700) if part <= size]

    report = verify_bundle(pack(tmp_path, make_members(tmp_path, entries, earlier)), [KEY])

    tree = grow(0, {}, [leaf_hash(entry) for entry in entries])
    assert (report.ok, report.fault, report.first_bad, report.warnings) == (True, None, None, ())
    assert (report.size, report.root_hex) == (size, tree.root.hex())
    assert report.checkpoints == len(earlier) + 1


def test_three_levels_are_checked(tmp_path: Path) -> None:
    """A wrong hash three levels up is found, and the tile named."""
    entries = [canonical({"at": "", "id": f"{n}", "kind": ""}) for n in range(65_537)]
    grown = grow(0, {}, [leaf_hash(entry) for entry in entries])
    note = sign_note(Checkpoint(LOG.name, grown.size, grown.root).text(), [LOG])
    members = make_members(tmp_path, entries, checkpoint=note)

    sound = verify_bundle(pack(tmp_path, members), [KEY])
    members["tile/2/000.p/1"] = bytes(32)
    wrong = verify_bundle(pack(tmp_path, members), [KEY])

    assert sound.ok
    assert not wrong.ok
    assert "tile/2/000.p/1 does not hold the hashes" in wrong.lines("en")[-1]


def test_a_directory_is_as_good_as_a_file(tmp_path: Path) -> None:
    """An unpacked bundle is checked like a packed one, and a hidden file in it is found."""
    with zipfile.ZipFile(pack(tmp_path, make_members(tmp_path, make_entries(257), [3]))) as archive:
        archive.extractall(tmp_path / "log")

    sound = verify_bundle(tmp_path / "log", [KEY])
    (tmp_path / "log" / "tile" / ".hidden").touch()
    wrong = verify_bundle(tmp_path / "log", [KEY])

    assert sound.ok
    assert "tile/.hidden does not belong" in wrong.lines("en")[-1]


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A directory that reaches outside itself is not read at all."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "checkpoint").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CannotVerify, match="links are not followed"):
        verify_bundle(tmp_path / "log", [KEY])


def test_progress_counts_records(tmp_path: Path) -> None:
    """Whoever waits is told how many of how many are done."""
    told: list[tuple[int, int]] = []
    verify_bundle(
        pack(tmp_path, make_members(tmp_path, make_entries(700))), [KEY], lambda *at: told.append(at)
    )

    assert told == [(256, 700), (512, 700), (700, 700)]


# ---------------------------------------------------------------- keys and checkpoints


def test_without_a_key_the_warning_is_clear(tmp_path: Path) -> None:
    """A key out of the bundle itself is used, and what that is worth is said."""
    report = verify_bundle(pack(tmp_path, make_members(tmp_path, make_entries(3))))

    assert report.ok
    assert "agrees with itself" in report.warnings[0].en
    assert "与自身一致" in report.warnings[0].zh


def test_a_bundle_signed_anew_is_found_with_the_key_only(tmp_path: Path) -> None:
    """Who exchanges key and signature together deceives nobody that brings the key along."""
    entries = make_entries(3)
    path = pack(
        tmp_path,
        make_members(tmp_path, entries, checkpoint=make_note(entries, [OLD]), keys=[OLD.verifier_key]),
    )

    assert verify_bundle(path).ok
    assert "another log's, or signed anew" in verify_bundle(path, [KEY]).lines("en")[-1]


def test_a_key_that_was_changed_in_an_orderly_way(tmp_path: Path) -> None:
    """Older checkpoints may bear the older key; the newest bearing only that is refused."""
    entries = make_entries(9)
    keys = [KEY, OLD.verifier_key]
    earlier = [(2, make_note(entries[:2], [OLD])), (5, make_note(entries[:5], [OLD, LOG]))]
    members = make_members(tmp_path, entries, earlier=earlier, keys=keys)
    stale = members | {"checkpoint": make_note(entries, [OLD]).encode()}

    sound = verify_bundle(pack(tmp_path, members), keys)
    unknown = verify_bundle(pack(tmp_path, members), [KEY])
    old_only = verify_bundle(pack(tmp_path, stale), keys)

    assert (sound.ok, sound.checkpoints, sound.warnings) == (True, 3, ())
    assert "Earlier checkpoint 1 is not signed by any trusted key" in unknown.lines("en")[-1]
    assert not old_only.ok
    assert "not signed by the newest key" in old_only.lines("en")[-1]


def test_a_witness_line_is_left_to_others(tmp_path: Path) -> None:
    """A cosignature, whose key is another kind, neither helps nor harms; its key in log.vkey is passed over."""
    entries = make_entries(3)
    witness = Cosigner.from_seed("witness.example", bytes(range(1, 33)))
    text = make_note(entries).partition("\n\n")[0] + "\n"
    note = sign_note(text, [LOG], keep=[cosign(text, witness, 1_790_000_000)])
    members = make_members(tmp_path, entries, checkpoint=note)
    members["log.vkey"] += f"{witness.verifier_key}\n".encode()

    assert verify_bundle(pack(tmp_path, members), [KEY]).ok


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda note: note.replace("\n3\n", "\n4\n"), "The signature of log.example/a under the newest"),
        (lambda note: note.replace("\n\n", "\n"), "not written as a signed checkpoint"),
        (lambda note: note + note.splitlines()[-1] + "\n", "The signature of log.example/a under the newest"),
        (lambda note: note.replace("— ", "- "), "not written as a signed checkpoint"),
        (lambda note: note.replace("log.example/a ", "log.example/b "), "not signed by any trusted key"),
        (lambda note: "x" * 1_000_001, "longer than it can be"),
        (lambda note: make_note(make_entries(3), origin="log.example/b"), "is another log's"),
        (lambda note: sign_note("a\n03\nb\n", [LOG]), "not written as a signed checkpoint"),
        (lambda note: sign_note("a\n3\n", [LOG]), "not written as a signed checkpoint"),
        (lambda note: sign_note("a\n3\nAAAA\n", [LOG]), "not written as a signed checkpoint"),
    ],
)
def test_a_checkpoint_that_is_not_one(tmp_path: Path, change: Callable[[str], str], says: str) -> None:
    """Changed, cut, doubled or signed nonsense: the newest checkpoint is refused in plain words."""
    members = make_members(tmp_path, make_entries(3))
    members["checkpoint"] = change(members["checkpoint"].decode()).encode()

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert not report.ok
    assert says in report.lines("en")[-1]


def test_a_log_rolled_back_is_found_by_its_later_checkpoint(tmp_path: Path) -> None:
    """Records cut off with their tiles, the older checkpoint put forward: the newer one beside it tells."""
    entries = make_entries(700)
    newer = verify.earlier_line(700, make_note(entries)).encode()
    members = make_members(tmp_path, entries[:300], [256])
    members["checkpoints.jsonl"] += newer

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert (
        "Earlier checkpoint 2 states 700 records, more than the newest: the log was rolled back"
        in (report.lines("en")[-1])
    )


def test_records_and_tiles_rewritten_together(tmp_path: Path) -> None:
    """The old signature does not fit them, and an earlier checkpoint says up to where they are the old ones."""
    entries = make_entries(700)
    changed = [*entries[:300], make_leaf(300, drafts=7), *entries[301:]]
    members = make_members(tmp_path, changed)
    members["checkpoint"] = make_note(entries).encode()
    earlier = [verify.earlier_line(size, make_note(entries[:size])) for size in (256, 512)]
    members["checkpoints.jsonl"] = "".join(earlier).encode()

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert "another root than the checkpoint states" in report.lines("en")[-1]
    assert "the first 256 still fit an earlier checkpoint" in report.lines("en")[-1]


def test_a_log_forged_with_its_key_contradicts_its_earlier_checkpoints(tmp_path: Path) -> None:
    """Even a new signature by the right key does not undo a checkpoint given out before."""
    entries = make_entries(700)
    changed = [*entries[:300], make_leaf(300, drafts=7), *entries[301:]]
    earlier = [(size, make_note(entries[:size])) for size in (256, 512)]

    report = check(tmp_path, changed, earlier=earlier)

    assert "Earlier checkpoint 2 does not fit: the first 512 records" in report.lines("en")[-1]
    assert "after the first 256" in report.lines("en")[-1]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"size":true,"note":""}',
        '{"size": 2,"note":""}',
        verify.earlier_line(3, make_note(make_entries(2)))[:-1],
        verify.earlier_line(1, make_note(make_entries(1)))[:-1],
        verify.earlier_line(2, make_note(make_entries(2), [OLD]))[:-1],
        verify.earlier_line(2, make_note(make_entries(2), [LOG], "log.example/b"))[:-1],
    ],
)
def test_an_earlier_checkpoint_that_is_none(tmp_path: Path, line: str) -> None:
    """Every line of checkpoints.jsonl is a checkpoint of this log, in order and in one spelling."""
    members = make_members(tmp_path, make_entries(5), [2])
    members["checkpoints.jsonl"] += f"{line}\n".encode()

    assert "Earlier checkpoint 2 " in verify_bundle(pack(tmp_path, members), [KEY]).lines("en")[-1]


@pytest.mark.parametrize("content", [b"\xff\n", b"cut"])
def test_earlier_checkpoints_that_are_no_lines(tmp_path: Path, content: bytes) -> None:
    """A file of checkpoints that was cut or is not text is said to be."""
    members = make_members(tmp_path, make_entries(5)) | {"checkpoints.jsonl": content}

    assert "checkpoints.jsonl was cut" in verify_bundle(pack(tmp_path, members), [KEY]).lines("en")[-1]


# ---------------------------------------------------------------- records


def test_the_first_bad_record_is_named(tmp_path: Path) -> None:
    """Index, id and time of the record that is not the one logged, in both languages."""
    entries = make_entries(700)
    members = make_members(tmp_path, entries)
    wrong = make_leaf(9, drafts=1)
    assert len(entries[300]) != len(wrong)
    members["tile/entries/001"] = members["tile/entries/001"].replace(b'"aud_301"', b'"aud_3x1"')
    members["tile/entries/002.p/188"] = bytes(10)

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert report.first_bad is not None
    assert (report.first_bad.index, report.first_bad.id) == (301, "aud_3x1")
    assert report.lines("en")[-1].startswith(
        "[X]  Record 301 (aud_3x1, 2026-11-21T02:03:01Z) is not the one that was logged"
    )
    assert report.lines("zh")[-1].startswith("[X]  第 301 (aud_3x1, 2026-11-21T02:03:01Z) 号记录不是当初登记")
    assert report.lines()[-1] == f"[X]  {report.fault.en} {report.fault.zh}" if report.fault else False


def test_what_a_record_says_of_itself_cannot_play_with_the_terminal(tmp_path: Path) -> None:
    """An id out of a forged record is shown without control characters and not at any length."""
    forged = canonical({"id": "\x1b[2J" + "x" * 500, "kind": "k", "at": "t"})
    members = make_members(tmp_path, [forged])
    members["tile/0/000.p/1"] = bytes(32)

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert report.first_bad is not None
    assert report.first_bad.id == "?[2J" + "x" * 116


@pytest.mark.parametrize(
    ("leaf", "says"),
    [
        (b'{"id":"a", "kind":"k","at":"t"}', "is not canonical JSON"),
        (b'{"kind":"k","id":"a","at":"t"}', "is not canonical JSON"),
        (b'{"at":"t","at":"t","id":"a","kind":"k"}', "is not canonical JSON"),
        (b'{"at":"t","id":"\\u0061","kind":"k"}', "is not canonical JSON"),
        (b'{"at":"t","id":"\\ud800","kind":"k"}', "is not canonical JSON"),
        (b'{"at":"t","id":"a","kind":"k","n":1.5}', "is not canonical JSON"),
        (b'{"at":"t","id":"a","kind":"k","n":NaN}', "is not canonical JSON"),
        (b'{"at":"t","id":"a","kind":"k"}\n', "is not canonical JSON"),
        (b'{"at":"t","id":"\xff","kind":"k"}', "is not canonical JSON"),
        (b"[" * 40_000, "is not canonical JSON"),
        (b"", "is not canonical JSON"),
        (b'["at","id","kind"]', "is not a JSON object"),
        (b'{"at":"t","id":"a"}', "lacks its id, kind or time"),
        (b'{"at":1,"id":"a","kind":"k"}', "lacks its id, kind or time"),
        (b'{"at":"t","id":"aud_1","kind":"k"}', "bears the id of an earlier one"),
        (b'{"asks":[[]],"at":"t","id":"a","kind":"intent","request":"r"}', "not written as one"),
        (b'{"asks":[],"at":"t","id":"a","kind":"intent"}', "not written as one"),
    ],
)
def test_a_record_that_should_never_have_been_logged(tmp_path: Path, leaf: bytes, says: str) -> None:
    """A record may be the one logged and still be wrong: not canonical, without an id, or with another's."""
    report = check(tmp_path, [*make_entries(3), leaf, *make_entries(700)[3:]])

    assert report.first_bad is not None
    assert report.first_bad.index == 3
    assert says in report.first_bad.why


def test_records_as_the_service_writes_them(tmp_path: Path) -> None:
    """Chinese, escapes, large numbers, nesting: what the service calls canonical the verifier does too."""
    facts = {
        "z": '同意\n\t\x00\x1f\x7f"\\/\u2028😀',
        "a": -(2**63),
        "m": {"b": [], "a": {}, "é": [None, True, [[1]]]},
    }

    assert check(tmp_path, [make_leaf(0, **facts)]).ok


def test_an_outcome_needs_an_earlier_intent(tmp_path: Path) -> None:
    """What was released without an intent before it is named; the intent coming later does not help."""
    entries = [
        intent(0, "res_a"),
        make_leaf(1, "outcome", request="res_a"),
        make_leaf(2, "outcome", request="res_b"),
        intent(3, "res_b"),
    ]

    report = check(tmp_path, entries)

    assert report.first_bad is not None
    assert (report.first_bad.index, report.first_bad.why) == (2, "was released without an intent")


def test_an_intent_without_outcome_is_a_warning(tmp_path: Path) -> None:
    """Requests under way, or cut off, are counted; they are no fault of the log."""
    entries = [
        intent(0, "res_a"),
        make_leaf(1, "outcome", request="res_a"),
        intent(2, "res_b"),
        intent(3, "res_c"),
    ]

    report = check(tmp_path, entries)

    assert report.ok
    assert [each.en for each in report.warnings] == [
        "2 intents have no outcome, the first is record 2: still under way, or to be counted as released."
    ]


@pytest.mark.parametrize(
    ("events", "is_sound"),
    [
        (["given"], True),
        (["given", "withdrawn"], False),
        (["given", "withdrawn", "resumed"], False),
        (["given", "withdrawn", "paused", "resumed"], False),
        (["given", "paused"], False),
        (["given", "paused", "resumed"], True),
        (["given", "paused", "resumed", "withdrawn"], False),
    ],
)
def test_no_intent_after_the_consent_has_ended(tmp_path: Path, events: list[str], is_sound: bool) -> None:
    """Nothing rests on a consent while it is paused, and nothing ever again once it is withdrawn."""
    told = [make_leaf(n, f"consent.{event}", request="con_a") for n, event in enumerate(events)]

    report = check(
        tmp_path, [*told, intent(50, "res_a", "consent:con_a"), make_leaf(51, "outcome", request="res_a")]
    )

    assert report.ok == is_sound
    assert is_sound or (report.first_bad is not None and report.first_bad.id == "aud_50")


def test_what_an_ended_consent_does_not_touch(tmp_path: Path) -> None:
    """A refused ask, another ground, another consent, an intent before the end: all sound."""
    entries = [
        intent(0, "res_a", "consent:con_a"),
        make_leaf(1, "consent.withdrawn", request="con_a"),
        intent(2, "res_b", "consent:con_a", allowed=False),
        intent(3, "res_c", "statutory_duty:con_a"),
        intent(4, "res_d", "consent:con_b"),
        make_leaf(5, "consent.withdrawn"),
    ]

    assert check(tmp_path, entries).ok


def test_faults_are_told_in_the_order_of_the_checks(tmp_path: Path) -> None:
    """Of several faults the one that undermines most is told: hash, tile, root, checkpoint, record, pair, consent."""
    bad_leaf = b'{"b":1,"a":1}'
    withdrawn = make_leaf(0, "consent.withdrawn", request="con_a")
    entries = [
        withdrawn,
        intent(1, "res_a", "consent:con_a"),
        make_leaf(2, "outcome", request="res_z"),
        bad_leaf,
    ]
    entries += make_entries(300)[4:]
    stale = (300, make_note(make_entries(300)))
    told = [check(tmp_path, entries[:2]), check(tmp_path, entries[:3]), check(tmp_path, entries)]
    told.append(check(tmp_path, entries, earlier=[stale]))
    members = make_members(tmp_path, entries, earlier=[stale])
    for name, content in (
        ("checkpoint", stale[1].encode()),
        ("tile/1/000.p/1", bytes(32)),
        ("tile/0/001.p/44", bytes(44 * 32)),
    ):
        members[name] = content
        told.append(verify_bundle(pack(tmp_path, members), [KEY]))

    texts = [report.lines("en")[-1] for report in told]

    order = [
        "after it was withdrawn",
        "without an intent",
        "not canonical",
        "Earlier checkpoint 1 does not fit",
    ]
    order += ["another root", "tile/1/000.p/1", "Record 256"]
    assert [says in text for says, text in zip(order, texts, strict=True)] == [True] * 7


# ---------------------------------------------------------------- members


@pytest.mark.parametrize(
    ("add", "remove", "says"),
    [
        ("notes.txt", "", "notes.txt does not belong in the bundle: it slipped in"),
        ("tile/0/000.p/7", "", "tile/0/000.p/7 does not belong"),
        ("tile/entries/000.p/7", "", "tile/entries/000.p/7 does not belong"),
        ("tile/0/001", "tile/0/001.p/44", "tile/0/001 stands where tile/0/001.p/44 belongs"),
        ("tile/entries/002.p/1", "", "states 300 records, the bundle holds 301. Record 512 was added"),
        ("", "tile/entries/001.p/44", "states 300 records, the bundle holds 256. Record 256 is missing"),
        ("", "tile/0/000", "tile/0/000 is missing"),
        ("", "tile/1/000.p/1", "tile/1/000.p/1 is missing"),
        ("", "README.txt", "README.txt is missing"),
        ("", "checkpoints.jsonl", "checkpoints.jsonl is missing"),
        ("", "checkpoint", "checkpoint is missing"),
        ("", "log.vkey", "log.vkey is missing"),
    ],
)
def test_a_bundle_holds_what_it_should(tmp_path: Path, add: str, remove: str, says: str) -> None:
    """Nothing is missing, nothing slipped in, no tile is wider than the log needs."""
    members = make_members(tmp_path, make_entries(300))
    members |= {add: b"\0\0" * 256} if add else {}
    members.pop(remove, None)

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert not report.ok
    assert says in report.lines("en")[-1]


def test_a_lie_about_the_size_costs_nothing(tmp_path: Path) -> None:
    """A signed checkpoint that states a vast log is not taken at its word."""
    members = make_members(tmp_path, make_entries(1))
    members["checkpoint"] = sign_note(Checkpoint(LOG.name, 2**62, bytes(32)).text(), [LOG]).encode()

    report = verify_bundle(pack(tmp_path, members), [KEY])

    assert "states 4,611,686,018,427,387,904 records, the bundle holds 1" in report.lines("en")[-1]


@pytest.mark.parametrize("name", ["/checkpoint", "../checkpoint", "a/../b", "c:x", "a\\b"])
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    """A file that wants to write elsewhere when unpacked is not looked at further."""
    with pytest.raises(CannotVerify, match="unsafe name"):
        verify_bundle(pack(tmp_path, {name: b""}), [KEY])


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    """Two members of one name could show one content to one reader and another to the next."""
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("checkpoint", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("checkpoint", b"two")

    with pytest.raises(CannotVerify, match="twice"):
        verify_bundle(tmp_path / "twice.zip", [KEY])


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """A member that unpacks to more than 512 MB is refused before it is unpacked."""
    packing = zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with packing as archive, archive.open("checkpoint", "w", force_zip64=True) as member:
        for _ in range(513):
            member.write(bytes(2**20))

    with pytest.raises(CannotVerify, match="larger than 512 MB"):
        verify_bundle(tmp_path / "bomb.zip", [KEY])


def test_an_unknown_packing_is_refused(tmp_path: Path) -> None:
    """Only what the format names is unpacked."""
    with zipfile.ZipFile(tmp_path / "odd.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("checkpoint", b"one")

    with pytest.raises(CannotVerify, match="unknown way"):
        verify_bundle(tmp_path / "odd.zip", [KEY])


# ---------------------------------------------------------------- over the network


@dataclass
class LogServer:
    """A web server over members held in memory; remembers what it was asked."""

    members: Members
    headers: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.removeprefix("/log/")
        self.asked.append((name, handler.headers.get("Authorization", "")))
        content = self.members.get(name)
        status = self.statuses.get(name, 404 if content is None else 200)
        handler.send_response(status)
        if status == 302:
            handler.send_header("Location", f"{self.address}/checkpoint")
        for key, value in self.headers.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(content or b"")


@contextmanager
def serve(server: LogServer) -> Iterator[LogServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        server.address = f"http://127.0.0.1:{web.server_address[1]}/log"
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            web.shutdown()
            thread.join()


def test_a_log_is_checked_where_it_is_served(tmp_path: Path) -> None:
    """The address of a log will do; checkpoints beside it are looked at, and not missed when there are none."""
    members = make_members(tmp_path, make_entries(700), [256])
    with serve(LogServer(members)) as server:
        with_earlier = verify_bundle(f"{server.address}/", [KEY])
        del members["checkpoints.jsonl"], members["README.txt"], members["log.vkey"]
        without = verify_bundle(server.address, [KEY])

    assert (with_earlier.ok, with_earlier.checkpoints) == (True, 2)
    assert (without.ok, without.checkpoints, without.warnings) == (True, 1, ())


def test_a_log_that_has_grown_meanwhile_is_checked_at_its_old_size(tmp_path: Path) -> None:
    """Where a partial tile is gone, the full one that took its place begins with it."""
    entries = make_entries(600)
    members = make_members(tmp_path, entries) | {"checkpoint": make_note(entries[:300]).encode()}
    del members["checkpoints.jsonl"]
    members["tile/1/000.p/1"] = members["tile/1/000.p/2"][:32]
    with serve(LogServer(members)) as server:
        report = verify_bundle(server.address, [KEY])
        asked = {name for name, _ in server.asked}

    assert (report.ok, report.size) == (True, 300)
    assert {"tile/0/001.p/44", "tile/0/001", "tile/entries/001.p/44", "tile/entries/001"} <= asked


def test_a_packed_answer_is_unpacked_within_bounds(tmp_path: Path) -> None:
    """Servers may compress; a small answer that unpacks to a large one is cut."""
    packed = {
        name: gzip.compress(content)
        for name, content in make_members(tmp_path, make_entries(9)).items()
        if name != "checkpoints.jsonl"
    }
    bomb = packed | {"tile/0/000.p/9": gzip.compress(bytes(50_000_000))}
    with serve(LogServer(packed, {"Content-Encoding": "gzip"})) as server:
        sound = verify_bundle(server.address, [KEY])
        server.members = bomb
        wrong = verify_bundle(server.address, [KEY])

    assert sound.ok
    assert "tile/0/000.p/9 is longer than it can be" in wrong.lines("en")[-1]


def test_a_wrong_record_is_named_over_the_network_too(tmp_path: Path) -> None:
    """A server that alters a record, or leaves out a tile, is found out."""
    members = make_members(tmp_path, make_entries(300))
    changed = members | {"tile/entries/000": members["tile/entries/000"].replace(b"aud_77", b"aud_7x")}
    less = {name: content for name, content in members.items() if name != "tile/1/000.p/1"}
    with serve(LogServer(changed)) as server:
        altered = verify_bundle(server.address, [KEY])
        server.members = less
        missing = verify_bundle(server.address, [KEY])

    assert altered.first_bad is not None
    assert altered.first_bad.index == 77
    assert "tile/1/000.p/1 is missing" in missing.lines("en")[-1]


@pytest.mark.parametrize(
    ("status", "says"), [(404, "no checkpoint"), (401, "answered 401"), (302, "answered 302")]
)
def test_a_server_that_does_not_give_the_log(tmp_path: Path, status: int, says: str) -> None:
    """No checkpoint, no permission, a redirect: nothing can be said, and no redirect is followed."""
    members = make_members(tmp_path, make_entries(3))
    moody = LogServer(members, statuses={"checkpoint": status})
    with serve(moody) as server, pytest.raises(CannotVerify, match=says):
        verify_bundle(server.address, [KEY])

    assert [name for name, _ in server.asked] == ["checkpoint"]


def test_an_address_needs_a_key_and_a_server() -> None:
    """A key from the server that is to be checked would prove nothing; an address without a host is none."""
    with pytest.raises(CannotVerify, match="--key"):
        verify_bundle("http://127.0.0.1:9/log")
    with pytest.raises(CannotVerify, match="did not send checkpoint"):
        verify_bundle("http://127.0.0.1:9/log", [KEY])
    with pytest.raises(CannotVerify, match="names no server"):
        verify_bundle("https:///log", [KEY])


# ---------------------------------------------------------------- the command


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The file alone, in an empty directory, by an interpreter that sees none of ours."""
    shutil.copy(verify.__file__, folder / "verify.py")
    return subprocess.run(
        [sys.executable, "-I", "verify.py", *arguments],
        cwd=folder,
        env={"PATH": os.defpath} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_file_works_alone(tmp_path: Path) -> None:
    """Copied away, it tells a sound log from an altered one, with the exit code to match."""
    members = make_members(tmp_path, make_entries(257))
    sound = run(tmp_path, str(pack(tmp_path, members)), "--key", KEY)
    members["tile/0/000"] = bytes(8192)
    altered = run(tmp_path, str(pack(tmp_path, members)), "--key", KEY, "--quiet")
    unusable = run(tmp_path, "verify.py", "--key", KEY)

    assert (sound.returncode, altered.returncode, unusable.returncode) == (0, 1, 2)
    assert "[ok] The log is sound: 257 records" in sound.stdout
    assert "日志完好" in sound.stdout
    assert altered.stdout.startswith("[X]  Record 0 (aud_0, ")
    assert "not a ZIP file" in unusable.stderr
    assert (sound.stderr, altered.stderr, unusable.stdout) == ("", "", "")


def test_a_console_without_chinese(tmp_path: Path) -> None:
    """Where Chinese cannot be shown, escapes are; nothing fails."""
    path = pack(tmp_path, make_members(tmp_path, []))
    report = run(tmp_path, str(path), "--key", KEY, LC_ALL="POSIX", PYTHONCOERCECLOCALE="0")

    assert report.returncode == 0
    assert "The log is sound: 0 records" in report.stdout


def test_the_token_goes_along(tmp_path: Path) -> None:
    """What ONCEGATE_TOKEN holds is sent as a bearer token, and only then."""
    members = make_members(tmp_path, make_entries(2))
    with serve(LogServer(members)) as server:
        with_token = run(tmp_path, server.address, "--key", KEY, ONCEGATE_TOKEN="t0ken")
        without = run(tmp_path, server.address, "--key", KEY)
        sent = [token for name, token in server.asked if name == "checkpoint"]

    assert (with_token.returncode, without.returncode) == (0, 0)
    assert sent == ["Bearer t0ken", ""]


def test_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: one object with what the report holds, or with why nothing can be said."""
    members = make_members(tmp_path, make_entries(3))
    sound = verify.main([str(pack(tmp_path, members)), "--key", KEY, "--json"])
    told = json.loads(capsys.readouterr().out)
    members["tile/0/000.p/3"] = bytes(96)
    altered = verify.main([str(pack(tmp_path, members)), "--key", KEY, "--json"])
    bad = json.loads(capsys.readouterr().out)
    unusable = verify.main([str(tmp_path / "none"), "--json"])
    error = json.loads(capsys.readouterr().out)

    assert (sound, altered, unusable) == (verify.SOUND, verify.ALTERED, verify.UNUSABLE)
    assert (told["ok"], told["size"], told["first_bad"], told["fault"]) == (True, 3, None, None)
    assert (bad["ok"], bad["first_bad"]["index"], bad["first_bad"]["id"]) == (False, 0, "aud_0")
    assert error["error"]["en"] == "The log cannot be read: there is no such file or directory."


def test_quiet_says_nothing_when_nothing_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job in the night may look at the exit code alone."""
    code = verify.main([str(pack(tmp_path, make_members(tmp_path, make_entries(3)))), "--quiet"])

    assert (code, *capsys.readouterr()) == (0, "", "")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "a+b",
        KEY[:-1],
        KEY.replace("log.", "l0g."),
        f" {KEY}",
        "é+00000000+AQ==",
        "a+00000000+\ud800",
    ],
)
def test_a_key_that_is_none_is_wrong_use(tmp_path: Path, key: str) -> None:
    """A key mistyped is told as that, never as a fault of the log."""
    path = pack(tmp_path, make_members(tmp_path, make_entries(3)))

    with pytest.raises(CannotVerify, match="not an Ed25519 verifier key"):
        verify_bundle(path, [key])


def test_a_witness_key_is_no_key_of_the_log(tmp_path: Path) -> None:
    """A cosigner's key signs something else; giving it is wrong use."""
    witness = Cosigner.from_seed("witness.example", bytes(32))

    with pytest.raises(CannotVerify, match="not an Ed25519 verifier key"):
        verify_bundle(pack(tmp_path, make_members(tmp_path, [])), [witness.verifier_key])


def test_it_needs_nothing_but_the_standard_library_and_cryptography() -> None:
    """Nothing of ours, nothing newer than Python 3.9 in its grammar."""
    source = Path(verify.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) == {"cryptography"}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


def test_tiles_are_named_as_the_log_names_them() -> None:
    """The verifier's own reading of the format agrees with the log's, far beyond any real size."""
    for size in (0, 1, 256, 257, 70_000, 300_000):
        first = next(iter(verify._tile_names(size, entries=True)), None)
        last = list(verify._tile_names(size, entries=False))[-1:]

        assert (first is None) == (size == 0)
        assert len(last) == min(size, 1)
    assert verify._tile_name(0, 1_234_067, 256) == "tile/0/x001/x234/067"
    assert verify._tile_name("entries", 1_000, 5) == "tile/entries/x001/000.p/5"
    assert [tile.level for tile in edge(70_000)] == [0, 1, 2]
