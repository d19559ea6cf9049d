"""Stores of every kind, empty, and factories for what is kept in them: a test overrides the one thing it is about."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import create_engine, text

from gateway.ports import Store
from gateway.records import (
    Client,
    ConsentEvent,
    ConsentRequest,
    Dispute,
    DisputeEvent,
    DisputeState,
    Draft,
    Entry,
    EntryKind,
    FormPublication,
    GateRequest,
    GateWrite,
    IdentityLink,
    Message,
    NewSubject,
    Operator,
    OperatorSession,
    ProfileValue,
    Publication,
    SealingKey,
    StoredConsent,
)
from gateway.store import Database, MemoryStore, SqlStore
from gateway.store.all_tables import metadata
from gateway.store.migrate import migrate
from policies.consent import Consent, ConsentState, Standing, stands

NOW = datetime(2026, 11, 21, 2, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Make:
    """One factory per kind of record; ids count up, so that they sort by the order they were made in."""

    numbers: "count[int]"
    now: datetime = NOW

    due: date = date(2026, 11, 27)

    def id(self, prefix: str) -> str:
        return f"{prefix}_{next(self.numbers):026d}"

    def entry(self, **overrides: Any) -> Entry:
        base = Entry(self.id("aud"), EntryKind.intent, NOW, None, "hall", b'{"v":1}', b"\x00sealed\xff")
        return structs.replace(base, **overrides)

    def consent(self, **overrides: Any) -> StoredConsent:
        """Overrides may name fields of the stored consent, of the consent and of its standing."""
        standing = Standing(ConsentState.given, NOW - DAY, NOW + DAY)
        agreed = Consent(
            self.id("cns"),
            "key-1",
            "transport.vehicle-review",
            None,
            frozenset({"交通运输", "公安"}),
            frozenset({"person.name"}),
            frozenset({"person.phone"}),
            standing,
        )
        base = StoredConsent(agreed, "sub_1", "person", "desk", "交通运输", NOW, b"\x00record\xff")
        standing = structs.replace(standing, **_taken(overrides, Standing))
        agreed = structs.replace(agreed, standing=standing, **_taken(overrides, Consent))
        return replace(base, consent=agreed, **overrides)

    def event(
        self, stored: StoredConsent, state: ConsentState = ConsentState.given, **overrides: Any
    ) -> ConsentEvent:
        base = ConsentEvent(self.id("cev"), stored.consent.id, NOW, state, "clerk", "", "aud_1")
        return replace(base, **overrides)

    def request(self, **overrides: Any) -> ConsentRequest:
        request_id = self.id("crq")
        base = ConsentRequest(
            id=request_id,
            link=f"link-of-{request_id}",
            proof="proof",
            subject_ref="sub_1",
            requested_by="desk",
            department="交通运输",
            form="vehicle-review",
            state=ConsentState.requested,
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=15),
            sealed=b"\x00asked\xff",
        )
        return replace(base, **overrides)

    def link(self, added: str = "sub_2", whose: str = "sub_1", **overrides: Any) -> IdentityLink:
        who = ("desk", "公安", False, self.id("aud"), b"\x00evidence\xff")
        return replace(IdentityLink(self.id("idl"), added, whose, "person", NOW, *who), **overrides)

    def draft(self, **overrides: Any) -> Draft:
        base = Draft(self.id("res"), "hall", "vehicle-review", 3, NOW, NOW + DAY, (), b"\x00answer\xff")
        return structs.replace(base, **overrides)

    def client(self, **overrides: Any) -> Client:
        base = Client(
            "hall", "政务大厅一号窗", "行政服务中心", frozenset({"renderer", "consent_desk"}), "scrypt$…"
        )
        return replace(base, **overrides)

    def operator(self, **overrides: Any) -> Operator:
        roles = frozenset({"operator", "data_admin"})
        base = Operator(
            self.id("opr"), "key-of-login", b"\x00name\xff", "数据局", roles, NOW, "scrypt$…", True, b"\x00"
        )
        return replace(base, **overrides)

    def session(self, operator: str = "opr_1", **overrides: Any) -> OperatorSession:
        base = OperatorSession(self.id("ses"), operator, NOW, NOW + timedelta(minutes=15))
        return replace(base, **overrides)

    def publication(self, **overrides: Any) -> Publication:
        base = Publication("registry", 1, "d" * 64, None, NOW, "importer", '{"items":["姓名"]}'.encode() * 50)
        return replace(base, **overrides)

    def form(self, **overrides: Any) -> FormPublication:
        base = FormPublication(
            "marriage", 1, "结婚登记", "marriage", "民政", "d" * 64, NOW, "importer", b'{"a":1}' * 50
        )
        return replace(base, **overrides)

    def profile_value(self, **overrides: Any) -> ProfileValue:
        base = ProfileValue(
            id=self.id("prv"),
            subject_ref="sub_1",
            item="person.phone",
            given_at=NOW,
            expires_at=NOW + 365 * DAY,
            purpose="residence.permit",
            form="residence-permit",
            submission_id="smn_1",
            entry_id="aud_1",
            sealed=b"\x00value\xff",
            told=self.entry(kind=EntryKind.profile_kept),
        )
        return replace(base, **overrides)

    def dispute(self, **overrides: Any) -> Dispute:
        base = Dispute(
            id=self.id("dsp"),
            subject_ref="sub_1",
            item="person.name",
            source="civil",
            department="公安",
            path="name",
            submission_id=None,
            resolution_id="res_1",
            state=DisputeState.open,
            opened_at=NOW,
            due=self.due,
            first_due=self.due,
            entry_id="aud_1",
            sealed=b"\x00claim\xff",
            wrapped_key=b"wrapped sub_1",
        )
        return replace(base, **overrides)

    def sealing_key(self, **overrides: Any) -> SealingKey:
        """A key of the traffic office."""
        jwk = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "use": "enc", "kid": "k-1"}
        base = SealingKey(self.id("slk"), "交通运输", "k-1", jwk, NOW, "aud_1")
        return replace(base, **overrides)

    def dispute_step(
        self, before: Dispute, state: DisputeState, **overrides: Any
    ) -> tuple[Dispute, DisputeEvent]:
        """The dispute after a step, and the event of it."""
        closed = None if state in (DisputeState.open, DisputeState.referred) else NOW
        after = replace(
            before, **{"state": state, "closed_at": closed, "steps": before.steps + 1, **overrides}
        )
        event = DisputeEvent(
            id=self.id("dse"),
            dispute_id=after.id,
            subject_ref=after.subject_ref,
            at=NOW,
            step=state.value,
            state=state,
            department=after.department,
            due=after.due,
            level=after.level,
            actor="police-desk",
            reason="given",
            entry_id="aud_2",
            sealed=b"\x00words\xff",
        )
        return after, event

    def message(self, **overrides: Any) -> Message:
        base = Message(self.id("msg"), "hall", "dsp_1", NOW, b'{"type":"dispute.corrected"}', NOW)
        return replace(base, **overrides)

    def passage(
        self,
        *consents: str,
        entry: Entry | None = None,
        draft: Draft | None = None,
        fails: Exception | None = None,
        unchecked: bool = False,
    ) -> GateRequest[bool]:
        """One that takes a use of each consent if all of them stand, and gives whether they do."""
        written = entry or self.entry()

        def write(view: Any) -> GateWrite[bool]:
            if fails is not None:
                raise fails
            read = [view.consents.get(each) for each in consents]
            stand = unchecked or all(each is not None and stands(each.standing, NOW).covers for each in read)
            return GateWrite(written, stand, use=consents if stand else (), draft=draft)

        return GateRequest(consents, write)


def _taken(overrides: dict[str, Any], record: type) -> dict[str, Any]:
    names = record.__struct_fields__  # type: ignore[attr-defined]
    return {name: overrides.pop(name) for name in list(overrides) if name in names}


@pytest.fixture
def make() -> Make:
    return Make(count(1))


@pytest.fixture(scope="module")
def migrated_postgres(postgres_url: str) -> Callable[[], str]:
    """URL of the shared PostgreSQL database, migrated once and emptied whenever it is asked for."""
    migrate(postgres_url)

    def empty() -> str:
        engine = create_engine(postgres_url)
        with engine.begin() as connection:
            names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {names}"))
        engine.dispose()
        return postgres_url

    return empty


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty, migrated database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("migrated_postgres")())
    url = f"sqlite:///{tmp_path}/oncegate.db"
    migrate(url)
    return url


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    url = f"sqlite:///{tmp_path}/oncegate.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated_postgres")()
    else:
        migrate(url)
    made = SqlStore(Database(url))
    yield made
    await made.close()
    await asyncio.sleep(0)


@pytest.fixture
def recorded(store: Store, make: Make) -> Callable[..., Any]:
    """Makes a consent, its subject with it, and adds it to the store."""

    async def record(**overrides: Any) -> StoredConsent:
        stored = make.consent(**overrides)
        await store.subjects.refs({stored.consent.subject_key: NewSubject("person", stored.subject_ref, NOW)})
        await store.consents.add(stored, make.event(stored), make.entry(request=stored.consent.id))
        return stored

    return record
