"""One suite for every store: memory, SQLite and PostgreSQL keep the same promises."""

import asyncio
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from gateway.audit.log import AuditLog
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ports import Store
from gateway.records import EntryFilter, EntryKind, GateRequest, GateWrite, NewSubject
from gateway.store.memory import MemoryStore
from gateway.telemetry import Telemetry
from policies.consent import ConsentState, Standing

S = ConsentState
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NAIVE = datetime(2027, 1, 1, tzinfo=UTC).replace(tzinfo=None)
UNSTORABLE = ["\x00", "cns_\x00", "\ud800", "a\nb"]


async def log_of(store: Store, **wanted: Any) -> list[Any]:
    """All entries, in order."""
    return list(await store.entries.find(**{"request": None, "after": "", "limit": 1000} | wanted))


async def standing_of(store: Store, consent_id: str) -> Standing:
    """How a consent stands now."""
    return (await store.consents.read([consent_id]))[consent_id].consent.standing


# ---------------------------------------------------------------- gates


async def test_a_passage_writes_its_entry_and_gives_its_result(store, make) -> None:
    """What `write` returns comes back once its entry can be read."""
    entry = make.entry(request="res_1", kind=EntryKind.outcome)

    assert await store.gates.commit([make.passage(entry=entry)]) == [True]
    assert await log_of(store) == [entry]


async def test_nothing_to_pass_is_no_error(store) -> None:
    """An empty batch gives an empty answer."""
    assert await store.gates.commit([]) == []


async def test_a_passage_sees_consents_as_they_stand(store, make, recorded) -> None:
    """Every consent it named is handed to `write` if it exists, and no other."""
    mine, other = await recorded(uses_left=3), await recorded()
    seen: list[Any] = []

    def write(view: Any) -> GateWrite[None]:
        seen.append(dict(view.consents))
        return GateWrite(make.entry(), None)

    await store.gates.commit([GateRequest((mine.consent.id, "cns_unknown"), write)])

    assert seen == [{mine.consent.id: mine.consent}]
    assert other.consent.id not in seen[0]


async def test_a_use_taken_by_one_is_seen_by_the_next(store, make, recorded) -> None:
    """Passages of one batch are applied in order."""
    consent_id = (await recorded(uses_left=2)).consent.id

    passed = await store.gates.commit([make.passage(consent_id) for _ in range(4)])

    assert passed == [True, True, False, False]
    assert (await standing_of(store, consent_id)).uses_left == 0


async def test_a_consent_without_limit_is_never_used_up(store, make, recorded) -> None:
    """No limit stays no limit."""
    consent_id = (await recorded()).consent.id

    assert await store.gates.commit([make.passage(consent_id) for _ in range(3)]) == [True] * 3
    assert (await standing_of(store, consent_id)).uses_left is None


async def test_a_use_that_is_not_left_is_never_taken(store, make, recorded) -> None:
    """A defect in `write` cannot push a limit below zero: it gets a refusal and writes nothing."""
    consent_id = (await recorded(uses_left=1)).consent.id
    before = await log_of(store)

    passed = await store.gates.commit([make.passage(consent_id, unchecked=True) for _ in range(2)])

    assert passed[0] is True
    assert (type(passed[1]), passed[1].code) == (Conflict, "consent_used_up")
    assert (await standing_of(store, consent_id)).uses_left == 0
    assert len(await log_of(store)) == len(before) + 1


async def test_a_use_needs_a_consent_that_was_named_and_exists(store, make, recorded) -> None:
    """What was not read under lock cannot be used."""
    consent_id = (await recorded(uses_left=1)).consent.id
    unnamed = GateRequest((), lambda _: GateWrite(make.entry(), None, use=(consent_id,)))
    unknown = make.passage("cns_unknown", unchecked=True)

    passed = await store.gates.commit([unnamed, unknown])

    assert [each.code for each in passed] == ["consent_used_up"] * 2
    assert (await standing_of(store, consent_id)).uses_left == 1


async def test_a_write_that_raises_spoils_only_its_own(store, make, recorded) -> None:
    """It gets its own exception; its neighbours pass and its uses are not taken."""
    consent_id = (await recorded(uses_left=5)).consent.id
    defect = ZeroDivisionError("a defect")
    batch = [make.passage(consent_id), make.passage(consent_id, fails=defect), make.passage(consent_id)]

    assert await store.gates.commit(batch) == [True, defect, True]
    assert (await standing_of(store, consent_id)).uses_left == 3
    assert len(await log_of(store)) == 3  # the consent's own, and two


