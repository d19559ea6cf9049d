"""Handing checkpoints to the witnesses that the settings name, and keeping what they sign (C2SP tlog-witness).

A witness that signs nothing stops nothing: the log goes on, and /readyz says which one lags. One that says it saw
another history is an entry too, for one of the two logs it was shown is forged.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.errors import BadConfiguration, SourceFault
from connectors.http import HttpClient
from connectors.http_messages import HttpAnswer, HttpRequest
from connectors.protocol import Environment
from gateway.audit.cosigning import add_cosignatures
from gateway.audit.handing_in import request_body
from gateway.audit.note import BadKey, BadNote, Verifier, parse_number, signature_lines
from gateway.audit.noting import note
from gateway.audit.reading import Signed, newest
from gateway.audit.shards import keys_in_shard
from gateway.audit.tree import HASH_BYTES, TileId, consistency_proof, consistency_tiles, width
from gateway.errors import BadRequest, BadSettings, Conflict, NotFound
from gateway.ports import TreeLog
from gateway.records import EntryKind
from gateway.runtime import Runtime
from gateway.telemetry import get_logger

log = get_logger(__name__)

_SECONDS = 10.0
_PATH = "/add-checkpoint"
_TRIES = 3


class Line(Protocol):
    """The way to one witness; `connectors.http.HttpClient` is one."""

    async def send(self, request: HttpRequest, deadline: float) -> HttpAnswer:
        """The answer. Raises `SourceFault`."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


@dataclass(slots=True, eq=False)
class _Witness:
    """One witness. `known`: (tree, size) it was seen to know. `current`: when it had cosigned the log as it was.

    `trouble`: why it does not cosign, one word; "" while it does. `is_told`: there is an entry about it.
    """

    address: str
    verifier: Verifier
    current: float
    known: tuple[int, int] = (1, 0)
    trouble: str = ""
    is_told: bool = False
    line: Line | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    """The witness does not cosign. `why`: one word. `known`: the size it says it knows, None where it does not say."""

    why: str
    known: int | None = None


_TOLD = {
    "forked": "saw another log of that size under our key: two histories exist, one of them forged",
    "ahead": "saw more of this log than there is: the database is not the one that was witnessed",
    "not_extended": "was not shown that the log grew from what it saw",
    "unknown_log": "does not know this log, or this tree of it; let it look by itself once, and compare keys",
    "not_cosigned": "answered with no cosignature by its own key",
    "unreachable": "cannot be reached",
}


