"""One conditional GET of a feed, bounded in time, size and redirects."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from pipeline import __version__
from pipeline.config import redact
from pipeline.errors import Rejected
from pipeline.sources.decode import compression_of, decompress, read_all
from pipeline.sources.html import is_web_address

if TYPE_CHECKING:
    import httpx

SECONDS = 30.0
"""How long a fetch may take in all, however slowly it drips."""

MAX_BYTES = 10_000_000
"""The largest feed, before and after decompression."""

MAX_REDIRECTS = 5

HEADERS = {
    "User-Agent": f"newsloom/{__version__} (feed reader)",
    "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip",  # which is undone here, so that its size is bounded
}

_PERMANENT, _TEMPORARY = {301, 308}, {302, 303, 307}
_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.I)


class Validators(NamedTuple):
    """What a server said of a version of a feed, to be told that it has no newer one."""

    url: str
    etag: str | None = None
    last_modified: str | None = None


class Login(NamedTuple):
    """A name and password for one host, as `HOST:PORT`; no other is sent them."""

    host: str
    name: str
    password: str


def without_login(url: str) -> tuple[str, Login | None]:
    """An address without the name and password that may stand in it, and those."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = login.partition(":")
    return parts._replace(netloc=host).geturl(), Login(host, unquote(name), unquote(password))


class Fetched(NamedTuple):
    """What came: `data`, or None when it is unchanged.

    Attributes:
        data: the feed.
        content_type: the header, empty if there is none.
        url: where it came from in the end.
        moved_to: where it has moved for good; None: it has not.
        validators: of this version.
        max_age: for how many seconds the server calls it fresh; None: it does not say.
    """

    data: bytes | None
    content_type: str
    url: str
    moved_to: str | None
    validators: Validators | None
    max_age: float | None


class Failed(NamedTuple):
    """Why nothing came. `wait`: for how many seconds the server asks to be left alone."""

    reason: str
    message: str
    wait: float | None = None


async def fetch(
    client: httpx.AsyncClient, url: str, validators: Validators | None, login: Login | None
) -> Fetched | Failed:
    """Gets a feed, unless the server still has the version of `validators`.

    Args:
        client: does not follow redirects, and waits for longer than SECONDS.
        url: http or https.
        validators: what came with the version that is known; None: none is.
        login: what one host is sent, wherever else we are sent to.
    """
    import httpx

    try:
        async with asyncio.timeout(SECONDS):
            return await _fetch(client, url, validators, login)
    except TimeoutError:
        return Failed("feed_timeout", f"it did not come within {SECONDS:g} s")
    except httpx.InvalidURL as error:
        return Failed("bad_feed_url", f"no address that can be asked: {error}")
    except (httpx.HTTPError, httpx.StreamError, UnicodeError, OSError) as error:
        said = redact(str(error)) or type(error).__name__
        return Failed("feed_unreachable", f"can't be fetched: {said}")
    except Rejected as error:
        return Failed(error.reason, str(error))


async def _fetch(
    client: httpx.AsyncClient, url: str, validators: Validators | None, login: Login | None
) -> Fetched | Failed:
    moved_to: str | None = None
    permanent = True
    for _ in range(MAX_REDIRECTS + 1):
        headers = dict(HEADERS)
        # Another address may have another feed, of which an old date says nothing.
        if validators and validators.url == url:
            headers |= _conditions(validators)
        known = login is not None and urlsplit(url).netloc == login.host
        auth = (login.name, login.password) if login and known else None
        async with client.stream("GET", url, headers=headers, auth=auth) as response:
            status = response.status_code
            location = response.headers.get("location")
            if status in _PERMANENT | _TEMPORARY and location:
                url = urljoin(url, location)
                if not is_web_address(url):
                    return Failed("bad_redirect", f"it sends us to {redact(url)[:200]}")
                url, _ = without_login(url)
                permanent = permanent and status in _PERMANENT
                moved_to = url if permanent else moved_to
                continue
            if status == 304 and validators:
                return Fetched(None, "", url, moved_to, validators, _max_age(response.headers))
            if status != 200:
                return _refused(status, response.headers)
            data = await _body(response)
            found = Validators(
                url, response.headers.get("etag"), response.headers.get("last-modified")
            )
            return Fetched(
                data,
                response.headers.get("content-type", ""),
                url,
                moved_to,
                found if found.etag or found.last_modified else None,
                _max_age(response.headers),
            )
    return Failed("bad_redirect", f"it sends us on more than {MAX_REDIRECTS} times")


def _conditions(validators: Validators) -> dict[str, str]:
    conditions = {
        "If-None-Match": validators.etag,
        "If-Modified-Since": validators.last_modified,
    }
    return {name: value for name, value in conditions.items() if value}


async def _body(response: httpx.Response) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", ""}:
        raise Rejected("bad_encoding", f"it came as {encoding[:40]}, which was not asked for")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > MAX_BYTES:
            raise Rejected("feed_too_large", f"it has more than {MAX_BYTES:,} bytes")
    # A file may be compressed although no header says so.
    if compression := compression_of(bytes(data[:4])):
        return read_all(decompress([bytes(data)], compression), MAX_BYTES)
    return bytes(data)


def _refused(status: int, headers: Mapping[str, str]) -> Failed:
    if status == 410:
        return Failed("feed_gone", "the server says that it is gone for good (410)")
    wait = _retry_after(headers.get("retry-after", ""))
    return Failed("feed_refused", f"the server answers with status {status}", wait)


def _retry_after(value: str) -> float | None:
    """Seconds, or the time until a date (RFC 9110, 10.2.3)."""
    value = value.strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _max_age(headers: Mapping[str, str]) -> float | None:
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    return float(found[1]) if found else None
