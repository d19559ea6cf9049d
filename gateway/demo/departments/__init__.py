"""The registers of the demonstration city, one module each: how that office spells what it knows.

The three tables below are all of them. To add one: a module beside the others, and its name here.
"""

from gateway.demo.departments import (
    birth,
    civil,
    disability,
    emergency,
    enterprise,
    exit_entry,
    food_permits,
    licences,
    marriage,
    medical,
    projects,
    realestate,
    residence,
    school,
    social_insurance,
    tax,
    transport_vehicles,
    vehicle_insurance,
    vehicle_registration,
    veterans,
    water,
)
from gateway.demo.departments.base import Call, Database, FileDrop, HttpService, Lookup

HTTP_SERVICES: tuple[HttpService, ...] = (
    civil.SERVICE,
    residence.SERVICE,
    exit_entry.SERVICE,
    vehicle_registration.SERVICE,
    enterprise.SERVICE,
    food_permits.SERVICE,
    social_insurance.SERVICE,
    birth.SERVICE,
    transport_vehicles.SERVICE,
    vehicle_insurance.SERVICE,
    tax.SERVICE,
    water.SERVICE,
    realestate.SERVICE,
    veterans.SERVICE,
    licences.SERVICE,
)
DATABASES: tuple[Database, ...] = (
    marriage.DATABASE,
    projects.DATABASE,
    emergency.DATABASE,
    medical.DATABASE,
)
DROPS: tuple[FileDrop, ...] = (school.DROP, disability.DROP)

__all__ = ["DATABASES", "DROPS", "HTTP_SERVICES", "Call", "Database", "FileDrop", "HttpService", "Lookup"]
