"""The storm itself: clients that race for uses and withdraw consents while the gateway is killed under them.

Everything a client was told in full goes into the history; what was cut off on the way does not, for nobody knows what
became of it. The history is what the log is held against afterwards (`torture_check`).
"""

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import product
from joserfc import jwt
from torture_city import AUDITOR, FORM, HALL, ITEMS, REPEATER, REPEATERS_KEY, WORD, Gateway, Valkey
from torture_desk import Desk, Filled, Handing

TOKEN_SECONDS = 200.0
PATIENCE_SECONDS = 15.0
PROOFS = 100
HANDED_IN = 0.3
"""Share of the filled forms that are handed in; half of those later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer received in full. `sent`, `received`: seconds of this machine's monotonic clock."""

    resolution: str
    entry: str
    consent: str
    sent: float
    received: float
    filled: int


@dataclass(slots=True)
class History:
    """What the clients know. `withdrawn`: consent → when its withdrawal had been answered."""

    answers: list[Answer] = field(default_factory=list)
    withdrawn: dict[str, float] = field(default_factory=dict)
    once: set[str] = field(default_factory=set)
    handed: list[Handing] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    replays: int = 0
    replayed: list[str] = field(default_factory=list)
    """Assertions that were taken a second time, and how."""

    @property
    def late(self) -> int:
        """How many answers were asked for after the withdrawal of their consent had been answered."""
        return sum(answer.sent > self.withdrawn.get(answer.consent, answer.sent) for answer in self.answers)

    @property
    def released(self) -> list[Answer]:
        """The answers that held a value."""
        return [answer for answer in self.answers if answer.filled]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. `crash`: crashes the database and starts it again, `crashes` times.

    `cache`: what the workers share, killed or emptied `losses` times.
    """

    seed: int
    seconds: float
    kills: int
    clients: int
    crash: Callable[[], None] | None = None
    crashes: int = 0
    cache: Valkey | None = None
    losses: int = 0


class Hotline:
    """What all callers share: whether the gateway is up, and the tokens."""

    def __init__(self, gateway: Gateway, history: History) -> None:
        self.up = asyncio.Event()
        self.is_over = False
        self.gateway, self.history = gateway, history
        self._tokens: dict[str, tuple[str, float]] = {}
        self._renewing = asyncio.Lock()

    async def token(self, who: str, http: httpx.AsyncClient) -> str:
        """A token that is good for a while: checking a secret takes long on purpose."""
        async with self._renewing:
            token, until = self._tokens.get(who, ("", 0.0))
            if time.monotonic() > until:
                answer = await http.post(
                    "/oauth/token",
                    auth=(who, self.gateway.secret),
                    data={"grant_type": "client_credentials"},
                )
                answer.raise_for_status()
                token = answer.json()["access_token"]
                self._tokens[who] = (token, time.monotonic() + TOKEN_SECONDS)
        return token


class Caller:
    """One caller's way to the gateway: waits while it is down, counts what came of every request."""

    def __init__(self, hotline: Hotline) -> None:
        self._hotline = hotline
        # Of its own: one pool for all would look through every connection for each request.
        self._http = httpx.AsyncClient(
            base_url=hotline.gateway.url, trust_env=False, verify=False, timeout=PATIENCE_SECONDS
        )

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def call(
        self, method: str, path: str, body: Any = None, *, who: str = HALL
    ) -> httpx.Response | None:
        """The answer received in full; None for one that was cut off."""
        await self._hotline.up.wait()
        try:
            headers = {"authorization": f"Bearer {await self._hotline.token(who, self._http)}"}
            answer = await self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError:  # cut off, or no token to be had just now
            self._hotline.history.statuses["cut"] += 1
            await asyncio.sleep(0.02)
            return None
        self._hotline.history.statuses[str(answer.status_code)] += 1
        return answer


