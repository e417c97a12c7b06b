"""What an enriched article says of its tickers, as records for the trends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import cast

import msgspec
from aiokafka.partitioner import murmur2

from pipeline.article import Sentiment, StatedSentiment
from pipeline.stream.publisher import Outgoing
from pipeline.trends import Contribution


class Labels(msgspec.Struct, kw_only=True):
    """As much of an enriched article as trends are made of."""

    id: str
    revision: int
    published_at: datetime | None = None
    symbols: list[str] = []
    ticker_sentiments: list[str] = []
    sentiment: Sentiment | None = None
    people: list[str] = []
    organizations: list[str] = []
    places: list[str] = []

    @property
    def counted(self) -> list[str]:
        """The tickers that the article counts for: none without a time of publication."""
        return self.symbols if self.published_at else []


def contributions(labels: Labels, before: Collection[str]) -> Iterator[Contribution]:
    """What an article says of each of its tickers, and what it does not say any more.

    Args:
        labels: the article's labels.
        before: the tickers that versions before may count for.
    """
    stated = dict(pair.rsplit(":", 1) for pair in labels.ticker_sentiments)
    for symbol in labels.counted:
        yield Contribution(
            symbol=symbol,
            id=labels.id,
            revision=labels.revision,
            published_at=labels.published_at,
            score=labels.sentiment.score if labels.sentiment else None,
            stated=cast("StatedSentiment | None", stated.get(symbol)),
            people=labels.people,
            organizations=labels.organizations,
            places=labels.places,
        )
    for symbol in sorted(before):
        if symbol not in labels.counted:
            yield Contribution(symbol=symbol, id=labels.id, revision=labels.revision, removed=True)


def record(contribution: Contribution, partitions: int) -> Outgoing:
    """The record of a contribution: all of a ticker are in one partition, which Kafka's own
    partitioner would give the ticker as a key.
    """
    symbol = contribution.symbol.encode()
    return Outgoing(
        symbol + b"/" + contribution.id.encode(errors="surrogateescape"),
        msgspec.json.encode(contribution),
        partition=(murmur2(symbol) & 0x7FFFFFFF) % partitions,
    )