@pytest.mark.parametrize("trouble", ["entry", "draft", "naive"])
async def test_what_cannot_be_stored_spoils_only_its_own(store, make, recorded, trouble: str) -> None:
    """An id used twice or a time without zone: a refusal for one, its use given back, and the others pass."""
    consent_id = (await recorded(uses_left=5)).consent.id
    entry, draft = make.entry(), make.draft()
    await store.gates.commit([make.passage(entry=entry, draft=draft)])
    broken = {
        "entry": lambda: make.passage(consent_id, entry=entry),
        "draft": lambda: make.passage(consent_id, draft=draft),
        "naive": lambda: make.passage(consent_id, entry=make.entry(at=NAIVE)),
    }[trouble]()

    first, refused, last = await store.gates.commit(
        [make.passage(consent_id), broken, make.passage(consent_id)]
    )

    assert (first, last) == (True, True)
    assert type(refused) is (BadRequest if trouble == "naive" else Conflict)
    assert (await standing_of(store, consent_id)).uses_left == 3
    assert len(await log_of(store)) == 4


@pytest.mark.parametrize("odd", UNSTORABLE)
async def test_an_impossible_id_at_the_gate_is_an_unknown_one(store, make, recorded, odd: str) -> None:
    """It spoils nobody's statement."""
    consent_id = (await recorded(uses_left=1)).consent.id

    assert await store.gates.commit([make.passage(odd), make.passage(consent_id)]) == [False, True]


async def test_a_draft_is_kept_with_its_consents(store, make, recorded) -> None:
    """The draft reads back as it was, its consents by id."""
    one, two = (await recorded()).consent.id, (await recorded()).consent.id
    draft = make.draft(consents=(one, two))

    await store.gates.commit([make.passage(one, two, draft=make.draft(id=draft.id, consents=(two, one)))])

    assert await store.drafts.read(draft.id) == draft


async def test_withdrawing_between_the_gates_is_seen_at_the_second(store, make, recorded) -> None:
    """No passage after a withdrawal finds the consent standing."""
    stored = await recorded()
    consent_id = stored.consent.id
    first = await store.gates.commit([make.passage(consent_id)])

    await store.consents.move(
        make.event(stored, S.withdrawn), make.entry(), allowed_from=frozenset({S.given}), purge_drafts=True
    )

    assert [*first, *await store.gates.commit([make.passage(consent_id)])] == [True, False]


async def test_one_time_consents_are_used_once_each(store, make, recorded) -> None:
    """200 one-time consents, five passages racing for each through the log: exactly 200 pass, each consent once."""
    ids = [(await recorded(uses_left=1)).consent.id for _ in range(200)]
    log = AuditLog(store.gates, Telemetry())
    wanted = [ids[(number * 7) % 200] for number in range(1000)]

    passed = await asyncio.gather(*(log.pass_gate(make.passage(each)) for each in wanted))
    await log.drain()

    assert sum(passed) == 200
    assert {each for each, was_passed in zip(wanted, passed, strict=True) if was_passed} == set(ids)
    assert {stored.consent.standing.uses_left for stored in (await store.consents.read(ids)).values()} == {0}
    assert len(await log_of(store, limit=5000)) == 1200


async def test_a_cancelled_caller_loses_no_entry(store, make, recorded) -> None:
    """Who goes away while queued is still logged, and the batch goes on."""
    consent_id = (await recorded(uses_left=10)).consent.id
    log = AuditLog(store.gates, Telemetry())
    callers = [asyncio.create_task(log.pass_gate(make.passage(consent_id))) for _ in range(5)]
    await asyncio.sleep(0)

    callers[1].cancel()
    callers[3].cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    await log.drain()

    assert [result is True for result in results] == [True, False, True, False, True]
    assert (await standing_of(store, consent_id)).uses_left == 5
    assert len(await log_of(store)) == 6


# ---------------------------------------------------------------- publications


async def test_a_publication_reads_back_as_it_was(store, make) -> None:
    """Document, digest and times to the microsecond, and its entry beside it."""
    published, entry = make.publication(effective_from=date(2026, 12, 1)), make.entry()
    await store.publications.publish(published, entry)

    assert await store.publications.load("registry", 1) == published
    assert await log_of(store) == [entry]


