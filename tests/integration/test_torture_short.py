"""The storm of `make torture` in short, and the proof that its check finds what it looks for."""

import asyncio
import gc
import json
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from gateway.audit.bundle import write_bundle
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import grow, leaf_hash
from gateway.records import RollupKey
from gateway.reports.measures import COUNTERS
from gateway.settings import load_settings
from gateway.store.migrate import migrate
from gateway.store.rollup_tables import rollup, rollup_state

BENCH = Path(__file__).parents[1] / "bench"
sys.path.insert(0, str(BENCH))  # that directory is no package

import torture  # noqa: E402
from torture_check import Findings, Logged, Stored, check  # noqa: E402
from torture_desk import CUT, Handing  # noqa: E402
from torture_handed import HandedIn, Rows  # noqa: E402
from torture_recount import recounted  # noqa: E402
from torture_storm import Answer, History  # noqa: E402
from torture_tables import KINDS as TABLE_KINDS  # noqa: E402
from torture_tables import tamper_tables  # noqa: E402
from torture_tamper import KINDS, tamper  # noqa: E402

SIGNER = Signer.from_seed("torture.test/log", bytes(32))
KEYS = (SIGNER.verifier.verifier_key,)


@pytest.mark.slow
@pytest.mark.timeout(300)
# A client that is cut off while it connects may leave its socket to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_nothing_is_broken_by_a_short_storm(tmp_path: Path) -> None:
    """After three SIGKILLs every promise holds, every change to the exported log is found, and all was really tried."""
    out = tmp_path / "results.json"
    budget = ["--seed", "3", "--seconds", "8", "--kills", "3", "--clients", "8", "--mutations", "100"]
    budget += ["--table-changes", "30"]

    code = torture.main([*budget, "--keep", str(tmp_path / "storm"), "--out", str(out)])
    gc.collect()

    told = json.loads(out.read_bytes())
    assert (code, set(told["violations"].values())) == (0, {0}), told
    assert told["kills"]["group"] == 3
    assert told["restarts"] >= 4
    assert told["proofs_checked"] > 0
    assert told["mutations"]["found"] == told["mutations"]["tried"] >= 100
    assert sum(told["table_changes"]["found_by"].values()) == told["table_changes"]["tried"] == 30
    assert "nobody" not in told["table_changes"]["found_by"]
    counted = ("released", "withdrawals", "tried_after_withdrawal", "one_time_consents", "checkpoints")
    for tried in (*counted, "assertions_tried_again"):
        assert told[tried] > 0, tried
    assert told["recount"]["applications"] > 0
    for part in ("submissions", "twice"):
        assert {name for name, number in told[part].items() if not number} <= {"cut_off"}, told[part]


def entry(number: int, kind: str, request: str, **facts: Any) -> Logged:
    """An entry at that place of the log."""
    leaf = {"at": "2026-01-01T00:00:00Z", "id": f"aud_{number}", "kind": kind, "request": request, **facts}
    return Logged(
        f"aud_{number}",
        kind,
        request,
        json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode(),
        number,
    )


def intent(number: int, request: str, consent: str, *, allowed: bool = True) -> Logged:
    """An intent whose one ask stands on that consent."""
    footing = f"consent:{consent}" if allowed else "uses_exhausted"
    return entry(number, "intent", request, asks=[["applicant", "s0", ["i"], allowed, "R-001", footing]])


def outcome(number: int, request: str, result: str = "released") -> Logged:
    """An outcome."""
    return entry(number, "outcome", request, result=result, discarded=0)


def stored_of(*entries: Logged, **changes: Any) -> Stored:
    """A finished database with these entries, in their order, under one checkpoint."""
    grown = grow(0, {}, [leaf_hash(each.leaf) for each in entries])
    note = sign_note(Checkpoint(SIGNER.name, grown.size, grown.root).text(), [SIGNER])
    sound = Stored(
        {each.id: each for each in entries},
        [(place, each.id) for place, each in enumerate(entries)],
        uses={"cns_once": 0},
        checkpoints=[(grown.size, note)],
        hashes=b"".join(grown.tiles[tile] for tile in sorted(grown.tiles) if tile.level == 0),
    )
    return replace(sound, **changes)


@pytest.fixture
def stored() -> Stored:
    """One release on a consent for one use, and a second try that was refused."""
    return stored_of(
        intent(0, "res_1", "cns_once"),
        intent(1, "res_2", "cns_once", allowed=False),
        outcome(2, "res_2", "nothing_released"),
        outcome(3, "res_1"),
    )


