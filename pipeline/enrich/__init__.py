"""Text in, labels out: one Enricher, composed of pure functions of one article."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time

import msgspec

from pipeline import __version__
from pipeline.article import (
    EnrichedArticle,
    Entity,
    EntityType,
    Mention,
    Provenance,
    RawArticle,
    Rejection,
    TextField,
    Ticker,
)
from pipeline.enrich import explain
from pipeline.enrich.amounts import find_money, find_percents
from pipeline.enrich.dates.dates import dateline, find_dates, leading_date
from pipeline.enrich.explain import Reason
from pipeline.enrich.names.entities import Watch, find_entities, mask
from pipeline.enrich.recognizer.recognizer import Recognizer
from pipeline.enrich.sentiment.measured import attach, open_model
from pipeline.enrich.sentiment.model import SentimentModel
from pipeline.enrich.signature import signature
from pipeline.enrich.summary import summarize
from pipeline.enrich.text.clean import clean, clean_line
from pipeline.enrich.text.language import detect_language, explain_language
from pipeline.enrich.text.sentences import sentences
from pipeline.enrich.tickers.stated import find_stated
from pipeline.enrich.tickers.tickers import TickerSpan, find_tickers, symbol_of_company
from pipeline.enrich.topics import find_topics
from pipeline.errors import Rejected
from pipeline.profiles import Profiles

LABELLED_CHARACTERS = 100_000
"""Labels are read from so much of a text: some fifty articles' worth. All of it is searchable."""

_FIELDS: tuple[TextField, ...] = ("title", "text")


class _Draft(msgspec.Struct):
    """An article on its way: cleaned, with what does not need a model."""

    raw: RawArticle
    text: str
    fields: dict[TextField, str]
    sentences: dict[TextField, list[tuple[int, int]]]
    published_at: datetime | None
    language: str | None
    tickers: dict[TextField, list[TickerSpan]]
    masks: dict[TextField, list[tuple[int, int]]] = {}


