"""A person and their own pages: a town that uses data, an issuer of citizens, and a phone that keeps cookies.

The phone is a browser without script: it follows links, sends the forms of a page as they are, and goes where it is sent.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from gateway.curation.publish import Publisher
from gateway.ports import Store
from gateway.records import Caller
from gateway.settings import Settings
from policies import Ground, GroundKind, Policy, Purpose, Rule
from policies.rules import Conditions, Effect
from tests.issuer import Issuer, served
from tests.pages import Page
from tests.profile_town import ANN, BOB, DUTY, HALL, Clock, Town, registry

__all__ = ["ANN", "BOB", "Citizens", "Clock", "Phone", "citizens"]
BY_CONSENT = Ground(GroundKind.consent, "")
POLICY = Policy.of(
    0,
    [Purpose("residence", "居住登记", "Residence"), Purpose("school", "入学", "School entry")],
    [
        Rule("R-1", Effect.permit, "依法核验", Conditions(items=frozenset({"person.name"})), DUTY),
        Rule("R-2", Effect.permit, "经本人同意", ground=BY_CONSENT),
        Rule("R-3", Effect.permit, "本人留存的内容", Conditions(items=frozenset({"person.email"})), DUTY),
    ],
)


@dataclass
class Phone:
    """One browser, at first with no cookies."""

    http: httpx.AsyncClient
    issuer: Issuer

    async def open(self, path: str) -> Page:
        """A page, wherever that address leads within this site."""
        return Page(await self.http.get(path, follow_redirects=True))

    async def log_in(self, person: Mapping[str, str] = ANN, to: str = "") -> Page:
        """Log in as that person: the page that one comes to."""
        back = await self.way_back(person, to)
        page = Page(back)
        if back.status_code != 200:
            return page
        (there,) = page.all("a", **{"class": "button main"})
        return await self.open(urljoin(str(back.url), there["href"]))

    async def way_back(self, person: Mapping[str, str] = ANN, to: str = "", **changes: str) -> httpx.Response:
        """What the callback answers to who logged in at the issuer; `changes` to what comes back from there."""
        began = await self.http.get("/my/login", params={"to": to} if to else None)
        assert began.status_code == 303, began.text
        location = began.headers["location"]
        state = parse_qs(urlsplit(location).query)["state"][0]
        self.issuer.claims |= {"id_no": person["id_no"], "id_type": person["id_type"]}
        returned = {"code": self.issuer.authorize(location), "state": state, "iss": self.issuer.url} | changes
        return await self.http.get("/my/callback", params=returned)

    async def press(self, page: Page, path: str, step: str, **typed: Any) -> Page:
        """Send that page's form of that step to where it leads, and follow."""
        sent = page.form(step) | typed
        return Page(await self.http.post(path, data=sent, follow_redirects=True))


@dataclass
class Citizens:
    """The town, the issuer at which its people log in, and their phones."""

    town: Town
    issuer: Issuer
    phones: list[httpx.AsyncClient] = field(default_factory=list)

    def phone(self) -> Phone:
        """A phone on the public address."""
        public = self.town.runtime.settings.public_url
        transport = httpx.ASGITransport(below(self.town.app, urlsplit(public).path))
        http = httpx.AsyncClient(transport=transport, base_url=public)
        self.phones.append(http)
        return Phone(http, self.issuer)

    def now(self) -> None:
        """The issuer has the town's time, and people log in at this moment."""
        self.issuer.now = int(self.town.clock().timestamp())
        self.issuer.claims |= {"auth_time": self.issuer.now}

    async def signed(self) -> None:
        """What was logged has its place, so that people may read it."""
        await self.town.app.state.sequencer.run()

    async def consent(self, person: Mapping[str, str] = ANN, **changes: Any) -> str:
        """The id of a consent to the phone number that a desk recorded."""
        notice = {"id": "n", "version": 1, "language": "zh-CN", "rendered_sha256": "a" * 64}
        act = {"topic": "sensitive", "act_id": "act_1", "at": "2026-11-21T02:00:00Z"}
        body = {
            "subject": person,
            "purpose": "residence",
            "items": [{"item": "person.phone"}],
            "recipient_departments": [HALL],
            "expires_at": "2026-12-01T20:00:00Z",
            "max_uses": 3,
            "notice": {**notice, "shown_at": "2026-11-21T02:00:00Z", "channel": "self_service"},
            "evidence": {"method": "oidc"},
            "acts": [act],
        } | changes
        answer = await self.town.http.post("/v1/consents", json=body, headers=self.desk)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    @property
    def desk(self) -> dict[str, str]:
        """The header of a consent desk's token."""
        return self.town.bearer(Caller("desk", HALL, frozenset({"consent_desk"})))

    @property
    def office(self) -> dict[str, str]:
        """The header of the token of who answers disputes."""
        return self.town.bearer(Caller("police", "公安", frozenset({"data_admin"})))


def below(app: Any, prefix: str) -> Any:
    """The service behind a proxy that takes the path in front off, as one does that serves it below a path."""

    async def served_below(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"].startswith(prefix), f"{scope['path']} leads out of {prefix}"
        await app({**scope, "path": scope["path"].removeprefix(prefix)}, receive, send)

    return served_below


@asynccontextmanager
async def citizens(state_dir: Path, store: Store, **settings: Any) -> AsyncIterator[Citizens]:
    """A town whose people log in at an issuer on loopback."""
    issuer = Issuer()
    issuer.claims = {"acr": "substantial"}
    async with served(issuer, settings.pop("issuer_host", "127.0.0.1")):
        said = {"person_oidc_issuer": issuer.url, "allow_private_addresses": True} | settings
        town = await Town.open(Settings(state_dir=state_dir, **said), store)
        public = urlsplit(town.runtime.settings.public_url)
        town.http.base_url = f"{public.scheme}://{public.netloc}"
        await town.publish(registry("person.phone"))
        runtime = town.runtime
        publisher = Publisher(runtime.store, "admin", town.clock(), runtime.new_reference)
        await publisher.policy(POLICY)
        await runtime.library.refresh(town.clock())
        made = Citizens(town, issuer)
        made.now()
        try:
            yield made
        finally:
            for log_in in (town.app.state.own_log_in, town.app.state.person_log_in):
                if log_in is not None:
                    await log_in.close()
            for http in made.phones:
                await http.aclose()
            await town.close()
