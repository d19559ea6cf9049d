"""A source of made-up people, for trying forms out: records from a YAML file or from the configuration itself.

A persona may act out a fault: `{fault: timeout}`, `error`, `denied` or `wrong_subject`. How a persona becomes
replies is pure and stands in `sandbox_mapping`.
"""

import asyncio
from collections.abc import Sequence

from connectors.errors import SourceBroken, SourceTimeout
from connectors.kinds import sandbox_mapping as m
from connectors.load import check_personas, load_personas, load_schema
from connectors.protocol import Connector, Environment, Health, Reply
from connectors.substitution import file_path
from field_registry import Ask, Source, Subject

name = "sandbox"
config_schema = load_schema(name)


def build(source: Source, environment: Environment) -> Connector:
    """A connector to those personas. Raises `BadConfiguration`."""
    return SandboxConnector(source, environment)


class SandboxConnector:
    """Some personas. See `connectors.protocol` for what every connector promises."""

    def __init__(self, source: Source, environment: Environment) -> None:
        given = source.config["personas"]
        if isinstance(given, str):
            # A small file of ours, read once: the one exception to building without I/O.
            self._personas = load_personas(file_path(given, environment, "personas"))
        else:
            self._personas = check_personas(given)
        m.check_faults(self._personas)
        self._id = source.id
        self._echo, self._recorded_at = source.config.get("echo"), source.config.get("recorded_at")
        self._closed = False

    def __repr__(self) -> str:
        """The source's id."""
        return f"SandboxConnector({self._id})"

    async def fetch(self, subject: Subject, asks: Sequence[Ask], deadline: float) -> Sequence[Reply]:
        """One reply per ask, in order."""
        if self._closed:
            raise SourceBroken("the connector is closed")
        remaining = deadline - asyncio.get_running_loop().time()
        persona = self._personas.get(subject.id_no)
        if persona is not None and persona.get("fault") == "timeout":
            await asyncio.sleep(max(remaining, 0))
            raise SourceTimeout("this persona's source never answers")
        if remaining <= 0:
            raise SourceTimeout("the deadline had passed")
        return m.interpret(persona, subject, asks, echo=self._echo, recorded_at=self._recorded_at)

    async def health(self) -> Health:
        """Always well, until it is closed."""
        return Health(not self._closed, "closed" if self._closed else "")

    async def close(self) -> None:
        """Nothing is held."""
        self._closed = True
