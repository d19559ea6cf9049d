"""Operators and their sessions: one contract for every store."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import BadRequest, Conflict
from gateway.ports import Store
from gateway.records import Arrival, EntryKind, Operator, Origin, Tried, Waits

SOON = timedelta(minutes=1)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HERE, THERE, DEVICE = Origin(address="here"), Origin(address="there"), Origin("device", "there")


def waits(*, here: int = 99, strangers: int = 99) -> Waits:
    """A minute from so many tries on, from one place and for all strangers."""
    return Waits(
        lambda tries: SOON if tries >= here else timedelta(0),
        lambda tries: SOON if tries >= strangers else timedelta(0),
    )


async def counted(store: Store, operator: Operator, at: datetime, origin: Origin = HERE, **limits: int):
    """How many tries there were from that place, None where it must wait."""
    tried = await store.operators.attempt(operator.id, origin, at, waits=waits(**limits))
    return None if tried is None else (tried.here, tried.strangers)


async def arrive(store: Store, make, operator: Operator, step: int, origin: Origin, *, forgets=False) -> None:
    """The operator logs in from there, and is known there for a day."""
    arrival = Arrival(origin, make.now + DAY, forgets)
    session = make.session(operator.id)
    entered = store.operators.log_in(operator, step, session, make.entry(), password=None, arrival=arrival)
    assert await entered


async def added(store: Store, make, **changes) -> Operator:
    operator = make.operator(**changes)
    await store.operators.add(operator, make.entry(kind=EntryKind.operator_changed))
    return operator


async def kinds(store: Store) -> list[str]:
    return [each.kind.value for each in await store.entries.find(request=None, after="", limit=50)]


async def test_an_operator_is_found_by_login_and_by_id(store: Store, make) -> None:
    """What was put comes back whole, with its entry beside it; nobody is found by anything else."""
    operator = await added(store, make)

    assert await store.operators.find("key-of-login") == operator
    assert await store.operators.operator(operator.id) == operator
    assert await store.operators.find("key-of-nobody") is None
    assert await store.operators.operator("opr_\x00") is None
    assert await kinds(store) == ["operator.changed"]


async def test_operators_are_listed_by_id(store: Store, make) -> None:
    """Page by page, disabled ones too."""
    made = [await added(store, make, login_key=f"k{n}", disabled_at=make.now) for n in range(3)]

    assert await store.operators.listing(after="", limit=2) == made[:2]
    assert await store.operators.listing(after=made[1].id, limit=2) == made[2:]
    assert await store.operators.listing(after="\x00", limit=2) == []


async def test_two_cannot_log_in_by_one_name(store: Store, make) -> None:
    """The second is refused and leaves neither a row nor an entry."""
    await added(store, make)

    with pytest.raises(Conflict):
        await added(store, make)
    assert len(await store.operators.listing(after="", limit=5)) == 1
    assert len(await kinds(store)) == 1


async def test_roles_no_one_may_unite_are_not_stored(store: Store, make) -> None:
    """Whoever asks: the store itself refuses."""
    with pytest.raises(BadRequest, match="roles_incompatible"):
        await added(store, make, roles=frozenset({"operator", "security"}))
    assert await store.operators.listing(after="", limit=5) == []


async def test_a_log_in_opens_a_session_and_forgets_failures(store: Store, make) -> None:
    """Step, password and session are written together with the entry."""
    operator = await added(store, make)
    await store.operators.attempt(operator.id, HERE, make.now, waits=waits())
    session = make.session(operator.id)

    entered = await store.operators.log_in(operator, 7, session, make.entry(), password="new")

    after = await store.operators.operator(operator.id)
    assert entered
    assert await store.operators.session(session.id) == session
    assert after == replace(
        operator, totp_last_step=7, password_hash="new", must_change_password=False, failed_logins=0
    )


@pytest.mark.parametrize("step", [7, 6])
async def test_no_step_is_used_twice_nor_an_older_one(store: Store, make, step: int) -> None:
    """A code that was accepted, or one from before it, opens nothing and writes nothing."""
    operator = await added(store, make)
    await store.operators.log_in(operator, 7, make.session(operator.id), make.entry(), password=None)
    again = make.session(operator.id)

    assert not await store.operators.log_in(operator, step, again, make.entry(), password="other")
    assert await store.operators.session(again.id) is None
    assert (await store.operators.operator(operator.id)).password_hash == operator.password_hash
    assert len(await kinds(store)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"roles": frozenset({"auditor"})},
        {"department": "another"},
        {"password_hash": "of a reset"},
        {"password_hash": None},
    ],
    ids=["roles", "department", "password", "no password"],
)
async def test_whoever_was_changed_during_a_log_in_is_not_let_in_as_before(
    store: Store, make, change: dict[str, Any]
) -> None:
    """A password takes a while to check: roles or a password taken away meanwhile open nothing and write nothing."""
    read = await added(store, make)
    await store.operators.change(read, replace(read, **change), make.entry())
    session = make.session(read.id)

    assert not await store.operators.log_in(read, 7, session, make.entry(), password=None)
    assert await store.operators.session(session.id) is None
    assert (await store.operators.operator(read.id)).totp_last_step == read.totp_last_step
    assert len(await kinds(store)) == 2


async def test_of_many_with_the_same_code_one_gets_in(store: Store, make) -> None:
    """The step is compared and set in one statement."""
    operator = await added(store, make)
    log_ins = [
        store.operators.log_in(operator, 9, make.session(operator.id), make.entry(), password=None)
        for _ in range(12)
    ]

    assert sorted(await asyncio.gather(*log_ins)) == [False] * 11 + [True]


async def test_an_issuers_log_in_needs_no_step(store: Store, make) -> None:
    """Where the issuer has checked everything, the operator only must not be disabled."""
    operator = await added(store, make)
    gone = await added(store, make, login_key="gone", disabled_at=make.now)

    assert await store.operators.log_in(
        operator, None, make.session(operator.id), make.entry(), password=None
    )
    assert not await store.operators.log_in(gone, None, make.session(gone.id), make.entry(), password=None)
    assert not await store.operators.log_in(
        replace(operator, id="opr_x"), None, make.session("opr_x"), make.entry(), password=None
    )


async def test_tries_are_counted_until_the_place_has_to_wait(store: Store, make) -> None:
    """A try is counted before it is judged; meanwhile none is, and afterwards counting goes on."""
    operator = await added(store, make)

    tries = [await counted(store, operator, make.now, here=3) for _ in range(5)]
    later = await counted(store, operator, make.now + SOON, here=3)

    assert tries == [(1, 1), (2, 2), (3, 3), None, None]
    assert later == (4, 4)


async def test_whoever_fails_elsewhere_makes_a_known_place_wait_for_nothing(store: Store, make) -> None:
    """Strangers fail until they wait, all together; from the operator's own device and address every try counts."""
    operator = await added(store, make, must_change_password=False)
    await arrive(store, make, operator, 1, Origin("device", "here"))
    strangers = [
        await counted(store, operator, make.now, Origin(address=f"strange {n}"), strangers=3)
        for n in range(5)
    ]

    from_here = await counted(store, operator, make.now, HERE, strangers=3)
    by_device = await store.operators.attempt(operator.id, DEVICE, make.now, waits=waits(strangers=3))

    assert strangers == [(1, 1), (1, 2), (1, 3), None, None]
    assert from_here == (1, 0)
    assert by_device == Tried(1, 0, by_device=True)


