"""The page for people: server-rendered, works without JavaScript, everything in its address."""

from pipeline.search.page.routes import install

__all__ = ["install"]