@pytest.fixture
def history() -> History:
    """What two clients were told about it."""
    told = [
        Answer("res_1", "aud_3", "cns_once", 1.0, 2.0, 6),
        Answer("res_2", "aud_2", "cns_once", 1.0, 2.0, 0),
    ]
    return History(told, once={"cns_once"})


def looked_at(stored: Stored, history: History, *, guard: str | None = None) -> Findings:
    """What the check finds."""
    return check(stored, history, KEYS, guard or stored.checkpoints[-1][1], ())


def broken(findings: Findings) -> set[str]:
    """The promises that were not kept."""
    return {name for name, said in findings.violations.items() if said}


def test_the_check_finds_nothing_wrong_with_what_is_right(stored: Stored, history: History) -> None:
    """A sound log and an honest history break no promise."""
    assert looked_at(stored, history).ok


@pytest.mark.parametrize(
    "falsified",
    [
        Answer("res_1", "aud_9", "cns_other", 1.0, 2.0, 6),
        Answer("res_9", "aud_3", "cns_other", 1.0, 2.0, 6),
        Answer("res_1", "aud_0", "cns_other", 1.0, 2.0, 6),
        Answer("res_2", "aud_2", "cns_other", 1.0, 2.0, 6),
    ],
    ids=["no such entry", "of another request", "an intent only", "logged as nothing released"],
)
def test_a_value_without_its_outcome_is_found(stored: Stored, history: History, falsified: Answer) -> None:
    """Whoever received a value that the log does not tell of is believed, not the log."""
    history.answers.append(falsified)

    assert broken(looked_at(stored, history)) == {"released_but_unlogged"}


def test_an_intent_after_its_outcome_is_found(history: History) -> None:
    """An intent written only when the value had left is no intent."""
    late = stored_of(outcome(0, "res_1"), intent(1, "res_1", "cns_once"))
    history.answers[:] = [Answer("res_1", "aud_0", "cns_once", 1.0, 2.0, 6)]

    assert broken(looked_at(late, history)) == {"released_but_unlogged"}


def test_a_second_use_is_found_in_the_log(history: History) -> None:
    """Two intents that stand on the one use of a consent are found, whatever the counter says."""
    twice = stored_of(
        intent(0, "res_1", "cns_once"),
        intent(1, "res_2", "cns_once"),
        outcome(2, "res_2", "nothing_released"),
        outcome(3, "res_1"),
    )

    assert broken(looked_at(twice, history)) == {"double_use", "uses_do_not_add_up"}


def test_a_second_use_is_found_in_what_clients_were_told(stored: Stored, history: History) -> None:
    """Two releases on one use are found even if the log tells of one use only."""
    history.answers[1] = replace(history.answers[1], filled=6)

    assert "double_use" in broken(looked_at(stored, history))


@pytest.mark.parametrize("left", [-1, 1])
def test_a_use_that_was_not_counted_is_found(stored: Stored, history: History, left: int) -> None:
    """Uses taken and uses left add up to what was agreed."""
    assert broken(looked_at(replace(stored, uses={"cns_once": left}), history)) == {"uses_do_not_add_up"}


@pytest.mark.parametrize(("sent", "expected"), [(1.9, set()), (2.1, {"released_after_withdrawal"})])
def test_a_release_after_the_withdrawal_is_found(
    stored: Stored, history: History, sent: float, expected: set[str]
) -> None:
    """What was asked for after the withdrawal had been answered must not be released; before, it may."""
    history.withdrawn["cns_once"] = 2.0
    history.answers[0] = replace(history.answers[0], sent=sent)

    assert broken(looked_at(stored, history)) == expected


