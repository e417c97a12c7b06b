"""The records of saved searches and alerts, and what a saved search may be."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from pipeline.article import Moment
from pipeline.errors import ConfigurationError
from pipeline.index.highlight import Highlight
from pipeline.index.query import FACETS, Query, normalise, parse_text

MOST_SEARCHES = 10_000
"""How many saved searches there may be."""

MAX_QUERY = 1_000
MAX_VALUES = 100
MAX_VALUE = 200
MAX_URL = 2_000
"""The longest text of a query, the most values of its filters, and the longest value and URL."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - this much of it is no secret

_NAME = re.compile(r"\w([\w .&'-]{0,98}[\w])?")
_SECRET = re.compile(r"[!-~]{16,200}")

Hidden = Annotated[str, msgspec.Meta(description="The key of the signatures; shown to nobody.")]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts are sent to, and the key that signs them, which no repr shows."""

    url: str
    secret: Hidden

    def __repr__(self) -> str:
        return f"Webhook(url={shown_url(self.url)!r}, secret='***')"


class SavedSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A search that goes on: version 1 of the searches topic, a contract.

    Attributes:
        name: the record's key.
        query: words, "phrases", -word and OR.
        filters: for a facet's name the values of which an article must have at least one.
        since: the earliest `published_at`.
        until: the first `published_at` that is too late.
        webhook: null: nobody is called.
        created_at: what came in before is none of its news.
        removed: it is no more.
    """

    schema_version: Literal[1] = 1
    name: str
    query: str = ""
    filters: dict[str, list[str]] = {}
    since: Moment | None = None
    until: Moment | None = None
    webhook: Webhook | None = None
    created_at: Moment
    removed: bool = False

    @property
    def asked(self) -> Query:
        """The search, as the index is asked it."""
        return Query(text=self.query, filters=self.filters, since=self.since, until=self.until)


class ShownSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A saved search as people and programs are shown it: without what is secret."""

    name: str
    query: str
    filters: dict[str, list[str]]
    since: datetime | None
    until: datetime | None
    webhook: str | None
    created_at: datetime


class JustSaved(ShownSearch, frozen=True, kw_only=True):
    """A saved search as who saved it is shown it, once.

    Attributes:
        secret: the one that was made for it; null where one was given, or there is no webhook.
        warning: why its webhook would not be called as things are.
    """

    secret: str | None
    warning: str | None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An article that a saved search matches: version 1 of the alerts topic, a contract.

    Attributes:
        id: of this alert: the same whenever it is sent.
        search: the saved search's name, which is the record's key.
        query: its text when it matched.
        article_id: the article.
        revision: the article's version that matched.
        highlights: where the words of the query stand.
        labels: for each facet that is filtered by those values of the article that were asked for.
        alerted_at: when it was found.
    """

    schema_version: Literal[1] = 1
    id: str
    search: str
    query: str
    article_id: str
    revision: int
    source: str
    url: str | None = None
    title: str | None = None
    published_at: Moment | None = None
    ingested_at: Moment
    summary: str
    highlights: list[Highlight]
    labels: dict[str, list[str]]
    alerted_at: Moment


def alert_id(search: str, article_id: str) -> str:
    """What an alert is known by: 32 hexadecimal digits, of its search's name and its article."""
    return blake2b(f"{search}\0{article_id}".encode(), digest_size=16).hexdigest()


def decode_alert(value: bytes) -> Alert | None:
    """The alert that a record's value holds, if it holds one."""
    try:
        return _alerts.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_alerts = msgspec.json.Decoder(Alert)


