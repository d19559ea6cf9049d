"""Errors of policies, named by the next move. Refusals are no errors: they are `Decision`s.

PolicyError
├── BadRule        a rule contradicts itself: correct the rule
├── BadDocument    a stored policy cannot be read: publish it anew from its YAML
├── BadPeriod      a retention period is set to what the law does not allow: correct the setting
└── UnknownMask    an item names a masking rule that does not exist: correct the item

A directory that cannot be loaded raises `field_registry.errors.FaultsFound`, with every fault in it.
"""


class PolicyError(Exception):
    """Base of everything this package raises."""


class BadRule(PolicyError):
    """A rule contradicts itself; the message names the rule and what to change."""


class BadDocument(PolicyError):
    """A policy document has the wrong shape; the message says where."""


class BadPeriod(PolicyError):
    """A retention period is longer or shorter than the law allows; the message gives the bound."""


class UnknownMask(PolicyError):
    """No masking rule has that name; the message lists those there are."""
