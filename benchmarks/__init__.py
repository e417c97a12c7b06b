"""Figures of quality and speed, each with its own command; see docs/benchmarks.md."""
