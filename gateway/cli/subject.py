"""`oncegate subject erase`: the end of everything that is kept about somebody."""

from typing import Annotated

import typer

from gateway.audit.entries import rfc3339
from gateway.cli.common import AsJson, State, command, fail, out, print_json, runtime_of
from gateway.cli.subjects import SubjectFile, SubjectText, one_subject
from gateway.retention import erase_subject
from policies.retention import ErasureReason

group = typer.Typer(help="Subjects: erase.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Subjects: erase."""


@group.command("erase")
@command
async def erase(
    reason: Annotated[ErasureReason, typer.Option(help="Why; only the last two go before the time is over.")],
    subject: SubjectText = None,
    subject_file: SubjectFile = None,
    reference: Annotated[str, typer.Option(help="Of the order or request; kept sealed.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Destroy the key and the index of a subject: what is sealed about it never opens again. The log's proofs stay."""
    about = one_subject(subject, subject_file)
    if not yes and not typer.confirm("This cannot be undone. Erase this subject?", err=True):
        fail("Nothing was erased.")
    async with runtime_of(state) as runtime:
        erased = await erase_subject(about, reason, runtime, caller="oncegate", reference=reference)
    told = {
        "subject": erased.subject,
        "erased_at": rfc3339(erased.at),
        "entry": erased.entry,
        "consents": erased.done.consents,
        "ended": erased.done.ended,
        "drafts": erased.done.drafts,
    }
    if as_json:
        print_json(told)
        return
    out.print(
        f"{erased.subject} is erased: {erased.done.consents} consents emptied, {erased.done.ended} of them ended "
        f"by it, {erased.done.drafts} answers purged. Entry {erased.entry}.",
        markup=False,
        soft_wrap=True,
    )
