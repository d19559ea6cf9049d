"""Errors of the vocabulary, named by the next move.

FieldRegistryError
├── NotNormal        the text is not a value of this datatype: treat it as invalid, tell the source
├── BadIdentifier    an identifier is malformed: ask the person to check it
├── UnknownName      a look-up of something the registry does not hold
└── FaultsFound      a directory could not be read as a registry: every fault with file, line and remedy
"""

from dataclasses import dataclass


class FieldRegistryError(Exception):
    """Base of everything this package raises."""


class NotNormal(FieldRegistryError):
    """The text cannot be read as its datatype. The message names the rule broken, never the text."""


class BadIdentifier(FieldRegistryError):
    """A subject's identifier is malformed. The message says which rule it breaks, never the identifier.

    `code` is stable, for machines: e.g. "check_digit", "length", "unknown_id_type".
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownName(FieldRegistryError, KeyError):
    """The registry holds nothing under that name; the message offers the nearest one."""

    def __str__(self) -> str:
        """The sentence itself (KeyError would show its repr)."""
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: where it stands, what is wrong, what to do about it.

    `file` is relative to the directory that was checked; `line` counts from 1, 0 when the file as a whole is meant.
    `severity` is "error" (cannot be published) or "warning".
    """

    file: str
    line: int
    code: str
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        """`file:line: message [code]`, as compilers print it."""
        return f"{self.file}:{self.line}: {self.message} [{self.code}]"


class FaultsFound(FieldRegistryError):
    """A directory or file could not be loaded; `faults` holds everything found, not just the first."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
