"""The offline check: a finished database held against what its clients were told.

It reads tables with plain SQL and folds the tree by itself; of the product it uses only what defines a leaf and opens
a signed note. Every promise has a name; a broken one is told with what broke it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text
from tlog_scales import tlog
from tlog_scales.signing import Vkey
from torture_handed import HandedIn, Rows, read_rows
from torture_storm import History

from gateway.audit.note import Checkpoint, Verifier, open_note
from gateway.audit.proofs import TlogProof
from gateway.audit.tree import EMPTY_ROOT, TileId, inclusion_proof, leaf_hash, node_hash, verify_inclusion

GUARD_BEHIND = 3


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry as it is stored. `place`: its index in the tree, None while it has none."""

    id: str
    kind: str
    request: str | None
    leaf: bytes
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database holds. `uses`: consent → uses left, of those that have a limit. `hashes`: level 0, in a row.

    `tiles`: every tile by level and index; without them proofs are not made, only those that were handed out checked.
    `handed`: what was handed in.
    """

    entries: Mapping[str, Logged]
    places: Sequence[tuple[int, str]]
    pending: Sequence[str] = ()
    uses: Mapping[str, int] = field(default_factory=dict)
    checkpoints: Sequence[tuple[int, str]] = ()
    hashes: bytes = b""
    tiles: Mapping[TileId, bytes] = field(default_factory=dict)
    handed: Rows = field(default_factory=Rows)


@dataclass(frozen=True, slots=True)
class Findings:
    """`violations`: promise → what broke it; every promise that was looked at is there.

    `intents_without_outcome`: expected after kills. `discarded`: outcomes that the second gate narrowed. `handed`: how
    much was handed in, and how much of it twice. `counted`: applications and slots of the log that are no test.
    """

    violations: Mapping[str, Sequence[str]]
    intents_without_outcome: int
    discarded: int
    handed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    counted: tuple[int, int] = (0, 0)

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.violations.values())


def read(url: str) -> Stored:
    """Everything the check needs, from the database at that SQLAlchemy URL."""
    engine = create_engine(url)
    with engine.connect() as connection:

        def rows(statement: str) -> list[Any]:
            return [tuple(row) for row in connection.execute(text(statement))]

        places = rows('SELECT "index", entry_id FROM audit_place ORDER BY "index"')
        at = {entry_id: index for index, entry_id in places}
        entries = {
            row[0]: Logged(row[0], row[1], row[2], bytes(row[3]), at.get(row[0]))
            for row in rows("SELECT id, kind, request, leaf FROM audit_entry")
        }
        tiles = rows('SELECT "level", "index", hashes FROM audit_tile ORDER BY "level", "index"')
        stored = Stored(
            entries,
            places,
            [row[0] for row in rows("SELECT entry_id FROM audit_pending")],
            dict(rows("SELECT id, uses_left FROM consent WHERE uses_left IS NOT NULL")),
            rows("SELECT size, note FROM audit_checkpoint ORDER BY size"),
            b"".join(bytes(row[2]) for row in tiles if row[0] == 0),
            {TileId(row[0], row[1]): bytes(row[2]) for row in tiles},
            read_rows(rows),
        )
    engine.dispose()
    return stored


def check(
    stored: Stored, history: History, keys: Sequence[str], guard: str, proofs: Iterable[tuple[str, str]]
) -> Findings:
    """What was promised, and what broke it. `keys`: of the log; `guard`: the note that the guard file holds."""
    verifiers = [Verifier.parse(key) for key in keys]
    intents, outcomes = _by_request(stored, "intent"), _by_request(stored, "outcome")
    handed = HandedIn(stored.entries, stored.handed, history.handed, history.withdrawn)
    return Findings(
        {
            "released_but_unlogged": list(_unlogged(stored, history, intents)),
            "released_after_withdrawal": list(_after_withdrawal(history)),
            "double_use": list(_double_uses(stored, history)),
            "uses_do_not_add_up": list(_wrong_uses(stored)),
            "places_not_contiguous": list(_wrong_places(stored)),
            "written_twice": [
                request
                for each in (intents, outcomes)
                for request, found in each.items()
                if _is_double(found)
            ],
            "outcome_without_intent": [request for request in outcomes if request not in intents],
            "bad_checkpoint": list(_bad_checkpoints(stored, verifiers, guard)),
            "bad_proof": list(_bad_proofs(stored, proofs, verifiers)),
            "receipt_not_proven": list(_unproven(stored, history, verifiers)),
            "assertion_taken_twice": list(history.replayed),
            **handed.violations(),
        },
        sum(request not in outcomes for request in intents),
        sum(bool(json.loads(each.leaf).get("discarded")) for found in outcomes.values() for each in found),
        handed.counts(),
        handed.counted(),
    )


def _by_request(stored: Stored, kind: str) -> Mapping[str, list[Logged]]:
    found: dict[str, list[Logged]] = defaultdict(list)
    for entry in stored.entries.values():
        if entry.kind == kind:
            found[entry.request or ""].append(entry)
    return found


def _is_double(entries: Sequence[Logged]) -> bool:
    """Whether one of them is one too many; an outcome that was taken for lost may come late, once."""
    results = Counter(json.loads(each.leaf).get("result") == "unknown" for each in entries)
    return max(results.values()) > 1


def _unlogged(stored: Stored, history: History, intents: Mapping[str, Sequence[Logged]]) -> Iterator[str]:
    """Values that somebody received without an outcome, as told, and an intent before it."""
    for answer in history.released:
        outcome = stored.entries.get(answer.entry)
        if outcome is None or (outcome.kind, outcome.request) != ("outcome", answer.resolution):
            yield f"{answer.resolution}: no outcome {answer.entry}"
        elif json.loads(outcome.leaf)["result"] != "released":
            yield f"{answer.resolution}: the outcome says that nothing was released"
        elif not any(_is_before(intent, outcome) for intent in intents.get(answer.resolution, ())):
            yield f"{answer.resolution}: no intent before its outcome"


def _is_before(intent: Logged, outcome: Logged) -> bool:
    return intent.place is not None and outcome.place is not None and intent.place < outcome.place


def _after_withdrawal(history: History) -> Iterator[str]:
    for answer in history.released:
        withdrawn = history.withdrawn.get(answer.consent)
        if withdrawn is not None and answer.sent > withdrawn:
            yield f"{answer.resolution}: sent {answer.sent - withdrawn:.3f} s after {answer.consent} was withdrawn"


def _uses(stored: Stored) -> Counter[str]:
    """Consent → how many intents have an allowed ask that stands on it."""
    used: Counter[str] = Counter()
    for entry in stored.entries.values():
        if entry.kind == "intent":
            asks = json.loads(entry.leaf)["asks"]
            used.update({ask[5].removeprefix("consent:") for ask in asks if ask[3] and ":" in ask[5]})
    return used


def _double_uses(stored: Stored, history: History) -> Iterator[str]:
    used = _uses(stored)
    told = Counter(answer.consent for answer in history.released)
    for consent in sorted(history.once | stored.uses.keys()):
        if used[consent] > 1 or told[consent] > 1:
            yield f"{consent}: used {used[consent]} times, released on {told[consent]} times"


def _wrong_uses(stored: Stored) -> Iterator[str]:
    """Every limited consent of the storm began with one use."""
    used = _uses(stored)
    for consent, left in stored.uses.items():
        if left < 0 or left + used[consent] != 1:
            yield f"{consent}: {left} uses left after {used[consent]}"


def _wrong_places(stored: Stored) -> Iterator[str]:
    for expected, (index, entry_id) in enumerate(stored.places):
        if index != expected:
            yield f"place {index} where {expected} belongs"
            return
        if entry_id not in stored.entries:
            yield f"place {index} has no entry"
    placed = Counter(entry_id for _, entry_id in stored.places)
    yield from (f"{entry_id} has {number} places" for entry_id, number in placed.items() if number > 1)
    yield from (f"{entry_id} has no place" for entry_id in stored.entries if entry_id not in placed)
    yield from (f"{entry_id} still waits" for entry_id in stored.pending)


def _bad_checkpoints(stored: Stored, verifiers: Sequence[Verifier], guard: str) -> Iterator[str]:
    leaves = [
        leaf_hash(stored.entries[entry_id].leaf)
        for _, entry_id in stored.places
        if entry_id in stored.entries
    ]
    roots = list(_roots(leaves))
    if b"".join(leaves) != stored.hashes:
        yield "the tiles do not hold the hashes of the entries"
    before = 0
    for size, note in stored.checkpoints:
        try:
            checkpoint = Checkpoint.parse(open_note(note, verifiers).text)
        except ValueError as error:
            yield f"checkpoint of {size}: {error}"
            continue
        if checkpoint.size != size or size <= before or size >= len(roots):
            yield f"checkpoint of {size}: states {checkpoint.size} after {before}, of {len(leaves)}"
        elif checkpoint.root != roots[size]:
            yield f"checkpoint of {size}: another root"
        before = size
    if before != len(leaves):
        yield f"{len(leaves)} entries, the newest checkpoint covers {before}"
    # A kill between commit and guard leaves it behind until the log grows again; each worker can do so once.
    if guard not in [note for _, note in stored.checkpoints[-GUARD_BEHIND:]]:
        yield "the guard file does not hold one of the newest checkpoints"


def _roots(leaves: Iterable[bytes]) -> Iterator[bytes]:
    """The root of every size from 0 on, by RFC 6962 section 2.1."""
    yield EMPTY_ROOT
    stack: list[bytes] = []
    for index, top in enumerate(leaves):
        while index & 1:
            top = node_hash(stack.pop(), top)
            index >>= 1
        stack.append(top)
        root = stack[-1]
        for left in reversed(stack[:-1]):
            root = node_hash(left, root)
        yield root


def _bad_proofs(
    stored: Stored, proofs: Iterable[tuple[str, str]], verifiers: Sequence[Verifier]
) -> Iterator[str]:
    for entry_id, written in proofs:
        try:
            proof, leaf = TlogProof.parse(written), leaf_hash(stored.entries[entry_id].leaf)
            proof.check(leaf, verifiers)
            _check_in_public(proof, leaf, _in_public(proof.checkpoint, verifiers))
        except (ValueError, KeyError, RuntimeError, tlog.InclusionProofInvalid) as error:
            yield f"{entry_id}: {error}"


def _unproven(stored: Stored, history: History, verifiers: Sequence[Verifier]) -> Iterator[str]:
    """Every receipt that was handed out, proven anew from the tiles under the newest checkpoint, by two verifiers."""
    if not stored.tiles or not stored.checkpoints:
        return
    size, note = stored.checkpoints[-1]
    try:
        checkpoint = _in_public(note, verifiers)
    except (ValueError, RuntimeError) as error:
        yield f"the newest checkpoint: {error}"
        return
    for answer in history.answers:
        entry = stored.entries.get(answer.entry)
        try:
            place, leaf = entry.place, leaf_hash(entry.leaf)  # type: ignore[union-attr]
            proof = TlogProof(place, inclusion_proof(place, size, stored.tiles), note)  # type: ignore[arg-type]
            if not verify_inclusion(leaf, proof.index, size, proof.hashes, checkpoint.root_hash):
                raise ValueError("our verifier does not find it in the tree")
            _check_in_public(proof, leaf, checkpoint)
        except (ValueError, TypeError, AttributeError, tlog.InclusionProofInvalid) as error:
            yield f"{answer.entry}: {error}"


def _in_public(note: str, verifiers: Sequence[Verifier]) -> tlog.Checkpoint:
    """The checkpoint as a verifier reads it that nobody here wrote (tlog-scales), its signature checked."""
    checkpoint = tlog.Checkpoint.from_text(note)
    checkpoint.verify(Vkey.from_string(verifiers[0].verifier_key))
    return checkpoint


def _check_in_public(proof: TlogProof, leaf: bytes, checkpoint: tlog.Checkpoint) -> None:
    public = tlog.InclusionProof(proof.index, checkpoint.size, list(proof.hashes))
    public.check(leaf, checkpoint.root_hash)
