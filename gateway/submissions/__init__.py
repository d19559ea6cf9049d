"""Submissions: what a person handed in, slot by slot, and what is kept of it."""
