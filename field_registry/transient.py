"""Dataclasses for what lives no longer than a request: frozen to whoever checks types, plain when run.

A frozen one sets each of its fields through `object.__setattr__` and takes three times as long to make; a request makes
some sixty. That nobody assigns to them is seen by the type checker, which reads the standard library's `dataclass`
here (decision record 0023). What lives longer, as definitions do, is frozen by the standard library itself.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    Made = TypeVar("Made", bound=type)

    def dataclass(*, frozen: bool = False, eq: bool = True, **options: Any) -> Callable[[Made], Made]:
        """As `dataclasses.dataclass`; a frozen one can be hashed, as there, and is not kept from being changed."""

        def made(cls: Made) -> Made:
            hashed = frozen and eq and "__hash__" not in vars(cls)
            return dataclasses.dataclass(eq=eq, unsafe_hash=hashed, **options)(cls)

        return made


__all__ = ["dataclass"]