CHANGES: Mapping[str, tuple[Callable[[Stored], Stored], set[str]]] = {
    "a gap": (
        lambda each: replace(each, places=[*each.places[:3], (4, "aud_3")]),
        {"places_not_contiguous"},
    ),
    "an entry waits": (lambda each: replace(each, pending=["aud_3"]), {"places_not_contiguous"}),
    "an entry without a place": (
        lambda each: replace(each, entries={**each.entries, "aud_7": entry(7, "other", "x")}),
        {"places_not_contiguous"},
    ),
    "another signer": (
        lambda each: replace(each, checkpoints=[(4, each.checkpoints[0][1].replace("torture.", "forged."))]),
        {"bad_checkpoint"},
    ),
    "a changed entry": (
        lambda each: replace(each, entries={**each.entries, "aud_1": entry(1, "other", "res_2")}),
        {"bad_checkpoint", "outcome_without_intent"},
    ),
    "a changed tile": (lambda each: replace(each, hashes=bytes(128)), {"bad_checkpoint"}),
    "sizes that fall": (lambda each: replace(each, checkpoints=each.checkpoints * 2), {"bad_checkpoint"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_log_that_is_not_one_is_found(stored: Stored, history: History, name: str) -> None:
    """Gaps, entries left over, foreign signatures and tiles that do not fit each break the promise of their name."""
    change, expected = CHANGES[name]

    assert broken(looked_at(change(stored), history)) == expected


def test_a_guard_that_knows_more_is_found(stored: Stored, history: History) -> None:
    """The checkpoint outside the database is one of the newest inside."""
    assert broken(looked_at(stored, history, guard="more")) == {"bad_checkpoint"}


def test_an_outcome_without_intent_is_found_and_the_reverse_counted() -> None:
    """A kill may leave an intent alone, never an outcome."""
    alone = stored_of(outcome(0, "res_1"), intent(1, "res_2", "cns_once"))

    findings = looked_at(alone, History())

    assert broken(findings) == {"outcome_without_intent"}
    assert findings.intents_without_outcome == 1


def test_a_proof_of_nothing_is_found(stored: Stored, history: History) -> None:
    """An entry for which no proof was given is told."""
    findings = check(stored, history, KEYS, stored.checkpoints[0][1], [("aud_3", "")])

    assert broken(findings) == {"bad_proof"}


def proven(stored: Stored) -> Stored:
    """With the tiles from which proofs are made."""
    leaves = [leaf_hash(stored.entries[entry_id].leaf) for _, entry_id in stored.places]
    return replace(stored, tiles=dict(grow(0, {}, leaves).tiles))


def test_every_receipt_is_proven(stored: Stored, history: History) -> None:
    """From the tiles, under the newest checkpoint; one that cannot be is told."""
    assert looked_at(proven(stored), history).ok
    history.answers.append(Answer("res_1", "aud_9", "cns_other", 1.0, 2.0, 0))
    assert broken(looked_at(proven(stored), history)) == {"receipt_not_proven"}

    sound = proven(stored)
    history.answers.pop()
    wrong = {tile: bytes(len(hashes)) for tile, hashes in sound.tiles.items()}
    assert "receipt_not_proven" in broken(looked_at(replace(sound, tiles=wrong), history))


def test_an_assertion_that_was_taken_twice_is_found(stored: Stored, history: History) -> None:
    """However the cache was lost in between."""
    history.replayed.append("assertion 7")

    assert broken(looked_at(stored, history)) == {"assertion_taken_twice"}


def test_an_outcome_that_came_late_is_not_one_too_many(stored: Stored, history: History) -> None:
    """Closed as unknown and then answered after all: both may stand, each once."""
    late = stored_of(
        intent(0, "res_1", "cns_once"),
        intent(1, "res_2", "cns_once", allowed=False),
        outcome(2, "res_2", "nothing_released"),
        outcome(3, "res_1"),
        outcome(4, "res_1", "unknown"),
    )
    assert looked_at(late, history).ok
    twice = stored_of(*late.entries.values(), outcome(5, "res_1", "unknown"))
    assert broken(looked_at(twice, history)) == {"written_twice"}


SLOTS = [
    ["kept", "filled", "A", "s0", "11111", [["f00", "f00", "i"]]],
    ["typed", "empty_at_source", None, None, "10000", [["f06", "f06", "w"]]],
]


def received(**changes: Any) -> Logged:
    """The entry of a form that was handed in: one slot kept, one typed and kept in the record, one disputed."""
    facts = {"submission": "smn_1", "snapshot": 1, "is_test": False, "subjects": {"applicant": "sub_1"}}
    facts |= {"slots": SLOTS, "kept": [["prv_1", "w"]], "disputes": [["dsp_1", "f00", "i", "s0"]]}
    return entry(4, "submission.received", "res_1", **facts | changes)


TAKEN = Handing(
    "res_1",
    "cns_once",
    "a body",
    3.0,
    4.0,
    200,
    answer={
        "id": "smn_1",
        "receipt": {"entry": "aud_4"},
        "fields": {"f00": {"disposition": "kept"}, "f06": {"disposition": "typed"}},
    },
)
ROWS = Rows(
    submissions=[("smn_1", "res_1", "aud_4")],
    snapshots=[("smn_1", 1, zlib.compress(json.dumps(SLOTS).encode()))],
    about=[("smn_1", "sub_1")],
    kept=[("prv_1", "smn_1", "aud_4")],
    tickets=[("dsp_1", "smn_1", "aud_4")],
)
LOGGED = (
    intent(0, "res_1", "cns_once"),
    received(),
    entry(5, "profile.kept", "", value="prv_1", submission="smn_1"),
)


def handed_in(
    *logged: Logged, rows: Rows = ROWS, handed: tuple[Handing, ...] = (TAKEN,), withdrawn: float | None = None
) -> set[str]:
    """The promises that were not kept when those entries, rows and tries stand beside one another."""
    entries = {each.id: each for each in logged or LOGGED}
    known = {} if withdrawn is None else {"cns_once": withdrawn}
    found = HandedIn(entries, rows, handed, known).violations()
    return {name for name, said in found.items() if said}


def test_the_check_finds_nothing_wrong_with_what_was_handed_in_rightly() -> None:
    """One entry, one row, all that belongs to them; sent again it was the same, other content was refused."""
    again = replace(TAKEN, sent=5.0, received=6.0)
    other = replace(again, content="other", status=409, code="already_submitted", answer={})
    cut = replace(TAKEN, status=CUT, answer={})

    assert handed_in() == set()
    assert handed_in(handed=(TAKEN, again, other, cut), withdrawn=4.5) == set()


@pytest.mark.parametrize(
    ("logged", "rows", "expected"),
    [
        (LOGGED[::2], ROWS, {"submission_unlogged", "submission_half_written"}),
        ((*LOGGED, replace(received(), id="aud_9")), ROWS, {"submission_unlogged", "submitted_twice", "submission_half_written"}),
        ((LOGGED[0], replace(received(), place=None), LOGGED[2]), ROWS, {"submission_unlogged"}),
        (LOGGED, replace(ROWS, submissions=()), {"submission_unlogged", "submission_half_written"}),
        (LOGGED, replace(ROWS, submissions=[*ROWS.submissions, ("smn_2", "res_1", "aud_4")]), {"submitted_twice", "submission_half_written"}),
        ((LOGGED[0], received(slots=SLOTS[:1]), LOGGED[2]), ROWS, {"submission_unlogged", "submission_half_written"}),
        (LOGGED[:2], ROWS, {"submission_half_written"}),
        (LOGGED, replace(ROWS, snapshots=()), {"submission_half_written"}),
        (LOGGED, replace(ROWS, about=()), {"submission_half_written"}),
        (LOGGED, replace(ROWS, kept=()), {"submission_half_written"}),
        (LOGGED, replace(ROWS, kept=[*ROWS.kept, ("prv_2", "smn_9", "aud_4")]), {"submission_half_written"}),
        (LOGGED, replace(ROWS, tickets=()), {"submission_half_written"}),
        (LOGGED, replace(ROWS, tickets=[("dsp_1", "smn_9", "aud_4")]), {"submission_half_written"}),
        (LOGGED, replace(ROWS, unemptied=["res_1"]), {"submission_half_written"}),
        (LOGGED, replace(ROWS, waiting=[("smn_1", 2)]), {"submission_half_written"}),
    ],
    ids=[
        "no entry", "two entries", "no place", "no row", "two rows", "other slots", "no entry of the value", "no snapshot",
        "no subject", "no value", "a value of nothing", "no ticket", "a ticket of another", "the answer still there",
        "to be counted without a snapshot",
    ],
)  # fmt: skip
def test_a_submission_that_is_not_one_whole_is_found(
    logged: tuple[Logged, ...], rows: Rows, expected: set[str]
) -> None:
    """Missing, twice, or with less or more than its entry tells of."""
    assert handed_in(*logged, rows=rows) == expected


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        (replace(TAKEN, answer=TAKEN.answer | {"id": "smn_2"}), {"another_answer", "submission_unlogged"}),
        (replace(TAKEN, answer=TAKEN.answer | {"kept": ["w"]}), {"another_answer"}),
        (replace(TAKEN, status=409, code="consent_ended", answer={}), {"another_answer"}),
        (replace(TAKEN, status=409, code="draft_changed", answer={}), set()),
        (replace(TAKEN, sent=5.0, received=6.0, status=409, code="draft_changed", answer={}), {"another_answer"}),
        (replace(TAKEN, status=503, answer={}), set()),
        (replace(TAKEN, content="other"), {"other_content_taken"}),
        (replace(TAKEN, content="other", status=409, code="consent_ended", answer={}), set()),
        (replace(TAKEN, content="other", sent=5.0, received=6.0, status=409, code="consent_ended"), {"other_content_taken"}),
        (replace(TAKEN, resolution="res_2", status=422, code="not_valid"), {"wrongly_refused"}),
    ],
    ids=[
        "another submission", "another answer", "refused", "told to send it again", "told so too late", "not there",
        "other content too", "other content refused", "refused for another reason", "refused though right",
    ],
)  # fmt: skip
def test_another_answer_to_the_same_or_the_same_to_other_content_is_found(
    beside: Handing, expected: set[str]
) -> None:
    """Who sends the same twice is told the same; other content is refused, once it can be known for that reason."""
    assert handed_in(handed=(TAKEN, beside)) == expected


@pytest.mark.parametrize(("withdrawn", "expected"), [(3.5, set()), (2.5, {"kept_after_withdrawal"})])
def test_a_value_kept_on_a_withdrawn_consent_is_found(withdrawn: float, expected: set[str]) -> None:
    """What was first sent after the withdrawal had been answered keeps nothing that stood on it; before, it may."""
    earlier = replace(TAKEN, sent=2.0, status=CUT, answer={})

    assert handed_in(withdrawn=withdrawn) == expected
    assert handed_in(handed=(TAKEN, earlier), withdrawn=withdrawn) == set()


async def test_what_the_roll_ups_have_and_the_log_has_not_is_told(tmp_path: Path) -> None:
    """A number that differs, or an application that the check knows of and the recount does not."""
    environment = {"ONCEGATE_STATE_DIR": str(tmp_path)}
    url = load_settings(environment).database_url
    migrate(url)
    assert (await asyncio.to_thread(recounted, environment, (), (0, 0))).differences == []
    short = await asyncio.to_thread(recounted, environment, (), (1, 7))
    key = RollupKey("form", "m", "torture", "", 20261100, "resident", "政务服务", "bench")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(rollup_state).values(id=1, live=0))
        zeros = dict.fromkeys(COUNTERS, 0) | {"applications": 1}
        connection.execute(insert(rollup).values(generation=0, **key._asdict(), **zeros))
    engine.dispose()

    told = (await asyncio.to_thread(recounted, environment, (), (0, 0))).differences

    assert short.differences == ["0 applications, 0 slots recounted of (1, 7) in the log"]
    assert "form torture: applications is 0 in the log, 1 in the roll-ups" in told


