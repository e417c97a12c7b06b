"""What Tantivy is given of an article: what is found and counted, and its JSON."""

from __future__ import annotations

import tantivy

from pipeline.article import EnrichedArticle, milliseconds
from pipeline.index.analysis import ANALYZER, prepare
from pipeline.index.document import encode, facets, id_hash, order, suggestions
from pipeline.index.query import FACETS


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
    builder.add_text_field("signature", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("duplicate_of", tokenizer_name="raw", index_option="basic")
    # The hash of the id of its group's head, which may be its own: the same for all of a group.
    builder.add_integer_field("group", fast=True)
    for field in ("revision", "id_hash", "order", "published"):
        builder.add_integer_field(field, fast=True, indexed=field == "published")
    builder.add_float_field("score", fast=True)
    builder.add_boolean_field("withdrawn", indexed=True)
    builder.add_bytes_field("article", stored=True)
    return builder.build()


def document_of(article: EnrichedArticle, duplicate_of: str | None) -> tantivy.Document:
    """The document of an article; of a withdrawn one only that it is."""
    document = tantivy.Document()
    document.add_text("id", article.id)
    document.add_integer("revision", article.revision)
    own = id_hash(article.id)
    document.add_integer("id_hash", own)
    document.add_boolean("withdrawn", article.withdrawn)
    document.add_bytes("article", encode(article, {"duplicate_of": duplicate_of}))
    if article.withdrawn:
        return document
    for hashed in article.signature:
        document.add_text("signature", hashed)
    if duplicate_of:
        document.add_text("duplicate_of", duplicate_of)
    document.add_integer("group", id_hash(duplicate_of) if duplicate_of else own)
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
