"""`oncegate check`: every fault in registry, forms and policies, with file, line and remedy."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from connectors.registry import config_schemas
from field_registry.check import check_directory
from field_registry.errors import Fault
from field_registry.load import Loaded, read_registry
from forms.check import check_forms
from forms.load import LoadedForms, read_forms
from gateway.app import utc_now
from gateway.cli.common import FOUND_FAULTS, AsJson, guarded, out, print_json, settings_of
from gateway.curation import SHIPPED
from gateway.disputes.load import SHIPPED as CALENDAR
from gateway.disputes.load import calendar_warnings
from policies.check import Known, check_policy
from policies.load import read_policy


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(check)


@guarded
def check(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Directory with registry/, forms/, policies/, or a registry alone; else the shipped city."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a registry, its forms and its policy; exit 1 when there are faults."""
    found = [*faults_in(*rooms_of(directory)), *_calendar_faults()]
    faults = sorted(found, key=lambda fault: (fault.file, fault.line, fault.code))
    errors = sum(fault.severity == "error" for fault in faults)
    if as_json:
        print_json({"errors": errors, "faults": [fault_row(fault) for fault in faults]})
    else:
        for fault in faults:
            out.print(f"{fault.severity}: {fault}", markup=False, highlight=False, soft_wrap=True)
        out.print(f"{errors} errors, {len(faults) - errors} warnings.")
    if errors:
        raise typer.Exit(FOUND_FAULTS)


def rooms_of(directory: Path | None) -> tuple[Path, Path | None, Path | None]:
    """Where the registry, the forms and the policy of a directory are; forms and policy may be absent."""
    if directory is None:
        return SHIPPED["field_registry"], SHIPPED["forms"], SHIPPED["policies"]
    if not directory.is_dir():
        raise typer.BadParameter(f"{directory} is not a directory")
    registry = next(
        (directory / name for name in ("registry", "field_registry") if (directory / name).is_dir()),
        directory,
    )
    forms = directory / "forms" if (directory / "forms").is_dir() else None
    policies = directory / "policies" if (directory / "policies").is_dir() else None
    return _data(registry), forms and _data(forms), policies and _data(policies)


def _data(room: Path) -> Path:
    """Where the files of a room are: in its `data`, as in a package, or in the room itself."""
    return room / "data" if (room / "data").is_dir() else room


def faults_in(registry_at: Path, forms_at: Path | None, policies_at: Path | None) -> Iterable[Fault]:
    """Every fault, its file named from the directory all rooms are in.

    What can be read is checked even where its neighbour cannot.
    """
    rooms = [room for room in (registry_at, forms_at, policies_at) if room is not None]
    base = Path(os.path.commonpath(rooms))
    yield from _named(check_directory(registry_at, config_schemas()), registry_at, base)
    registry = read_registry(registry_at)
    forms = LoadedForms(())
    if forms_at is not None:
        forms = read_forms(forms_at)
        yield from _named((*forms.faults, *check_forms(forms, registry.registry)), forms_at, base)
    if policies_at is not None:
        policy = read_policy(policies_at)
        yield from _named(policy.faults, policies_at, base)
        if policy.names_known:
            purposes = frozenset(form.purpose for form in forms.forms)
            known = Known(form_purposes=purposes, places=_places(registry, forms))
            found = check_policy(policy, registry.registry, known)
            for room, faults in _by_room(found, registry, forms).items():
                yield from _named(
                    faults, {"registry": registry_at, "forms": forms_at}.get(room) or policies_at, base
                )


def _by_room(faults: Iterable[Fault], registry: Loaded, forms: LoadedForms) -> dict[str, list[Fault]]:
    """What is wrong between the rooms, by the room whose file is to be mended."""
    files = {
        "registry": {place.file for place in registry.places.values()},
        "forms": {located.file for located in forms.places.values()},
    }
    found: dict[str, list[Fault]] = {}
    for fault in faults:
        room = next((room for room, names in files.items() if fault.file in names), "policies")
        found.setdefault(room, []).append(fault)
    return found


def _named(faults: Iterable[Fault], room: Path, base: Path) -> Iterable[Fault]:
    for fault in faults:
        yield replace(fault, file=str((room / fault.file).relative_to(base)))


def _places(registry: Loaded, forms: LoadedForms) -> dict[tuple[str, str], tuple[str, int]]:
    """Where the purposes of forms and the masks of items stand, which the policy is checked against."""
    masks = {
        ("item", name): (place.file, place.line_of("mask"))
        for (kind, name), place in registry.places.items()
        if kind == "item"
    }
    purposes = {
        ("purpose", form.purpose): (located.file, located.line_of(("purpose",)))
        for form in forms.forms
        if (located := forms.places.get((form.id, form.version))) is not None
    }
    return masks | purposes


def _calendar_faults() -> Iterable[Fault]:
    """What keeps the deadlines of disputes from being counted as offices work."""
    settings = settings_of(None)
    name = (settings.working_days_file or CALENDAR).name
    for sentence in calendar_warnings(settings, utc_now()):
        yield Fault(name, 0, "calendar_year", sentence, "warning")


def fault_row(fault: Fault) -> dict[str, object]:
    """A fault for machines."""
    return {
        "file": fault.file,
        "line": fault.line,
        "severity": fault.severity,
        "code": fault.code,
        "message": fault.message,
    }
