"""The offline check of what was handed in: rows and entries held against one another and against what clients were told.

A form that was taken is one entry with a place, one row, one snapshot, and everything the entry tells of: nothing more,
nothing twice, nothing half written.
"""

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

from torture_desk import CUT, Handing

Row = tuple[Any, ...]


class Entry(Protocol):
    """An entry as it is stored (`torture_check.Logged`)."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def request(self) -> str | None: ...
    @property
    def leaf(self) -> bytes: ...
    @property
    def place(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database holds of submissions.

    `submissions`: id, resolution, entry. `snapshots`: submission, number, slots as their column has them. `about`:
    submission, subject. `kept`, `tickets`: id, submission, entry. `unemptied`: resolutions that were handed in and
    still hold their answer. `waiting`: submission and number of snapshots that are in no roll-up yet.
    """

    submissions: Sequence[Row] = ()
    snapshots: Sequence[Row] = ()
    about: Sequence[Row] = ()
    kept: Sequence[Row] = ()
    tickets: Sequence[Row] = ()
    unemptied: Sequence[str] = ()
    waiting: Sequence[Row] = ()


_UNEMPTIED = """SELECT submission.resolution_id FROM submission
    JOIN resolution ON resolution.id = submission.resolution_id WHERE resolution.sealed IS NOT NULL"""


# A value has one open ticket: who says the same again joins it, by a step that names the submission.
_TICKETS = """SELECT id, submission_id, entry_id FROM dispute
    UNION ALL SELECT dispute_id, submission_id, entry_id FROM dispute_event WHERE submission_id IS NOT NULL"""


def read_rows(rows: Callable[[str], list[Any]]) -> Rows:
    """All of it. `rows`: what a statement selects."""
    return Rows(
        rows("SELECT id, resolution_id, entry_id FROM submission"),
        [
            (submission, number, bytes(slots))
            for submission, number, slots in rows("SELECT submission_id, number, slots FROM snapshot")
        ],
        rows("SELECT submission_id, subject_ref FROM submission_subject"),
        rows("SELECT id, submission_id, entry_id FROM profile_value"),
        rows(_TICKETS),
        [row[0] for row in rows(_UNEMPTIED)],
        rows("SELECT submission_id, number FROM snapshot_uncounted"),
    )