async def test_a_version_is_published_once(store, make) -> None:
    """The second is a conflict, changes nothing and writes no entry."""
    first = make.publication()
    await store.publications.publish(first, make.entry())
    with pytest.raises(Conflict) as caught:
        await store.publications.publish(make.publication(document=b"{}"), make.entry())

    assert caught.value.code == "version_exists"
    assert await store.publications.load("registry", 1) == first
    assert len(await log_of(store)) == 1


async def test_of_two_publishers_at_once_one_wins(store, make) -> None:
    """Racing for the same number gives one version and one entry."""
    racing = [store.publications.publish(make.publication(), make.entry()) for _ in range(8)]
    results = await asyncio.gather(*racing, return_exceptions=True)

    assert results.count(None) == 1
    assert {type(each) for each in results if each is not None} == {Conflict}
    assert len(await log_of(store)) == 1


async def test_registry_and_policy_count_apart(store, make) -> None:
    """The same number may be published of each kind."""
    await store.publications.publish(make.publication(), make.entry())
    await store.publications.publish(make.publication(kind="policy"), make.entry())

    assert await store.publications.latest("policy", date(2026, 1, 1)) == 1


@pytest.mark.parametrize(
    ("day", "newest"),
    [
        (date(2026, 1, 1), 1),
        (date(2026, 5, 31), 1),
        (date(2026, 6, 1), 2),
        (date(2026, 7, 1), 4),
        (date.max, 4),
    ],
)
async def test_the_latest_is_the_highest_version_in_effect(store, make, day: date, newest: int) -> None:
    """A version counts from its day of effect; a later version that counts already overrides it whatever their days."""
    days = {1: None, 2: date(2026, 6, 1), 3: date(2027, 1, 1), 4: date(2026, 7, 1)}
    for version, effective_from in days.items():
        published = make.publication(version=version, effective_from=effective_from)
        await store.publications.publish(published, make.entry())

    assert await store.publications.latest("registry", day) == newest


async def test_nothing_published_is_none(store, make) -> None:
    """Neither for another kind nor before the day of effect."""
    await store.publications.publish(make.publication(effective_from=date(2027, 1, 1)), make.entry())

    assert await store.publications.latest("registry", date(2026, 12, 31)) is None
    assert await store.publications.latest("policy", date.max) is None


@pytest.mark.parametrize("version", [2, 0, -1, 2**31, 2**64])
async def test_an_unknown_version_is_not_found(store, make, version: int) -> None:
    """Also numbers that no database holds."""
    await store.publications.publish(make.publication(), make.entry())
    await store.forms.publish(make.form(), make.entry())

    with pytest.raises(NotFound) as caught:
        await store.publications.load("registry", version)
    assert caught.value.code == "unknown_registry_version"
    with pytest.raises(NotFound) as caught:
        await store.forms.load("marriage", version)
    assert caught.value.code == "unknown_form_version"


# ---------------------------------------------------------------- forms


async def test_a_form_reads_back_as_it_was(store, make) -> None:
    """With its document and its Chinese name."""
    form, entry = make.form(name="结婚登记申请表（𠮷林）"), make.entry()
    await store.forms.publish(form, entry)

    assert await store.forms.load("marriage", 1) == form
    assert await log_of(store) == [entry]


async def test_a_form_version_is_published_once(store, make) -> None:
    """The second is a conflict and writes no entry."""
    await store.forms.publish(make.form(), make.entry())
    with pytest.raises(Conflict, match="version_exists"):
        await store.forms.publish(make.form(name="other"), make.entry())

    assert len(await log_of(store)) == 1


async def test_current_names_the_newest_of_every_form(store, make) -> None:
    """Whatever order they were published in; ten is newer than nine."""
    for form_id, version in (("b", 10), ("a", 1), ("b", 9), ("a", 2)):
        await store.forms.publish(make.form(id=form_id, version=version), make.entry())

    assert await store.forms.current() == {"a": 2, "b": 10}


async def test_forms_are_listed_page_by_page(store, make) -> None:
    """Every form once, in its newest version, by id, without its document."""
    for form_id in ("d", "b", "a", "c"):
        for version in (1, 2):
            await store.forms.publish(make.form(id=form_id, version=version), make.entry())

    first = await store.forms.listing(after="", limit=3)
    second = await store.forms.listing(after="c", limit=3)

    assert [(form.id, form.version, form.document) for form in (*first, *second)] == [
        (form_id, 2, b"") for form_id in "abcd"
    ]


