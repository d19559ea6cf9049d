"""住建 · construction projects. SQL: one row per project, several rows of firms taking part."""

from collections.abc import Iterator

from gateway.demo.departments.base import Database, Row
from gateway.demo.departments.spelling import compact, dashed, digits, pick
from gateway.demo.facts import load_facts
from gateway.demo.records import City, Project

_PROJECT = (
    "xmdm TEXT, xmmc TEXT, jsdz TEXT, xzqh TEXT, xmlx TEXT, jsxz TEXT, ztz REAL, htj REAL, jsgm TEXT, ydmj REAL, "
    "jzmj REAL, jglx TEXT, dscs INTEGER, dxcs INTEGER, pwh TEXT, pfjg TEXT, pfrq TEXT, ghxkzh TEXT, ydxkzh TEXT, "
    "jsdw TEXT, jsdw_dm TEXT, xmfzr TEXT, kgrq TEXT, jgrq TEXT, gxsj TEXT"
)
_FIRM = "xmdm TEXT, lx TEXT, dwmc TEXT, tyshxydm TEXT, fzr TEXT, zzdj TEXT"
_PARTS = ("勘察单位", "设计单位", "施工单位", "监理单位")


def rows(city: City) -> Iterator[tuple[str, Row]]:
    """Every project and every firm that takes part in one."""
    for project in city.projects.values():
        yield "xmjbxx", _project(city, project)
        yield from (("cjdw", _firm(city, project, part)) for part in _PARTS)


def _project(city: City, project: Project) -> Row:
    owner = city.enterprises[project.owner]
    county = load_facts().county_name(project.site.county)
    storeys = 1 + int(digits(3, project.code)) % 18
    return (
        project.code,
        project.name,
        project.site.text,
        project.site.county,
        "房屋建筑工程",
        pick(("新建", "改建", "扩建"), project.code),
        float(project.cost_wan),
        round(project.cost_wan * 0.7, 2),
        f"总建筑面积{project.floor_area}平方米",
        round(project.floor_area / 2.5, 2),
        float(project.floor_area),
        pick(("框架结构", "钢结构", "剪力墙结构"), project.code),
        storeys,
        1 if storeys > 6 else 0,
        f"示发改备〔{project.approved_on.year}〕{digits(4, project.code)}号",
        f"{county}发展和改革局",
        dashed(project.approved_on),
        f"建字第{project.site.county}{project.approved_on.year}{digits(5, project.code, 'plan')}号",
        f"地字第{project.site.county}{project.approved_on.year}{digits(5, project.code, 'land')}号",
        owner.name,
        owner.uscc,
        city.persons[owner.legal_rep].name,
        compact(project.starts_on),
        compact(project.ends_on),
        dashed(project.approved_on),
    )


def _firm(city: City, project: Project, part: str) -> Row:
    builders = [each for each in city.enterprises.values() if each.trade.value == "construction"]
    firm = city.enterprises[project.builder] if part == "施工单位" else pick(builders, project.code, part)
    head = city.persons[firm.legal_rep].name
    return (project.code, part, firm.name, firm.uscc, head, pick(("甲级", "乙级"), firm.uscc))


DATABASE = Database(
    source="projects", place="projects_db", tables={"xmjbxx": _PROJECT, "cjdw": _FIRM}, rows=rows
)
