"""The embedded index: Tantivy, in numbered folders and a pointer to the one in use."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import tantivy

from pipeline.article import EnrichedArticle, milliseconds
from pipeline.errors import ConfigurationError, IndexDamaged, InUse, StorageUnavailable
from pipeline.index import (
    Bucket,
    FacetValue,
    Histogram,
    Hit,
    Refusal,
    SearchResult,
    histogram,
)
from pipeline.index.aggregations import by_time, terms, trend_answer, trend_request, values
from pipeline.index.analysis import ANALYZER, analyzer, prepare
from pipeline.index.document import SUGGESTION_MARK, facets, id_hash, order, suggestions
from pipeline.index.highlight import highlight
from pipeline.index.query import (
    FACETS,
    NAME_FACETS,
    TITLE_BOOST,
    Query,
    TextQuery,
    page_after,
    page_size,
    page_start,
    parse_text,
    selected,
    stated_of,
)
from pipeline.trends import Trend, Window

_STORAGE_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
}

POINTER = "current"
_NUMBERED = "[0-9]" * 6 + "-*"

HEAP_BYTES = 96_000_000
"""Memory for documents that are not yet in a segment."""

_SEGMENT_FILES = (".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term")
_FOOTER = (1337).to_bytes(4, "little")

_Clause = tuple[tantivy.Occur, tantivy.Query]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(EnrichedArticle)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    for field in ("title", "text"):
        builder.add_text_field(field, tokenizer_name=ANALYZER)
    for field in (*FACETS.values(), "ticker_sentiments"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic", fast=True)
    # Names in lower case with the name as it is behind it: what suggestions look up.
    builder.add_text_field("names", tokenizer_name="raw", index_option="basic")
    for field in ("revision", "id_hash", "order", "published"):
        builder.add_integer_field(field, fast=True, indexed=field == "published")
    builder.add_float_field("score", fast=True)
    builder.add_boolean_field("withdrawn", indexed=True)
    builder.add_bytes_field("article", stored=True)
    return builder.build()


def current(folder: Path) -> Path:
    """The folder of the index in use.

    Raises:
        ConfigurationError: there is no index.
    """
    try:
        return folder / (folder / POINTER).read_text("ascii").strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{folder}: no index here yet; `newsloom up` or `newsloom demo` makes one"
        ) from None
    except UnicodeDecodeError:
        raise IndexDamaged(_damaged(folder, f"{POINTER} is overwritten")) from None
    except OSError as error:
        raise StorageUnavailable(f"{folder / POINTER}: {error.strerror}") from error


def following(folder: Path) -> Path:
    """A folder for the next index. No two ever have the same name, so none is taken for another."""
    numbers = [int(path.name[:6]) for path in folder.glob(_NUMBERED)]
    return folder / f"{max(numbers, default=0) + 1:06}-{secrets.token_hex(4)}"


def point_to(generation: Path) -> None:
    """Makes `generation` the index in use, at once for every reader."""
    new = generation.parent / (POINTER + ".new")
    with new.open("w") as file:
        file.write(generation.name + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(generation.parent / POINTER)


def remove_older(generation: Path) -> None:
    """Removes the folders before `generation`; a later one may be in the making."""
    for path in generation.parent.glob(_NUMBERED):
        if path.name < generation.name:
            shutil.rmtree(path, ignore_errors=True)


class TantivyIndex:
    """Implements `pipeline.index.Index`; follows the pointer and every commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._stamp: tuple[int, int] | None = None
        self._follow()

    def _follow(self) -> None:
        path = current(self._folder)
        try:
            self._open(path)
        except IndexDamaged:
            # The folder may have been removed since the pointer to it was read.
            if current(self._folder) == path:
                raise
            self._open(current(self._folder))

    def _open(self, path: Path) -> None:
        with _errors_named(path):
            try:
                status = (path / "meta.json").stat()
            except FileNotFoundError:
                raise IndexDamaged(_damaged(path, "it has no meta.json")) from None
            stamp = (status.st_ino, status.st_mtime_ns)
            if path == self._path and stamp == self._stamp:
                return
            if path != self._path:
                self._index = _open(path)
                self._index.config_reader("manual")
                self._schema = self._index.schema
            self._index.reload()
            self._searcher = self._index.searcher()
            self._path, self._stamp = path, stamp

    def search(self, query: Query) -> SearchResult:
        """See `Index.search`."""
        begun = time.perf_counter()
        offset = page_start(query)
        self._follow()
        text = parse_text(query.text)
        clauses = self._filter_clauses(query)
        base = self._base_clauses(query, text)
        everything = tantivy.Query.boolean_query(base + list(clauses.values()))
        with _errors_named(self._folder):
            total, hits = self._hits(everything, query, text, offset)
            counted, days = self._counts(query, base, clauses, everything)
            shown = self._histogram(everything, days)
        return SearchResult(
            total=total,
            took_ms=round((time.perf_counter() - begun) * 1000, 1),
            hits=hits,
            facets=counted,
            histogram=shown,
            next=page_after(offset, len(hits), total),
        )

    def get(self, article_id: str) -> EnrichedArticle | None:
        """See `Index.get`."""
        self._follow()
        with _errors_named(self._folder):
            by_id = tantivy.Query.term_query(self._schema, "id", article_id)
            hits = self._searcher.search(by_id, 1, count=False).hits
            article = self._article(hits[0][1]) if hits else None
        return None if article is None or article.withdrawn else article

    def suggest(self, prefix: str, size: int = 10) -> list[FacetValue]:
        """See `Index.suggest`."""
        self._follow()
        with _errors_named(self._folder):
            terms = self._searcher.terms_with_prefix(
                "names", prefix.lower(), self._visible()[0][1], limit=1_000
            )
        terms.sort(key=lambda term: (-term[1], term[0]))
        return [FacetValue(name.split(SUGGESTION_MARK)[1], count) for name, count in terms[:size]]

    def trends(self, window: Window, symbols: Sequence[str], size: int = 10) -> list[Trend]:
        """See `Index.trends`."""
        self._follow()
        published = [*self._visible(), self._published(window.start, window.end)]
        with _errors_named(self._folder):
            everything = tantivy.Query.boolean_query(published)
            if not symbols and size:
                answer = self._searcher.aggregate(everything, {"symbols": terms("symbols", size)})
                symbols = [value.value for value in values(answer["symbols"]["buckets"], size)]
            return [self._trend(window, symbol, published) for symbol in symbols]

    def _trend(self, window: Window, symbol: str, published: list[_Clause]) -> Trend:
        of_symbol = (tantivy.Occur.Must, self._any_of("symbols", [symbol]))
        query = tantivy.Query.boolean_query([*published, of_symbol])
        answer = self._searcher.aggregate(query, trend_request(symbol, "score"))
        return trend_answer(symbol, window, self._total(query), answer)

    def count(self) -> int:
        """See `Index.count`."""
        self._follow()
        return self._total(tantivy.Query.boolean_query(self._visible()))

    def _visible(self) -> list[_Clause]:
        shown = tantivy.Query.term_query(self._schema, "withdrawn", False)
        return [(tantivy.Occur.Must, tantivy.Query.const_score_query(shown, 0.0))]

    def _base_clauses(self, query: Query, text: TextQuery) -> list[_Clause]:
        clauses = self._visible()
        if text.is_empty and query.text.strip():
            # Nothing of it can be searched for: an answer with everything would be a wrong one.
            clauses.append((tantivy.Occur.Must, tantivy.Query.empty_query()))
        for group in text.groups:
            phrases = [self._phrase(phrase.terms) for phrase in group]
            clauses.append((tantivy.Occur.Must, _any(phrases)))
        clauses += [(tantivy.Occur.MustNot, self._phrase(phrase.terms)) for phrase in text.without]
        if query.since or query.until:
            clauses.append(self._published(query.since, query.until))
        return clauses

    def _published(self, since: datetime | None, until: datetime | None) -> _Clause:
        published = tantivy.Query.range_query(
            self._schema,
            "published",
            tantivy.FieldType.Integer,
            milliseconds(since) if since else None,
            milliseconds(until) - 1 if until else None,
        )
        return (tantivy.Occur.Must, tantivy.Query.const_score_query(published, 0.0))

    def _phrase(self, terms: Sequence[str]) -> tantivy.Query:
        def of(field: str) -> tantivy.Query:
            if len(terms) == 1:
                # "freq": a term's frequency is what BM25 needs; its positions are not.
                return tantivy.Query.term_query(self._schema, field, terms[0], "freq")
            return tantivy.Query.phrase_query(self._schema, field, list(terms))

        return _any([tantivy.Query.boost_query(of("title"), TITLE_BOOST), of("text")])

    def _filter_clauses(self, query: Query, without: str = "") -> dict[str, _Clause]:
        return {
            facet: (tantivy.Occur.Must, self._any_of(field, self._as_written(facet, values)))
            for facet, (field, values) in selected(query.filters, without).items()
        }

    def _any_of(self, field: str, values: Sequence[str]) -> tantivy.Query:
        terms = tantivy.Query.term_set_query(self._schema, field, values)
        return tantivy.Query.const_score_query(terms, 0.0)

    def _as_written(self, facet: str, values: Sequence[str]) -> Sequence[str]:
        """The values of a filter; names in all spellings, by case, that the index has."""
        if facet not in NAME_FACETS:
            return values
        spellings = list(values)
        for name in values:
            found = self._searcher.terms_with_prefix("names", name.lower() + SUGGESTION_MARK)
            spellings += [term.split(SUGGESTION_MARK)[1] for term, _ in found]
        return spellings

    def _hits(
        self, everything: tantivy.Query, query: Query, text: TextQuery, offset: int
    ) -> tuple[int, list[Hit]]:
        size = page_size(query)
        ranked = query.sort == "relevance" and bool(text.groups)
        by_date: dict[str, Any] = {
            "order_by_field": "order",
            "order": tantivy.Order.Asc if query.sort == "oldest" else tantivy.Order.Desc,
        }
        found = self._searcher.search(
            everything, max(size, 1), offset=offset, **({} if ranked else by_date)
        )
        hits = []
        for score, address in found.hits[:size]:
            article = self._article(address)
            fields = {"title": article.title, "text": article.text}
            hits.append(
                Hit(
                    id=article.id,
                    score=score if ranked else None,
                    highlights=highlight(text, fields),
                    article=article,
                )
            )
        return found.count, hits  # type: ignore[attr-defined]

    def _article(self, address: tantivy.DocAddress) -> EnrichedArticle:
        stored = self._searcher.doc(address).get_first("article")
        assert stored is not None
        return _decoder.decode(stored)

    def _counts(
        self,
        query: Query,
        base: list[_Clause],
        clauses: Mapping[str, _Clause],
        everything: tantivy.Query,
    ) -> tuple[dict[str, list[FacetValue]], dict[int, int]]:
        """The facets, each counted without its own filter, and the hits by day."""
        free = {name: terms(FACETS[name]) for name in FACETS if name not in clauses}
        answer = self._searcher.aggregate(everything, free | {"days": _over_time(histogram.DAY)})
        days = by_time(answer.pop("days")["buckets"])
        for name in clauses:
            others = base + list(self._filter_clauses(query, name).values())
            counted = tantivy.Query.boolean_query(others)
            answer |= self._searcher.aggregate(counted, {name: terms(FACETS[name])})
        facets = {name: values(answer[name]["buckets"]) for name in FACETS}
        if tickers := query.filters.get("ticker"):
            facets["stated_sentiment"] = self._stated(query, base, tickers)
        return facets, days

    def _stated(
        self, query: Query, base: list[_Clause], tickers: Sequence[str]
    ) -> list[FacetValue]:
        """How many articles state each level of one of the tickers, not of any other."""
        others = base + list(self._filter_clauses(query, "stated_sentiment").values())
        counts = []
        for level, stated in stated_of(tickers).items():
            of_level = (tantivy.Occur.Must, self._any_of("ticker_sentiments", stated))
            both = tantivy.Query.boolean_query([*others, of_level])
            counts.append({"key": level, "doc_count": self._total(both)})
        return values(counts)

    def _total(self, query: tantivy.Query) -> int:
        return self._searcher.search(query, 1).count  # type: ignore[attr-defined,no-any-return]

    def _histogram(self, everything: tantivy.Query, days: Mapping[int, int]) -> Histogram:
        if histogram.wants_hours(days):
            answer = self._searcher.aggregate(everything, {"hours": _over_time(histogram.HOUR)})
            name, counts = (
                "1h",
                histogram.label(by_time(answer["hours"]["buckets"]), histogram.HOUR),
            )
        else:
            name, counts = histogram.merge(days)
        return Histogram(name, [Bucket(start, count) for start, count in counts])


