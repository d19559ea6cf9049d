"""残联 · disability certificates. An XLSX drop with Excel dates, replaced monthly."""

from datetime import date, timedelta
from pathlib import Path

from gateway.demo.departments.base import FileDrop
from gateway.demo.departments.spelling import digits, pick
from gateway.demo.records import City, Person

SHEET = "持证残疾人"
_HEAD = ("残疾人证号", "身份证号", "姓名", "残疾类别", "残疾等级", "发证日期", "有效期至", "更新日期")
_EVERY = 12


def write(city: City, path: Path) -> None:
    """The sheet of everybody who holds a certificate: one adult in twelve."""
    from openpyxl import Workbook  # a third of a second to import, and only this register needs it

    book = Workbook(write_only=True)
    sheet = book.create_sheet(SHEET)
    sheet.append(_HEAD)
    adults = [
        person for person in city.persons.values() if person.age(city.today) >= 18 and not person.documents
    ]
    for person in adults[::_EVERY]:
        sheet.append(_row(city, person))
    book.save(path)


def _row(city: City, person: Person) -> list[str | date]:
    issued = city.today - timedelta(days=100 + int(digits(4, person.id_no)) % 2500)
    kind = pick(("1", "2", "3", "4"), person.id_no)
    grade = pick(("1", "2", "3", "4"), person.id_no, "grade")
    return [
        f"{person.id_no}{kind}{grade}",
        person.id_no,
        person.name,
        {"1": "视力", "2": "听力", "3": "言语", "4": "肢体"}[kind],
        {"1": "一级", "2": "二级", "3": "三级", "4": "四级"}[grade],
        issued,
        issued + timedelta(days=3652),
        city.today - timedelta(days=20),
    ]


DROP = FileDrop(source="disability", place="disability_drop", suffix=".xlsx", write=write)
