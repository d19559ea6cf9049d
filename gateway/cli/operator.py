"""`oncegate operator add|list|disable|reset|roles`: the people who administer, secure and audit the service.

Whoever may run a command on the server stands above the roles that it gives; each change is an entry of the log.
"""

import sys
from typing import Annotated

import segno
import typer

from gateway.cli.common import AsJson, State, command, out, print_json, print_records, runtime_of
from gateway.security.operators import (
    Enrolment,
    add_operator,
    assign_roles,
    disable_operator,
    find_operator,
    reset_operator,
    view,
)

group = typer.Typer(help="Operators: add, list, disable, reset, roles.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="What the operator logs in by, or their id.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="operator, data_admin, security or auditor; may be repeated.")
]


@group.command()
@command
async def add(
    login: Login,
    role: Roles,
    name: Annotated[str, typer.Option(help="The person's name; kept sealed.")],
    department: Annotated[str, typer.Option(help="The person's department.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Add an operator; prints a one-time password and the authenticator's QR code, both once."""
    async with runtime_of(state) as runtime:
        _hand_over(await add_operator(login, name, department, role, runtime), as_json)


@group.command("list")
@command
async def list_(state: State = None, as_json: AsJson = False) -> None:
    """Operators, with their roles and whether they are locked or disabled."""
    async with runtime_of(state) as runtime:
        found = await runtime.store.operators.listing(after="", limit=10_000)
        seen = [view(each, runtime) for each in found]
    columns = ("id", "login", "name", "department", "roles", "method", "locked_until", "disabled_at")
    print_records("operators", seen, columns, as_json=as_json)


@group.command()
@command
async def disable(login: Login, state: State = None, as_json: AsJson = False) -> None:
    """Let an operator log in no more; their sessions end at once."""
    async with runtime_of(state) as runtime:
        disabled = await disable_operator(await find_operator(login, runtime), runtime)
        seen = view(disabled, runtime)
    print_json(seen) if as_json else out.print(f"{seen['login']} is disabled.", markup=False)


@group.command()
@command
async def reset(login: Login, state: State = None, as_json: AsJson = False) -> None:
    """Give an operator a new one-time password and authenticator; also unlocks and enables them."""
    async with runtime_of(state) as runtime:
        _hand_over(await reset_operator(await find_operator(login, runtime), runtime), as_json)


@group.command()
@command
async def roles(login: Login, role: Roles, state: State = None, as_json: AsJson = False) -> None:
    """Give an operator exactly these roles; refused when no one may unite them."""
    async with runtime_of(state) as runtime:
        changed = await assign_roles(await find_operator(login, runtime), role, runtime)
        seen = view(changed, runtime)
    print_json(seen) if as_json else out.print(f"{seen['login']}: {', '.join(seen['roles'])}", markup=False)


def _hand_over(enrolment: Enrolment, as_json: bool) -> None:
    operator = enrolment.operator
    if as_json:
        print_json({"id": operator.id, "password": enrolment.password, "otpauth": enrolment.uri})
        return
    out.print(f"operator {operator.id}", markup=False, highlight=False)
    out.print(f"one-time password {enrolment.password}", markup=False, highlight=False)
    out.print(enrolment.uri, markup=False, highlight=False, soft_wrap=True)
    segno.make(enrolment.uri).terminal(out=sys.stdout, compact=True)
    out.print("Shown once. The first log-in (POST /v1/sessions) must send a new password as well.")
