"""`oncegate receipt show|print|verify` and `oncegate form print`: what was fetched, on paper, and checked offline."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from gateway.app import make_receipt_keys, make_sequencer
from gateway.cli.common import (
    FOUND_FAULTS,
    WRONG_USE,
    AsJson,
    State,
    command,
    fail,
    guarded,
    out,
    print_json,
    print_table,
    runtime_of,
)
from gateway.records import Caller
from gateway.runtime import Runtime
from gateway.submissions.filled_form import form_of_submission
from gateway.submissions.paper_check import Verdict, check_paper
from gateway.submissions.printing import print_pdf, require_printer
from gateway.submissions.receipt_print import DISPOSITIONS, receipt_sheet
from gateway.submissions.receipts import Issued, find_receipt, issue

group = typer.Typer(help="Call receipts 调用凭证: show, print, verify.", no_args_is_help=True)
form_group = typer.Typer(help="Filled forms on paper.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="Receipt id (rcp_…), its short number, or a resolution's id.")]
Out = Annotated[Path, typer.Option("--out", help="File to write.")]
_CALLER = Caller("command-line", "", frozenset())


@group.command("show")
@command
async def show(
    number: Number,
    target: Annotated[Path | None, typer.Option("--out", help="Write the signed file there too.")] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """One call receipt: what was fetched, from whom, on which ground. That it is shown is an entry."""
    async with runtime_of(state) as runtime:
        made = await _made(number, runtime)
    if target is not None:
        target.write_bytes(
            orjson.dumps(made.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
    if as_json:
        print_json({"document": made.document, "record": made.record})
        return
    _print_record(made)


@group.command("print")
@command
async def print_(number: Number, target: Out, state: State = None, as_json: AsJson = False) -> None:
    """One call receipt as PDF, to be filed; who worked is left blank, as only the caller that resolved may show it."""
    require_printer()
    async with runtime_of(state) as runtime:
        made = await _made(number, runtime)
        pdf = await print_pdf(receipt_sheet(made, runtime.settings.issuer))
    target.write_bytes(pdf)
    _tell({"file": str(target), "number": made.record["number"], "digest": made.digest}, as_json)


async def _made(number: str, runtime: Runtime) -> Issued:
    sequencer = make_sequencer(runtime)
    told = await find_receipt(number, runtime)
    await sequencer.run()  # an entry that has no place yet cannot be proven
    keys = make_receipt_keys(runtime.settings)
    return await issue(told, _CALLER, runtime, keys=keys, log_keys=sequencer.keys, with_officer=False)


def _tell(kept: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(kept)
        return
    out.print(f"It is in {kept['file']}. Check it, offline and for ever, with:", markup=False)
    out.print(f"oncegate receipt verify {kept['file']}", markup=False, soft_wrap=True)


def _print_record(made: Issued) -> None:
    record = made.record
    for name in (
        "number",
        "receipt",
        "stage",
        "matter",
        "department",
        "asked_at",
        "answered_at",
        "submitted_at",
    ):
        out.print(f"{name}: {record[name]}", markup=False, highlight=False)
    out.print(f"digest: {made.digest}\ncheck at: {made.url}", markup=False, highlight=False, soft_wrap=True)
    rows = [
        (
            each["label"],
            ", ".join(f"{source['department']}·{source['name']}" for source in each["sources"]),
            each["tier"],
            each["retrieved_at"],
            f"{each['ground']['kind']} {each['ground']['id']}" if each["ground"] else None,
            DISPOSITIONS[each["disposition"]][1] if each["disposition"] else each["outcome"],
        )
        for each in record["items"]
    ]
    print_table("items", ("item", "source", "tier", "retrieved", "ground", "outcome"), rows)


@form_group.command("print")
@command
async def print_form(
    submission: Annotated[str, typer.Argument(help="Submission id (smn_…).")],
    target: Out,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """One form as it was handed in, as PDF in its own layout. That it is printed is an entry."""
    require_printer()
    async with runtime_of(state) as runtime:
        made = await runtime.store.submissions.read(submission)
        if made is None:
            fail("There is no such submission; its id begins with smn_.")
        sequencer = make_sequencer(runtime)
        await sequencer.run()
        sheet = await form_of_submission(
            submission,
            Caller(made.caller, made.department, frozenset()),
            runtime,
            keys=make_receipt_keys(runtime.settings),
            log_keys=sequencer.keys,
            noted_as=_CALLER,
        )
        target.write_bytes(await print_pdf(sheet))
    _tell({"file": str(target), "submission": submission}, as_json)


@group.command("verify")
@guarded
def verify(
    file: Annotated[Path, typer.Argument(help="The signed JSON, or a PDF that carries it.")],
    key: Annotated[str | None, typer.Option(help="Verifier key of the log that you have kept.")] = None,
    receipt_key: Annotated[
        Path | None, typer.Option(help="JWK or JWK Set of the receipts that you have kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt or a filled form offline: signature, log proofs, digests, print. Exit 0 sound, 1 not.

    Without --key and --receipt-key it is shown only that the file agrees with itself, which a forger's may too.
    """
    try:
        content = file.read_bytes()
        kept = [] if receipt_key is None else _keys_of(receipt_key.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        fail(f"The file cannot be read: {getattr(error, 'strerror', None) or 'it is not JSON'}.", WRONG_USE)
    found = check_paper(content, log_key=key, receipt_keys=kept)
    is_kept = key is not None and bool(kept)
    if as_json:
        print_json({**found.to_document(), "keys_kept": is_kept})
    else:
        _print_verdict(found, is_kept=is_kept)
    if found.faults:
        raise typer.Exit(FOUND_FAULTS)


def _keys_of(content: bytes) -> list[dict[str, Any]]:
    document = orjson.loads(content)
    keys = document.get("keys", [document]) if isinstance(document, dict) else []
    if not isinstance(keys, list) or not keys or not all(isinstance(each, dict) for each in keys):
        fail("--receipt-key wants a JWK, or a JWK Set as /v1/receipts/keys gives it.", WRONG_USE)
    return keys


def _print_verdict(found: Verdict, *, is_kept: bool) -> None:
    for fault in found.faults:
        out.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)
    if found.faults or found.record is None:
        return
    record = found.record
    verdict = "Sound" if is_kept else "The file agrees with itself"
    told = [
        f"{verdict}: receipt {record['number']} ({record['receipt']}) was signed, and its "
        f"{len(record['entries'])} entries are in the log under a checkpoint of {found.log_size} entries.",
        *found.notes,
    ]
    if not is_kept:
        told.append(
            "The keys came with the file, as a forger's would: compare them with those you have from /v1/audit/key and "
            "/v1/receipts/keys, or give your own with --key and --receipt-key."
        )
    for line in told:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
