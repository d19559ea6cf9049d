"""Operators log in by password and one-time code, end their sessions, and are told nothing when they are refused."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import Conflict
from gateway.security.operators import assign_roles, disable_operator, find_operator, reset_operator
from gateway.security.sessions import LogIn, Sessions
from gateway.store.refusals import unavailable

MINUTE = timedelta(minutes=1)


async def test_a_log_in_gives_a_token_of_fifteen_minutes_with_the_roles(service) -> None:
    """Roles and department are the operator's; the token opens what the roles open, and nothing else."""
    desk = await service.operator("wang", "security")

    answer = await desk.log_in()
    body = answer.json()
    bearer = {"authorization": f"Bearer {body['access_token']}"}

    assert answer.status_code == 201
    assert (body["expires_in"], body["roles"], body["department"]) == (900, ["security"], "数据局")
    assert (await service.http.get("/v1/operators", headers=bearer)).status_code == 200
    assert (await service.http.get("/v1/audit/entries", headers=bearer)).status_code == 403


async def test_the_first_log_in_must_change_the_password(service) -> None:
    """A one-time password opens nothing by itself, and is of no use afterwards."""
    desk = await service.newcomer()

    refused = await desk.log_in()
    changed = await desk.log_in(new_password="four words make one")
    service.clock.tick()
    with_the_old = await desk.log_in()
    with_the_new = await desk.log_in(password="four words make one")

    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
    assert changed.status_code == 201
    assert with_the_old.status_code == 401
    assert with_the_new.status_code == 201


async def test_a_bad_new_password_changes_nothing(service) -> None:
    """It is refused with its rule, and the code can still be used."""
    desk = await service.newcomer()

    refused = await desk.log_in(new_password="short")
    repeated = await desk.log_in(new_password=desk.password)
    good = await desk.log_in(new_password="four words make one")

    assert [refused.status_code, repeated.status_code, good.status_code] == [422, 422, 201]
    assert refused.json()["errors"][0]["pointer"] == "/new_password"


WRONG: dict[str, dict[str, Any]] = {
    "password": {"password": "five words make two"},
    "password_of_another_length": {"password": "x"},
    "password_too_long": {"password": "x" * 200},
    "code": {"totp": "000000"},
    "nobody": {"operator": "nobody"},
    "id_instead_of_login": {"operator": "opr_1"},
}


@pytest.mark.parametrize("how", WRONG)
async def test_every_refusal_reads_the_same(service, how: str) -> None:
    """Who exists, and what was wrong, cannot be told from the answer; the entry tells it."""
    desk = await service.operator()
    answer = await desk.log_in(**WRONG[how])
    told = {name: value for name, value in answer.json().items() if name != "trace_id"}

    expected = await desk.log_in(password="another wrong one")
    refused = (await service.entries("operator.login_refused"))[0]

    assert answer.status_code == 401
    assert told == {name: value for name, value in expected.json().items() if name != "trace_id"}
    assert refused["reason"] == {"code": "code"}.get(how, "password" if "password" in how else "unknown")
    assert refused["operator"] == (None if refused["reason"] == "unknown" else desk.id)


async def test_a_code_is_used_once(service) -> None:
    """The same code, and the one before it, open nothing any more."""
    desk = await service.operator()
    before = desk.code
    service.clock.tick()
    body = desk.body()

    first = await service.http.post("/v1/sessions", json=body)
    again = await service.http.post("/v1/sessions", json=body)
    older = await service.http.post("/v1/sessions", json=body | {"totp": before})

    assert [first.status_code, again.status_code, older.status_code] == [201, 401, 401]
    assert [e["reason"] for e in await service.entries("operator.login_refused")] == ["code_used"] * 2


