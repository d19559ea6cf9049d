"""`oncegate report backfill|recount|rebuild|baseline` on a small installation of its own."""

import asyncio
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from field_registry import Registry, SubjectKind
from field_registry.outcomes import Disposition, OutcomeCode, Tier
from forms.definition import Field, Form, Role
from gateway.app import make_runtime
from gateway.audit.entries import make_entry
from gateway.cli import app
from gateway.curation.publish import Publisher
from gateway.errors import NotFound, NotValid
from gateway.records import EntryKind, GateRequest, GateWrite, Submission, SubmissionWrite
from gateway.reports.baselines import current_baseline, freeze_baseline
from gateway.settings import Settings
from gateway.slots import Slot, Snapshot
from gateway.store.migrate import migrate
from gateway.submissions.noting import snapshot_facts
from policies import Policy, Purpose

AT = datetime(2026, 10, 1, 4, tzinfo=UTC)
KEPT = Slot(
    *("name", "name", "person.name", "civil", OutcomeCode.filled, Tier.A, Disposition.kept),
    *(True, True, False, True, True),
)
TYPED = Slot("phone", "phone", None, None, OutcomeCode.no_binding, None, Disposition.typed)
FORM = Form(
    *("review", 1, "车辆年审", "transport", "transport", "交通运输"),
    fields=(Field("name", "姓名"), Field("phone", "电话")),
    roles=(Role("applicant", "申请人", frozenset({SubjectKind.person})),),
)


