"""Source profiles: what is known of a source's name, its addresses and its boilerplate."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import ConfigurationError


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One source.

    Attributes:
        name: the source's name, as in a record's `source`.
        hosts: host names of its addresses, subdomains included.
        marks: regular expressions; a text without a url in which one is found is of this source.
        boilerplate: regular expressions; what they match is no part of an article.
    """

    name: str
    hosts: list[str] = []
    marks: list[str] = []
    boilerplate: list[str] = []

    @cached_property
    def mark_pattern(self) -> re.Pattern[str] | None:
        """All marks as one pattern."""
        return _union(self.marks)

    @cached_property
    def boilerplate_pattern(self) -> re.Pattern[str] | None:
        """All boilerplate as one pattern."""
        return _union(self.boilerplate)


class Profiles:
    """The profiles in use, by name, host and mark."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._by_name = {profile.name: profile for profile in profiles}

    def named(self, source: str) -> Profile | None:
        """The profile of a source, if there is one."""
        return self._by_name.get(source)

    def source_of(self, url: str | None, text: str) -> str:
        """The name of the source that an article without one comes from.

        That is the profile whose host is in `url`, else the host itself; without a url the profile
        whose mark is in `text`, else "unknown".
        """
        if url:
            try:
                host = (urlsplit(url).hostname or "").removeprefix("www.")
            except ValueError:  # what looks like an IPv6 address and is none
                host = ""
            for profile in self._by_name.values():
                if any(host == known or host.endswith("." + known) for known in profile.hosts):
                    return profile.name
            return host or "unknown"
        for profile in self._by_name.values():
            if profile.mark_pattern and profile.mark_pattern.search(text):
                return profile.name
        return "unknown"


def load_profiles(extra: Path | None = None) -> Profiles:
    """The shipped profiles, and those of the TOML file `extra`, which win over shipped ones.

    Raises:
        ConfigurationError: `extra` can't be read or is not a list of profiles.
    """
    shipped = files("pipeline").joinpath("profiles.toml").read_bytes()
    profiles = _parse(shipped, "profiles.toml")
    if extra is not None:
        try:
            profiles += _parse(extra.read_bytes(), str(extra))
        except OSError as error:
            raise ConfigurationError(f"{extra}: {error.strerror}") from None
    return Profiles(profiles)


def _parse(data: bytes, name: str) -> list[Profile]:
    try:
        tables = tomllib.loads(data.decode()).get("profile", [])
        profiles = msgspec.convert(tables, list[Profile])
        for profile in profiles:
            _ = profile.mark_pattern, profile.boilerplate_pattern
    except (
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        msgspec.ValidationError,
        re.error,
    ) as error:
        raise ConfigurationError(f"{name}: {error}") from None
    return profiles


def _union(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.I | re.M) if patterns else None
