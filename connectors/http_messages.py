"""What goes to a source over HTTP and what comes back, as values. Neither ever shows its content."""

from msgspec import Struct


class HttpRequest(Struct, frozen=True):
    """One request, ready to send. `is_read`: asking twice changes nothing at the source, so it may be retried."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    is_read: bool = True

    def __repr__(self) -> str:
        """The method only: address and body may name a person."""
        return f"HttpRequest({self.method} …)"


class HttpAnswer(Struct, frozen=True):
    """Status and whole body, never larger than the limit."""

    status: int
    body: bytes

    def __repr__(self) -> str:
        """The status and size only."""
        return f"HttpAnswer({self.status}, {len(self.body)} bytes)"