# ---------------------------------------------------------------- clients


async def test_a_client_reads_back_and_is_replaced(store, make) -> None:
    """Credentials and roles are the last that were put."""
    await store.clients.put(make.client(), make.now)
    assert await store.clients.client("hall") == make.client()

    keyed = make.client(secret_hash=None, jwks={"keys": []}, roles=frozenset({"auditor"}))
    await store.clients.put(keyed, make.now)

    assert await store.clients.client("hall") == keyed


async def test_a_disabled_client_is_none_until_it_is_put_back(store, make) -> None:
    """Disabling is at once, and not for ever."""
    await store.clients.put(make.client(disabled_at=make.now), make.now)
    assert await store.clients.client("hall") is None

    await store.clients.put(make.client(), make.now)
    assert await store.clients.client("hall") == make.client()


@pytest.mark.parametrize("other", ["data_admin", "operator"])
async def test_who_audits_neither_runs_nor_changes_the_service(store, make, other: str) -> None:
    """The roles are kept apart where they are given, and nothing is registered."""
    united = make.client(roles=frozenset({"auditor", other}))
    with pytest.raises(BadRequest, match="roles_incompatible"):
        await store.clients.put(united, make.now)

    assert await store.clients.client(united.id) is None


async def test_entries_are_searched(store, make) -> None:
    """By kind, caller, request and time, alone and together; an unprintable word matches nothing."""
    hour = timedelta(hours=1)
    first = make.entry(kind=EntryKind.intent, caller="hall", request="res_1", at=make.now)
    second = make.entry(kind=EntryKind.outcome, caller="hall", request="res_1", at=make.now + hour)
    third = make.entry(kind=EntryKind.intent, caller="desk", request="res_2", at=make.now + 2 * hour)
    await store.gates.commit([make.passage(entry=entry) for entry in (first, second, third)])

    async def found(**wanted: Any) -> list[Any]:
        return list(await store.entries.search(EntryFilter(**wanted), after="", limit=10))

    assert await found() == [first, second, third]
    assert await found(kind=EntryKind.intent) == [first, third]
    assert await found(caller="hall") == [first, second]
    assert await found(request="res_1", kind=EntryKind.outcome) == [second]
    assert await found(since=make.now + hour) == [second, third]
    assert await found(since=make.now, until=make.now + hour) == [first]
    assert await found(caller="\x00") == []


async def test_intents_without_outcome_are_found(store, make) -> None:
    """By request, older than asked for, above a cursor, in order."""
    intents = [make.entry(kind=EntryKind.intent, request=f"res_{number}") for number in range(3)]
    answered = make.entry(kind=EntryKind.outcome, request="res_1")
    await store.gates.commit([make.passage(entry=entry) for entry in (*intents, answered)])
    later = make.now + timedelta(days=1)

    found = await store.entries.without_outcome(after="", before=later, limit=10)

    assert [entry.request for entry in found] == ["res_0", "res_2"]
    assert await store.entries.without_outcome(after="", before=make.now, limit=10) == []
    assert list(await store.entries.without_outcome(after=found[0].id, before=later, limit=10)) == [found[1]]
    assert len(await store.entries.without_outcome(after="", before=later, limit=1)) == 1


async def test_a_client_put_by_many_at_once_is_there_once(store, make) -> None:
    """No race makes an error."""
    await asyncio.gather(*(store.clients.put(make.client(name=str(n)), make.now) for n in range(8)))

    assert (await store.clients.client("hall")).id == "hall"


# ---------------------------------------------------------------- consents


async def test_a_consent_reads_back_as_it_was(store, recorded) -> None:
    """Every set, every time to the microsecond, the sealed record byte for byte."""
    stored = await recorded(uses_left=2**40, form="marriage", purpose="民政.结婚", denied=frozenset())

    assert await store.consents.read([stored.consent.id]) == {stored.consent.id: stored}


async def test_unknown_consents_are_left_out(store, recorded) -> None:
    """Also ids that nobody can have been given; none at all is no error."""
    stored = await recorded()

    found = await store.consents.read(["cns_unknown", stored.consent.id, *UNSTORABLE])

    assert list(found) == [stored.consent.id]
    assert await store.consents.read([]) == {}


