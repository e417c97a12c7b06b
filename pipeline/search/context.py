"""What all routes of one application share: the settings, the index, the log's thread, counters."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from pipeline.config import Settings
from pipeline.index import Index, open_index
from pipeline.search.counters import Metrics
from pipeline.search.pool import SharedIndex
from pipeline.search.publisher import Publisher
from pipeline.search.stream import Streams


class Context:
    """Opens what the settings name when it is first needed.

    Args:
        settings: where everything is.

    Attributes:
        index: the index, for any number of threads; raises Transient while it can't be read.
        publisher: puts articles on the raw topic.
        streams: those of the enriched topic that are open.
        metrics: what is counted.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.index: Index = SharedIndex(lambda: open_index(settings))
        self.publisher = Publisher(settings)
        self.streams = Streams(settings)
        self.metrics = Metrics()

    def close(self) -> None:
        """Ends streams and threads; what was accepted is durable."""
        self.streams.close()
        self.publisher.close()


def context_of(request: Request) -> Context:
    """The context of the application that a request came to."""
    context: Context = request.app.state.context
    return context


InContext = Annotated[Context, Depends(context_of)]
