"""Records that no worker can do: each goes to the dead letters, and stops nobody."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.article import ARTICLES_DEAD, ARTICLES_RAW, RawArticle
from pipeline.log import Record
from tests.faults.articles import article, articles
from tests.faults.cluster import Cluster
from tests.faults.conftest import ROUNDS


def test_poison_is_dead_lettered_and_stops_nobody(cluster: Cluster) -> None:
    kinds = ["die", "hang", "eat", "raise"]
    poisoned = {100 + 97 * number: kinds[number % 4] for number in range(2 * ROUNDS)}

    def mixed() -> Iterator[RawArticle]:
        for number in range(100 * 2 * ROUNDS + 100):
            if number in poisoned:
                yield article(number, metadata={"poison": poisoned[number]})
            else:
                yield article(number)

    worker = cluster.worker(NEWSLOOM_ENRICH_SECONDS="2", NEWSLOOM_ENRICH_MEGABYTES="300")
    cluster.feed(mixed())
    cluster.faults = len(poisoned)
    # A record that hangs is found by halves of its batch, each of which takes its two seconds.
    cluster.done(60 + 10 * len(poisoned))
    cluster.check(poisoned=[f"a{number}" for number in poisoned])
    assert worker.poll() is None
    dead = cluster.dead()
    for number, kind in poisoned.items():
        headers = dead[f"a{number}"]
        assert headers["newsloom.error.stage"] == "enrich"
        assert (
            headers["newsloom.error.type"]
            == {
                "die": "crashed",
                "hang": "crashed",
                "eat": "failed",
                "raise": "failed",
            }[kind]
        )


def test_records_that_are_no_articles_are_dead_lettered_unchanged(cluster: Cluster) -> None:
    log = cluster.log
    nonsense = [b"", b"no JSON", b'{"id": 5}', b"\xff\xfe", b"[" * 100_000]
    headers = (("trace", b"\xff1"),)
    log.publish(ARTICLES_RAW, [Record(f"n{n}", v, headers) for n, v in enumerate(nonsense)])
    log.publish(ARTICLES_RAW, [Record(None, b"no key either")])
    cluster.worker()
    cluster.feed(articles(50))
    cluster.done()
    letters = cluster.messages(ARTICLES_DEAD)
    assert sorted(letter.value for letter in letters) == sorted([*nonsense, b"no key either"])
    for letter in letters:
        if letter.key is not None:
            assert letter.value == nonsense[int(letter.key[1:])]
            assert letter.headers[:1] == headers
    assert len(cluster.enriched()) == 50