async def test_a_consent_is_added_once(store, make, recorded) -> None:
    """The same id again is a conflict and writes no entry."""
    stored = await recorded()

    with pytest.raises(Conflict) as caught:
        await store.consents.add(stored, make.event(stored), make.entry())

    assert caught.value.code == "already_recorded"
    assert len(await log_of(store)) == 1


async def test_a_consent_needs_its_subject(store, make) -> None:
    """One about nobody is refused, and nothing is written."""
    stored = make.consent()
    with pytest.raises(Conflict):
        await store.consents.add(stored, make.event(stored), make.entry())

    assert await store.consents.read([stored.consent.id]) == {}
    assert await log_of(store) == []


async def test_a_naive_time_is_never_stored(store, make) -> None:
    """A time without a zone is refused, and nothing is written."""
    await store.subjects.refs({"key-1": NewSubject("person", "sub_1", make.now)})
    stored = make.consent(expires_at=NAIVE)
    with pytest.raises(BadRequest, match="not_storable"):
        await store.consents.add(stored, make.event(stored), make.entry())

    assert await log_of(store) == []


async def test_times_come_back_in_utc(store, recorded) -> None:
    """Whatever zone they were given in, the instant is the same, aware, to the microsecond."""
    china = timezone(timedelta(hours=8))
    local = datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=china)
    stored = await recorded(expires_at=local)

    expires_at = (await standing_of(store, stored.consent.id)).expires_at

    assert expires_at == local
    assert expires_at.utcoffset() is not None


async def test_a_consent_moves_only_from_where_it_may(store, make, recorded) -> None:
    """True and written once; from another state False and nothing written."""
    stored = await recorded()

    async def move(state: S, *allowed: S) -> bool:
        return await store.consents.move(
            make.event(stored, state), make.entry(), allowed_from=frozenset(allowed), purge_drafts=False
        )

    moved = [
        await move(S.paused, S.given),
        await move(S.paused, S.given),
        await move(S.given, S.paused, S.deferred),
    ]

    assert moved == [True, False, True]
    assert (await standing_of(store, stored.consent.id)).state is S.given
    assert len(await log_of(store)) == 3


async def test_an_unknown_consent_does_not_move(store, make) -> None:
    """False, and no entry about something that is not there."""
    stored = make.consent()

    assert not await store.consents.move(
        make.event(stored, S.withdrawn), make.entry(), allowed_from=frozenset(S), purge_drafts=True
    )
    assert await log_of(store) == []


async def test_a_consent_is_withdrawn_once_however_many_try(store, make, recorded) -> None:
    """One of many at once wins; one entry tells of it."""
    stored = await recorded()

    moved = await asyncio.gather(
        *(
            store.consents.move(
                make.event(stored, S.withdrawn),
                make.entry(),
                allowed_from=frozenset({S.given}),
                purge_drafts=True,
            )
            for _ in range(8)
        )
    )

    assert sorted(moved) == [False] * 7 + [True]
    assert len(await log_of(store)) == 2


async def test_withdrawing_empties_the_drafts_that_used_it(store, make, recorded) -> None:
    """Only those, and only when asked to."""
    stored, other = await recorded(), await recorded()
    mine = make.draft(consents=(stored.consent.id, other.consent.id))
    theirs = make.draft(consents=(other.consent.id,))
    await store.gates.commit([make.passage(draft=mine), make.passage(draft=theirs)])

    await store.consents.move(
        make.event(other, S.paused), make.entry(), allowed_from=frozenset({S.given}), purge_drafts=False
    )
    await store.consents.move(
        make.event(stored, S.withdrawn), make.entry(), allowed_from=frozenset({S.given}), purge_drafts=True
    )

    assert (await store.drafts.read(mine.id)).sealed is None
    assert await store.drafts.read(theirs.id) == theirs


async def test_consents_are_listed_page_by_page(store, recorded) -> None:
    """By id, each once; of one subject only theirs."""
    mine = [await recorded() for _ in range(3)]
    await recorded(subject_key="key-2", subject_ref="sub_2")
    ids = [stored.consent.id for stored in mine]

    first = await store.consents.of_subject("sub_1", after="", limit=2)
    second = await store.consents.of_subject("sub_1", after=ids[1], limit=2)

    assert [*first, *second] == mine
    assert len(await store.consents.listing(after="", limit=10)) == 4
    assert len(await store.consents.listing(after=ids[0], limit=2)) == 2
    assert await store.consents.of_subject("sub_unknown", after="", limit=2) == []


