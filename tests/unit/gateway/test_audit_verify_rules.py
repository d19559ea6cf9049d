"""What the verifier makes of the order of records: outcomes, late ones, answers read again, consents that had ended."""

from pathlib import Path
from typing import Any

import pytest

from gateway.audit.bundle import write_bundle
from gateway.audit.entries import canonical
from gateway.audit.note import Checkpoint, Signer, sign_note
from gateway.audit.tree import grow, leaf_hash
from gateway.audit.verify import Report, verify_bundle

LOG = Signer.from_seed("log.example/a", bytes(range(32)))
NONE = ""


def verdict(directory: Path, *records: dict[str, Any]) -> Report:
    """Of a log of these records."""
    leaves = [canonical({"id": f"aud_{number}", "at": "t", **told}) for number, told in enumerate(records)]
    grown = grow(0, {}, [leaf_hash(leaf) for leaf in leaves])
    note = sign_note(Checkpoint(LOG.name, grown.size, grown.root).text(), [LOG])
    path = directory / "log.zip"
    write_bundle(path, checkpoint=note, earlier=[], keys=[LOG.verifier_key], entries=leaves, size=len(leaves))
    return verify_bundle(path, [LOG.verifier_key])


def intent(request: str = "res_1", *consents: str) -> dict[str, Any]:
    """An intent whose asks rest on these consents."""
    asks = [["applicant", "s", ["i"], True, "R-1", f"consent:{consent}"] for consent in consents]
    return {"kind": "intent", "request": request, "asks": asks}


def outcome(result: str = "released", request: str = "res_1", **more: Any) -> dict[str, Any]:
    """How it ended."""
    return {"kind": "outcome", "request": request, "result": result, **more}


def reread(result: str = "released", request: str = "res_1") -> dict[str, Any]:
    """The answer, asked for again."""
    return {"kind": "outcome.reread", "request": request, "result": result}


def consent(what: str, consent_id: str = "cns_1") -> dict[str, Any]:
    """A step of a consent."""
    return {"kind": f"consent.{what}", "request": consent_id}


UNKNOWN = outcome("unknown")


@pytest.mark.parametrize(
    ("records", "index", "says"),
    [
        ([outcome()], 0, "without an intent"),
        ([intent(), outcome(), outcome()], 2, "second outcome"),
        ([intent(), outcome(), outcome("withheld")], 2, "second outcome"),
        ([intent(), UNKNOWN, UNKNOWN], 2, "second outcome"),
        ([intent(), UNKNOWN, outcome(), outcome()], 3, "second outcome"),
        ([intent(), outcome(), UNKNOWN, UNKNOWN], 3, "second outcome"),
        ([intent(), outcome(request="res_2")], 1, "without an intent"),
        ([reread()], 0, "never answered"),
        ([intent(), reread()], 1, "never answered"),
        ([intent(), UNKNOWN, reread()], 2, "never answered"),
        ([consent("withdrawn"), intent("res_1", "cns_1")], 1, "consent cns_1 after it was withdrawn"),
        ([consent("terminated"), intent("res_1", "cns_1")], 1, "consent cns_1"),
        ([consent("invalidated"), intent("res_1", "cns_1")], 1, "consent cns_1"),
        ([consent("paused"), intent("res_1", "cns_0", "cns_1")], 1, "paused"),
        ([intent("res_1", "cns_1"), outcome(), consent("withdrawn"), reread()], 3, "withdrawn"),
        ([intent("res_1", "cns_0", "cns_1"), outcome(), consent("paused"), reread()], 3, "paused"),
        (
            [intent("res_1", "cns_1"), outcome(rests=["cns_1"]), consent("withdrawn"), reread()],
            3,
            "withdrawn",
        ),
        (
            [intent("res_1", "cns_1"), outcome(), consent("withdrawn"), consent("resumed"), reread()],
            4,
            "withdrawn",
        ),
    ],
)
def test_what_breaks_a_promise_is_named(
    tmp_path: Path, records: list[dict[str, Any]], index: int, says: str
) -> None:
    """The record, by its place, in words that say what is wrong with it."""
    report = verdict(tmp_path, *records)

    assert not report.ok
    assert report.first_bad is not None
    assert report.first_bad.index == index
    assert says in report.first_bad.why


@pytest.mark.parametrize(
    ("records", "warns"),
    [
        ([intent(), outcome()], NONE),
        ([intent(), UNKNOWN], NONE),
        ([intent(), outcome(), reread(), reread("withheld")], NONE),
        ([intent(), UNKNOWN, outcome()], "real outcome too"),
        ([intent(), outcome(), UNKNOWN], "real outcome too"),
        ([intent(), UNKNOWN, outcome(), reread()], "real outcome too"),
        ([intent()], "have no outcome"),
        ([intent("res_1", "cns_1"), consent("withdrawn"), outcome()], NONE),
        ([intent("res_1", "cns_1"), outcome(), consent("withdrawn"), reread("withheld")], NONE),
        ([intent("res_1", "cns_1"), outcome(), consent("paused"), consent("resumed"), reread()], NONE),
        ([consent("withdrawn", "cns_2"), intent("res_1", "cns_1"), outcome(), reread()], NONE),
        ([intent("res_1", "cns_1"), consent("withdrawn"), outcome(rests=[]), reread()], NONE),
        ([consent("expired"), consent("withdrawn"), intent("res_1"), outcome(), reread()], NONE),
    ],
)
def test_what_breaks_none_is_sound(tmp_path: Path, records: list[dict[str, Any]], warns: str) -> None:
    """What a process that died leaves behind is explained; everything else is told without a word."""
    report = verdict(tmp_path, *records)

    assert report.ok, report.lines("en")
    told = " ".join(each.en for each in report.warnings)
    assert warns in told
    assert bool(told) is bool(warns)


def test_another_tree_is_not_opened_in_the_middle(tmp_path: Path) -> None:
    """Such a record stands first in a tree, or somebody slipped it in."""
    report = verdict(tmp_path, consent("given"), {"kind": "log.shard_opened"})

    assert report.first_bad is not None
    assert (report.first_bad.index, report.ok) == (1, False)
