"""The wire, as pydantic models: requests are checked by them, answers are described by them in `/openapi.json`."""
