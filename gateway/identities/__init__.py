"""Identities: several documents of one person, one subject."""