def new_search(
    name: str,
    query: str,
    *,
    filters: Mapping[str, Sequence[str]],
    since: datetime | None = None,
    until: datetime | None = None,
    webhook: str | None = None,
    secret: str | None = None,
) -> SavedSearch:
    """A saved search of what a person typed.

    Args:
        name: up to 100 letters, digits, blanks and . & ' - _, the first and last a letter or digit.
        query: see `SavedSearch`.
        filters: see `SavedSearch`; values as people type them.
        since: see `SavedSearch`.
        until: see `SavedSearch`.
        webhook: a URL.
        secret: 16 to 200 printable ASCII characters; without, one is made.

    Raises:
        ConfigurationError: something of it is not allowed; the message says what is.
    """
    if secret is not None and not webhook:
        raise ConfigurationError("a secret is for signing what is sent to a webhook: name one")
    search = SavedSearch(
        name=name.strip(),
        query=query.strip(),
        filters={
            facet: [normalise(facet, value) for value in values]
            for facet, values in filters.items()
            if values
        },
        since=since,
        until=until,
        webhook=Webhook(url=webhook, secret=secret or SECRET_PREFIX + secrets.token_urlsafe(24))
        if webhook
        else None,
        created_at=datetime.now(UTC),
    )
    check(search)
    return search


def check(search: SavedSearch) -> None:
    """Refuses a saved search that nobody may save.

    Raises:
        ConfigurationError: something of it is not allowed; the message says what is.
    """
    if not _NAME.fullmatch(search.name):
        raise ConfigurationError(
            f"{search.name!r}: a name has 1 to 100 letters, digits, blanks and . & ' - _,"
            " and begins and ends with a letter or digit"
        )
    if len(search.query) > MAX_QUERY:
        raise ConfigurationError(f"the query has more than {MAX_QUERY:,} characters")
    if parse_text(search.query).is_empty and search.query:
        raise ConfigurationError(f"{search.query!r}: there is nothing to search for in it")
    if not search.query and not search.filters:
        raise ConfigurationError("every article would match: give words to search for, or a filter")
    values = [value for chosen in search.filters.values() for value in chosen]
    if unknown := search.filters.keys() - FACETS:
        raise ConfigurationError(f"{min(unknown)}: no such facet; there are {', '.join(FACETS)}")
    if len(values) > MAX_VALUES or any(not 0 < len(value) <= MAX_VALUE for value in values):
        raise ConfigurationError(
            f"filters have up to {MAX_VALUES} values of 1 to {MAX_VALUE} characters"
        )
    moments = [search.created_at, search.since, search.until]
    if any(moment is not None and moment.tzinfo is None for moment in moments):
        raise ConfigurationError("a time needs its zone")
    if search.since and search.until and search.since >= search.until:
        raise ConfigurationError("nothing can be published after its end and before its beginning")
    if search.webhook is not None:
        _check_webhook(search.webhook)


def _check_webhook(webhook: Webhook) -> None:
    try:
        parts = urlsplit(webhook.url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    printable = webhook.url.isascii() and webhook.url.isprintable() and " " not in webhook.url
    if not host or parts.scheme not in ("http", "https") or not printable:
        raise ConfigurationError("a webhook is a URL, in ASCII: http://… or https://…")
    if parts.username is not None or parts.fragment or len(webhook.url) > MAX_URL:
        raise ConfigurationError(
            f"a webhook's URL has up to {MAX_URL:,} characters, no user name and no fragment"
        )
    if not _SECRET.fullmatch(webhook.secret):
        raise ConfigurationError("a secret has 16 to 200 printable ASCII characters, no blanks")


def shown_url(url: str) -> str:
    """A webhook's URL as it may be shown: what stands behind the host is often a secret."""
    parts = urlsplit(url)
    more = parts.query or parts.path not in ("", "/")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{'…' if more else ''}"


def shown(search: SavedSearch) -> ShownSearch:
    """A saved search without what is secret."""
    return ShownSearch(
        name=search.name,
        query=search.query,
        filters=search.filters,
        since=search.since,
        until=search.until,
        webhook=shown_url(search.webhook.url) if search.webhook else None,
        created_at=search.created_at,
    )


def just_saved(search: SavedSearch, *, made_secret: bool, warning: str | None) -> JustSaved:
    """A saved search with its secret, if that was made for it."""
    secret = search.webhook.secret if search.webhook and made_secret else None
    fields = msgspec.structs.asdict(shown(search))
    return JustSaved(**fields, secret=secret, warning=warning)