class Enricher:
    """Adds labels to articles. Each article is on its own: a batch only shares the models' time.

    Args:
        profiles: what is known of sources.
        sentiment: the model of sentiment; without one, `fast`.
    """

    def __init__(self, profiles: Profiles, sentiment: SentimentModel | None = None) -> None:
        self._profiles = profiles
        self._recognizer = Recognizer()
        self._sentiment = sentiment or open_model("fast")
        self._provenance = Provenance(
            pipeline=__version__,
            models={"entities": self._recognizer.name, "sentiment": self._sentiment.name},
        )

    def enrich(self, articles: Sequence[RawArticle]) -> list[EnrichedArticle | Rejection]:
        """One result for each article, in order: with its labels, or why it can't have any."""
        results: list[EnrichedArticle | Rejection] = []
        drafts: list[tuple[int, _Draft]] = []
        for raw in articles:
            if raw.withdrawn:
                results.append(self._withdrawn(raw))
                continue
            try:
                draft = self._draft(raw)
            except Rejected as error:
                results.append(Rejection(reason=error.reason, message=str(error), id=raw.id))
                continue
            if draft.language == "en":
                drafts.append((len(results), draft))
            results.append(self._labelled(draft))
        for (position, draft), entities in zip(
            drafts, self._entities([draft for _, draft in drafts]), strict=True
        ):
            article = results[position]
            assert isinstance(article, EnrichedArticle)
            self._add_entities(article, draft, entities)
        return results

    def explain(self, raw: RawArticle) -> list[Reason]:
        """For each label that the article gets, the rule or model that gives it.

        Raises:
            Rejected: it gets none.
        """
        draft = self._draft(raw)
        article = self._labelled(draft)
        read_from = explain.Draft(draft.fields, draft.sentences, draft.tickers)
        reasons = [*self._reasons_of_text(draft), *explain.reasons_of_tickers(article, read_from)]
        if draft.language == "en":
            trace = explain.Trace()
            (entities,) = self._entities([draft], trace)
            self._add_entities(article, draft, entities)
            reasons += explain.reasons_of_entities(entities, trace)
            reasons += explain.reasons_of_measures(article, read_from)
            reasons += explain.reasons_of_sentiment(self._sentiment, article, read_from)
            reasons += explain.reasons_of_topics(article)
            by = "a listed company that is named, and whose symbol is not given"
            reasons += [Reason("related symbol", each, by) for each in article.related_symbols]
        by = "the most telling sentences: early ones, with words that many others have"
        reasons.append(Reason("summary", article.summary, by))
        if article.signature:
            reasons.append(Reason("signature", f"{len(article.signature)} bands", "MinHash"))
        return reasons

    def _reasons_of_text(self, draft: _Draft) -> Iterator[Reason]:
        raw = draft.raw
        profile = self._profiles.named(raw.source)
        if profile is not None:
            yield Reason("text", "without boilerplate", f"profile of {profile.name}")
        if draft.published_at is not None:
            by = "the record" if raw.published_at else "the date in front, or the dateline"
            yield Reason("published at", f"{draft.published_at:%Y-%m-%dT%H:%MZ}", by)
        if draft.language is not None:
            by = "the record" if raw.language else explain_language(_all_text(draft.fields))[1]
            yield Reason("language", draft.language, by)

    def _draft(self, raw: RawArticle) -> _Draft:
        profile = self._profiles.named(raw.source)
        text = clean(raw.body, profile.boilerplate_pattern if profile else None)
        leading, start = leading_date(text)
        text = text[start:]
        if not text:
            raise Rejected("empty_body", "nothing is left of the body when it is cleaned")
        title = clean_line(raw.title or "")
        fields: dict[TextField, str] = {"title": title} if title else {}
        fields["text"] = text[:LABELLED_CHARACTERS]
        published_at = raw.published_at
        if published_at is None and (day := leading or dateline(text)):
            published_at = datetime.combine(day, time(), UTC)
        language = raw.language.split("-")[0] if raw.language else None
        return _Draft(
            raw=raw,
            text=text,
            fields=fields,
            sentences={field: sentences(value) for field, value in fields.items()},
            published_at=published_at,
            language=language or detect_language(_all_text(fields)),
            tickers=_tickers_by_field(fields),
        )

    def _withdrawn(self, raw: RawArticle) -> EnrichedArticle:
        return EnrichedArticle(
            id=raw.id,
            revision=raw.revision,
            source=raw.source,
            ingested_at=raw.ingested_at,
            enriched_at=datetime.now(UTC),
            withdrawn=True,
            provenance=self._provenance,
        )

    def _labelled(self, draft: _Draft) -> EnrichedArticle:
        """The article with what can be known in any language."""
        raw, text = draft.raw, draft.fields["text"]
        tickers = _tickers(draft)
        return EnrichedArticle(
            id=raw.id,
            revision=raw.revision,
            source=raw.source,
            url=raw.url,
            title=draft.fields.get("title"),
            published_at=draft.published_at,
            ingested_at=raw.ingested_at,
            enriched_at=datetime.now(UTC),
            language=draft.language,
            text=draft.text,
            summary=summarize(text, draft.sentences["text"]),
            tickers=tickers,
            symbols=[ticker.symbol for ticker in tickers],
            ticker_sentiments=_pairs(tickers, "stated_sentiment"),
            ticker_message_volumes=_pairs(tickers, "stated_message_volume"),
            signature=signature(draft.text),
            metadata=raw.metadata,
            provenance=self._provenance,
        )

    def _entities(
        self, drafts: Sequence[_Draft], watch: Watch | None = None
    ) -> Iterable[list[Entity]]:
        texts: list[str] = []
        for draft in drafts:
            for field, text in draft.fields.items():
                spans = [(span.mask_start, span.mask_end) for span in draft.tickers[field]]
                masked, draft.masks[field] = mask(text, spans)
                texts.append(masked)
        recognized = iter(self._recognizer.recognize(texts))
        for draft in drafts:
            names = {span.name for spans in draft.tickers.values() for span in spans}
            yield find_entities(
                draft.fields,
                {field: next(recognized) for field in draft.fields},
                draft.masks,
                names,
                symbol_of_company,
                watch=watch,
            )

    def _add_entities(
        self, article: EnrichedArticle, draft: _Draft, entities: list[Entity]
    ) -> None:
        article.sentiment = attach(
            self._sentiment, draft.fields, draft.sentences, entities, article.tickers
        )
        article.people = _names(entities, "person")
        article.organizations = _names(entities, "organization")
        article.places = _names(entities, "place")
        linked = [entity.id for entity in entities if _is_listed(entity)]
        article.related_symbols = sorted(set(linked) - set(article.symbols))
        article.topics = find_topics(draft.fields.get("title"), draft.fields["text"])
        article.entities = sorted([*entities, *_measures(draft)], key=_first_mention)


