"""Profiles 一人一档/一企一档: what a person typed once and lets us keep for the next form."""