# ---------------------------------------------------------------- subjects


async def test_a_subject_keeps_its_first_reference(store, make) -> None:
    """Later proposals are ignored; keys of one call are told apart."""
    await store.subjects.refs({"k1": NewSubject("person", "sub_a", make.now)})

    refs = await store.subjects.refs(
        {"k1": NewSubject("person", "sub_b", make.now), "k2": NewSubject("vehicle", "sub_c", make.now)}
    )

    assert refs == {"k1": "sub_a", "k2": "sub_c"}
    assert await store.subjects.refs({}) == {}


async def test_one_subject_seen_by_many_at_once_has_one_reference(store, make) -> None:
    """The same key in any order of others: everybody gets the same."""

    async def look_up(number: int) -> dict[str, str]:
        keys = sorted((f"k{n}" for n in range(6)), reverse=number % 2 == 0)
        return dict(
            await store.subjects.refs(
                {key: NewSubject("person", f"sub_{key}_{number}", make.now) for key in keys}
            )
        )

    answers = await asyncio.gather(*(look_up(number) for number in range(12)))

    assert all(answer == answers[0] for answer in answers)


# ---------------------------------------------------------------- drafts


async def test_an_unknown_draft_is_none(store) -> None:
    """Also under an id nobody can have been given."""
    assert [await store.drafts.read(each) for each in ("res_unknown", *UNSTORABLE)] == [None] * 5


async def test_expired_drafts_are_emptied_once(store, make) -> None:
    """At the very moment it expires a draft is emptied; one entry counts them; the next purge writes none."""
    over = [make.draft(valid_until=make.now), make.draft(valid_until=make.now - DAY)]
    still = make.draft(valid_until=make.now + timedelta(microseconds=1))
    await store.gates.commit([make.passage(draft=draft) for draft in (*over, still)])
    counted: list[int] = []

    def entry(count: int) -> Any:
        counted.append(count)
        return make.entry(kind=EntryKind.drafts_purged)

    purged = [await store.drafts.purge_expired(make.now, entry) for _ in range(2)]

    assert (purged, counted) == ([2, 0], [2])
    assert [(await store.drafts.read(draft.id)).sealed for draft in (*over, still)] == [
        None,
        None,
        still.sealed,
    ]
    assert [each.kind for each in await log_of(store)].count(EntryKind.drafts_purged) == 1


# ---------------------------------------------------------------- entries


async def test_entries_are_found_page_by_page_and_by_request(store, make) -> None:
    """In order of id, each once; of one request only its own."""
    entries = [
        make.entry(request=f"res_{number % 2}", sealed=None if number else b"s") for number in range(5)
    ]
    await store.gates.commit([make.passage(entry=entry) for entry in reversed(entries)])

    pages = [await store.entries.find(request=None, after=after, limit=3) for after in ("", entries[2].id)]

    assert [entry for page in pages for entry in page] == entries
    assert await log_of(store, request="res_1") == entries[1::2]
    assert await log_of(store, request="res_1", after=entries[1].id) == [entries[3]]
    assert await log_of(store, request="res_unknown") == []


@pytest.mark.parametrize("odd", UNSTORABLE)
async def test_an_impossible_cursor_gives_an_empty_page(store, make, recorded, odd: str) -> None:
    """What was never handed out leads nowhere, and breaks nothing."""
    await recorded()
    await store.forms.publish(make.form(), make.entry())

    assert await log_of(store, after=odd) == []
    assert await log_of(store, request=odd) == []
    assert await store.consents.listing(after=odd, limit=5) == []
    assert await store.consents.of_subject(odd, after="", limit=5) == []
    assert await store.forms.listing(after=odd, limit=5) == []
    assert await store.clients.client(odd) is None
    with pytest.raises(NotFound):
        await store.forms.load(odd, 1)


# ---------------------------------------------------------------- idempotency keys


async def claim(store: Store, now: datetime, digest: str = "d1", key: str = "k") -> Any:
    """One claim of the same caller."""
    return await store.idempotency.claim("hall", key, digest, now)


