"""What Kibana is given: a data view, saved searches and a dashboard, built in deploy/kibana."""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from pipeline.config import Settings, redact
from pipeline.errors import ConfigurationError, KibanaUnavailable
from pipeline.retry import Trouble, pauses

START_SECONDS = 300.0
"""How long a Kibana that does not answer yet is waited for."""

TIMEOUT_SECONDS = 60.0
"""How long an answer is waited for; the first import takes a while."""

MOST_PAUSE_SECONDS = 5.0

_STARTING = {429, 502, 503, 504}
"""What it, or a proxy before it, answers while it starts."""

_MARK = re.compile(r"\(newsloom [0-9a-f]+\)")
"""What the dashboard's description has at its end: it is another one when anything is different."""

logger = logging.getLogger(__name__)


class SavedObject(msgspec.Struct, frozen=True):
    """What is needed of a saved object here; `attributes` differ by type."""

    type: str
    id: str
    attributes: dict[str, Any]

    def __str__(self) -> str:
        name = self.attributes.get("name") or self.attributes.get("title")
        return f"{_TYPES.get(self.type, self.type)} {name}"


_TYPES = {"index-pattern": "data view", "search": "saved search", "lens": "chart"}
_decoder = msgspec.json.Decoder(SavedObject)


def setup_kibana(
    settings: Settings, *, check: bool = False, wait: Callable[[float], None] = time.sleep
) -> list[str]:
    """Gives Kibana what it has not got from this release; waits for it while it starts.

    What is there stays as it is, with all that somebody changed in it, until a release brings
    something else: then it takes the place of all that was there.

    Args:
        settings: `kibana`, its URL, which may have user and password and the path of a space;
            without them the API key is used. The authority of Elasticsearch is trusted, too.
        check: only finds out what would be changed.
        wait: called with the seconds until the next try.

    Returns:
        What was changed, a line for each object; nothing when all was there.

    Raises:
        ConfigurationError: the URL can't be used, or Kibana does not take an object.
        KibanaUnavailable: it does not answer for START_SECONDS, or refuses our credentials.
    """
    with _client(settings) as client:
        asked = partial(_asked, client, wait)
        before = _found(asked)
        wanted = shipped()
        missing = [one for one in wanted if (one.type, one.id) not in before]
        if not missing and _marks(before.values()) == _marks(wanted):
            return []
        if not check:
            _import(asked)
        return [
            f"Kibana: {one}: {'imported' if one in missing else 'replaced by that of this release'}"
            for one in wanted
        ]


def shipped() -> list[SavedObject]:
    """The saved objects of this release."""
    return [_decoder.decode(line) for line in _text().splitlines()]


def _text() -> bytes:
    return files(__package__).joinpath("newsloom.ndjson").read_bytes()


def _marks(objects: Any) -> set[str]:
    """What tells of the given objects which ones they are."""
    found = (_MARK.search(str(one.attributes.get("description", ""))) for one in objects)
    return {match[0] for match in found if match}


def _found(asked: Callable[..., httpx.Response]) -> dict[tuple[str, str], SavedObject]:
    """Those of our objects that Kibana has, by type and id.

    It exports all that it is asked for or nothing; in that case it names those that it has not got.
    """
    left = {(one.type, one.id) for one in shipped()}
    while left:
        objects = [{"type": kind, "id": name} for kind, name in sorted(left)]
        answer = asked(
            "/api/saved_objects/_export",
            json={"objects": objects, "excludeExportDetails": True},
        )
        if answer.status_code == 200:
            found = [_decoder.decode(line) for line in answer.content.splitlines()]
            return {(one.type, one.id): one for one in found}
        gone = {
            (one["type"], one["id"])
            for one in _json(answer).get("attributes", {}).get("objects", [])
            if one.get("error", {}).get("statusCode") == 404
        }
        if not gone & left:
            raise ConfigurationError(f"{_at(answer)}: {_reason(answer)}")
        left -= gone
    return {}


def _import(asked: Callable[..., httpx.Response]) -> None:
    file = ("newsloom.ndjson", _text(), "application/ndjson")
    answer = asked("/api/saved_objects/_import", params={"overwrite": "true"}, files={"file": file})
    result = _json(answer)
    if answer.status_code == 200 and result.get("success") is True:
        return
    refused = [
        f"{error.get('type')} {error.get('id')} ({error.get('error', {}).get('type')})"
        for error in result.get("errors", [])
    ]
    why = f"it does not take {', '.join(refused)}" if refused else _reason(answer)
    raise ConfigurationError(f"{_at(answer)}: {why}")


def _client(settings: Settings) -> httpx.Client:
    parts = urlsplit(settings.kibana)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"NEWSLOOM_KIBANA: {redact(settings.kibana)}: expected https://HOST:5601"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    headers = {"kbn-xsrf": "newsloom"}
    password = None
    if parts.username:
        password = (unquote(parts.username), unquote(parts.password or ""))
    elif settings.index_api_key:
        headers["Authorization"] = f"ApiKey {settings.index_api_key}"
    trusted = ssl.create_default_context()
    if settings.index_ca:
        try:
            trusted.load_verify_locations(settings.index_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"NEWSLOOM_INDEX_CA: {settings.index_ca}: {error}") from None
    return httpx.Client(
        base_url=f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}",
        headers=headers,
        auth=password,
        verify=trusted,
        timeout=TIMEOUT_SECONDS,
        # What stands in a URL, or in a variable of the system, is not to go anywhere else.
        trust_env=False,
    )


def _asked(
    client: httpx.Client, wait: Callable[[float], None], path: str, **request: Any
) -> httpx.Response:
    """An answer that is none of those of a Kibana that is starting."""
    trouble = Trouble(logger)
    until = time.monotonic() + START_SECONDS
    for pause in pauses():
        try:
            answer = client.post(path, **request)
        except httpx.TransportError as error:
            why = f"{client.base_url}: {error or type(error).__name__}"
            if _is_of_certificate(error):
                raise KibanaUnavailable(why) from None
        else:
            if answer.status_code in (401, 403):
                raise KibanaUnavailable(
                    f"{_at(answer)}: it refuses our credentials: {_reason(answer)}"
                )
            if answer.status_code not in _STARTING:
                trouble.over()
                return answer
            why = f"{_at(answer)}: it can't do this now: {_reason(answer)}"
        if time.monotonic() > until:
            raise KibanaUnavailable(why)
        trouble.waits(why)
        wait(min(pause, MOST_PAUSE_SECONDS))
    raise AssertionError


def _is_of_certificate(error: BaseException | None) -> bool:
    """Whether waiting is of no use: a certificate is not trusted."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _at(answer: httpx.Response) -> str:
    """Where an answer came from, without credentials."""
    return f"{answer.url.scheme}://{answer.url.netloc.decode()}"


def _json(answer: httpx.Response) -> dict[str, Any]:
    """The object that is answered, or none."""
    try:
        value = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _reason(answer: httpx.Response) -> str:
    text = str(_json(answer).get("message") or answer.text)
    return f"{answer.status_code} {' '.join(text.split())[:300]}".strip()
