"""Exports as bytes: the workbook, the briefing, and the months of open statistics, each hour made once."""

import asyncio
from datetime import date, datetime

import orjson

from gateway.reports.briefing import SOURCE, document_of
from gateway.reports.exporting import briefing_of, gather, open_month
from gateway.reports.naming import segment_names
from gateway.reports.open_data import Imprint, files_of
from gateway.reports.open_data import document_of as open_document
from gateway.reports.report_sheets import report_sheets
from gateway.reports.survey import Period
from gateway.runtime import Runtime
from gateway.submissions.printing import Sheet, print_pages, print_pdf

_MOST_KEPT = 48  # four years of months


async def workbook_file(period: Period, runtime: Runtime) -> bytes:
    """The reports of that period as XLSX."""
    gathered, made_at = await gather(period, runtime), runtime.clock()
    registry = runtime.library.published.registry
    forms = {name: (await runtime.library.form(name, None)).name for name in runtime.library.published.forms}
    names = {
        "form": forms,
        "item": {item.id: item.name for item in registry.items.values()},
        "source": {source.id: source.name for source in registry.sources.values()},
        "segment": segment_names(),
    }

    from gateway.reports.workbook import write_workbook  # openpyxl: a fifth of a second that no start needs

    def write() -> bytes:
        sheets = report_sheets(gathered, names, made_at)
        return write_workbook(sheets, title=f"回填率统计 {period.since} – {period.until}", made_at=made_at)

    return await asyncio.to_thread(write)  # the service goes on answering meanwhile


async def briefing_file(month: date, runtime: Runtime) -> bytes:
    """The briefing of that month as PDF. Raises `NotInstalled`, and `Unavailable` when it takes too long."""
    return await print_pdf(await _briefing(month, runtime))


async def briefing_pages(month: date, runtime: Runtime) -> list[bytes]:
    """The same as PNG pictures, one per page."""
    return await print_pages(await _briefing(month, runtime))


async def open_files(month: date, runtime: Runtime) -> dict[str, bytes]:
    """File name → content of that month's open statistics. Raises `NotFound` before it may be published."""
    imprint = _imprint(runtime)
    return files_of(await open_month(month, imprint, runtime), imprint)


class OpenMonths:
    """Open statistics as they are answered to everybody: whoever asks again within the hour costs nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._made: dict[tuple[date, datetime], bytes] = {}

    async def document(self, month: date) -> bytes:
        """That month as JSON. Raises `NotFound` before it may be published."""
        runtime = self._runtime
        key = month, runtime.clock().replace(minute=0, second=0, microsecond=0)
        made = self._made.get(key)
        if made is None:
            imprint = _imprint(runtime)
            made = orjson.dumps(open_document(await open_month(month, imprint, runtime), imprint))
            while len(self._made) >= _MOST_KEPT:
                del self._made[next(iter(self._made))]
            self._made[key] = made
        return made


async def _briefing(month: date, runtime: Runtime) -> Sheet:
    made = await briefing_of(month, runtime.settings.hall_name, runtime)
    return Sheet(SOURCE, document_of(made), made.made_at)


def _imprint(runtime: Runtime) -> Imprint:
    settings = runtime.settings
    return Imprint(settings.hall_name, settings.open_licence, settings.open_delay_days, runtime.clock())
