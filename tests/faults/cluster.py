"""A broker with newsloom's topics, processes that work on them, and what has to come of it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from pipeline.article import (
    ARTICLES_DEAD,
    ARTICLES_ENRICHED,
    ARTICLES_RAW,
    TICKER_TRENDS,
    EnrichedArticle,
    RawArticle,
)
from pipeline.errors import StorageUnavailable
from pipeline.log import Message, Record, messages
from pipeline.log.kafka import KafkaLog, committed_and_end
from pipeline.log.kafka_groups import members
from pipeline.maintenance import ENRICHERS
from pipeline.stream.contributions import Labels, contributions
from pipeline.trends import Tally, Trend, Window, windows_with
from tests.faults.stub import labelled
from tests.servers.kafka import KafkaBroker
from tests.servers.topics import empty_topics

PARTITIONS = 6
_RAW = [(ARTICLES_RAW, number) for number in range(PARTITIONS)]
FILLER = b"{}"
STUB = [sys.executable, "-m", "tests.faults.stub"]
NEWSLOOM = [sys.executable, "-c", "from pipeline.cli import main; main()"]

logger = logging.getLogger(__name__)


class Cluster:
    """Newsloom's topics on a broker, empty, and the processes that a test starts.

    Args:
        broker: runs already.
        folder: takes the outputs of processes.
        environment: settings of the processes besides where the broker is.
    """

    def __init__(self, broker: KafkaBroker, folder: Path, **environment: str) -> None:
        self.broker = broker
        self.accepted: dict[str, RawArticle] = {}
        self.faults = 0
        self._folder = folder
        self._environment = {"NEWSLOOM_LOG": broker.url, "NEWSLOOM_PROCESSES": "2", **environment}
        self._started: list[subprocess.Popen[bytes]] = []
        self._logs: list[KafkaLog] = []
        empty_topics(broker, partitions=PARTITIONS)

    @property
    def log(self) -> KafkaLog:
        """A log of its own for each user, as threads need it; at the end all are closed."""
        self._logs.append(KafkaLog([self.broker.address]))
        return self._logs[-1]

    def start(self, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a process; its output is in a file that a failed test shows."""
        path = self._folder / f"process-{len(self._started):02}.log"
        with path.open("wb") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self._environment | environment,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """A worker with the stub's labels."""
        return self.start(*STUB, **environment)

    def close(self) -> None:
        """Ends all that was started, and prints what it said."""
        for process in self._started:
            kill(process)
        for log in self._logs:
            log.close()
        for path in sorted(self._folder.glob("process-*.log")):
            print(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}")

    def feed(
        self,
        articles: Iterable[RawArticle],
        *,
        each: float = 0.0,
        stop: threading.Event | None = None,
    ) -> None:
        """Publishes articles, and notes each that was accepted.

        Args:
            articles: in the order of their arrival.
            each: seconds to wait between two batches of fifty.
            stop: ends it before its time.
        """
        log = self.log
        batch: list[RawArticle] = []
        for article in articles:
            batch.append(article)
            if len(batch) == 50:
                self._publish(log, batch)
                batch = []
                time.sleep(each)
                if stop is not None and stop.is_set():
                    break
        self._publish(log, batch)
        log.close()

    def _publish(self, log: KafkaLog, batch: Sequence[RawArticle]) -> None:
        records = [Record(article.id, msgspec.json.encode(article)) for article in batch]
        while True:
            try:
                log.publish(ARTICLES_RAW, records)
                break
            except StorageUnavailable as error:
                logger.info("%s; feeding again", error)
        for article in batch:
            known = self.accepted.get(article.id)
            if known is None or article.revision >= known.revision:
                self.accepted[article.id] = article

    @contextlib.contextmanager
    def feeding(
        self, articles: Iterable[RawArticle], *, each: float, whole: bool = True
    ) -> Iterator[None]:
        """Feeds in a thread meanwhile: all that there is, or as long as the block takes."""
        stop = threading.Event()
        options = {"each": each, "stop": None if whole else stop}
        thread = threading.Thread(target=self.feed, args=(articles,), kwargs=options)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def lag(self) -> int:
        """Raw records that no worker has committed."""
        committed, end = committed_and_end([self.broker.address], ENRICHERS, _RAW)
        return end - committed

    def committed(self) -> int:
        """Raw records that workers have committed."""
        return sum(self.committed_by_partition())

    def committed_by_partition(self) -> list[int]:
        """The same, for each partition."""
        address = [self.broker.address]
        return [committed_and_end(address, ENRICHERS, [place])[0] for place in _RAW]

    def members(self) -> int:
        """How many workers share the partitions now."""
        return members([self.broker.address], ENRICHERS)

    def newest_is_last(self) -> bool:
        """Whether of each article the newest version on the enriched topic is the last one."""
        return all(
            seen[-1].revision == max(article.revision for article in seen)
            for seen in self.enriched().values()
        )

    def goes_on(self, more: int = 1, seconds: float = 90.0) -> None:
        """Waits until workers have committed more than now."""
        before = wait_for(lambda: (self.committed(),))[0]
        wait_for(lambda: self.committed() >= before + more, seconds)

    def done(self, seconds: float = 120.0) -> None:
        """Waits until workers have committed all that was fed."""
        wait_for(lambda: self.lag() == 0, seconds)

    def enriched(self) -> dict[str, list[EnrichedArticle]]:
        """All versions of each article on the enriched topic, in order."""
        versions: dict[str, list[EnrichedArticle]] = defaultdict(list)
        for message in self.messages(ARTICLES_ENRICHED):
            if message.value == FILLER:
                continue
            article = msgspec.json.decode(message.value, type=EnrichedArticle)
            assert message.key == article.id
            versions[article.id].append(article)
        return versions

    def newest(self) -> dict[str, EnrichedArticle]:
        """The last version of each article on the enriched topic."""
        return {article_id: seen[-1] for article_id, seen in self.enriched().items()}

    def trends(self) -> dict[tuple[str, Window], Trend]:
        """The trends as their topic has them, those without an article left out."""
        found = {}
        for message in self.messages(TICKER_TRENDS):
            trend = msgspec.json.decode(message.value, type=Trend)
            found[trend.symbol, Window(trend.window, trend.start, trend.end)] = trend
        return {key: trend for key, trend in found.items() if trend.articles}

    def expected_trends(self) -> dict[tuple[str, Window], Trend]:
        """The trends of the newest version of each article."""
        tallies: dict[tuple[str, Window], Tally] = defaultdict(Tally)
        for article in self.newest().values():
            labels = msgspec.convert(msgspec.to_builtins(article), Labels)
            for contribution in contributions(labels, []):
                assert contribution.published_at is not None
                for window in windows_with(contribution.published_at):
                    tallies[contribution.symbol, window].add(contribution)
        return {key: tally.trend(*key) for key, tally in tallies.items()}

    def trends_are_right(self, seconds: float = 60.0) -> None:
        """Waits until the trends are those of the newest version of each article."""
        expected = self.expected_trends()
        with contextlib.suppress(AssertionError):
            wait_for(lambda: self.trends() == expected, seconds)
        found = self.trends()
        assert found.keys() == expected.keys()
        wrong = [(trend, expected[key]) for key, trend in found.items() if trend != expected[key]]
        assert not wrong, wrong[:3]

    def compact(self) -> None:
        """Has the broker compact the enriched topic, and waits until it has."""
        wanted = {"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01",
                  "segment.ms": "100"}  # fmt: skip
        admin = KafkaAdminClient(bootstrap_servers=self.broker.address)
        admin.alter_configs([ConfigResource("TOPIC", ARTICLES_ENRICHED, wanted)])
        admin.close()
        log = self.log

        def is_compacted() -> bool:
            # The segment that is written to is not compacted: another record begins a new one.
            fillers = [Record(f"filler-{number}", FILLER) for number in range(60)]
            log.publish(ARTICLES_ENRICHED, fillers)
            keys = [m.key for m in self.messages(ARTICLES_ENRICHED) if m.value != FILLER]
            return len(keys) == len(set(keys))

        wait_for(is_compacted)
        log.close()

    def messages(self, topic: str) -> list[Message]:
        """All that a topic holds."""
        log = self.log
        found = list(messages(log, topic))
        log.close()
        return found

    def dead(self) -> dict[str, dict[str, Any]]:
        """The headers of the dead letters, by the key of the record; the last of each."""
        return {
            message.key or "": {name: value.decode() for name, value in message.headers}
            for message in self.messages(ARTICLES_DEAD)
        }

    def check(self, *, poisoned: Iterable[str] = (), strictly: bool = True) -> None:
        """Each accepted article is on the enriched topic or in the dead letters.

        Args:
            poisoned: the articles that have to be dead letters.
            strictly: no older version may ever stand behind a newer one; otherwise one may, if the
                newer stands behind it once more.
        """
        versions = self.enriched()
        dead = set(self.dead())
        assert dead == set(poisoned)
        expected = {i: labelled(raw) for i, raw in self.accepted.items() if i not in dead}
        assert versions.keys() == expected.keys()
        wrong = {i: seen[-1] for i, seen in versions.items() if seen[-1] != expected[i]}
        assert not wrong
        if strictly:
            for seen in versions.values():
                revisions = [article.revision for article in seen]
                assert revisions == sorted(revisions)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started, as `kill -9` does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits until a condition holds; while a broker is away it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(StorageUnavailable):
            if value := condition():
                return value
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")
