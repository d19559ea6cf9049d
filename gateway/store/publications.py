"""Published versions of the registry, the policy and forms in SQL. Documents are canonical JSON, compressed."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, func, insert, or_, select

from gateway.errors import Conflict
from gateway.records import Entry, FormPublication, Publication
from gateway.store.database import Database
from gateway.store.log import write_entries
from gateway.store.refusals import is_id, is_version, no_such_form_version, no_such_version, version_exists
from gateway.store.tables import form_version, publication


class SqlPublications:
    """`gateway.ports.Publications` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, kind: str, on: date) -> int | None:
        """See `gateway.ports.Publications.latest`."""
        effective = or_(publication.c.effective_from.is_(None), publication.c.effective_from <= on)
        query = select(func.max(publication.c.version)).where(publication.c.kind == kind, effective)
        newest: int | None = await self._database.read(lambda connection: connection.scalar(query))
        return newest

    async def load(self, kind: str, version: int) -> Publication:
        """See `gateway.ports.Publications.load`."""
        query = select(publication).where(publication.c.kind == kind, publication.c.version == version)
        row = await _one(self._database, query) if is_version(version) else None
        if row is None:
            raise no_such_version(kind, version)
        return Publication(**{**row, "document": zlib.decompress(row["document"])})

    async def publish(self, published: Publication, entry: Entry) -> None:
        """See `gateway.ports.Publications.publish`."""
        row = {name: getattr(published, name) for name in publication.c.keys()}  # noqa: SIM118
        await _publish(self._database, insert(publication), row, entry)


class SqlFormVersions:
    """`gateway.ports.FormVersions` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> Mapping[str, int]:
        """See `gateway.ports.FormVersions.current`."""
        query = select(form_version.c.id, func.max(form_version.c.version)).group_by(form_version.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row[0]: row[1] for row in rows}

    async def listing(self, *, after: str, limit: int) -> Sequence[FormPublication]:
        """See `gateway.ports.FormVersions.listing`."""
        if not is_id(after):
            return []
        newest = (
            select(form_version.c.id, func.max(form_version.c.version).label("version"))
            .where(form_version.c.id > after)
            .group_by(form_version.c.id)
            .order_by(form_version.c.id)
            .limit(limit)
            .subquery()
        )
        columns = [column for column in form_version.c if column.name != "document"]
        query = select(*columns).join(
            newest, (newest.c.id == form_version.c.id) & (newest.c.version == form_version.c.version)
        )
        ordered = query.order_by(form_version.c.id)
        rows = await self._database.read(lambda connection: connection.execute(ordered).all())
        return [FormPublication(**row._asdict()) for row in rows]

    async def load(self, form_id: str, version: int) -> FormPublication:
        """See `gateway.ports.FormVersions.load`."""
        query = select(form_version).where(form_version.c.id == form_id, form_version.c.version == version)
        row = await _one(self._database, query) if is_id(form_id) and is_version(version) else None
        if row is None:
            raise no_such_form_version(form_id, version)
        return FormPublication(**{**row, "document": zlib.decompress(row["document"])})

    async def publish(self, form: FormPublication, entry: Entry) -> None:
        """See `gateway.ports.FormVersions.publish`."""
        row = {name: getattr(form, name) for name in form_version.c.keys()}  # noqa: SIM118
        await _publish(self._database, insert(form_version), row, entry)


async def _one(database: Database, query: Select[Any]) -> Mapping[str, Any] | None:
    row = await database.read(lambda connection: connection.execute(query).one_or_none())
    return None if row is None else row._asdict()


async def _publish(database: Database, statement: Any, row: dict[str, Any], entry: Entry) -> None:
    row["document"] = zlib.compress(row["document"])

    def work(connection: Connection) -> None:
        connection.execute(statement, row)
        write_entries(connection, [entry])

    try:
        await database.write(work)
    except Conflict:
        raise version_exists(row["version"]) from None
