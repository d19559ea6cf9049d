"""`oncegate registry import|export|diff|trace`: directories of YAML in and out of the published versions."""

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from field_registry.diff import describe, diff
from field_registry.dump import dump_registry
from field_registry.load import load_registry
from forms.load import load_forms
from forms.once_only import HeldItems
from gateway.cli.check import faults_in, rooms_of
from gateway.cli.common import (
    FOUND_FAULTS,
    AsJson,
    State,
    command,
    fail,
    out,
    print_json,
    print_table,
    runtime_of,
)
from gateway.curation import Publisher
from gateway.http.registry import trace as trace_of
from gateway.reports.repeat import HeldField, held_fields
from gateway.resolution.compiled import compile_form
from policies.load import load_policy

group = typer.Typer(help="The field registry: import, export, compare, trace.", no_args_is_help=True)

Directory = Annotated[
    Path, typer.Argument(help="Directory with registry/, forms/, policies/, or a registry alone.")
]


@group.command("import")
@command
async def import_(
    directory: Directory,
    state: State = None,
    effective_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day the new versions are in force.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a directory as the next versions; refused when it has faults."""
    registry_at, forms_at, policies_at = rooms_of(directory)
    errors = [fault for fault in faults_in(registry_at, forms_at, policies_at) if fault.severity == "error"]
    if errors:
        for fault in errors:
            out.print(str(fault), markup=False, highlight=False, soft_wrap=True)
        fail(f"{len(errors)} faults: nothing was published.")
    async with runtime_of(state) as runtime:
        day = effective_from.date() if effective_from else None
        publisher = Publisher(runtime.store, getpass.getuser(), runtime.clock(), runtime.new_reference, day)
        registry = load_registry(registry_at).registry
        version, is_new = await publisher.registry(registry)
        published = {"registry": {"version": version, "new": is_new}}
        if policies_at is not None:
            version, is_new = await publisher.policy(load_policy(policies_at).policy)
            published["policy"] = {"version": version, "new": is_new}
        forms = load_forms(forms_at).forms if forms_at is not None else ()
        new_forms = [form.id for form in forms if await publisher.form(form)]
    held = HeldItems.of(registry)
    asked_again = [each for form in forms for each in held_fields(form, held)]
    if as_json:
        told = [_asked_again(each) for each in asked_again]
        print_json({**published, "forms": {"new": new_forms, "given": len(forms)}, "once_only": told})
        return
    for each in asked_again:
        out.print(
            f"warning: {each.form} asks for {each.path} ({each.label}), which {each.item.department} holds: "
            f"{each.item.id} ({each.item.name}). Add `item: {each.item.id}` (国务院令第716号 art. 7)",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for kind, what in published.items():
        out.print(f"{kind}: version {what['version']}{'' if what['new'] else ', in force already'}")
    out.print(f"forms: {len(new_forms)} new of {len(forms)}")


def _asked_again(found: HeldField) -> dict[str, str]:
    return {
        "form": found.form,
        "path": found.path,
        "label": found.label,
        "item": found.item.id,
        "item_name": found.item.name,
        "department": found.item.department,
    }


@group.command("export")
@command
async def export(
    directory: Annotated[Path, typer.Argument(help="Where to write; must not hold a registry yet.")],
    state: State = None,
) -> None:
    """Write the registry in force as a directory of YAML that imports to the same."""
    if directory.exists() and any(directory.iterdir()):
        fail(f"{directory} is not empty; name a new directory.", 2)
    async with runtime_of(state) as runtime:
        registry = runtime.library.published.registry
    if not registry.version:
        fail("No registry is published yet; `oncegate registry import DIR` publishes one.")
    dump_registry(registry, directory)
    out.print(
        f"version {registry.version}: {len(registry.items)} items, {len(registry.sources)} sources, "
        f"{len(registry.bindings)} bindings written to {directory}"
    )


@group.command("diff")
@command
async def diff_(
    directory: Directory,
    against: Annotated[
        Path | None, typer.Option(help="Another directory; else the version in force.")
    ] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """What importing the directory would change, and which items and forms it touches; exit 1 when anything."""
    new = load_registry(rooms_of(directory)[0]).registry
    if against is not None:
        old = load_registry(rooms_of(against)[0]).registry
    else:
        async with runtime_of(state) as runtime:
            old = runtime.library.published.registry
    changes = diff(old, new)
    if as_json:
        print_json({"changes": [describe(change) for change in changes]})
    else:
        for change in changes:
            out.print(describe(change), markup=False, highlight=False, soft_wrap=True)
        out.print(f"{len(changes)} changes.")
    if changes:
        raise typer.Exit(FOUND_FAULTS)


@group.command("trace")
@command
async def trace(
    form: Annotated[str, typer.Argument(help="Form id.")], state: State = None, as_json: AsJson = False
) -> None:
    """Where each field of a form comes from (溯源), also those not yet connected."""
    async with runtime_of(state) as runtime:
        found = await runtime.library.form(form, None)
        told = trace_of(runtime.library.compiled(found, compile_form))
    if as_json:
        print_json(told)
        return
    rows = [
        (
            line["path"],
            line["label"],
            line["role"],
            line["item"],
            "；".join(s["name"] for s in line["sources"]),
        )
        for line in told["fields"]
    ]
    title = f"{told['form']} v{told['version']}, registry v{told['registry_version']}"
    print_table(title, ("field", "label", "role", "item", "sources"), rows)