class TantivyWriter:
    """Implements `pipeline.index.IndexWriter` for one numbered folder.

    Raises:
        InUse: another process writes to it.
        IndexDamaged: it can't be read.
    """

    def __init__(self, path: Path) -> None:
        with _errors_named(path):
            if not (path / "meta.json").exists():
                path.mkdir(parents=True, exist_ok=True)
                tantivy.Index(_schema(), str(path), reuse=True)
            self._index = _open(path)
            self._index.config_reader("manual")
            self._schema = self._index.schema
            self._writer: tantivy.IndexWriter | None = self._index.writer(HEAP_BYTES, 1)
        self._path = path
        self._uncommitted: dict[str, int] = {}
        self._refresh()

    def add(self, articles: Sequence[EnrichedArticle]) -> Sequence[Refusal]:
        """See `IndexWriter.add`; none is refused."""
        assert self._writer is not None
        latest: dict[str, EnrichedArticle] = {}
        for article in articles:
            if article.id not in latest or latest[article.id].revision < article.revision:
                latest[article.id] = article
        with _errors_named(self._path):
            known = self._revisions(list(latest)) | {
                key: self._uncommitted[key] for key in latest if key in self._uncommitted
            }
            for key, article in latest.items():
                if key in known:
                    if known[key] >= article.revision:
                        continue
                    self._writer.delete_documents_by_term("id", key)
                self._writer.add_document(_document(article))
                self._uncommitted[key] = article.revision
        return ()

    def commit(self) -> None:
        """See `IndexWriter.commit`."""
        assert self._writer is not None
        with _errors_named(self._path):
            self._writer.commit()
            self._uncommitted.clear()
            self._refresh()

    def close(self) -> None:
        """See `IndexWriter.close`."""
        if self._writer is not None:
            with _errors_named(self._path):
                self._writer.wait_merging_threads()
            self._writer = None

    def _refresh(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()

    def _revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """The revisions of those ids that the index has."""
        query = tantivy.Query.term_set_query(self._schema, "id", ids)
        hits = self._searcher.search(query, len(ids), count=False, order_by_field="revision").hits
        hashes = self._searcher.fast_field_values("id_hash", [address for _, address in hits])
        by_hash = {id_hash(key): key for key in ids}
        return {
            by_hash[int(number)]: revision
            for (revision, _), number in zip(hits, hashes, strict=True)
            if number is not None
        }


def open_writer(folder: Path) -> tuple[TantivyWriter, Path]:
    """A writer for the index in use, made when there is none, and its folder.

    Raises:
        InUse: another process writes to it.
        IndexDamaged: it can't be read.
    """
    try:
        path = current(folder)
    except ConfigurationError:
        path = following(folder)
        writer = TantivyWriter(path)
        point_to(path)
        return writer, path
    if not (path / "meta.json").exists():
        raise IndexDamaged(_damaged(path, "it has no meta.json"))
    return TantivyWriter(path), path


def _open(path: Path) -> tantivy.Index:
    for segment in _committed_segments(path):
        for ending in _SEGMENT_FILES:
            file = path / (segment + ending)
            if not _is_whole(file):
                raise IndexDamaged(_damaged(path, f"{file.name} is cut off or overwritten"))
    index = tantivy.Index.open(str(path))
    index.register_tokenizer(ANALYZER, analyzer())
    return index


def _committed_segments(path: Path) -> list[str]:
    try:
        meta = msgspec.json.decode((path / "meta.json").read_bytes())
        return [segment["segment_id"].replace("-", "") for segment in meta["segments"]]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamaged(_damaged(path, f"meta.json: {error}")) from None


def _is_whole(file: Path) -> bool:
    """Whether a file ends as Tantivy ends its files. It panics, loudly, on those that do not."""
    try:
        with file.open("rb") as opened:
            opened.seek(-len(_FOOTER), os.SEEK_END)
            return opened.read() == _FOOTER
    except FileNotFoundError:
        return True  # a writer has merged and removed it since it was listed
    except OSError:
        return False  # shorter than a footer


def _document(article: EnrichedArticle) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("id", article.id)
    document.add_integer("revision", article.revision)
    document.add_integer("id_hash", id_hash(article.id))
    document.add_boolean("withdrawn", article.withdrawn)
    document.add_bytes("article", _encoder.encode(article))
    if article.withdrawn:
        return document
    if article.title:
        document.add_text("title", prepare(article.title))
    document.add_text("text", prepare(article.text))
    for field, labels in facets(article).items():
        for value in labels:
            document.add_text(field, value)
    for name in suggestions(article):
        document.add_text("names", name)
    if article.sentiment is not None:
        document.add_float("score", article.sentiment.score)
    if article.published_at is not None:
        document.add_integer("published", milliseconds(article.published_at))
    if (key := order(article)) is not None:
        document.add_integer("order", key)
    return document


def _any(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _over_time(width: int) -> dict[str, Any]:
    return {"histogram": {"field": "published", "interval": width, "min_doc_count": 1}}


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    """Tantivy has one error, ValueError, for all that happens to files: its text must do."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if "LockBusy" in text:
            raise InUse(f"{path}: another process writes to this index") from error
        if (code := re.search(r"(?:os error|code:) (\d+)", text)) and int(
            code[1]
        ) in _STORAGE_ERRORS:
            raise StorageUnavailable(f"{path}: {os.strerror(int(code[1]))}") from error
        raise IndexDamaged(_damaged(path, text)) from error
    except OSError as error:
        raise StorageUnavailable(f"{error.filename or path}: {error.strerror}") from error
    except BaseException as error:
        # A panic of Rust is no Exception: what a file holds can make Tantivy panic.
        if type(error).__name__ == "PanicException":
            raise IndexDamaged(_damaged(path, str(error))) from error
        raise


def _damaged(path: Path, why: str) -> str:
    return f"{path}: the index can't be read ({why}); `newsloom reindex` makes it anew"
