"""newsloom: a streaming ingestion pipeline for news."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.subscription import Subscription, subscribe

__version__ = version("newsloom")
__all__ = ["Subscription", "__version__", "subscribe"]


def __getattr__(name: str) -> Any:
    """What programs use, imported when it is first asked for: the command starts faster."""
    if name in ("Subscription", "subscribe"):
        from pipeline import subscription

        return getattr(subscription, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
