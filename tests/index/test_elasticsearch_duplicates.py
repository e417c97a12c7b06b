"""Links between documents on Elasticsearch, where several write at once and any may be killed."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from pipeline.article import EnrichedArticle
from pipeline.index import Refusal
from pipeline.index.elasticsearch import ElasticsearchIndex
from pipeline.index.elasticsearch.bulk import Requests
from pipeline.index.elasticsearch.document import encode
from pipeline.index.elasticsearch.setup import setup_index
from pipeline.index.elasticsearch.writer import ElasticsearchWriter
from tests.contract.test_duplicates import day
from tests.faults.test_kills import wait_for
from tests.servers.indices import FreshAlias
from tests.stories import article, by_hand, links, wordings


class Killed(Exception):
    pass


class Breaking:
    """Lets so many bulk requests through; the one after is where the process is killed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.documents: list[int] = []
        real = Requests._send_some

        def send(requests: Requests, documents: Sequence[object], **options: bool) -> object:
            if self.left == 0:
                raise Killed
            if self.left is not None:
                self.left -= 1
            self.documents.append(len(documents))
            return real(requests, documents, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Requests, "_send_some", send)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Breaking:
    # One document a time: every moment between two of them is one to be killed in.
    monkeypatch.setattr("pipeline.index.elasticsearch.writer.RELINKED", 1)
    return Breaking(monkeypatch)


@pytest.fixture
def alias(fresh_alias: FreshAlias) -> FreshAlias:
    setup_index(*fresh_alias)
    return fresh_alias


def version(
    name: str, text: str, published: int, revision: int = 1, **fields: bool
) -> EnrichedArticle:
    return article(name, text, published_at=day(published), revision=revision, **fields)


def bridged(story: str) -> tuple[list[EnrichedArticle], list[EnrichedArticle]]:
    """Two groups, and a batch with the article that makes one of them."""
    one, two, three, _ = wordings(story)
    before = [version(f"{story}-{n}", one, 5 + n) for n in range(3)]
    before += [version(f"{story}-{n}", three, n) for n in range(3, 6)]
    return before, [version(f"{story}-bridge", two, 9)]


def parted(story: str) -> tuple[list[EnrichedArticle], list[EnrichedArticle]]:
    """A group, and a batch that corrects the article that holds it together."""
    before, (bridge,) = bridged(story)
    other = wordings(f"{story}other")[0]
    return [*before, bridge], [version(bridge.id, other, 9, revision=2)]


def beheaded(story: str) -> tuple[list[EnrichedArticle], list[EnrichedArticle]]:
    """A group, and a batch that withdraws its head, without which it falls apart."""
    one, two, three, _ = wordings(story)
    before = [version(f"{story}-{n}", one, 5 + n) for n in range(3)]
    before += [version(f"{story}-{n}", three, 2 + n) for n in range(3, 6)]
    head = version(f"{story}-head", two, 1)
    gone = version(head.id, "", 1, revision=2, withdrawn=True)
    return [*before, head], [gone]


def redated(story: str) -> tuple[list[EnrichedArticle], list[EnrichedArticle]]:
    """A group, and a batch that makes its head the last one."""
    before, (bridge,) = bridged(story)
    return [*before, bridge], [version(before[3].id, before[3].text, 20, revision=2)]


@pytest.mark.parametrize("change", [bridged, parted, beheaded, redated])
def test_a_writer_that_is_killed_at_any_moment_leaves_what_the_next_one_puts_right(
    alias: FreshAlias, breaking: Breaking, change: object
) -> None:
    expected: dict[str, str | None] = {}
    for moment in count():
        before, batch = change(f"{moment}")  # type: ignore[operator]
        assert not ElasticsearchWriter(*alias).add(before)
        breaking.left = moment
        try:
            ElasticsearchWriter(*alias).add(batch)
            done = True
        except Killed:
            done = False
        breaking.left = None
        # Its records were not committed: they come again.
        assert not ElasticsearchWriter(*alias).add(batch)
        expected |= by_hand({a.id: a for a in (*before, *batch)}.values())
        if done:
            break
    assert moment >= 3
    assert links(ElasticsearchIndex(*alias)) == expected


@pytest.mark.parametrize("writers", [3, 2])
def test_writers_at_the_same_time_end_with_the_links_of_one(
    alias: FreshAlias, writers: int
) -> None:
    """Three threads write, each for itself, or two of them by the same writer."""
    for seed in range(2):
        rng = random.Random(seed)
        # All versions of an article go to one writer, as those of a partition do.
        shares: list[list[list[EnrichedArticle]]] = [[], [], []]
        newest: dict[str, EnrichedArticle] = {}
        for revision in range(1, 7):
            for writer, share in enumerate(shares):
                batch = {}
                for _ in range(rng.choice((1, 3, 8))):
                    name = f"{seed}-{writer}-{rng.randrange(8)}"
                    gone = rng.random() < 0.1
                    batch[name] = version(
                        name,
                        "" if gone else rng.choice(wordings(f"{seed}{rng.choice('ab')}")),
                        rng.randrange(1, 5),
                        revision=revision,
                        withdrawn=gone,
                    )
                share.append(list(batch.values()))
                newest |= batch
        together(alias, shares, writers)
        found = {
            name: link for name, link in links(ElasticsearchIndex(*alias)).items() if name in newest
        }
        assert found == by_hand(newest.values())


