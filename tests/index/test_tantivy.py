"""What is the embedded index's own (see also tests/contract): its one writer, its files."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tantivy

from pipeline.errors import ConfigurationError, IndexDamaged, InUse
from pipeline.index.batching import Batcher
from pipeline.index.query import Query, Recency
from pipeline.index.tantivy import TantivyIndex
from pipeline.index.tantivy.folder import current, following, point_to, remove_older
from pipeline.index.tantivy.writer import TantivyWriter, open_writer
from tests.conftest import enriched


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer, _ = open_writer(tmp_path)
    writer.add([enriched("a")])
    writer.commit()
    writer.close()
    return tmp_path


@pytest.mark.parametrize("days", [1, 7, 90, 2000])
@pytest.mark.parametrize("looked", [1, 20, 1000])
def test_by_recency_nothing_is_missed_however_few_hits_are_looked_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked: int, days: float
) -> None:
    monkeypatch.setattr("pipeline.index.tantivy.LOOKED_AT", looked)
    end, draw = datetime(2025, 7, 17, tzinfo=UTC), random.Random(days)
    ages = {f"{number}": draw.uniform(-10, 700) for number in range(400)}
    writer, _ = open_writer(tmp_path)
    writer.add(
        [
            enriched(
                name,
                text="tariff " * draw.randint(1, 9) + "and so on " * draw.randint(0, 30),
                published_at=end - timedelta(days=age),
            )
            for name, age in ages.items()
        ]
    )
    writer.commit()
    writer.close()
    index = TantivyIndex(tmp_path)
    plain = {hit.id: hit.score or 0 for hit in index.search(Query(text="tariff", size=400)).hits}
    assert len(plain) == 400
    fading = {name: 0.5 ** min(max(age, 0) / days, 64) for name, age in ages.items()}
    expected = sorted(plain, key=lambda name: -plain[name] * fading[name])
    recency = Recency(timedelta(days=days), end)
    for size in (1, 10, 100):
        query = Query(text="tariff", size=size, recency=recency)
        hits = index.search(query).hits
        assert [hit.score for hit in hits] == pytest.approx(
            [plain[name] * fading[name] for name in expected[:size]], rel=1e-4
        )


def test_a_second_writer_gets_a_clear_error(folder: Path) -> None:
    writer, path = open_writer(folder)
    with pytest.raises(InUse, match="another process writes"):
        TantivyWriter(path)
    writer.close()
    TantivyWriter(path).close()


def test_a_reader_in_another_process_sees_each_commit(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline.index.tantivy import TantivyIndex\n"
        "index = TantivyIndex(Path(sys.argv[1]))\n"
        "for line in sys.stdin: print(index.count(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def count() -> int:
            reader.stdin.write(b"\n")  # type: ignore[union-attr]
            reader.stdin.flush()  # type: ignore[union-attr]
            return int(reader.stdout.readline())  # type: ignore[union-attr]

        assert count() == 1
        writer, _ = open_writer(folder)
        for number in range(2, 5):
            writer.add([enriched(str(number))])
            assert count() == number - 1
            writer.commit()
            assert count() == number
        writer.close()
        reader.stdin.close()


def test_what_is_not_committed_is_not_there(folder: Path) -> None:
    writer, _ = open_writer(folder)
    writer.add([enriched("b")])
    writer.close()
    assert TantivyIndex(folder).count() == 1


def test_a_reader_follows_the_pointer_to_another_index(folder: Path) -> None:
    index = TantivyIndex(folder)
    path = following(folder)
    writer = TantivyWriter(path)
    writer.add([enriched(str(n)) for n in range(3)])
    writer.commit()
    writer.close()
    assert index.count() == 1
    point_to(path)
    remove_older(path)
    assert index.count() == 3
    assert index.search(Query(size=5)).total == 3
    assert [p.name for p in folder.glob("0*")] == [path.name]


def test_an_older_index_is_removed_but_not_one_in_the_making(folder: Path) -> None:
    making = following(folder)
    TantivyWriter(making).close()
    remove_older(current(folder))
    assert making.exists()


def test_where_no_index_is_a_reader_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no index here yet"):
        TantivyIndex(tmp_path)


@pytest.mark.parametrize("name", ["meta.json", "*.store", "*.term"])
def test_a_damaged_index_is_named_with_its_remedy(folder: Path, name: str) -> None:
    for path in current(folder).glob(name):
        path.write_bytes(b"rubbish")
    with pytest.raises(IndexDamaged, match="newsloom reindex"):
        TantivyIndex(folder).search(Query(text="tokyo"))


def test_an_index_of_an_older_release_is_named_with_its_remedy(tmp_path: Path) -> None:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_boolean_field("withdrawn", indexed=True)
    path = following(tmp_path)
    path.mkdir()
    tantivy.Index(builder.build(), str(path))
    point_to(path)
    writer, _ = open_writer(tmp_path)
    with pytest.raises(IndexDamaged, match="newsloom reindex"):
        writer.add([enriched("a")])
    writer.close()
    with pytest.raises(IndexDamaged, match="newsloom reindex"):
        TantivyIndex(tmp_path).search(Query(collapse=True))


def test_an_index_whose_files_are_gone_is_damaged(folder: Path) -> None:
    (current(folder) / "meta.json").unlink()
    with pytest.raises(IndexDamaged):
        TantivyIndex(folder)
    with pytest.raises(IndexDamaged):
        open_writer(folder)


def test_the_sink_writes_by_count_and_commits_when_it_is_flushed(tmp_path: Path) -> None:
    import msgspec

    writer, _ = open_writer(tmp_path)
    batcher: Batcher[None] = Batcher(writer, lambda record, error: pytest.fail(str(error)))
    for number in range(2500):
        batcher.add(msgspec.json.encode(enriched(str(number))), None)
    assert not TantivyIndex(tmp_path).count()
    batcher.flush()
    assert TantivyIndex(tmp_path).count() == 2500
    writer.close()
