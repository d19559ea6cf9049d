"""The trees of the log."""

from gateway.http.schemas.resolutions import Answered


class Shard(Answered):
    """One tree: its number and name, and what its newest checkpoint states."""

    shard: int
    origin: str
    size: int
    root: str
    present: bool


class ShardPage(Answered):
    """Trees, the oldest first."""

    shards: list[Shard]
    next_cursor: str | None