def test_every_kind_of_change_in_the_tables_is_tried_and_found(tmp_path: Path) -> None:
    """By the sequencer, which then signs nothing, or by the export and the verifier."""
    leaves = [intent(number, f"res_{number}", "cns_1") for number in range(300)]
    sound = stored_of(*leaves)
    early = grow(0, {}, [leaf_hash(each.leaf) for each in leaves[:250]])
    note = sign_note(Checkpoint(SIGNER.name, 250, early.root).text(), [SIGNER])
    sound = replace(sound, checkpoints=[(250, note), *sound.checkpoints])

    tampered = tamper_tables(sound, [SIGNER], tmp_path / "tables", seed=1, changes=2 * len(TABLE_KINDS))

    assert tampered.why == ""
    assert tampered.missed == []
    assert set(tampered.tried.values()) == {2}
    assert set(tampered.tried) == set(TABLE_KINDS)
    assert set(tampered.by) <= {"sequencer", "export", "verifier"}


def test_every_kind_of_tampering_is_tried_and_found(tmp_path: Path) -> None:
    """Of a log that grew in steps, each kind of change is tried and none is called sound."""
    leaves = [
        each.leaf
        for number in range(350)
        for each in (
            intent(2 * number, f"res_{number}", "cns_1"),
            outcome(2 * number + 1, f"res_{number}"),
        )
    ]
    roots = {size: grow(0, {}, [leaf_hash(leaf) for leaf in leaves[:size]]).root for size in (100, 620, 700)}
    notes = {
        size: sign_note(Checkpoint(SIGNER.name, size, root).text(), [SIGNER]) for size, root in roots.items()
    }
    bundle = tmp_path / "log.zip"
    write_bundle(
        bundle,
        checkpoint=notes[700],
        earlier=list(notes.items())[:2],
        keys=KEYS,
        entries=leaves,
        size=700,
    )

    tampered = tamper(bundle, [SIGNER], tmp_path, seed=1, mutations=300, on_whole=10)

    assert tampered.sound, tampered.why
    assert tampered.missed == []
    assert set(tampered.tried) == set(KINDS)
    assert sum(tampered.found.values()) == 310
