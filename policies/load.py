"""Directory → policy: every `*.yaml` of a directory, and every fault in them with file, line and remedy.

What needs the registry or the forms to be judged (unknown items, unused purposes) is `policies.check`'s part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from field_registry.errors import Fault, FaultsFound
from field_registry.located import Located, Where, read_yaml
from policies.document import Policy, purpose_of, rule_of
from policies.purposes import Purpose
from policies.rules import Rule
from policies.shape import flaws_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands."""

    file: Located
    where: Where

    def fault(self, code: str, message: str, *below: str | int, severity: str = "error") -> Fault:
        """A fault about this entry, or about the key `below` it."""
        return self.file.fault((*self.where, *below), code, message, severity)


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """What a directory says, entry by entry with its place; duplicates included, so that `check` can name both.

    `faults`: what could not be read; empty after `load_policy`. `names_known`: whether every purpose could be read, so
    that a rule which names none of them is a fault of its own.
    """

    purposes: tuple[tuple[Purpose, Place], ...]
    rules: tuple[tuple[Rule, Place], ...]
    faults: tuple[Fault, ...] = ()
    names_known: bool = True

    @property
    def policy(self) -> Policy:
        """The unpublished policy (version 0) these entries make."""
        return Policy.of(0, (purpose for purpose, _ in self.purposes), (rule for rule, _ in self.rules))


def load_policy(directory: Path) -> LoadedPolicy:
    """Everything in the YAML files of a directory. Raises `FaultsFound` with all faults of all files."""
    loaded = read_policy(directory)
    if loaded.faults:
        raise FaultsFound(loaded.faults)
    return loaded


def read_policy(directory: Path) -> LoadedPolicy:
    """The entries that can be read, with every fault that kept the others from being read."""
    paths = sorted(directory.glob("*.yaml"))
    if not paths:
        message = "no *.yaml file here; a policy needs at least one with `purposes` and `rules`"
        return LoadedPolicy((), (), (Fault(".", 0, "no_policy", message),), names_known=False)
    files = [_read(path) for path in paths]
    return LoadedPolicy(
        tuple(pair for file in files for pair in file.purposes),
        tuple(pair for file in files for pair in file.rules),
        tuple(fault for file in files for fault in file.faults),
        all(file.names_known for file in files),
    )


def _read(path: Path) -> LoadedPolicy:
    try:
        file = read_yaml(path)
    except FaultsFound as found:
        return LoadedPolicy((), (), found.faults, names_known=False)
    flaws = flaws_of(file.data)
    faults = tuple(file.fault(flaw.where, flaw.code, flaw.message) for flaw in flaws)
    broken = {flaw.where[:2] for flaw in flaws}
    if any(len(where) < 2 for where in broken):  # not even lists of entries
        return LoadedPolicy((), (), faults, names_known=False)
    purposes, rules = (
        [
            (entry, Place(file, (key, index)))
            for index, entry in _entries(file, key)
            if (key, index) not in broken
        ]
        for key in ("purposes", "rules")
    )
    return LoadedPolicy(
        tuple((purpose_of(entry), place) for entry, place in purposes),
        tuple((rule_of(entry), place) for entry, place in rules),
        faults,
        all(where[0] != "purposes" for where in broken),
    )


def _entries(file: Located, key: str) -> Iterable[tuple[int, dict[str, Any]]]:
    data = cast("Mapping[str, list[dict[str, Any]]]", file.data)
    return enumerate(data.get(key, ()))
