"""How many near-duplicates are linked, and how many of the linked are near-duplicates.

Generated articles get an edited version each: words replaced, sentences cut, moved and added, until
the similarity of the two (exact Jaccard, over their runs of three words) has fallen to a value that
is drawn evenly from .4 to 1. All of them go through the embedded index. Two articles are linked
when they are in one group; what is linked is looked at across all articles.

A chain has more of them: each is edited from the one before, so that the first and the last of a
group may be less alike. There linked pairs are counted by how alike they are, and by whether they
are of one story.

Usage: python -m benchmarks.duplicates [ARTICLES]
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path

from benchmarks.storage import batches
from benchmarks.table import show
from pipeline.article import EnrichedArticle, Provenance
from pipeline.enrich.signature import signature
from pipeline.index.duplicates import NEAR
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.writer import open_writer
from pipeline.shingles import jaccard, shingles
from pipeline.sources.generator import generate

ARTICLES = 5_000
CHAIN = 6
STEPS = (1.0, 0.9, 0.82, NEAR, 0.75, 0.7, 0.6, 0.5, 0.4)
DAY = datetime(2025, 7, 17, tzinfo=UTC)

Pair = tuple[str, str]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ARTICLES
    rng = random.Random(0)
    texts: dict[str, str] = {}
    pairs: dict[Pair, float] = {}
    for number, article in enumerate(generate(count, 31)):
        one, other = f"{number}", f"{number}-edited"
        texts[one] = article.body
        texts[other] = edited(article.body, rng.uniform(0.4, 1), rng)
        pairs[one, other] = similarity(texts, (one, other))
    linked = linked_pairs(texts)
    alike = {pair: similarity(texts, pair) for pair in linked}
    show(f"pairs by their similarity, {count:,} of them", ("similarity", "pairs", "share a hash",
         "linked"), by_similarity(texts, pairs, linked))  # fmt: skip
    near = {pair for pair, found in pairs.items() if found >= NEAR}
    at_the_edge = {pair for pair in near if pairs[pair] < 0.82}
    show(
        "recall and precision",
        ("", "share", "of pairs"),
        [
            (f"recall, similarity from {NEAR} on", len(near & linked) / len(near), len(near)),
            (
                f"recall, similarity from {NEAR} to .82",
                len(at_the_edge & linked) / len(at_the_edge),
                len(at_the_edge),
            ),
            *precisions(alike),
            ("the same, by shared hashes alone", *by_hashes_alone(texts)),
        ],
    )
    chains(count // CHAIN, rng)


def by_similarity(
    texts: Mapping[str, str], pairs: Mapping[Pair, float], linked: set[Pair]
) -> Iterator[Sequence[object]]:
    for high, low in pairwise(STEPS):
        some = [
            pair for pair, found in pairs.items() if low <= found < high or high == found == 1.0
        ]
        sharing = sum(_share(texts, pair) for pair in some)
        found = sum(pair in linked for pair in some)
        yield f"{low} to {high}", len(some), sharing / len(some), found / len(some)


def precisions(alike: Mapping[Pair, float]) -> Iterator[Sequence[object]]:
    """Of linked pairs, how many are alike: enough to be near-duplicates, and at all."""
    for least in (NEAR, 0.6):
        right = sum(found >= least for found in alike.values())
        yield f"precision, right from {least} on", right / len(alike), len(alike)


def by_hashes_alone(texts: Mapping[str, str]) -> tuple[float, int]:
    """The precision, right from NEAR on, if a hash that two share were enough."""
    having: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        for hashed in signature(text):
            having[hashed].append(name)
    sharing = {pair for names in having.values() for pair in combinations(sorted(names), 2)}
    right = sum(similarity(texts, pair) >= NEAR for pair in sharing)
    return right / len(sharing), len(sharing)


def chains(count: int, rng: random.Random) -> None:
    texts: dict[str, str] = {}
    for number, article in enumerate(generate(count, 32)):
        text = article.body
        for edition in range(CHAIN):
            texts[f"{number}-{edition}"] = text
            text = edited(text, rng.uniform(0.7, 1), rng)
    linked = linked_pairs(texts)
    alike = {pair: similarity(texts, pair) for pair in linked}
    stories = sum(one.split("-")[0] == other.split("-")[0] for one, other in linked)
    show(
        f"{count:,} chains of {CHAIN} articles",
        ("", "share", "of pairs"),
        [
            *precisions(alike),
            ("precision, right when of one story", stories / len(linked), len(linked)),
        ],
    )


def linked_pairs(texts: Mapping[str, str]) -> set[Pair]:
    """Pairs that the embedded index has in one group; the smaller id first."""
    articles = [
        EnrichedArticle(
            id=name,
            revision=1,
            source="benchmark",
            published_at=DAY + timedelta(seconds=number),
            ingested_at=DAY,
            enriched_at=DAY,
            text=text,
            signature=signature(text),
            provenance=Provenance(pipeline="0", models={}),
        )
        for number, (name, text) in enumerate(texts.items())
    ]
    random.Random(1).shuffle(articles)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        writer, _ = open_writer(Path(folder))
        for batch in batches(articles, 500):
            writer.add(batch)
            writer.commit()
        writer.close()
        index = TantivyIndex(Path(folder))
        for name in texts:
            document = index.get(name)
            assert document is not None
            groups[document.duplicate_of or name].append(name)
    return {pair for names in groups.values() for pair in combinations(sorted(names), 2)}


def edited(text: str, wanted: float, rng: random.Random) -> str:
    """The text with edits until its similarity to what it was has fallen to what is wanted."""
    before, now = shingles(text), text
    while jaccard(before, shingles(now)) > wanted:
        now = rng.choices((_replace, _cut, _move, _add), (6, 1, 1, 1))[0](now, rng)
    return now


def _replace(text: str, rng: random.Random) -> str:
    words = text.split()
    words[rng.randrange(len(words))] = f"other{rng.randrange(10**6)}"
    return " ".join(words)


def _cut(text: str, rng: random.Random) -> str:
    sentences = text.split(". ")
    if len(sentences) > 3:
        del sentences[rng.randrange(len(sentences))]
    return ". ".join(sentences)


def _move(text: str, rng: random.Random) -> str:
    sentences = text.split(". ")
    sentences.insert(rng.randrange(len(sentences)), sentences.pop(rng.randrange(len(sentences))))
    return ". ".join(sentences)


def _add(text: str, rng: random.Random) -> str:
    sentences = text.split(". ")
    more = " ".join(f"added{rng.randrange(10**6)}" for _ in range(12))
    sentences.insert(rng.randrange(len(sentences)), more)
    return ". ".join(sentences)


def similarity(texts: Mapping[str, str], pair: Pair) -> float:
    one, other = pair
    return jaccard(shingles(texts[one]), shingles(texts[other]))


def _share(texts: Mapping[str, str], pair: Pair) -> bool:
    one, other = pair
    return bool(set(signature(texts[one])) & set(signature(texts[other])))


if __name__ == "__main__":
    main()