async def test_strangers_wait_together_and_not_for_ever(store: Store, make) -> None:
    """After the wait the next one counts; after a day without any, counting begins anew."""
    operator = await added(store, make, must_change_password=False)
    at = make.now
    tries = [await counted(store, operator, at, strangers=2), await counted(store, operator, at, strangers=2)]

    waiting = await counted(store, operator, at, THERE, strangers=2)
    after = await counted(store, operator, at + SOON, THERE, strangers=2)
    anew = await counted(store, operator, at + 2 * SOON + DAY, THERE, strangers=2)

    assert (tries, waiting, after) == ([(1, 1), (2, 2)], None, (1, 3))
    assert anew == (1, 1)


async def test_a_one_time_password_waits_for_no_stranger(store: Store, make) -> None:
    """It cannot be guessed, and is the way in while strangers keep the name busy; its own place still waits."""
    operator = await added(store, make, must_change_password=True)

    tries = [await counted(store, operator, make.now, here=3, strangers=1) for _ in range(4)]

    assert tries == [(1, 1), (2, 2), (3, 3), None]


async def test_where_no_place_is_told_apart_all_are_strangers(store: Store, make) -> None:
    """Behind a proxy nobody is known by an address; a device is."""
    operator = await added(store, make, must_change_password=False)
    await arrive(store, make, operator, 1, Origin("device", None))

    tries = [await counted(store, operator, make.now, Origin(), here=1, strangers=2) for _ in range(3)]
    own = await counted(store, operator, make.now, Origin("device", None), strangers=2)

    assert (tries, own) == ([(0, 1), (0, 2), None], (1, 0))


