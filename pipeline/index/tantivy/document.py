"""What Tantivy is given of an article: what is found and counted, and its JSON."""

from __future__ import annotations

import msgspec
import tantivy

from pipeline.article import EnrichedArticle, milliseconds
from pipeline.index.analysis import ANALYZER, prepare
from pipeline.index.document import facets, id_hash, order, suggestions
from pipeline.index.query import FACETS

_encoder = msgspec.json.Encoder()


def schema() -> tantivy.Schema:
    """The fields of a document."""
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


def document_of(article: EnrichedArticle) -> tantivy.Document:
    """The document of an article; of a withdrawn one only that it is."""
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
