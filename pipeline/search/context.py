"""What all routes of one application share: the settings, the index."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from pipeline.config import Settings
from pipeline.index import Index, open_index


class Context:
    """Opens what the settings name when it is first needed.

    Args:
        settings: where everything is.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def index(self) -> Index:
        """The index, for reading.

        Raises:
            ConfigurationError: there is none.
            IndexDamaged: it can't be read.
        """
        return open_index(self.settings)


def context_of(request: Request) -> Context:
    """The context of the application that a request came to."""
    context: Context = request.app.state.context
    return context


InContext = Annotated[Context, Depends(context_of)]