async def test_a_place_is_known_for_its_time_and_to_its_operator(store: Store, make) -> None:
    """Afterwards, and for anybody else, it is as strange as any; a device presented before it was given is nothing."""
    operator = await added(store, make, must_change_password=False)
    other = await added(store, make, must_change_password=False, login_key="other")
    await arrive(store, make, operator, 1, DEVICE)

    assert await counted(store, operator, make.now, DEVICE) == (1, 0)
    assert await counted(store, operator, make.now + DAY, DEVICE) == (1, 1)
    assert await counted(store, other, make.now, DEVICE) == (1, 1)
    assert await counted(store, operator, make.now, Origin("made up", "strange")) == (1, 2)


@pytest.mark.parametrize(("forgets", "after"), [(True, (1, 1)), (False, (1, 3))])
async def test_a_success_forgets_its_own_place_and_strangers_if_it_was_one(
    store: Store, make, forgets: bool, after: tuple[int, int]
) -> None:
    """Who comes in from a known place does not give the strangers a fresh start."""
    operator = await added(store, make, must_change_password=False)
    for _ in range(2):
        await counted(store, operator, make.now, HERE)

    await arrive(store, make, operator, 1, HERE, forgets=forgets)

    assert await counted(store, operator, make.now, THERE) == after
    assert await counted(store, operator, make.now, HERE) == (1, 0)


async def test_a_new_password_makes_every_place_strange(store: Store, make) -> None:
    """Whoever was reset is known nowhere: a device may be why. Other roles change nothing about it."""
    operator = await added(store, make, must_change_password=False)
    await arrive(store, make, operator, 1, DEVICE)
    given = replace(operator, roles=frozenset({"auditor"}))
    await store.operators.change(operator, given, make.entry())
    kept = await counted(store, operator, make.now, DEVICE)

    await store.operators.change(given, replace(given, password_hash="new"), make.entry())

    assert (kept, await counted(store, operator, make.now, DEVICE)) == ((1, 0), (1, 1))


async def test_a_hundred_at_once_are_as_many_as_in_a_row(store: Store, make) -> None:
    """However many try together, no more are counted than the waits let."""
    operator = await added(store, make, must_change_password=False)
    places = [Origin(address=f"place {n % 8}") for n in range(40)]

    tried = await asyncio.gather(*(counted(store, operator, make.now, each, strangers=5) for each in places))

    assert sorted(each[1] for each in tried if each is not None) == [1, 2, 3, 4, 5]


async def test_the_unknown_and_the_disabled_have_no_tries(store: Store, make) -> None:
    """Nothing is counted for them, and nothing breaks."""
    gone = await added(store, make, disabled_at=make.now)

    for operator_id in ("opr_x", gone.id, "\x00"):
        assert await store.operators.attempt(operator_id, HERE, make.now, waits=waits()) is None


async def test_a_session_ends_once(store: Store, make) -> None:
    """The second end writes nothing; neither does one after its time, or of nobody's."""
    operator = await added(store, make)
    first, second = make.session(operator.id), make.session(operator.id)
    await store.operators.log_in(operator, 1, first, make.entry(), password=None)
    await store.operators.log_in(operator, 2, second, make.entry(), password=None)

    assert await store.operators.end(first.id, make.now, make.entry())
    assert not await store.operators.end(first.id, make.now, make.entry())
    assert not await store.operators.end(second.id, second.expires_at, make.entry())
    assert not await store.operators.end("ses_x", make.now, make.entry())
    assert (await store.operators.session(first.id)).ended_at == make.now
    assert len(await kinds(store)) == 4


