"""教育 · school roll. A CSV drop, UTF-8 with byte order mark, replaced every night."""

import csv
from datetime import timedelta
from pathlib import Path

from gateway.demo.departments.base import FileDrop
from gateway.demo.departments.spelling import chinese, digits
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Person

_HEAD = (
    *("身份证号", "姓名", "学籍号", "学校名称", "年级", "班级", "入学年月", "学段", "就读方式"),
    *("监护人姓名", "监护人关系", "更新日期"),
)
_PRIMARY = ("一年级", "二年级", "三年级", "四年级", "五年级", "六年级")
_GRADES = (*_PRIMARY, "七年级", "八年级", "九年级", "高一", "高二", "高三")


def write(city: City, path: Path) -> None:
    """The roll of the city: everybody of school age, and who is registered to begin."""
    pupils = [
        person for person in city.persons.values() if 5 <= person.age(city.today) < 18 and person.mother
    ]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEAD)
        writer.writerows(_row(city, pupil) for pupil in pupils)


def _row(city: City, pupil: Person) -> list[str]:
    year = pupil.age(city.today) - 6
    county = load_facts().county_name(pupil.home.county)
    guardian = city.persons[pupil.mother or ""]
    return [
        pupil.id_no,
        pupil.name,
        f"G{pupil.id_no}",
        f"{county}{'实验小学' if year < 6 else '第一中学'}",
        _GRADES[year] if year >= 0 else "",
        f"{int(digits(2, pupil.id_no)) % 9 + 1}班" if year >= 0 else "",
        f"{city.today.year - max(year, 0)}年9月",
        "小学" if year < 6 else "初中" if year < 9 else "高中",
        "走读",
        guardian.name,
        "50",
        chinese(city.today - timedelta(days=30)),
    ]


DROP = FileDrop(source="school", place="school_drop", suffix=".csv", write=write)
