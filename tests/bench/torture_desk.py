"""Handing in under the storm: forms come back kept, edited, disputed, twice at once, or with other content.

Every try is told, also one that was cut off: nobody knows what became of it, but when it was sent is known.
"""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from torture_city import ITEMS

FIELDS = [f"f{number:02d}" for number in range(len(ITEMS))]
DISPUTED, WORD = FIELDS[0], f"f{len(ITEMS):02d}"
"""The field that is disputed now and then, and the one that the person keeps in their record."""
CUT = 0
TRIES = 3
_UNCERTAIN = (CUT, 500, 503)
Call = Callable[[str, str, Any], Awaitable[httpx.Response | None]]
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filled:
    """A resolution as its caller has it. `values`: of the fields that have one."""

    resolution: str
    consent: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Handing:
    """One try to hand a form in. `content`: tells one body from another. `status`: `CUT` for one cut off.

    `answer`: of one that was taken. `code`: why another was not. Times as in `torture_storm.Answer`.
    """

    resolution: str
    consent: str
    content: str
    sent: float
    received: float
    status: int
    code: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_taken(self) -> bool:
        """Whether the form was taken by this try, or had been by another."""
        return self.status == 200


class Desk:
    """Where one clerk hands forms in. `handed`: is told every try. `withdrawn`: the consents known to have ended."""

    def __init__(
        self, chance: random.Random, call: Call, handed: list[Handing], withdrawn: Mapping[str, float]
    ) -> None:
        self._chance, self._call, self._handed, self._withdrawn = chance, call, handed, withdrawn

    async def hand_in(self, filled: Filled) -> None:
        """In one of the ways in which forms come back; once more as the person's own word if a consent has ended."""
        body = self._body(filled)
        tries = await self._in_some_way(filled, body)
        has_ended = any(each.code == "consent_ended" for each in tries)
        if has_ended and not any(each.is_taken for each in tries) and self._chance.random() < 0.7:
            await self._send(filled, body | {"own_word": [*FIELDS, WORD]})

    async def _in_some_way(self, filled: Filled, body: Body) -> Sequence[Handing]:
        way = self._chance.choices(("once", "twins", "rivals", "again", "other"), (8, 4, 3, 2, 2))[0]
        other = self._other(body)
        if way == "twins":  # at once: the pool gives each a connection of its own
            return await asyncio.gather(self._send(filled, body), self._send(filled, body))
        if way == "rivals":
            return await asyncio.gather(self._send(filled, body), self._send(filled, other))
        first = await self._send(filled, body)
        if way in ("again", "other"):
            return first, await self._send(filled, body if way == "again" else other)
        return (first,)

    async def _send(self, filled: Filled, body: Body) -> Handing:
        """The last of a few tries: what is cut off is sent again as it was, as callers are told to."""
        for _ in range(TRIES - 1):
            handing = await self._try(filled, body)
            if handing.status not in _UNCERTAIN:
                return handing
        return await self._try(filled, body)

    async def _try(self, filled: Filled, body: Body) -> Handing:
        content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        sent, told = time.monotonic(), None
        try:
            told = await self._call("POST", f"/v1/resolutions/{filled.resolution}/submission", body)
        finally:  # the storm may end in the middle of it
            handing = _handing(filled, content, sent, told)
            self._handed.append(handing)
        return handing

    def _body(self, filled: Filled) -> Body:
        """Mostly as it was offered."""
        chance, values = self._chance, dict(filled.values)
        body: Body = {"values": values}
        for path in chance.sample(FIELDS[1:], chance.choice((0, 0, 0, 1, 2))):
            values[path] = self._words()
        if chance.random() < 0.1:
            values.pop(chance.choice(FIELDS), None)
        if chance.random() < 0.35:
            values[WORD] = self._words()
            body["keep"] = {WORD: "record"}
        if DISPUTED in filled.values and chance.random() < 0.2:
            values[DISPUTED] = self._words()
            body["disputes"] = {DISPUTED: {"reason": self._words(), "evidence": ["torture"]}}
        if filled.consent in self._withdrawn and chance.random() < 0.7:
            body["own_word"] = [*FIELDS, WORD]
        if chance.random() < 0.05:
            body["test"] = True
        return body

    def _other(self, body: Body) -> Body:
        return body | {"values": body["values"] | {FIELDS[-1]: self._words()}}

    def _words(self) -> str:
        return f"改{self._chance.randrange(10**9):09d}"


def _handing(filled: Filled, content: str, sent: float, told: httpx.Response | None) -> Handing:
    status = CUT if told is None else told.status_code
    is_json = told is not None and "json" in told.headers.get("content-type", "")
    said = (
        told.json() if told is not None and is_json else {}
    )  # a defect of the gateway is told in plain text
    is_taken = status == 200
    return Handing(
        filled.resolution,
        filled.consent,
        content,
        sent,
        time.monotonic(),
        status,
        "" if is_taken else str(said.get("code", "")),
        said if is_taken else {},
    )