async def test_of_many_with_one_code_one_gets_in(service) -> None:
    """Racing with the same code opens one session."""
    desk = await service.operator()
    body = desk.body()

    answers = await asyncio.gather(*(service.http.post("/v1/sessions", json=body) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]


async def test_a_crowd_at_the_door_is_told_to_come_again(make_service) -> None:
    """Checks are slow on purpose: no more than some wait for one; the others cost nothing and are not counted."""
    service = make_service(token_failures_per_minute=0)
    desk = await service.operator()
    wrong = desk.body(password="five words make two", operator="nobody")

    crowd = await asyncio.gather(*(service.http.post("/v1/sessions", json=wrong) for _ in range(50)))
    statuses = [answer.status_code for answer in crowd]

    assert (statuses.count(401), statuses.count(429)) == (20, 30)
    assert len(await service.entries("operator.login_refused")) == 20
    assert (await desk.log_in()).status_code == 201
    await service.http.aclose()


async def test_five_failures_lock_and_the_wait_doubles(service) -> None:
    """While locked even the right password is refused; the fifth failure costs 30 seconds, the sixth a minute."""
    desk = await service.operator()
    for _ in range(5):
        await desk.log_in(password="wrong")
    locked = await desk.log_in()
    service.clock.tick(timedelta(seconds=31))
    await desk.log_in(password="wrong")
    service.clock.tick(timedelta(seconds=31))
    still = await desk.log_in()
    service.clock.tick(timedelta(seconds=31))
    free = await desk.log_in()
    service.clock.tick()
    after = [(await desk.log_in(password="wrong")).status_code for _ in range(4)]

    assert [locked.status_code, still.status_code, free.status_code] == [401, 401, 201]
    assert [e["tries"] for e in await service.entries("operator.locked")] == [5, 6]
    assert [e["reason"] for e in await service.entries("operator.login_refused")].count("locked") == 2
    assert after == [401] * 4


async def test_the_wait_ends_at_a_quarter_of_an_hour(service) -> None:
    """Whoever fails in somebody's place cannot lock them out for good."""
    desk = await service.operator()
    for _ in range(12):
        await desk.log_in(password="wrong")
        service.clock.tick(timedelta(minutes=15))

    assert (await desk.log_in()).status_code == 201


async def test_guesses_at_once_are_no_more_than_guesses_in_a_row(service) -> None:
    """Twelve wrong passwords together lock as five do."""
    desk = await service.operator()
    await asyncio.gather(*(desk.log_in(password=f"wrong {n}") for n in range(12)))

    reasons = [each["reason"] for each in await service.entries("operator.login_refused")]
    assert (reasons.count("password"), reasons.count("locked")) == (5, 7)


async def test_a_refusal_takes_as_long_for_nobody_as_for_somebody(service) -> None:
    """Both take the time that refusals are given, however fast the check was."""
    desk = await service.operator()
    sessions = Sessions(service.runtime, service.app.state.tokens, refusal_takes=timedelta(seconds=1.5))
    took = {}
    for login in ("wang", "nobody"):
        began = time.monotonic()
        with pytest.raises(Exception, match="login_refused"):
            await sessions.by_password(LogIn(login, "wrong", desk.code))
        took[login] = time.monotonic() - began

    assert min(took.values()) >= 1.5
    assert abs(took["wang"] - took["nobody"]) < 0.3


async def test_a_session_ends_when_its_owner_says_so(service) -> None:
    """The very next request with its token is refused; the end is an entry."""
    desk = await service.operator("wang", "data_admin")
    bearer = await desk.token()

    before = await service.http.get("/v1/items", headers=bearer)
    ended = await service.http.delete("/v1/sessions/current", headers=bearer)
    after = await service.http.get("/v1/items", headers=bearer)
    again = await service.http.delete("/v1/sessions/current", headers=bearer)

    assert [before.status_code, ended.status_code, after.status_code, again.status_code] == [
        200,
        204,
        401,
        401,
    ]
    assert after.json()["code"] == "session_ended"
    assert len(await service.entries("operator.session_ended")) == 1


@pytest.mark.parametrize("change", ["disable", "reset", "roles"])
async def test_whoever_is_changed_loses_their_session(service, change: str) -> None:
    """Disabled, reset or given other roles: the token they have is worth nothing at the next request."""
    desk = await service.operator("wang", "data_admin")
    bearer = await desk.token()
    operator = await find_operator("wang", service.runtime)

    if change == "roles":
        await assign_roles(operator, ["auditor"], service.runtime)
    else:
        await {"disable": disable_operator, "reset": reset_operator}[change](operator, service.runtime)

    assert (await service.http.get("/v1/items", headers=bearer)).json()["code"] == "session_ended"


@pytest.mark.parametrize("change", ["roles", "reset"])
async def test_a_change_that_was_read_before_the_disabling_does_not_undo_it(service, change: str) -> None:
    """Somebody is shut out while a colleague gives them roles: they stay out, and the colleague is told."""
    await service.operator("wang", "data_admin")
    read = await find_operator("wang", service.runtime)
    await disable_operator(read, service.runtime)

    with pytest.raises(Conflict, match="changed_meanwhile"):
        await (
            assign_roles(read, ["auditor"], service.runtime)
            if change == "roles"
            else reset_operator(read, service.runtime)
        )

    assert (await find_operator("wang", service.runtime)).disabled_at is not None
    assert [each["what"] for each in await service.entries("operator.changed")] == ["added", "disabled"]


async def test_disabling_wins_over_a_change_meanwhile(service) -> None:
    """Roles that were given since it was read do not keep anybody in."""
    await service.operator("wang", "data_admin")
    read = await find_operator("wang", service.runtime)
    await assign_roles(read, ["auditor"], service.runtime)

    await disable_operator(read, service.runtime)

    now = await find_operator("wang", service.runtime)
    assert (now.disabled_at is not None, now.roles) == (True, frozenset({"auditor"}))


async def test_a_session_ends_by_itself(service) -> None:
    """After fifteen minutes token and session are over."""
    desk = await service.operator("wang", "data_admin")
    bearer = await desk.token()
    service.clock.tick(15 * MINUTE)

    assert (await service.http.get("/v1/items", headers=bearer)).json()["code"] == "token_expired"


async def test_a_disabled_operator_is_refused_like_nobody(service) -> None:
    """Right password, right code: no; the entry says that they are disabled."""
    desk = await service.operator()
    await disable_operator(await find_operator("wang", service.runtime), service.runtime)

    assert (await desk.log_in()).status_code == 401
    assert (await service.entries("operator.login_refused"))[-1]["reason"] == "disabled"


async def test_a_system_has_no_session_to_end(service) -> None:
    """Without a token 401; a session that the log does not know is not there."""
    assert (await service.http.delete("/v1/sessions/current")).status_code == 401


async def test_nothing_personal_or_secret_stands_in_leaves(service) -> None:
    """Names, logins, passwords and codes are in no leaf; the random id is."""
    desk = await service.operator("wang.xiaoming")
    await desk.log_in(operator="wang.xiaoming", password="typed in the wrong field")
    await desk.log_in(operator="typed in the wrong field")
    text = str(await service.entries())

    assert desk.id in text
    for secret in ("wang", "王工", "typed", desk.password, desk.code):
        assert secret not in text


# ---------------------------------------------------------------- managed by security


async def test_security_lists_and_disables_operators(service) -> None:
    """Whoever is in security sees who works here and can shut one out; each change is an entry by them."""
    boss = await service.operator("boss", "security")
    desk = await service.operator("wang", "data_admin")
    bearer = await boss.token()

    listed = await service.http.get("/v1/operators?limit=1", headers=bearer)
    following = await service.http.get(
        f"/v1/operators?limit=5&cursor={listed.json()['next_cursor']}", headers=bearer
    )
    disabled = await service.http.post(f"/v1/operators/{desk.id}/disable", headers=bearer)

    assert [each["login"] for each in listed.json()["operators"]] == ["boss"]
    assert [each["login"] for each in following.json()["operators"]] == ["wang"]
    assert disabled.json()["disabled_at"] is not None
    assert (await service.entries("operator.changed"))[-1]["caller"] == f"op:{boss.id}"


async def test_roles_are_given_by_security_and_in_one_hand(service) -> None:
    """Possible roles are given; roles of two hands are refused, and the refusal is an entry."""
    boss = await service.operator("boss", "security")
    desk = await service.operator("wang", "data_admin")
    bearer = await boss.token()
    path = f"/v1/operators/{desk.id}/roles"

    given = await service.http.put(path, json={"roles": ["auditor"]}, headers=bearer)
    refused = [
        await service.http.put(path, json={"roles": roles}, headers=bearer)
        for roles in (["auditor", "operator"], ["security", "auditor"], ["renderer"], ["person"])
    ]

    assert given.json()["roles"] == ["auditor"]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(400, "roles_incompatible")] * 4
    told = await service.entries("roles.refused")
    assert [each["reason"] for each in told] == ["incompatible"] * 4
    assert {each["target"] for each in told} == {desk.id}