class Witnessing:
    """What hands in. Raises `BadSettings` for a witness' key that is none."""

    def __init__(
        self,
        runtime: Runtime,
        keys: Sequence[str],
        open_line: Callable[[str], Line],
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime, self._keys, self._open_line, self._steady = runtime, keys, open_line, steady
        self._witnesses = [
            _Witness(address.rstrip("/"), _cosigner(key), steady())
            for address, key in runtime.settings.log_witnesses.items()
        ]

    async def run(self) -> int:
        """Hand the newest checkpoint to every witness that has not cosigned it; how many did now.

        Raises `StoreUnavailable`.
        """
        signed = await newest(self._runtime.store.log, self._keys) if self._witnesses else None
        if signed is None or signed.checkpoint.size == 0:
            return 0
        return sum(await asyncio.gather(*(self._hand_in(each, signed) for each in self._witnesses)))

    def warnings(self) -> list[str]:
        """What the readiness check says: every witness that lags or refuses, and whether too few keep up."""
        longest, now = self._runtime.settings.log_witness_lag.total_seconds(), self._steady()
        lagging = [each for each in self._witnesses if now - each.current > longest]
        said = [_said(each, now) for each in self._witnesses if each in lagging or each.is_told]
        wanted, keeping_up = self._runtime.settings.log_witness_quorum, len(self._witnesses) - len(lagging)
        if keeping_up < wanted:
            said.append(f"{keeping_up} witnesses cosign the log in time, and {wanted} have to.")
        return said

    async def close(self) -> None:
        """Let go of every connection."""
        for each in self._witnesses:
            if each.line is not None:
                await each.line.close()

    async def _hand_in(self, witness: _Witness, signed: Signed) -> bool:
        """Whether it cosigned just now."""
        if _has_cosigned(witness, signed):
            self._keeps_up(witness, signed)
            return False
        try:
            has_cosigned = await self._cosigned(witness, signed)
        except _Refused as refused:
            await self._note(witness, refused, signed)
            return False
        except (SourceFault, BadConfiguration):
            witness.trouble = "unreachable"
            return False
        if has_cosigned:
            self._keeps_up(witness, signed)
        return has_cosigned

    def _keeps_up(self, witness: _Witness, signed: Signed) -> None:
        witness.current, witness.known = self._steady(), (signed.shard, signed.checkpoint.size)
        witness.trouble, witness.is_told = "", False

    async def _cosigned(self, witness: _Witness, signed: Signed) -> bool:
        """Let it cosign, from whatever size it says it knows, and keep its line. Raises `_Refused`, `SourceFault`.

        False when another worker was faster: then it knows a newer checkpoint than this one.
        """
        old = witness.known[1] if witness.known[0] == signed.shard else 0
        for _ in range(_TRIES):
            answer = await self._send(witness, await self._body(old, signed))
            if answer.status == 200:
                await self._keep(witness, signed, answer)
                return True
            if answer.status != 409:
                raise _Refused(_WHY.get(answer.status, "not_cosigned"))
            known = _size_in(answer)
            if known == old:
                raise _Refused("forked" if known == signed.checkpoint.size else "not_cosigned", known)
            if known > signed.checkpoint.size:
                await self._require_longer(known, signed)
                return False
            old = known
        return False

    async def _require_longer(self, known: int, signed: Signed) -> None:
        """Nothing when the log has as many entries by now; raises `_Refused`: the witness saw more than there is."""
        latest = await newest(self._runtime.store.log, self._keys)
        if latest is None or (latest.shard == signed.shard and latest.checkpoint.size < known):
            raise _Refused("ahead", known)

    async def _body(self, old: int, signed: Signed) -> bytes:
        proof = await _consistency(old, signed, self._runtime.store.log)
        return request_body(old, proof, signed.note)

    async def _send(self, witness: _Witness, body: bytes) -> HttpAnswer:
        witness.line = witness.line or self._open_line(witness.address)
        headers = (("content-type", "text/plain; charset=utf-8"),)
        request = HttpRequest("POST", f"{witness.address}{_PATH}", headers, body, is_read=False)
        return await witness.line.send(request, asyncio.get_running_loop().time() + _SECONDS)

    async def _keep(self, witness: _Witness, signed: Signed, answer: HttpAnswer) -> None:
        """Its line under our checkpoint. Lines by keys we do not know are left out there."""
        try:
            lines = answer.body.decode("utf-8")
            # Another witness' line may stand under the checkpoint meanwhile, so it is joined and not replaced.
            bare = signed.note.partition("\n\n")[0] + "\n"
            own = "".join(f"{line}\n" for line in _own_lines(signed, self._keys))
            await add_cosignatures(
                f"{bare}\n{own}{lines}",
                [witness.verifier.verifier_key],
                self._runtime.store.log,
                self._keys,
            )
        except (UnicodeError, BadRequest):
            raise _Refused("not_cosigned") from None
        except (Conflict, NotFound):
            pass  # somebody else's line came first, or the checkpoint was thinned out: the next round hands in again

    async def _note(self, witness: _Witness, refused: _Refused, signed: Signed) -> None:
        is_new = not witness.is_told or witness.trouble != refused.why
        witness.trouble, witness.is_told = refused.why, True
        if not is_new:
            return
        name, size = witness.verifier.name, signed.checkpoint.size
        log.error("witness_refused", witness=name, why=refused.why)
        facts = {"witness": name, "why": refused.why, "size": size, "known": refused.known}
        await note(EntryKind.witness_refused, facts, self._runtime)


_WHY: Mapping[int, str] = {403: "unknown_log", 404: "unknown_log", 422: "not_extended"}


def open_line_in(environment: Environment) -> Callable[[str], Line]:
    """The way out to a witness' address, with every limit that sources have."""
    return lambda address: HttpClient(address, environment)


async def _consistency(old: int, signed: Signed, tree: TreeLog) -> tuple[bytes, ...]:
    size = signed.checkpoint.size
    wanted = consistency_tiles(old, size)
    found = await tree.tiles([(each.level, each.index) for each in wanted], shard=signed.shard)
    # They may have grown since that checkpoint was read.
    tiles = {
        TileId(*tile): hashes[: width(TileId(*tile), size) * HASH_BYTES] for tile, hashes in found.items()
    }
    return consistency_proof(old, size, tiles)


def _cosigner(key: str) -> Verifier:
    try:
        verifier = Verifier.parse(key)
    except BadKey as error:
        raise BadSettings([f"log_witnesses holds a key that is none. {error}"]) from None
    if not verifier.is_cosigner:
        raise BadSettings([f"log_witnesses names {verifier.name}, whose key signs no cosignatures."])
    return verifier


def _has_cosigned(witness: _Witness, signed: Signed) -> bool:
    return (witness.verifier.name, witness.verifier.key_id) in signature_lines(signed.note)[1]


def _own_lines(signed: Signed, keys: Sequence[str]) -> list[str]:
    own = {(each.name, each.key_id) for each in map(Verifier.parse, keys_in_shard(keys, signed.shard))}
    return [line for who, line in signature_lines(signed.note)[1].items() if who in own]


def _size_in(answer: HttpAnswer) -> int:
    try:
        return parse_number(answer.body.decode("ascii").removesuffix("\n"))
    except (UnicodeError, BadNote):
        raise _Refused("not_cosigned") from None


def _said(witness: _Witness, now: float) -> str:
    minutes = int((now - witness.current) // 60)
    why = f": it {_TOLD[witness.trouble]}" if witness.trouble else ""
    return f"Witness {witness.verifier.name} has not cosigned the log for {minutes} minutes{why}."