def _all_text(fields: dict[TextField, str]) -> str:
    return "\n".join(fields.values())


def _tickers_by_field(fields: dict[TextField, str]) -> dict[TextField, list[TickerSpan]]:
    """The tickers of each field; what one field introduces is known in the other."""
    found = {field: find_tickers(text) for field, text in fields.items()}
    symbols = {span.symbol for spans in found.values() for span in spans}
    if len(found) > 1 and symbols:
        found = {field: find_tickers(text, symbols) for field, text in fields.items()}
    return found


def _tickers(draft: _Draft) -> list[Ticker]:
    tickers: dict[str, Ticker] = {}
    for field, spans in draft.tickers.items():
        for span in spans:
            ticker = tickers.setdefault(
                span.symbol, Ticker(symbol=span.symbol, name=span.name, mentions=[])
            )
            surface = draft.fields[field][span.start : span.end]
            ticker.mentions.append(
                Mention(field=field, start=span.start, end=span.end, text=surface)
            )
        found = find_stated(draft.fields[field], draft.sentences[field], spans)
        for symbol, (sentiment, volume) in found.items():
            ticker = tickers[symbol]
            ticker.stated_sentiment = sentiment or ticker.stated_sentiment
            ticker.stated_message_volume = volume or ticker.stated_message_volume
    return list(tickers.values())


def _pairs(tickers: Sequence[Ticker], field: str) -> list[str]:
    return [f"{t.symbol}:{value}" for t in tickers if (value := getattr(t, field))]


def _measures(draft: _Draft) -> list[Entity]:
    """Dates, money and percentages as entities: mentions of one value are one entity."""
    entities: dict[tuple[str, str], Entity] = {}
    for field, text in draft.fields.items():
        kinds: list[tuple[EntityType, list[Mention]]] = [
            ("date", find_dates(text, draft.published_at, draft.sentences[field], field)),
            ("money", find_money(text, field)),
            ("percent", find_percents(text, field)),
        ]
        for kind, mentions in kinds:
            for mention in mentions:
                name = _measure_name(mention)
                entity = entities.setdefault(
                    (kind, name), Entity(type=kind, id=name, name=name, count=0, mentions=[])
                )
                entity.mentions.append(mention)
                entity.count += 1
    return list(entities.values())


def _measure_name(mention: Mention) -> str:
    if isinstance(mention.amount, float) and isinstance(mention.unit, str):
        number = f"{mention.amount:.15g}"
        return f"{number}%" if mention.unit == "percent" else f"{number} {mention.unit}"
    return mention.value if isinstance(mention.value, str) else mention.text.lower()


def _names(entities: Sequence[Entity], kind: EntityType) -> list[str]:
    return [entity.name for entity in entities if entity.type == kind]


def _is_listed(entity: Entity) -> bool:
    # Of organizations only a listed company has an id in capitals: its symbol.
    return entity.type == "organization" and entity.id.isupper()


def _first_mention(entity: Entity) -> tuple[int, int, int]:
    first = min(entity.mentions, key=lambda m: (_FIELDS.index(m.field), m.start))
    return _FIELDS.index(first.field), first.start, first.end