async def test_nobody_changes_their_own_roles(service) -> None:
    """Not even within their hand; the try is an entry."""
    boss = await service.operator("boss", "security")

    refused = await service.http.put(
        f"/v1/operators/{boss.id}/roles", json={"roles": ["auditor"]}, headers=await boss.token()
    )

    assert (refused.status_code, refused.json()["code"]) == (403, "own_roles")
    assert [each["reason"] for each in await service.entries("roles.refused")] == ["own"]


@pytest.mark.parametrize("role", ["operator", "data_admin", "auditor"])
async def test_nobody_else_manages_operators(service, role: str) -> None:
    """Administration and audit neither see nor change who works here."""
    desk = await service.operator("wang", role)
    bearer = await desk.token()

    answers = [
        await service.http.get("/v1/operators", headers=bearer),
        await service.http.put(f"/v1/operators/{desk.id}/roles", json={"roles": [role]}, headers=bearer),
        await service.http.post(f"/v1/operators/{desk.id}/disable", headers=bearer),
    ]

    assert [each.status_code for each in answers] == [403] * 3


async def test_an_operator_nobody_knows_is_not_found(service) -> None:
    """A plain 404, by id only: a login in an address would stand in every proxy's log."""
    boss = await service.operator("boss", "security")
    bearer = await boss.token()

    assert (await service.http.post("/v1/operators/opr_x/disable", headers=bearer)).status_code == 404
    assert (await service.http.post("/v1/operators/boss/disable", headers=bearer)).status_code == 404


