"""Resolving a form: the way of one request, step by step."""
