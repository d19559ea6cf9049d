"""`oncegate dispute list|show|affected|close|run`: tickets about wrong values."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from gateway.app import environment_of, make_receipt_keys
from gateway.audit.noting import note
from gateway.cli.common import AsJson, State, command, fail, out, print_json, print_table, runtime_of
from gateway.disputes.clockwork import push_disputes
from gateway.disputes.service import whole_of
from gateway.disputes.steps import step_of
from gateway.disputes.told import as_line
from gateway.disputes.webhooks import Webhooks
from gateway.disputes.whereabouts import went_to
from gateway.records import Dispute, DisputeState, EntryKind
from gateway.runtime import Runtime

_CALLER = "oncegate"

group = typer.Typer(help="Disputes 异议: list, show, affected, close, run.", no_args_is_help=True)
DisputeId = Annotated[str, typer.Argument(help="Dispute id.")]


class Outcome(StrEnum):
    """How a dispute is answered at the command line."""

    correct = "correct"
    uphold = "uphold"
    refer = "refer"


@group.command("list")
@command
async def list_(
    state: State = None,
    in_state: Annotated[
        list[DisputeState] | None, typer.Option("--in-state", help="Only those; may be repeated.")
    ] = None,
    department: Annotated[str | None, typer.Option(help="Only those it owns or supervises.")] = None,
    due_before: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only unanswered ones due before that day.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="Id to begin after.")] = "",
    as_json: AsJson = False,
) -> None:
    """Disputes, oldest first: references, codes and days."""
    async with runtime_of(state) as runtime:
        found = await runtime.store.disputes.listing(
            department=department,
            states=in_state or (),
            due_before=None if due_before is None else due_before.date(),
            after=cursor,
            limit=limit,
        )
        seen = [as_line(each, runtime) for each in found]
    if as_json:
        print_json({"disputes": seen, "next_cursor": seen[-1]["id"] if len(seen) == limit else None})
        return
    columns = (
        *("id", "state", "item", "source", "department", "supervisor", "level", "due", "first_due"),
        "opened_at",
    )
    print_table("disputes", columns, [[each[column] for column in columns] for each in seen])


@group.command()
@command
async def show(
    dispute: DisputeId,
    values: Annotated[
        bool, typer.Option("--values", help="With the reason and both values; that is logged.")
    ] = False,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """One dispute; what the person said and the values only when asked for, which is an entry first."""
    async with runtime_of(state) as runtime:
        found = await _found(dispute, runtime)
        told = await _opened(found, runtime) if values else as_line(found, runtime)
    _print(told, as_json)


@group.command()
@command
async def affected(
    dispute: DisputeId,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    cursor: Annotated[str, typer.Option(help="`next_cursor` of the page before.")] = "",
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Applications and open answers that the value went into, and which clients were told."""
    async with runtime_of(state) as runtime:
        told = await went_to(await _found(dispute, runtime), runtime, after=cursor, limit=limit)
    if as_json:
        print_json(told)
        return
    columns = ("id", "client", "department", "form", "path", "disposition", "submitted_at")
    print_table("applications", columns, [[each[name] for name in columns] for each in told["submissions"]])
    print_table("answers", ("id", "form"), [(each["id"], each["form"]) for each in told["resolutions"]])
    steps = ("client", "created_at", "tries", "delivered_at", "failure")
    print_table("told", steps, [[each[name] for name in steps] for each in told["told"]])


@group.command()
@command
async def close(
    dispute: DisputeId,
    outcome: Annotated[Outcome, typer.Argument(help="correct, uphold or refer.")],
    reason: Annotated[str, typer.Option(help="What was found; the person reads it.")],
    department: Annotated[str | None, typer.Option(help="Whom it is referred to.")] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Answer a dispute for its department, e.g. from a paper file; the offices concerned are told as always."""
    if not reason.strip():
        fail("Say in --reason what was found; the person reads it.")
    async with runtime_of(state) as runtime:
        found = await _found(dispute, runtime)
        if found.closed_at is not None:
            fail(f"This dispute is {found.state.value} already; a new one can be opened.")
        after = await step_of(found, outcome.value, _CALLER, runtime, reason=reason, department=department)
        told = as_line(after, runtime)
    _print(told, as_json)


@group.command()
@command
async def run(state: State = None, as_json: AsJson = False) -> None:
    """Once what the service does by itself: remind, escalate, count corrections, deliver messages to webhooks."""
    async with runtime_of(state) as runtime:
        pushed = await push_disputes(runtime)
        settings = runtime.settings
        webhooks = Webhooks(runtime, make_receipt_keys(settings), environment_of(settings, runtime.clock))
        try:
            sent = await webhooks.deliver()
        finally:
            await webhooks.close()
    told = {
        "reminded": pushed.reminded,
        "escalated": pushed.escalated,
        "counted": pushed.counted,
        "delivered": sent.delivered,
        "failed": sent.failed,
        "lost": sent.lost,
    }
    _print(told, as_json)


async def _found(dispute_id: str, runtime: Runtime) -> Dispute:
    found = await runtime.store.disputes.read(dispute_id)
    if found is None:
        fail("There is no such dispute; `oncegate dispute list` shows them.")
    return found


async def _opened(dispute: Dispute, runtime: Runtime) -> dict[str, Any]:
    facts = {"subject": dispute.subject_ref, "items": [dispute.item], "owner": dispute.department}
    await note(EntryKind.dispute_read, facts, runtime, caller=_CALLER, request=dispute.id)
    return await whole_of(dispute, runtime)


def _print(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