@dataclass(frozen=True)
class HandedIn:
    """Everything that is held against one another. `withdrawn`: consent → when its withdrawal had been answered."""

    entries: Mapping[str, Entry]
    rows: Rows
    handed: Sequence[Handing]
    withdrawn: Mapping[str, float] = field(default_factory=dict)

    def violations(self) -> dict[str, list[str]]:
        """Promise → what broke it."""
        return {
            "submission_unlogged": list(self._unlogged()),
            "submitted_twice": list(self._twice()),
            "submission_half_written": list(self._half_written()),
            "another_answer": list(self._other_answers()),
            "other_content_taken": list(self._other_content()),
            "kept_after_withdrawal": list(self._kept_after_withdrawal()),
            "wrongly_refused": [
                f"{each.resolution}: {each.status} {each.code}" for each in self.handed if _is_wrong(each)
            ],
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """How much was tried, for the results."""
        slots = Counter(group[0] for _, leaf in self.received for group in leaf["slots"] for _ in group[5])
        taken = self._taken
        several = [self._by_resolution[resolution] for resolution in taken]
        refused = Counter(each.code for each in self.handed if each.status == 409)
        return {
            "submissions": {
                "tries": len(self.handed),
                "cut_off": sum(each.status == CUT for each in self.handed),
                "answered": len(taken),
                "rows": len(self.rows.submissions),
                "edited_slots": slots["edited"],
                "kept_values": len(self.rows.kept),
                "disputes": len(self.rows.tickets),
                "after_withdrawal": sum(self._came_late(each) for each in taken),
                "consent_ended": refused["consent_ended"],
            },
            "twice": {
                "same_answer": sum(sum(each.is_taken for each in tries) > 1 for tries in several),
                "at_once": sum(_overlap([each for each in tries if each.is_taken]) for tries in several),
                "other_content_refused": refused["already_submitted"],
            },
        }

    def counted(self) -> tuple[int, int]:
        """How many applications and slots the log tells of, tests apart."""
        leaves = [leaf for _, leaf in self.received if not leaf["is_test"]]
        return len(leaves), sum(len(group[5]) for leaf in leaves for group in leaf["slots"])

    @cached_property
    def received(self) -> Sequence[tuple[Entry, Mapping[str, Any]]]:
        """Every entry that tells of a submission, with its leaf."""
        return self._told("submission.received")

    def _told(self, kind: str) -> Sequence[tuple[Entry, Mapping[str, Any]]]:
        return [(each, json.loads(each.leaf)) for each in self.entries.values() if each.kind == kind]

    @cached_property
    def _by_submission(self) -> Mapping[str, list[tuple[Entry, Mapping[str, Any]]]]:
        return _grouped(self.received, lambda each: each[1]["submission"])

    @cached_property
    def _by_resolution(self) -> Mapping[str, list[Handing]]:
        return _grouped(self.handed, lambda each: each.resolution)

    @cached_property
    def _taken(self) -> Mapping[str, Handing]:
        """Resolution → the answer that came first."""
        taken: dict[str, Handing] = {}
        for each in sorted((each for each in self.handed if each.is_taken), key=lambda each: each.received):
            taken.setdefault(each.resolution, each)
        return taken

    def _unlogged(self) -> Iterator[str]:
        """Submissions that were answered without one placed entry and one row that say the same."""
        rows = Counter(self.rows.submissions)
        for each in filter(lambda each: each.is_taken, self.handed):
            made, entry_id = each.answer["id"], each.answer["receipt"]["entry"]
            told = self._by_submission.get(made, [])
            if len(told) != 1 or told[0][0].place is None:
                yield f"{made}: {len(told)} entries, {sum(e.place is not None for e, _ in told)} with a place"
            elif (told[0][0].id, told[0][0].request) != (entry_id, each.resolution):
                yield f"{made}: answered as {entry_id} of {each.resolution}, logged as {told[0][0].id}"
            elif _dispositions(told[0][1]) != {
                path: slot["disposition"] for path, slot in each.answer["fields"].items()
            }:
                yield f"{made}: the log tells of other slots than the answer"
            if rows[made, each.resolution, entry_id] != 1:
                yield f"{made}: {rows[made, each.resolution, entry_id]} rows"

    def _twice(self) -> Iterator[str]:
        logged = Counter(entry.request for entry, _ in self.received)
        written = Counter(row[1] for row in self.rows.submissions)
        for resolution in sorted({*logged, *written} - {None}, key=str):
            if logged[resolution] > 1 or written[resolution] > 1:
                yield f"{resolution}: {logged[resolution]} entries, {written[resolution]} rows"

    def _half_written(self) -> Iterator[str]:
        """What one place tells of a submission and another does not."""
        logged = [(leaf["submission"], entry.request, entry.id) for entry, leaf in self.received]
        yield from _unlike("submission", logged, self.rows.submissions)
        snapshots = [(leaf["submission"], leaf["snapshot"], _slots(leaf)) for _, leaf in self.received]
        stored = [(*row[:2], json.dumps(json.loads(zlib.decompress(row[2])))) for row in self.rows.snapshots]
        yield from _unlike("snapshot", snapshots, stored)
        about = {(leaf["submission"], ref) for _, leaf in self.received for ref in leaf["subjects"].values()}
        yield from _unlike("subject of", about, self.rows.about)
        yield from _unlike("value kept with", self._named("kept"), self.rows.kept)
        yield from _unlike("ticket of", self._named("disputes"), self.rows.tickets)
        told = [(leaf["value"], leaf["submission"]) for _, leaf in self._told("profile.kept")]
        yield from _unlike("entry of the value", told, [row[:2] for row in self.rows.kept])
        yield from (
            f"{resolution}: handed in, and its answer still there" for resolution in self.rows.unemptied
        )
        snapshot_ids = {row[:2] for row in self.rows.snapshots}
        yield from (
            f"{row}: to be counted, and no snapshot" for row in self.rows.waiting if row not in snapshot_ids
        )

    def _named(self, what: str) -> list[Row]:
        """What the entries say was kept or disputed with them: id, submission, entry."""
        return [
            (each[0], leaf["submission"], entry.id) for entry, leaf in self.received for each in leaf[what]
        ]

    def _other_answers(self) -> Iterator[str]:
        """The same content sent again, and another answer to it than the first."""
        for each, first in self._beside_the_first():
            if each.content != first.content:
                continue
            if each.is_taken and each.answer != first.answer:
                yield f"{each.resolution}: {first.answer.get('id')} became {each.answer.get('id')}"
            # Told to send it again, and that was taken: as long as it was sent before anybody knew.
            elif not each.is_taken and (each.code != "draft_changed" or each.sent > first.received):
                after = f"sent {each.sent - first.received:+.3f} s after that was known"
                yield f"{each.resolution}: taken as {first.answer['id']}, else {each.status} {each.code}, {after}"

    def _other_content(self) -> Iterator[str]:
        """Other content than what was taken, and not refused for that."""
        for each, first in self._beside_the_first():
            if each.content == first.content:
                continue
            is_known = each.sent > first.received
            if each.status != 409 or (is_known and each.code != "already_submitted"):
                yield f"{each.resolution}: other content than {first.answer['id']} was told {each.status} {each.code}"

    def _beside_the_first(self) -> Iterator[tuple[Handing, Handing]]:
        """Every other try that the gateway answered by itself, with the one that was taken first."""
        for resolution, first in self._taken.items():
            for each in self._by_resolution[resolution]:
                if each is not first and each.status not in (CUT, 503):
                    yield each, first

    def _kept_after_withdrawal(self) -> Iterator[str]:
        """Slots counted `kept` on a consent whose withdrawal had been answered before anything was sent."""
        intents = {
            entry.request: leaf["asks"]
            for entry, leaf in self._told("intent")
            if entry.request in self._by_resolution
        }
        for entry, leaf in self.received:
            if not self._came_late(entry.request or ""):
                continue
            ended = {ref for ref, at in self.withdrawn.items() if at < self._first_sent(entry.request or "")}
            for path, consent in _kept_on(leaf, intents.get(entry.request, ())):
                if consent in ended:
                    yield f"{leaf['submission']}: {path} kept on {consent}, which had been withdrawn"

    def _came_late(self, resolution: str) -> bool:
        """Whether every try was sent when the consent's withdrawal had been answered."""
        tries = self._by_resolution.get(resolution, ())
        return bool(tries) and all(each.sent > self.withdrawn.get(each.consent, each.sent) for each in tries)

    def _first_sent(self, resolution: str) -> float:
        return min(each.sent for each in self._by_resolution[resolution])


def _kept_on(leaf: Mapping[str, Any], asks: Iterable[Sequence[Any]]) -> Iterator[tuple[str, str]]:
    """Slots that were kept, each with the consent that its source was asked on."""
    footing = {
        (source, item): under.removeprefix("consent:")
        for _, source, items, allowed, _, under in asks
        if allowed
        for item in items
    }
    for disposition, _, tier, source, _, slots in leaf["slots"]:
        if disposition == "kept" and tier is not None:
            yield from ((path, footing.get((source, item), "")) for path, _, item in slots)


def _dispositions(leaf: Mapping[str, Any]) -> dict[str, str]:
    return {slot[0]: group[0] for group in leaf["slots"] for slot in group[5]}


def _slots(leaf: Mapping[str, Any]) -> str:
    return json.dumps(leaf["slots"])


def _unlike(what: str, logged: Iterable[Row], stored: Iterable[Row]) -> Iterator[str]:
    """What is told and not stored, or stored and not told, or either twice."""
    told, there = Counter(map(tuple, logged)), Counter(map(tuple, stored))
    for row in sorted({*told, *there}, key=str):
        if (told[row], there[row]) != (1, 1):
            yield f"{what} {row[:2]}: {told[row]} in the log, {there[row]} in the tables"


def _overlap(tries: Sequence[Handing]) -> bool:
    """Whether two of them were under way at one time."""
    by_time = sorted(tries, key=lambda each: each.sent)
    return any(later.sent < each.received for each, later in pairwise(by_time))


def _is_wrong(each: Handing) -> bool:
    """Whether what is well formed was refused: all that is handed in here can be taken, unless somebody was first."""
    return each.status not in (CUT, 200, 409, 503)


def _grouped(many: Iterable[Any], key: Callable[[Any], str]) -> Mapping[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for each in many:
        grouped[key(each)].append(each)
    return grouped