def together(
    alias: FreshAlias, shares: Sequence[Sequence[Sequence[EnrichedArticle]]], writers: int
) -> None:
    """Writes each share batch by batch, all shares at the same time."""
    failures: list[BaseException] = []
    several = [ElasticsearchWriter(*alias) for _ in range(writers)]

    def write(own: ElasticsearchWriter, share: Sequence[Sequence[EnrichedArticle]]) -> None:
        try:
            for batch in share:
                assert not own.add(batch)
        except BaseException as error:  # noqa: BLE001 - found below
            failures.append(error)

    threads = [
        threading.Thread(target=write, args=(several[number % writers], share))
        for number, share in enumerate(shares)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert not failures


def test_versions_of_an_article_that_come_at_once_are_written_one_after_the_other(
    alias: FreshAlias, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second has to see in which group the first is, before it takes its place.
    own = ElasticsearchWriter(*alias)
    said: list[tuple[str, int]] = []
    first_is_in, go_on = threading.Event(), threading.Event()
    real = ElasticsearchWriter._add

    def add(writer: ElasticsearchWriter, articles: Sequence[EnrichedArticle]) -> list[Refusal]:
        said.append(("begins", articles[0].revision))
        if articles[0].revision == 1:
            first_is_in.set()
            assert go_on.wait(60)
        refused = real(writer, articles)
        said.append(("ends", articles[0].revision))
        return refused

    monkeypatch.setattr(ElasticsearchWriter, "_add", add)
    threads = [
        threading.Thread(target=own.add, args=([version("a", wordings("a")[0], 1, revision)],))
        for revision in (1, 2)
    ]
    threads[0].start()
    assert first_is_in.wait(60)
    threads[1].start()
    wait_for(lambda: own._free._waiters)  # type: ignore[attr-defined]
    assert not own.add([version("b", wordings("b")[0], 1, revision=3)])
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert said == [
        ("begins", 1), ("begins", 3), ("ends", 3), ("ends", 1), ("begins", 2), ("ends", 2)
    ]  # fmt: skip


def test_a_link_does_not_change_the_version_of_a_document(alias: FreshAlias) -> None:
    client, name = alias
    text = wordings("a")[0]
    own = ElasticsearchWriter(*alias)
    assert not own.add([version("late", text, 2, revision=7)])
    assert not own.add([version("early", text, 1, revision=3)])
    found = client.get(index=name, id="late")
    assert (found["_version"], found["_source"]["duplicate_of"]) == (7, "early")
    assert not own.add([version("late", text, 2, revision=8)])
    assert client.get(index=name, id="late")["_version"] == 8


def test_articles_without_near_duplicates_cost_one_bulk_request_and_a_refresh(
    alias: FreshAlias, breaking: Breaking
) -> None:
    batch = [version(f"{n}", wordings(f"s{n}")[0], 1) for n in range(20)]
    assert not ElasticsearchWriter(*alias).add(batch)
    assert breaking.documents == [20, 1]


def test_batches_that_are_written_at_once_share_a_refresh(
    alias: FreshAlias, breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(3)
    real = ElasticsearchWriter._write

    def write(writer: ElasticsearchWriter, *rest: Any) -> Any:
        barrier.wait(60)
        return real(writer, *rest)

    monkeypatch.setattr(ElasticsearchWriter, "_write", write)
    monkeypatch.setattr("pipeline.index.elasticsearch.writer.LINK_SECONDS", 60.0)
    batches = [
        [version(f"{story}-{n}", wordings(f"{story}")[0], 1 + n) for story in range(10)]
        for n in range(3)
    ]
    own = ElasticsearchWriter(*alias)
    threads = [threading.Thread(target=own.add, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # After the second refresh, for the links, nothing is left to be linked.
    assert sorted(breaking.documents) == sorted([10, 10, 10, 1, *[1] * 20, 1])
    assert links(ElasticsearchIndex(*alias)) == by_hand(a for batch in batches for a in batch)


def test_a_writer_sees_what_another_has_written_just_before(alias: FreshAlias) -> None:
    client, name = alias
    client.indices.put_settings(index=name, settings={"index.refresh_interval": "-1"})
    text = wordings("a")[0]
    assert not ElasticsearchWriter(*alias).add([version("early", text, 1)])
    # Some of what is written on the way is not searchable yet, as that of one that was killed.
    client.index(index=name, id="later", document=json.loads(encode(version("later", text, 3))))
    assert not ElasticsearchWriter(*alias).add([version("late", text, 2)])
    client.indices.refresh(index=name)
    assert client.get(index=name, id="late")["_source"]["duplicate_of"] == "early"
    assert client.get(index=name, id="later")["_source"]["duplicate_of"] == "early"
