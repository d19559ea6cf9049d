"""`codes/<list id>.csv`: the codes of one list, with line numbers and every fault."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from field_registry.errors import Fault
from field_registry.located import did_you_mean

COLUMNS = ("code", "name", "aliases", "retired_to", "source")
"""The columns of a sheet: `aliases` are separated by |; the last three may be left out."""


@dataclass(slots=True)
class CodeSheet:
    """What one sheet says: code → name, alias → code, withdrawn code → successor, code → origin, code → line."""

    file: str
    names: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_codes(path: Path, file: str) -> tuple[CodeSheet, tuple[Fault, ...]]:
    """The sheet and its faults; rows with a fault are left out."""
    sheet = CodeSheet(file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        message = "the file is not UTF-8 text; save it as CSV UTF-8 (not GBK)"
        return sheet, (Fault(file, 0, "not_utf8", message),)
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    header = tuple(rows.fieldnames or ())
    faults = list(_header_faults(header, file))
    if faults:
        return sheet, tuple(faults)
    for row in rows:
        faults.extend(_read_row(sheet, row, rows.line_num))
    return sheet, tuple(faults)


def write_codes(sheet: CodeSheet) -> str:
    """The sheet as CSV text; reading it again gives the same sheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    aliases: dict[str, list[str]] = {}
    for alias, code in sheet.aliases.items():
        aliases.setdefault(code, []).append(alias)
    for code in dict.fromkeys((*sheet.names, *sheet.retired)):
        spellings = "|".join(aliases.get(code, ()))
        name, successor = sheet.names.get(code, ""), sheet.retired.get(code, "")
        writer.writerow((code, name, spellings, successor, sheet.origins.get(code, "")))
    return out.getvalue()


def _header_faults(header: tuple[str, ...], file: str) -> Iterable[Fault]:
    for name in header:
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS)
            yield Fault(
                file, 1, "unknown_column", f"column {name!r} is not known. Known: {', '.join(COLUMNS)}.{hint}"
            )
    for name in COLUMNS[:2]:
        if name not in header:
            yield Fault(
                file, 1, "missing_column", f"column {name!r} is missing; the first line names the columns"
            )


def _read_row(sheet: CodeSheet, row: dict[str, str], line: int) -> Iterable[Fault]:
    code, name = row["code"].strip(), row["name"].strip()
    if "" in row:
        yield Fault(
            sheet.file, line, "too_many_cells", "more cells than columns; quote a cell that holds a comma"
        )
        return
    successor = row.get("retired_to", "").strip()
    if not code or not (name or successor):  # the name of a withdrawn code may be forgotten
        yield Fault(
            sheet.file, line, "blank", "a code and its name must not be empty; fill them in or drop the line"
        )
        return
    if code in sheet.lines:
        first = sheet.lines[code]
        yield Fault(
            sheet.file, line, "duplicate_code", f"code {code!r} already stands in line {first}; keep one"
        )
        return
    sheet.lines[code] = line
    if name:
        sheet.names[code] = name
    if successor:
        sheet.retired[code] = successor
    if origin := row.get("source", "").strip():
        sheet.origins[code] = origin
    for alias in filter(None, map(str.strip, row.get("aliases", "").split("|"))):
        other = sheet.aliases.setdefault(alias, code)
        if other != code:
            message = f"{alias!r} is an alias of {other!r} already (line {sheet.lines[other]}); it can mean one code"
            yield Fault(sheet.file, line, "ambiguous_alias", message)
