"""Errors of the demonstration city. None of them reaches the service: the city is another process.

DemoError
├── CityNotStarted   the city did not come up: the message says what it printed
└── NoSuchFault      a register cannot be given that fault, or there is no such register
"""


class DemoError(Exception):
    """Base of everything the demonstration raises."""


class CityNotStarted(DemoError):
    """The process of the city ended, or said nothing, before it was ready."""


class NoSuchFault(DemoError):
    """There is no such register, or it cannot have that fault; the message says which it can have."""
