"""All benchmarks that need no data of others: `python -m benchmarks`.

Those with a broker and an index of their own need a JDK 21 or newer and Maven, and are left out,
with a word, where these can't be had.
"""

from collections.abc import Callable

from benchmarks import (
    alerts,
    duplicates,
    enrichment,
    kafka,
    pipeline,
    search,
    sink,
    storage,
    targets,
    topics,
)
from tests.servers.processes import Missing

ALONE: list[Callable[[], None]] = [
    targets.main,
    topics.main,
    enrichment.main,
    storage.main,
    duplicates.main,
    alerts.main,
]
WITH_SERVERS: list[Callable[[], None]] = [kafka.main, sink.main, pipeline.main, search.main]

for run in ALONE:
    run()
try:
    for run in WITH_SERVERS:
        run()
except Missing as error:
    print(f"MEASURED LESS: {error}")
