"""The records that flow: raw and enriched articles, what is in them, and an article's identity."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from pipeline.errors import Rejected

ARTICLES_RAW = "newsloom.articles.raw"
ARTICLES_ENRICHED = "newsloom.articles.enriched"
ARTICLES_DEAD = "newsloom.articles.dead"
TICKER_TRENDS = "newsloom.tickers.trends"
ALERTS = "newsloom.alerts"
SEARCHES = "newsloom.searches"

ENRICHMENT_GENERATION = 3
"""Raised, up to 999, when a release gives other labels: its documents then replace older ones."""

MAX_RECORD_BYTES = 8_000_000
"""The largest value of a record. An article's body is bounded far below; its labels add to it."""

MAX_ID_BYTES = 512
"""The longest id, in bytes of UTF-8: Elasticsearch's limit for `_id`."""

MAX_CLOCK_SKEW = timedelta(hours=1)
"""How far a producer's clock may be ahead of ours."""

_MAX_LENGTHS = {"source": 200, "language": 35, "url": 8_000}

SentimentLabel = Literal["positive", "neutral", "negative"]
StatedSentiment = Literal["extremely_bearish", "bearish", "neutral", "bullish", "extremely_bullish"]
MessageVolume = Literal["extremely_low", "low", "normal", "high", "extremely_high"]
EntityType = Literal[
    "person", "organization", "place", "group", "product", "event", "money", "percent", "date"
]
TextField = Literal["title", "text"]
Moment = Annotated[datetime, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class Submission(msgspec.Struct, kw_only=True):
    """What a producer hands in; only `body` is required. `settle` makes it a RawArticle."""

    body: str = ""
    id: str | None = None
    source: str | None = None
    url: str | None = None
    title: str | None = None
    published_at: str | int | float | None = None
    ingested_at: datetime | None = None
    language: str | None = None
    metadata: dict[str, Any] = {}
    withdrawn: bool = False


class RawArticle(msgspec.Struct, kw_only=True):
    """An article as it was received, with its identity settled. Times are UTC."""

    id: str
    source: str
    body: str
    ingested_at: Moment
    url: str | None = None
    title: str | None = None
    published_at: Moment | None = None
    language: str | None = None
    metadata: dict[str, Any] = {}
    withdrawn: bool = False

    @property
    def revision(self) -> int:
        """What decides which of two versions of an article is newer: the larger one."""
        return revision_of(self.ingested_at)


class Sentiment(msgspec.Struct, kw_only=True):
    """score = p(positive) − p(negative), in −1…1; confidence = p(label), in 0…1."""

    label: SentimentLabel
    score: float
    confidence: float


class Mention(msgspec.Struct, kw_only=True):
    """A span of an article: `article[field][start:end] == text`, in Unicode code points.

    A date has `value`, an ISO 8601 date, week, month, year or interval, null when there is nothing
    to resolve it against. Money and percent have `amount` and `unit` (an ISO 4217 code, "percent").
    """

    field: TextField
    start: int
    end: int
    text: str
    value: str | UnsetType | None = UNSET
    amount: float | UnsetType = UNSET
    unit: str | UnsetType = UNSET


class Entity(msgspec.Struct, kw_only=True):
    """Someone or something that is mentioned; `name` is its canonical form, `id` is stable."""

    type: EntityType
    id: str
    name: str
    count: int
    mentions: list[Mention]
    sentiment: Sentiment | None = None


class Ticker(msgspec.Struct, kw_only=True):
    """A listed security that the article gives the symbol of.

    `stated_sentiment` and `stated_message_volume` are the source's own words, null unless stated;
    `sentiment` is measured.
    """

    symbol: str
    name: str
    mentions: list[Mention]
    stated_sentiment: StatedSentiment | None = None
    stated_message_volume: MessageVolume | None = None
    sentiment: Sentiment | None = None


class Provenance(msgspec.Struct, kw_only=True):
    """Which release and which models gave the labels."""

    pipeline: str
    models: dict[str, str]


class EnrichedArticle(msgspec.Struct, kw_only=True):
    """An article with its labels: version 1 of the enriched topic, a contract."""

    schema_version: Literal[1] = 1
    id: str
    revision: int
    source: str
    url: str | None = None
    title: str | None = None
    published_at: Moment | None = None
    ingested_at: Moment
    enriched_at: Moment
    language: str | None = None
    withdrawn: bool = False
    text: str = ""
    summary: str = ""
    sentiment: Sentiment | None = None
    entities: list[Entity] = []
    people: list[str] = []
    organizations: list[str] = []
    places: list[str] = []
    tickers: list[Ticker] = []
    symbols: list[str] = []
    related_symbols: list[str] = []
    ticker_sentiments: list[str] = []
    ticker_message_volumes: list[str] = []
    topics: list[str] = []
    signature: list[str] = []
    metadata: dict[str, Any] = {}
    provenance: Provenance


def decode_enriched(value: bytes) -> EnrichedArticle:
    """The article that a record of the enriched topic holds, without the fields we don't know.

    Raises:
        Rejected: it holds none that this release can read.
    """
    try:
        return _enriched.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected("malformed_record", f"not an EnrichedArticle: {error}") from None


_enriched = msgspec.json.Decoder(EnrichedArticle)


class Rejection(msgspec.Struct, kw_only=True):
    """Why one input did not become an article, and where it stood (line from 1)."""

    reason: str
    message: str
    input: str | None = None
    line: int | None = None
    id: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.input, self.line) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class Clock:
    """Gives `ingested_at`: never backwards, and for one id always later than before.

    Only a second version of an id within the same millisecond moves the clock on, so that it does
    not run ahead of the real time when many articles arrive in a millisecond.

    Args:
        after: a time that every stamp is later than.
    """

    def __init__(self, after: datetime | None = None) -> None:
        self._now = milliseconds(after) + 1 if after else 0
        self._ids: set[str] = set()

    def stamp(self, article_id: str) -> datetime:
        """The time for this version of the article, in whole milliseconds, UTC."""
        now = max(time.time_ns() // 1_000_000, self._now)
        if now == self._now and article_id in self._ids:
            now += 1
        if now != self._now:
            self._now = now
            self._ids.clear()
        self._ids.add(article_id)
        return datetime.fromtimestamp(now // 1000, UTC) + timedelta(milliseconds=now % 1000)


def settle(submission: Submission, *, source: str, clock: Clock, max_body_bytes: int) -> RawArticle:
    """A submission with source, id, times and language settled for good.

    `source` is used when the submission names none. Without an id it is a hash of source and url,
    or of source and white-space-normalised body when there is no url.

    Raises:
        Rejected: empty or over-large body, impossible time, unusable id.
    """
    body, title = submission.body, submission.title
    if not body.strip() and not submission.withdrawn:
        raise Rejected("empty_body", "the body is empty")
    size = len(body.encode(errors="surrogatepass")) + len(
        (title or "").encode(errors="surrogatepass")
    )
    if size > max_body_bytes:
        raise Rejected(
            "body_too_large", f"title and body have {size:,} bytes, over {max_body_bytes:,}"
        )
    source = (submission.source or "").strip() or source
    url = (submission.url or "").strip() or None
    article_id = (submission.id or "").strip() or identify(source, url, body)
    for name, limit in _MAX_LENGTHS.items():
        if len(getattr(submission, name) or "") > limit:
            raise Rejected(f"bad_{name}", f"{name} has more than {limit:,} characters")
    if submission.metadata and len(msgspec.json.encode(submission.metadata)) > max_body_bytes:
        raise Rejected("metadata_too_large", f"metadata has more than {max_body_bytes:,} bytes")
    if len(article_id.encode(errors="replace")) > MAX_ID_BYTES:
        raise Rejected("bad_id", f"the id is longer than {MAX_ID_BYTES} bytes")
    if not article_id.isprintable():
        raise Rejected("bad_id", "the id has a control character or a lone surrogate")
    published_at = parse_time(submission.published_at)
    return RawArticle(
        id=article_id,
        source=source,
        url=url,
        title=title,
        body=body,
        published_at=published_at,
        ingested_at=_replayed(submission.ingested_at) or clock.stamp(article_id),
        language=(submission.language or "").strip().lower().replace("_", "-") or None,
        metadata=submission.metadata,
        withdrawn=submission.withdrawn,
    )


def _replayed(moment: datetime | None) -> datetime | None:
    """The time that a replayed article came in first.

    One in the future would make the article newer than every correction of it.
    """
    if moment is None:
        return None
    try:
        moment = to_utc(moment)
    except OverflowError:
        raise Rejected("bad_time", "ingested_at is not a possible time") from None
    if moment > datetime.now(UTC) + MAX_CLOCK_SKEW:
        raise Rejected("bad_time", f"ingested_at is in the future: {moment.isoformat()}")
    return moment


def identify(source: str, url: str | None, body: str) -> str:
    """The id of an article that came without one: 24 hexadecimal digits."""
    what = url or " ".join(nfc(body).split())
    kind = "url" if url else "body"
    key = "\0".join((source, kind, what))
    return blake2b(key.encode(errors="surrogatepass"), digest_size=12).hexdigest()


def nfc(text: str) -> str:
    """`text` in Unicode's normal form C.

    Of a run of combining marks only the first 30 are kept, as in the Stream-Safe Text Format (UAX
    #15): sorting them takes a time that grows with the square of their number.
    """
    if text.isascii():
        return text
    if _NO_LATIN.search(text):  # marks are beyond U+02FF; most text is spared the slower search
        text = _long_runs_of_marks().sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


_NO_LATIN = re.compile("[^\x00-\u02ff]{31}")


@cache
def _long_runs_of_marks() -> re.Pattern[str]:
    marks = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


def digest(article: RawArticle) -> bytes:
    """What tells one version of an article from another: all but when it came in; 16 bytes."""
    same = msgspec.structs.replace(article, ingested_at=_EPOCH)
    return blake2b(msgspec.json.encode(same, order="deterministic"), digest_size=16).digest()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def revision_of(ingested_at: datetime) -> int:
    """The revision that this release gives to a version of an article."""
    return milliseconds(ingested_at) * 1000 + ENRICHMENT_GENERATION


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a time without a zone is UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def parse_time(value: str | float | None) -> datetime | None:
    """A producer's time: ISO 8601 date or date and time, RFC 5322, or seconds since 1970; UTC.

    Raises:
        Rejected: it is none of these, or no possible moment of the years 1 to 9999.
    """
    if value is None or value == "":
        return None
    try:
        if not isinstance(value, str):
            return to_utc(datetime.fromtimestamp(value, UTC))
        text = value.strip()
        if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if text[:1].isdigit():
            return to_utc(datetime.fromisoformat(text))
        return to_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        raise Rejected(
            "bad_time", f"published_at is not a possible time: {str(value)[:60]!r}"
        ) from None
