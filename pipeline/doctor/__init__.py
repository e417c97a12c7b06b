"""`newsloom doctor`: what is configured, what answers, what is wrong, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.config import Settings, redact
from pipeline.doctor import elasticsearch, folder, kafka
from pipeline.doctor.finding import Finding, ok, problem, warning
from pipeline.errors import NewsloomError
from pipeline.log import open_log
from pipeline.log.dead import letters
from pipeline.profiles import load_profiles

__all__ = ["Finding", "diagnose"]


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Looks at everything that the settings name, and changes nothing.

    Yields:
        Each finding, as soon as it is known.
    """
    yield from _configured(settings)
    on_kafka = settings.log_url.startswith("kafka:")
    on_elasticsearch = settings.index_url.startswith(("http://", "https://"))
    if on_kafka != on_elasticsearch:
        yield problem(
            "settings",
            "a log and an index of which only one is on servers do not work together",
            "set both NEWSLOOM_LOG and NEWSLOOM_INDEX, or neither",
        )
        return
    answers = True
    for finding in kafka.look(settings) if on_kafka else folder.look(settings):
        answers = answers and (finding.level, finding.about) != ("problem", kafka.ABOUT)
        yield finding
    if on_elasticsearch:
        yield from elasticsearch.look(settings)
    if answers:
        yield from _dead_letters(settings)


def _configured(settings: Settings) -> Iterator[Finding]:
    yield ok("settings", f"log {redact(settings.log_url)}, index {redact(settings.index_url)}")
    if settings.index_url.startswith("http"):
        secure = settings.index_url.startswith("https://")
        key = "an API key" if settings.index_api_key else None
        password = "a user and password" if "@" in settings.index_url else None
        trusts = settings.index_ca or ("a fingerprint" if settings.index_fingerprint else None)
        shown = f"credentials of the index: {key or password or 'none'}"
        if secure:
            shown += f"; its certificate is checked against {trusts or 'known authorities'}"
        yield ok("settings", shown)
    if isinstance(settings.profiles, Path):
        try:
            load_profiles(settings.profiles)
            yield ok("settings", f"source profiles of {settings.profiles} are added")
        except NewsloomError as error:
            yield problem("settings", str(error), "mend that file, or unset NEWSLOOM_PROFILES")


def _dead_letters(settings: Settings) -> Iterator[Finding]:
    about = "dead letters"
    try:
        log = open_log(settings, create=False)
        try:
            count = sum(1 for _ in letters(log))
        finally:
            log.close()
    except NewsloomError:
        return  # said before
    if count:
        yield warning(
            about,
            f"{count:,} records could not be done",
            "see `newsloom dead list` for the reasons",
        )
    else:
        yield ok(about, "none")
