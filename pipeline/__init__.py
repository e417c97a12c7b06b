"""newsloom: a streaming ingestion pipeline for news."""

from importlib.metadata import version

__version__ = version("newsloom")