def run(directory, *arguments):
    """The command in this process: exit code, standard output, standard error."""
    command = ["report", *(str(each) for each in arguments), "--state", directory]
    result = CliRunner().invoke(app, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def told(directory, *arguments, code=0):
    """The same as JSON."""
    found, printed, said = run(directory, *arguments, "--json")
    assert found == code, said
    return json.loads(printed)


async def furnish(config):
    """Three applications, one of them corrected, each with its entry."""
    runtime = make_runtime(config)
    try:
        publisher = Publisher(runtime.store, "test", AT, runtime.new_reference)
        await publisher.registry(Registry.of(0, items=(), sources=(), bindings=()))
        await publisher.policy(Policy.of(0, [Purpose("transport", "车辆年审")], ()))
        await publisher.form(FORM)
        for number in range(3):
            snapshot = Snapshot(
                *(f"smn_{number}", 1, AT + timedelta(days=number), "review", 1, "transport", "交通运输"),
                *("resident", 1, 1, (KEPT, TYPED)),
            )
            made = Submission(
                *(snapshot.submission_id, f"res_{number}", "hall", "交通运输", "review", 1, snapshot.at),
                *("aud_0", "d" * 64, {}, snapshot.at),
            )
            write = GateWrite(
                noted(EntryKind.submission_received, snapshot, runtime),
                None,
                submission=SubmissionWrite(made, snapshot, was_purged=True),
            )
            await runtime.store.gates.commit([GateRequest((), lambda _, write=write: write)])
        later = replace(snapshot, number=2, at=AT + timedelta(days=40), slots=(KEPT,))
        entry = noted(EntryKind.submission_corrected, later, runtime)
        assert await runtime.store.submissions.correct(later, entry)
    finally:
        await runtime.ledger.drain()
        await runtime.store.close()


def noted(kind, snapshot, runtime):
    """Its entry."""
    entry_id = runtime.new_reference("aud", snapshot.at)
    facts = snapshot_facts(snapshot)
    return make_entry(entry_id, kind, snapshot.at, caller="hall", request=None, facts=facts)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The state directory of an installation."""
    config = Settings(state_dir=tmp_path)
    migrate(config.database_url)
    asyncio.run(furnish(config))
    return tmp_path


def test_the_report_counts_what_waits_and_prints_rates_with_counts(directory):
    """For people: *rate (numerator/denominator)*, micro and macro, then the tables."""
    code, printed, _ = run(directory, "backfill", "--by", "form,field")

    assert code == 0
    assert "60.0 % (3/5)" in printed
    assert "60.0 % (1 forms)" in printed
    assert "by field" in printed
    assert "车辆年审" in printed


def test_the_report_for_machines_is_that_of_the_api(directory):
    """Definition, period, total and tables; a period takes part of it."""
    whole = told(directory, "backfill", "--by", "month")
    first = told(directory, "backfill", "--from", "2026-10-01", "--to", "2026-10-02")

    assert whole["definition"] == "rates/1"
    assert whole["total"]["rates"]["M4"] == {"rate": 0.6, "numerator": 3, "denominator": 5}
    assert [row["key"] for row in whole["sections"][0]["rows"]] == ["2026-10"]
    assert first["total"]["applications"] == 1
    assert told(directory, "backfill", "--public")["total"]["withheld"]


@pytest.mark.parametrize(
    "wrong", [("--by", "nothing"), ("--rates", "M99"), ("--from", "October"), ("--by", "")]
)
def test_what_is_not_understood_is_wrong_use(directory, wrong):
    """Exit 2, with what there is to choose from."""
    code, _, said = run(directory, "backfill", *wrong)

    assert code == 2
    assert said


def test_a_recount_agrees_and_says_how_much_it_counted(directory):
    """Exit 0, equal to the slot; the later snapshot of a corrected application counts."""
    assert told(directory, "recount") == {
        "applications": 3,
        "slots": 5,
        "cells": 13,
        "sealed": 0,
        "bundle_ends": None,
        "is_behind": False,
        "equal": True,
        "differences": [],
    }
    assert "equal, to the slot" in run(directory, "recount", "--from", "2026-10-02")[1]


def test_a_recount_of_an_exported_log_agrees(directory, tmp_path):
    """From the bundle alone, as a file and unpacked; a file that is none is refused."""
    bundle = tmp_path / "log.zip"
    exported = CliRunner().invoke(app, ["audit", "export", "--out", str(bundle), "--state", str(directory)])
    assert exported.exit_code == 0, exported.stderr
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "unpacked")

    for at in (bundle, tmp_path / "unpacked"):
        done = told(directory, "recount", "--bundle", at)
        assert (done["slots"], done["is_behind"]) == (5, False)
    (tmp_path / "letter").write_text("Dear auditor,")
    assert run(directory, "recount", "--bundle", tmp_path / "letter")[0] == 1


def test_a_bundle_that_ends_too_early_says_so(directory, tmp_path):
    """Applications came after the export: the sentence names the bundle's end, beside what differs."""
    bundle = tmp_path / "log.zip"
    CliRunner().invoke(app, ["audit", "export", "--out", str(bundle), "--state", str(directory)])
    asyncio.run(hand_in_later(Settings(state_dir=directory)))

    code, printed, _ = run(directory, "recount", "--bundle", bundle)
    done = told(directory, "recount", "--bundle", bundle, code=1)

    assert code == 1
    assert f"The bundle ends at {done['bundle_ends']}" in printed
    assert done["is_behind"]
    assert done["bundle_ends"].endswith("Z")
    before = told(directory, "recount", "--bundle", bundle, "--to", "2026-10-04")
    assert (before["equal"], before["is_behind"]) == (True, False)


async def hand_in_later(config):
    """One application more, long after the others."""
    runtime = make_runtime(config)
    try:
        at = AT + timedelta(days=4_000)
        snapshot = Snapshot(
            *("smn_9", 1, at, "review", 1, "transport", "交通运输", "resident", 1, 1, (KEPT, TYPED))
        )
        made = Submission(*("smn_9", "res_9", "hall", "交通运输", "review", 1, at, "aud_0", "d" * 64, {}, at))
        entry = noted(EntryKind.submission_received, snapshot, runtime)
        write = GateWrite(entry, None, submission=SubmissionWrite(made, snapshot, was_purged=True))
        await runtime.store.gates.commit([GateRequest((), lambda _: write)])
    finally:
        await runtime.ledger.drain()
        await runtime.store.close()


def test_what_cannot_be_reported_is_said(directory):
    """A period that ends before it begins, an unknown form, an unknown segment: exit 1, with what there is."""
    for wrong, why in (
        (("--from", "2026-11-01", "--to", "2026-10-01"), "must lie before"),
        (("--form", "none"), "Published forms: review"),
        (("--segment", "martian"), "Segments: resident"),
    ):
        code, _, said = run(directory, "backfill", *wrong)
        assert code == 1
        assert why in " ".join(said.split())


def test_a_difference_is_exit_one_and_is_named(directory):
    """The database was altered behind our back: the cell, what the log says, what the roll-ups say."""
    told(directory, "backfill")
    altered = "UPDATE rollup SET typed = typed + 1 WHERE dimension = 'field' AND key = 'phone'"
    execute(directory, altered)

    code, printed, _ = run(directory, "recount")

    assert code == 1
    assert "field review / phone: typed is 2 in the log, 3 in the roll-ups" in printed
    assert not told(directory, "recount", code=1)["equal"]


def test_rebuilding_puts_the_roll_ups_right(directory):
    """Counted anew from the snapshots, an altered roll-up is what it was, and agrees with the log."""
    told(directory, "backfill")
    execute(directory, "UPDATE rollup SET typed = 77")

    assert told(directory, "rebuild") == {"counted": 4, "folded": 0}

    assert told(directory, "recount")["equal"]
    assert told(directory, "backfill")["total"]["counts"]["typed"] == 2
    assert "4 snapshots counted anew" in run(directory, "rebuild")[1]


def execute(directory, statement):
    """What a stranger with access to the database does."""
    import sqlite3

    connection = sqlite3.connect(directory / "oncegate.db")
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_baseline_is_frozen_listed_and_never_changed(directory):
    """Named and dated; the same name again is refused, another name takes its place."""
    frozen = told(directory, "baseline", "add", "review", "paper-2025", "2025-12-31", 20)
    again = run(directory, "baseline", "add", "review", "paper-2025", "2025-12-31", 25)
    run(directory, "baseline", "add", "review", "online-2026", "2026-06-30", 18)

    assert (frozen["form"], frozen["slots"], frozen["dated"]) == ("review", 20, "2025-12-31")
    assert again[0] == 1
    assert "name paper-2025 is taken: review" in " ".join(again[2].split())
    assert frozen["frozen_at"].endswith("Z")
    listed = told(directory, "baseline", "list")["baselines"]
    assert [(each["name"], each["slots"]) for each in listed] == [("online-2026", 18), ("paper-2025", 20)]
    assert "paper-2025" in run(directory, "baseline", "list")[1]


@pytest.mark.parametrize(
    "wrong",
    [
        ("none", "paper", "2025-12-31", 20),
        ("review", "纸", "2025-12-31", 20),
        ("review", "paper", "2999-01-01", 20),
        ("review", "paper", "2025-12-31", 10_001),
    ],
)
def test_a_baseline_that_cannot_be_one_is_refused(directory, wrong):
    """An unknown form, a name that is none, a day to come, more slots than any form has."""
    code, _, said = run(directory, "baseline", "add", *wrong)

    assert code == 1
    assert said
    assert told(directory, "baseline", "list")["baselines"] == []


async def test_a_baseline_counts_from_its_freezing_on(tmp_path):
    """What was remembered of the form is forgotten at once where it was frozen; elsewhere within a minute."""
    config = Settings(state_dir=tmp_path)
    await asyncio.to_thread(migrate, config.database_url)
    now = [AT]
    runtime = make_runtime(config, clock=lambda: now[0])
    other = make_runtime(config, clock=lambda: now[0])
    publisher = Publisher(runtime.store, "test", AT, runtime.new_reference)
    await publisher.form(FORM)
    await runtime.library.refresh(AT)
    assert [await current_baseline("review", each) for each in (runtime, other)] == [None, None]

    await freeze_baseline("review", "paper-2025", AT.date(), 20, runtime, caller="oncegate")

    assert [await current_baseline("review", each) for each in (runtime, other)] == [20, None]
    now[0] += timedelta(minutes=1)
    assert await current_baseline("review", other) == 20
    with pytest.raises(NotFound):
        await freeze_baseline("none", "paper-2025", AT.date(), 20, runtime, caller="oncegate")
    with pytest.raises(NotValid):
        await freeze_baseline("review", "a b", AT.date(), 20, runtime, caller="oncegate")
    entries = await runtime.store.entries.find(request=None, after="", limit=10)
    assert [entry.kind for entry in entries if entry.kind is EntryKind.baseline_frozen] == ["baseline.frozen"]
    for each in (runtime, other):
        await each.store.close()
