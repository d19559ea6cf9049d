"""应急 · emergency plans and hazards. SQL: one row per enterprise, several rows of hazards."""

from collections.abc import Iterator
from datetime import timedelta

from gateway.demo.departments.base import Database, Row
from gateway.demo.departments.spelling import dashed, digits, pick
from gateway.demo.records import City, Enterprise, Trade

_ENTERPRISE = (
    "tyshxydm TEXT, zdwxy TEXT, aqfzr TEXT, aqfzrdh TEXT, aqglrs INTEGER, yjya_mc TEXT, yjya_bh TEXT, yjya_barq TEXT, "
    "yjdw TEXT, bzhdj TEXT, aqscxkz TEXT, gxsj TEXT"
)
_HAZARD = "tyshxydm TEXT, mc TEXT, lb TEXT, sl REAL, dw TEXT, wz TEXT"
_HAZARDS = (
    ("液化石油气", "易燃气体", 2.5, "吨"),
    ("甲苯", "易燃液体", 4.0, "吨"),
    ("氨", "毒性气体", 1.2, "吨"),
)


def rows(city: City) -> Iterator[tuple[str, Row]]:
    """Every company whose trade can be dangerous, and what is dangerous there."""
    for enterprise in city.enterprises.values():
        if enterprise.type == "9500" or enterprise.trade is Trade.food:
            continue
        yield "qyaq", _enterprise(city, enterprise)
        if enterprise.trade is Trade.industry:
            count = 1 + int(digits(3, enterprise.uscc)) % len(_HAZARDS)
            for name, kind, amount, unit in _HAZARDS[:count]:
                yield "wxy", (enterprise.uscc, name, kind, amount, unit, f"{enterprise.site.text}仓库")


def _enterprise(city: City, enterprise: Enterprise) -> Row:
    head = city.persons[enterprise.shareholders[-1].id_no]
    filed = city.today - timedelta(days=30 + int(digits(4, enterprise.uscc, "plan")) % 900)
    return (
        enterprise.uscc,
        pick(("0", "4", "3"), enterprise.uscc) if enterprise.trade is Trade.industry else "0",
        head.name,
        head.old_phone or head.phone,
        1 + enterprise.employees // 50,
        f"{enterprise.name}生产安全事故应急预案",
        f"3505-{filed.year}-{digits(4, enterprise.uscc)}",
        dashed(filed),
        pick(("是", "否"), enterprise.uscc),
        pick(("二级", "三级"), enterprise.uscc, "grade"),
        f"(闽)JZ安许证字〔{filed.year}〕{digits(6, enterprise.uscc)}"
        if enterprise.trade is Trade.construction
        else None,
        dashed(enterprise.recorded_on),
    )


DATABASE = Database(
    source="emergency", place="emergency_db", tables={"qyaq": _ENTERPRISE, "wxy": _HAZARD}, rows=rows
)
