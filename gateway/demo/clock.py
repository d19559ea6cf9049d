"""A clock that can be put forward: the city lives through a month in seconds, and every entry has its place in time."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.app import utc_now


class MovedClock:
    """Runs from wherever it was put, never backwards; once released it is the wall clock."""

    def __init__(self, at: datetime, *, steady: Callable[[], float] = time.monotonic) -> None:
        """`at`: where it begins. `steady`: seconds of a clock that only runs forward."""
        self._base, self._steady, self._since = at, steady, steady()
        self._is_released = False

    def __call__(self) -> datetime:
        """The time it is."""
        if self._is_released:
            return utc_now()
        return self._base + timedelta(seconds=self._steady() - self._since)

    def move(self, to: datetime) -> None:
        """Go forward to that time; what is past already changes nothing."""
        if to > self():
            self._base, self._since = to, self._steady()

    def release(self) -> None:
        """Be the wall clock from now on. Raises `ValueError` when that would be a step back."""
        if self() > utc_now():
            raise ValueError("the moved clock is ahead of the wall clock")
        self._is_released = True
