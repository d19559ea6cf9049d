"""`oncegate audit …`: the log read, exported, proven and verified."""

import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.request import urlopen

import typer
from rich.progress import Progress

from gateway.app import make_sequencer, utc_now
from gateway.audit.export import export_log
from gateway.audit.looking import note_look
from gateway.audit.note import Verifier
from gateway.audit.noting import ITSELF, note
from gateway.audit.reading import proof_of
from gateway.audit.verify import main as verify_main
from gateway.audit.witness import Fetch, Refused, Witness
from gateway.audit.witness_server import witness_server
from gateway.cli.audit_entries import entries, trace
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
    runtime_of,
)
from gateway.cli.subjects import SubjectFile, SubjectText, one_subject
from gateway.records import EntryKind
from gateway.reports.ledger_lines import lines_of
from gateway.reports.ledger_words import LABELS, Language, say
from gateway.reports.use import as_document
from gateway.reports.uses import ledger_of

group = typer.Typer(help="The log: entries, export, proofs, verification.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """The log: entries, export, proofs, verification."""


group.command("entries")(entries)
group.command("trace")(trace)


@group.command("export")
@command
async def export(
    bundle: Annotated[Path, typer.Option("--out", help="File to write: one ZIP.")],
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """The whole log as one file that anybody can verify offline; entries that wait are given their places first."""
    async with runtime_of(state) as runtime:
        sequencer = make_sequencer(runtime)
        # Who takes the log out is in the log; it also brings a checkpoint signed by the newest key.
        await note(EntryKind.audit_lookup, {"subject": None, "what": "export"}, runtime)
        await sequencer.run()
        with Progress(disable=not sys.stderr.isatty(), transient=True) as progress:
            task = progress.add_task("entries")
            exported = await export_log(
                bundle,
                runtime.store.log,
                sequencer.keys,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
    if exported is None:
        fail("Nothing has been logged yet; there is nothing to export.")
    told = {"bundle": str(bundle), **asdict(exported), "keys": list(sequencer.keys)}
    if as_json:
        print_json(told)
    else:
        shards = f" in {exported.shards} shards" if exported.shards > 1 else ""
        under = f"under {exported.checkpoints} checkpoints{shards}"
        out.print(f"{exported.entries} entries {under} are in {bundle}.", markup=False)
        out.print("Verify with:", *(f"--key {key}" for key in sequencer.keys), markup=False, soft_wrap=True)


@group.command("adopt")
@command
async def adopt(state: State = None) -> None:
    """Guard a log whose guard file is lost, as it stands. First compare its checkpoint with a witness or a receipt."""
    async with runtime_of(state) as runtime:
        checkpoint = await make_sequencer(runtime).adopt()
    if checkpoint is None:
        fail("Nothing was signed yet, so there is nothing to adopt.")
    out.print(f"Guarded from now on: {checkpoint.size} entries, root {checkpoint.root.hex()}.", markup=False)


@group.command("witness")
@guarded
def witness(
    key: Annotated[str, typer.Option(help="Verifier key of the log.")],
    directory: Annotated[Path, typer.Option("--dir", help="What this witness keeps: its key, what it saw.")],
    name: Annotated[str, typer.Option(help="Name of this witness: a domain of its office and a path.")],
    url: Annotated[
        str | None, typer.Argument(help="Address of the log, to look at it: https://…/v1/audit")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=1, help="Seconds between looks; else one look and out.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT where the log hands its checkpoints in, instead of looking.")
    ] = None,
) -> None:
    """Cosign the log's checkpoints as an office of its own, as long as each extends the one before. Exit 1 if not."""
    if (url is None) == (listen is None):
        fail("Give the address of the log to look at it, or --listen to have its checkpoints handed in.")
    if url is not None and not url.startswith(("https://", "http://")):
        fail("The address of a log begins with https:// or http://.")
    try:
        office = Witness(directory, name, Verifier.parse(key))
    except ValueError as error:
        fail(f"--key or --name: {error}")
    sys.stderr.write(f"This witness' key: {office.verifier_key}\n")
    if url is None:
        _listen(listen or "", office)
        return
    while True:
        try:
            sys.stdout.write(office.consider(_fetcher(url), utc_now()))
        except Refused as refused:
            sys.stderr.write(f"REFUSED. {refused}\n")
            raise typer.Exit(FOUND_FAULTS) from None
        except (OSError, ValueError) as error:
            sys.stderr.write(f"No checkpoint to cosign: {error}\n")
            if every is None:
                raise typer.Exit(WRONG_USE) from None
        if every is None:
            return
        time.sleep(every)


def _listen(listen: str, office: Witness) -> None:
    """Answer logs until stopped."""
    host, _, port = listen.rpartition(":")
    try:
        server = witness_server((host.strip("[]"), int(port)), office, utc_now)
    except (OSError, ValueError, OverflowError) as error:
        fail(f"--listen {listen}: {error}")
    sys.stderr.write(f"Checkpoints are taken at http://{host}:{server.server_address[1]}/add-checkpoint\n")
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


def _fetcher(url: str) -> Fetch:
    """Reads below that address; at most ten seconds and a megabyte each."""

    def fetch(path: str) -> bytes:
        with urlopen(f"{url.rstrip('/')}/{path}", timeout=10) as answer:  # noqa: S310  (its scheme was looked at)
            content: bytes = answer.read(1_000_000)
        return content

    return fetch


@group.command("verify")
def verify(
    bundle: Annotated[str, typer.Argument(help="An exported file, its directory, or the address of a log.")],
    key: Annotated[list[str] | None, typer.Option(help="Verifier key of the log; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check signatures, hashes and the order of things. Exit 0 sound, 1 altered (the first bad record is named)."""
    arguments = [bundle, *(part for each in key or () for part in ("--key", each))]
    raise typer.Exit(verify_main([*arguments, *(["--json"] if as_json else [])]))


@group.command("proof")
@command
async def proof(
    entry: Annotated[str, typer.Argument(help="Id of an entry, aud_…")],
    state: State = None,
    target: Annotated[Path | None, typer.Option("--out", help="File to write; else it is printed.")] = None,
) -> None:
    """The proof that an entry is in the log (C2SP tlog-proof), to be checked offline for ever."""
    async with runtime_of(state) as runtime:
        sequencer = make_sequencer(runtime)
        await sequencer.run()
        found = await proof_of(entry, runtime.store.log, sequencer.keys)
        if found is None:
            fail("There is no such entry in the log; check its id.")
        await note_look("proof", runtime, caller=ITSELF, shown=1, entry=entry)
    if target is None:
        sys.stdout.write(found.text())
    else:
        target.write_text(found.text(), encoding="utf-8")


@group.command("ledger")
@command
async def ledger(
    subject: SubjectText = None,
    subject_file: SubjectFile = None,
    english: Annotated[bool, typer.Option("--english", help="English, not Chinese.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Who used the data of one person, organisation, vehicle or project; asking is logged too."""
    about = one_subject(subject, subject_file)
    language: Language = "en" if english else "zh"
    async with runtime_of(state) as runtime:
        await make_sequencer(runtime).run()  # what has no place yet is found by nobody
        found = await ledger_of(about, runtime, caller="oncegate", limit=limit, language=language)
    if as_json:
        print_json([as_document(use) for use in found.uses])
        return
    if found.earlier:
        out.print(say(LABELS["earlier"], language, found.earlier), markup=False, highlight=False)
    for use in found.uses:
        out.print(*lines_of(use, language), sep="\n", markup=False, highlight=False, soft_wrap=True)
    if not found.uses:
        out.print(say(LABELS["none"], language), markup=False, highlight=False)