async def test_a_session_that_cannot_be_looked_up_opens_nothing(service) -> None:
    """Without the database nobody can say whether a session has ended: 503, not 200, and public calls still answer."""
    desk = await service.operator("wang", "data_admin")
    bearer = await desk.token()
    service.runtime.store.operators = AwayOperators()

    refused = await service.http.get("/v1/items", headers=bearer)
    public = await service.http.get("/healthz", headers=bearer)

    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert public.status_code == 200


async def test_a_session_of_another_operator_is_not_lent(service) -> None:
    """A token stands on its own session: that of a colleague, however long it lasts, does not carry it."""
    first, second = await service.operator("wang", "data_admin"), await service.operator("li", "data_admin")
    bearer, other = await first.token(), await second.token()
    await service.http.delete("/v1/sessions/current", headers=bearer)

    assert (await service.http.get("/v1/items", headers=bearer)).status_code == 401
    assert (await service.http.get("/v1/items", headers=other)).status_code == 200


class AwayOperators:
    """A store of operators whose database is away."""

    async def session(self, session_id: str) -> None:
        """As the port promises when the database cannot be reached."""
        raise unavailable()


async def test_an_address_that_fails_too_often_waits(make_service) -> None:
    """After so many failures a minute nothing is checked for that address any more: 429, and no entry more."""
    service = make_service(token_failures_per_minute=3)
    body = {"operator": "nobody", "password": "x", "totp": "000000"}

    answers = [await service.http.post("/v1/sessions", json=body) for _ in range(5)]

    assert [each.status_code for each in answers] == [401, 401, 401, 429, 429]
    assert "retry-after" in answers[-1].headers
    assert len(await service.entries("operator.login_refused")) in (3, 4)