async def test_a_key_is_claimed_once(store, make) -> None:
    """The second learns what the first asked, and once it is settled what it made."""
    assert await claim(store, make.now) is None
    assert await claim(store, make.now, "d2") == ("d1", None)
    await store.idempotency.settle("hall", "k", "res_1")

    assert await claim(store, make.now, "d2") == ("d1", "res_1")
    assert await store.idempotency.claim("other", "k", "d1", make.now) is None


async def test_of_many_claims_at_once_one_wins(store, make) -> None:
    """Whatever the concurrency."""
    claims = await asyncio.gather(*(claim(store, make.now, f"d{number}") for number in range(12)))

    assert claims.count(None) == 1
    assert len({each for each in claims if each is not None}) == 1


async def test_a_claim_that_is_released_while_others_try_breaks_nobody(store, make) -> None:
    """Each either has it or learns who has."""
    await claim(store, make.now)
    *claims, _ = await asyncio.gather(
        *(claim(store, make.now, "d2") for _ in range(8)), store.idempotency.release("hall", "k")
    )

    assert claims.count(None) <= 1
    assert {each for each in claims if each is not None} <= {("d1", None), ("d2", None)}


async def test_a_released_key_can_be_claimed_again(store, make) -> None:
    """A failed request leaves nothing behind."""
    await claim(store, make.now)
    await store.idempotency.release("hall", "k")

    assert await claim(store, make.now, "d2") is None


async def test_a_claim_left_behind_can_be_taken_over(store, make) -> None:
    """After a minute without result its process is gone; before that it is not. Of many only one takes it over."""
    await claim(store, make.now)
    assert await claim(store, make.now + MINUTE - timedelta(microseconds=1), "d2") == ("d1", None)

    later = make.now + MINUTE
    claims = await asyncio.gather(*(claim(store, later, "d2") for _ in range(6)))

    assert claims.count(None) == 1
    assert {each for each in claims if each is not None} == {("d2", None)}


async def test_what_was_settled_stays(store, make) -> None:
    """Neither a late release nor a second result nor time changes it."""
    await claim(store, make.now)
    await store.idempotency.settle("hall", "k", "res_1")
    await store.idempotency.settle("hall", "k", "res_2")
    await store.idempotency.release("hall", "k")

    assert await claim(store, make.now + DAY) == ("d1", "res_1")


async def test_old_keys_are_purged(store, make) -> None:
    """Those claimed before that time, settled or not, and no others."""
    for minutes, key in ((0, "a"), (1, "b"), (2, "c")):
        await claim(store, make.now + minutes * MINUTE, key=key)
    await store.idempotency.settle("hall", "a", "res_1")

    assert await store.idempotency.purge(make.now + 2 * MINUTE) == 2
    assert await store.idempotency.purge(make.now + 2 * MINUTE) == 0
    assert await claim(store, make.now + DAY, "d2", key="a") is None
    assert await claim(store, make.now + 2 * MINUTE, "d2", key="c") == ("d1", None)


# ---------------------------------------------------------------- the whole


async def test_a_store_that_is_there_answers_the_ping(store) -> None:
    """Readiness sees it, also after it was closed and used again."""
    await store.ping()
    await store.close()
    await store.close()
    await store.ping()


async def test_what_could_lose_entries_is_said_with_what_to_do(store) -> None:
    """A file on a disk of its own is as safe as this node; memory is not, nor is a server without a standby."""
    said = await store.weaknesses()

    if isinstance(store, MemoryStore):
        assert ["memory" in each for each in said] == [True]
    elif store._database.is_sqlite:
        assert said == []
    else:  # the servers of the tests do without everything that makes them slow
        assert [each.split()[1] for each in said] == [
            "fsync",
            "full_page_writes",
            "synchronous_standby_names:",
        ]


async def test_text_of_every_script_comes_back_as_it_was(store, make) -> None:
    """Names outside the basic plane, combining marks and emoji survive; nothing is normalised behind our back."""
    for number, name in enumerate(
        ("𠮷田㐂", "e\u0301", "\u00e9", "买买提·玉素甫", "👩‍👧", "'; DROP TABLE form;--")
    ):
        form = make.form(id=f"f{number}", name=name)
        await store.forms.publish(form, make.entry())

        assert (await store.forms.load(form.id, 1)).name == name


async def test_no_part_can_change_or_remove_an_entry(store) -> None:
    """The log has one way in, the gates and the acts that write one, and one way to be read."""
    public = {name for name in dir(store.entries) if not name.startswith("_")}

    assert public == {"find", "search", "without_outcome"}
