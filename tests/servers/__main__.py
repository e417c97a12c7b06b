"""A Kafka broker and an Elasticsearch node to try by hand: `python -m tests.servers`."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack, closing

from pipeline.config import Settings
from pipeline.index.elasticsearch.client import connect
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.log.kafka_topics import setup_topics
from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import Missing

TRY = """\
Both are set up and empty. In another terminal, after these two lines:
  newsloom worker & newsloom sink &
  newsloom produce pipeline/samples
  newsloom search tariffs
Ctrl-C here ends both servers and removes their data."""


def main() -> None:
    """Starts both, prints the settings that name them, and ends both at Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as servers:
            _tell("Starting Kafka and Elasticsearch; the first time fetches what they need …")
            broker = servers.enter_context(closing(KafkaBroker()))
            node = servers.enter_context(closing(ElasticsearchNode()))
            broker.start()
            node.start()
            _set_up(broker, node)
            print(f"export NEWSLOOM_LOG={broker.url}")
            print(f"export NEWSLOOM_INDEX={node.url}", flush=True)
            _tell(TRY)
            signal.pause()
    except Missing as missing:
        sys.exit(f"newsloom: {missing}")
    except KeyboardInterrupt:
        pass


def _set_up(broker: KafkaBroker, node: ElasticsearchNode) -> None:
    settings = Settings(log=broker.url, index=node.url)
    setup_topics(
        [broker.address],
        partitions=settings.partitions,
        replication=settings.replication,
        retention_days=settings.retention_days,
    )
    with connect(settings) as client:
        setup_index(client)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
