"""How people and things of the city are named in a request: the wire form of a subject."""

from gateway.demo.records import Birth, Enterprise, Person, Project, Vehicle

Payload = dict[str, str]


def person_subject(person: Person, id_type: str | None = None) -> Payload:
    """That person, by the document of that GA/T 517 type; without one, by what they would show first."""
    shown = id_type or next(iter(person.documents), "111")
    number = person.id_no if shown == "111" else person.documents[shown]
    return {"kind": "person", "id_type": shown, "id_no": number}


def newborn_subject(birth: Birth) -> Payload:
    """A child who has no number yet, by the birth certificate."""
    return {"kind": "person", "id_type": "117", "id_no": birth.number}


def organisation_subject(enterprise: Enterprise) -> Payload:
    """That enterprise."""
    return {"kind": "organisation", "uscc": enterprise.uscc}


def vehicle_subject(vehicle: Vehicle) -> Payload:
    """That vehicle."""
    return {"kind": "vehicle", "plate_number": vehicle.plate}


def project_subject(project: Project) -> Payload:
    """That project."""
    return {"kind": "project", "project_code": project.code}