class Clerk:
    """One client. Each of its rounds is drawn from the seed; what the machine makes of it is not."""

    def __init__(self, number: int, seed: int, hotline: Hotline) -> None:
        self._chance = random.Random(f"{seed}/{number}")
        self._hotline, self._history = hotline, hotline.history
        self._caller = Caller(hotline)
        self._standing: list[tuple[str, str]] = []
        self._desk = Desk(self._chance, self._caller.call, self._history.handed, self._history.withdrawn)
        self._later: list[Filled] = []

    async def work(self) -> None:
        """Rounds until it is over: a race for one use, a plain resolution, a withdrawal under way, a form that waited."""
        try:
            while not self._hotline.is_over:
                kinds = (self._race, self._resolve_one, self._withdraw, self._hand_in_one)
                await self._chance.choices(kinds, (4, 5, 2, 2))[0]()
        finally:
            await self._caller.close()

    async def _race(self) -> None:
        """Several want the one use of a consent; sometimes it is withdrawn meanwhile."""
        person, consent = await self._agree(once=True)
        if consent:
            racing = [self._resolve(person, consent) for _ in range(self._chance.randint(2, 5))]
            if self._chance.random() < 0.25:
                racing.append(self._end(consent))
            await asyncio.gather(*racing)

    async def _resolve_one(self) -> None:
        if not self._standing or self._chance.random() < 0.1:
            person, consent = await self._agree(once=False)
            if not consent:
                return
            self._standing.append((person, consent))
        await self._resolve(*self._chance.choice(self._standing))

    async def _withdraw(self) -> None:
        """A consent is withdrawn while it is used, and tried again afterwards."""
        if self._standing:
            place = self._chance.randrange(len(self._standing))
            person, consent = self._standing.pop(place)
            filled = [await self._resolve(person, consent, hand_in=False) for _ in range(2)]
            using = [self._resolve(person, consent) for _ in range(self._chance.randint(1, 3))]
            await asyncio.gather(*using, self._end(consent), self._hand_in(filled[0]))
            await self._resolve(person, consent)
            await self._hand_in(filled[1])

    async def _hand_in_one(self) -> None:
        if self._later:
            await self._hand_in(self._later.pop(self._chance.randrange(len(self._later))))

    async def _hand_in(self, filled: Filled | None) -> None:
        if filled is not None and filled.values:
            await self._desk.hand_in(filled)

    async def _agree(self, *, once: bool) -> tuple[str, str | None]:
        person = product.id_number(self._chance.randrange(300))
        now = datetime.now(UTC)
        notice = {"id": "torture", "version": 1, "language": "zh-CN", "rendered_sha256": "0" * 64}
        body = {
            "subject": {"kind": "person", "id_type": "111", "id_no": person},
            "purpose": "bench",
            "form": FORM,
            "items": [{"item": item} for item in [*ITEMS, WORD]],
            "recipient_departments": [product.DEPARTMENT],
            "expires_at": (now + timedelta(hours=2)).isoformat(),
            "notice": notice | {"shown_at": now.isoformat(), "channel": "self_service"},
            "evidence": {"method": "oidc"},
            "max_uses": 1 if once else None,
        }
        answer = await self._caller.call("POST", "/v1/consents", body)
        if answer is None or answer.status_code != 201:
            return person, None
        consent: str = answer.json()["id"]
        if once:
            self._history.once.add(consent)
        return person, consent

    async def _resolve(self, person: str, consent: str, *, hand_in: bool = True) -> Filled | None:
        """The answer, if there was one. `hand_in`: a share of the answers is, at once or later."""
        body = {
            "form": {"id": FORM, "version": 1},
            "subjects": {"applicant": {"kind": "person", "id_type": "111", "id_no": person}},
            "actor": {"kind": "clerk", "id": "torture"},
            "consent": consent,
        }
        await self._hotline.up.wait()
        sent = time.monotonic()
        answer = await self._caller.call("POST", "/v1/resolutions", body)
        if answer is None or answer.status_code != 200:
            return None
        told, received = answer.json(), time.monotonic()
        fields = told["fields"].items()
        filled = Filled(
            told["id"], consent, {path: each["value"] for path, each in fields if each["value"] is not None}
        )
        told_of = Answer(told["id"], told["receipt"]["entry"], consent, sent, received, len(filled.values))
        self._history.answers.append(told_of)
        if hand_in and filled.values and self._chance.random() < HANDED_IN:
            if self._chance.random() < 0.5:
                self._later.append(filled)
            else:
                await self._hand_in(filled)
        return filled

    async def _end(self, consent: str) -> None:
        # At the first gate, or while sources are asked.
        await asyncio.sleep(self._chance.uniform(0, self._chance.choice((0.008, 0.04))))
        answer = await self._caller.call("POST", f"/v1/consents/{consent}/withdraw")
        if answer is not None and answer.status_code == 200:
            self._history.withdrawn.setdefault(consent, time.monotonic())