async def test_whoever_is_changed_loses_their_sessions_but_not_the_last_step(store: Store, make) -> None:
    """A change that was read before a log-in must not make its code good again."""
    operator = await added(store, make)
    session = make.session(operator.id)
    await store.operators.log_in(operator, 5, session, make.entry(), password=None)

    changed = replace(operator, roles=frozenset({"auditor"}))
    await store.operators.change(operator, changed, make.entry(at=make.now + SOON))

    after = await store.operators.operator(operator.id)
    assert (after.roles, after.totp_last_step) == (frozenset({"auditor"}), 5)
    assert (await store.operators.session(session.id)).ended_at == make.now + SOON


async def test_a_client_changes_with_its_entry(store: Store, make) -> None:
    """Registered, disabled and listed; a disabled one is found by nobody who asks for a token."""
    await store.clients.change(make.client(), make.entry(kind=EntryKind.client_changed))
    await store.clients.change(make.client(disabled_at=make.now), make.entry(kind=EntryKind.client_changed))

    assert await store.clients.client("hall") is None
    assert await store.clients.listing(after="", limit=5) == [make.client(disabled_at=make.now)]
    assert await kinds(store) == ["client.changed"] * 2


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"disabled_at": NOW},
        {"roles": frozenset({"auditor"})},
        {"department": "another"},
        {"password_hash": "of a reset"},
        {"password_hash": None},
    ],
    ids=["disabled", "roles", "department", "password", "no password"],
)
async def test_a_change_of_what_was_changed_meanwhile_is_refused(
    store: Store, make, meanwhile: dict[str, Any]
) -> None:
    """Roles given by somebody who read the operator before undo nothing: not the disabling above all."""
    read = await added(store, make)
    session = make.session(read.id)
    await store.operators.change(read, replace(read, **meanwhile), make.entry())

    with pytest.raises(Conflict, match="changed_meanwhile"):
        await store.operators.change(
            read, replace(read, roles=frozenset({"operator"}), department="third"), make.entry()
        )

    assert await store.operators.operator(read.id) == replace(read, **meanwhile)
    assert await store.operators.session(session.id) is None
    assert len(await kinds(store)) == 2


async def test_enabling_is_refused_where_somebody_else_did_it(store: Store, make) -> None:
    """Disabled as read counts as well: of two that enable one is told that it was done."""
    read = await added(store, make, disabled_at=make.now)
    enabled = replace(read, disabled_at=None, password_hash="new")
    await store.operators.change(read, enabled, make.entry())

    with pytest.raises(Conflict):
        await store.operators.change(read, replace(enabled, password_hash="other"), make.entry())

    assert (await store.operators.operator(read.id)).password_hash == "new"


async def test_a_change_writes_what_it_changes_and_no_more(store: Store, make) -> None:
    """Tries that were counted meanwhile stay counted, and a lock stays shut."""
    read = await added(store, make)
    await store.operators.attempt(read.id, HERE, make.now, waits=waits(strangers=1))

    await store.operators.change(read, replace(read, roles=frozenset({"auditor"})), make.entry())

    after = await store.operators.operator(read.id)
    assert (after.failed_logins, after.locked_until, after.roles) == (
        1,
        make.now + SOON,
        frozenset({"auditor"}),
    )


async def test_of_changes_at_once_one_is_written(store: Store, make) -> None:
    """Ten who read the same operator: one change, one entry, nine refusals."""
    read = await added(store, make)
    changes = [
        store.operators.change(read, replace(read, department=f"d{n}"), make.entry()) for n in range(10)
    ]

    results = await asyncio.gather(*changes, return_exceptions=True)

    assert sorted(type(each).__name__ for each in results) == ["Conflict"] * 9 + ["NoneType"]
    assert (await store.operators.operator(read.id)).department == f"d{results.index(None)}"
    assert len(await kinds(store)) == 2


async def test_nobody_unknown_is_changed(store: Store, make) -> None:
    """A change of nobody is a conflict, not a new operator."""
    nobody = make.operator(id="opr_x")

    with pytest.raises(Conflict):
        await store.operators.change(nobody, nobody, make.entry())

    assert await store.operators.listing(after="", limit=5) == []
