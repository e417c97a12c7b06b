"""Dates in a text, resolved against the day of its publication."""