class Repeater:
    """Proves itself once by each assertion, and then tries the same one again and again, whatever was lost meanwhile."""

    def __init__(self, hotline: Hotline, seed: int) -> None:
        self._hotline, self._history = hotline, hotline.history
        self._chance = random.Random(f"{seed}/repeater")
        self._number = 0

    async def work(self) -> None:
        """Until it is over."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as http:
            while not self._hotline.is_over:
                assertion = self._assertion()
                if await self._is_taken(assertion, http):
                    await self._repeat(assertion, http)

    async def _repeat(self, assertion: str, http: httpx.AsyncClient) -> None:
        for _ in range(self._chance.randint(2, 12)):
            await asyncio.sleep(self._chance.uniform(0, 0.4))
            self._history.replays += 1
            if await self._is_taken(assertion, http):
                self._history.replayed.append(f"assertion {self._number} after {dict(self._history.kills)}")

    async def _is_taken(self, assertion: str, http: httpx.AsyncClient) -> bool:
        await self._hotline.up.wait()
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        body = {
            "grant_type": "client_credentials",
            "client_assertion_type": kind,
            "client_assertion": assertion,
        }
        try:
            answer = await http.post(f"{self._hotline.gateway.url}/oauth/token", data=body)
        except httpx.HTTPError:
            await asyncio.sleep(0.05)
            return False
        self._history.statuses[f"token {answer.status_code}"] += 1
        return answer.status_code == 200

    def _assertion(self) -> str:
        self._number += 1
        now = int(time.time())
        claims = {"iss": REPEATER, "sub": REPEATER, "aud": "http://127.0.0.1:8000/oauth/token"}
        claims |= {"jti": f"{self._number}-{secrets.token_hex(8)}", "iat": now, "exp": now + 50}
        return str(jwt.encode({"alg": "ES256", "kid": REPEATERS_KEY.kid}, claims, REPEATERS_KEY))


async def storm(gateway: Gateway, plan: Plan) -> tuple[History, list[tuple[str, str]]]:
    """The history of one storm, and the proofs of a few received entries; the gateway is stopped in good order.

    Afterwards it has been started once more, and every entry that waited has been given its place.
    """
    history = History()
    hotline = Hotline(gateway, history)
    gateway.start()
    await gateway.ready()
    hotline.up.set()
    clerks = [asyncio.create_task(Clerk(number, plan.seed, hotline).work()) for number in range(plan.clients)]
    clerks.append(asyncio.create_task(Repeater(hotline, plan.seed).work()))
    try:
        await _watched(_rage(plan, hotline), clerks)
        hotline.is_over = True
        await asyncio.wait(clerks, timeout=2 * PATIENCE_SECONDS)
    finally:
        for clerk in clerks:
            clerk.cancel()
        await asyncio.gather(*clerks, return_exceptions=True)
    gateway.kill()
    gateway.start()
    await gateway.ready()
    proofs = await _proofs(hotline, random.Random(plan.seed))
    gateway.stop()
    return history, proofs


async def _watched(raging: Any, clerks: list["asyncio.Task[None]"]) -> None:
    """Wait for the storm; a clerk whose own program fails ends it, else nobody would notice the calm."""
    task = asyncio.create_task(raging)
    await asyncio.wait([task, *clerks], return_when=asyncio.FIRST_COMPLETED)
    for clerk in clerks:
        if clerk.done():
            task.cancel()
            clerk.result()
    await task


async def _rage(plan: Plan, hotline: Hotline) -> None:
    """Kill and crash at random moments until the time is over; the last blow ends it if time is short."""
    chance = random.Random(f"{plan.seed}/kills")
    blows = ["kill"] * plan.kills + ["crash"] * plan.crashes + ["lose"] * plan.losses
    chance.shuffle(blows)
    ends = time.monotonic() + plan.seconds
    recovery = 1.0
    for number, blow in enumerate(blows):
        share = (ends - time.monotonic()) / (len(blows) - number)
        await asyncio.sleep(chance.uniform(0.05, max(0.3, 2 * (share - recovery))))
        begun = time.monotonic()
        await _strike(blow, plan, hotline, chance)
        recovery = time.monotonic() - begun
    await asyncio.sleep(max(0.0, ends - time.monotonic()))


async def _strike(blow: str, plan: Plan, hotline: Hotline, chance: random.Random) -> None:
    """One blow; all goes on when it returns."""
    gateway, kills = hotline.gateway, hotline.history.kills
    if blow == "crash" and plan.crash is not None:
        kills["crash"] += 1
        await asyncio.to_thread(plan.crash)
    elif blow == "lose" and plan.cache is not None:
        await _lose(plan.cache, kills, chance)
    elif gateway.workers > 1 and chance.random() < 0.5 and gateway.kill_worker(chance):
        kills["worker"] += 1
    else:
        gateway.kill()
        hotline.up.clear()
        kills["group"] += 1
        gateway.start()
        while chance.random() < 0.15:  # not even up again
            await asyncio.sleep(chance.uniform(0, 1.5))
            gateway.kill()
            kills["starting"] += 1
            gateway.start()
    await gateway.ready()
    hotline.up.set()


async def _lose(cache: Valkey, kills: Counter[str], chance: random.Random) -> None:
    """What the workers share is emptied, or killed and for a while not there."""
    if chance.random() < 0.5:
        kills["cache_flush"] += 1
        await asyncio.to_thread(cache.flush)
        return
    kills["cache"] += 1
    await asyncio.to_thread(cache.kill)
    await asyncio.sleep(chance.uniform(0, 0.8))
    await asyncio.to_thread(cache.start)


async def _proofs(hotline: Hotline, chance: random.Random) -> list[tuple[str, str]]:
    """(entry, proof) of up to a hundred releases, as an auditor is given them."""
    released = hotline.history.released
    caller, found = Caller(hotline), []
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    for answer in chance.sample(released, min(PROOFS, len(released))):
        path = f"/v1/audit/proofs/{answer.entry}"
        told = await caller.call("GET", path, who=AUDITOR)
        while (told is None or told.status_code != 200) and time.monotonic() < give_up_at:
            await asyncio.sleep(0.2)  # until the sequencer has given it its place
            told = await caller.call("GET", path, who=AUDITOR)
        found.append((answer.entry, told.text if told is not None and told.status_code == 200 else ""))
    await caller.close()
    return found
