"""Errors of connectors, named by the next move. They stay inside `connectors`: `gather` turns each into an outcome.

ConnectorError
├── BadConfiguration      a source's `config` cannot be used: correct it (found by `oncegate check`, or at start)
└── SourceFault           one call failed; carries the outcome every ask of that call gets
    ├── SourceTimeout     timeout         retry later
    ├── SourceBroken      source_error    retry later: the answer cannot be read, or the connection failed
    └── SourceDenied      denied_by_source  final for this caller: the source refused us
"""

from field_registry.outcomes import OutcomeCode


class ConnectorError(Exception):
    """Base of everything this package raises."""


class BadConfiguration(ConnectorError):
    """A source's configuration cannot be used; the message names the key and what it should be."""


class SourceFault(ConnectorError):
    """One call to a source failed as a whole. The message is safe to log: it never quotes an answer."""

    outcome = OutcomeCode.source_error
    counts_as_failure = True
    """Whether the circuit breaker counts it."""


class SourceTimeout(SourceFault):
    """The source did not answer before the deadline."""

    outcome = OutcomeCode.timeout


class SourceBroken(SourceFault):
    """The source answered something that cannot be used, or could not be reached."""


class SourceDenied(SourceFault):
    """The source refuses to answer us (401, 403, or its own business code for it)."""

    outcome = OutcomeCode.denied_by_source
    counts_as_failure = False
