"""The log: entries, and the way into it."""
