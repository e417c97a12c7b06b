"""A Kafka broker and an Elasticsearch node to try by hand: `python -m tests.servers`."""

from __future__ import annotations

import signal
import sys
from contextlib import closing

from tests.servers.elasticsearch import ElasticsearchNode
from tests.servers.kafka import KafkaBroker
from tests.servers.processes import Missing


def main() -> None:
    """Starts both, prints the settings that name them, and ends both at Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with closing(KafkaBroker()) as broker, closing(ElasticsearchNode()) as node:
            print("starting; the first time fetches what is needed", file=sys.stderr)
            broker.start()
            print(f"export NEWSLOOM_LOG={broker.url}", flush=True)
            node.start()
            print(f"export NEWSLOOM_INDEX={node.url}", flush=True)
            print("Ctrl-C ends both and removes their data", file=sys.stderr)
            signal.pause()
    except Missing as missing:
        sys.exit(f"newsloom: {missing}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
