"""Source profiles: a source's name, its addresses, its boilerplate and its time zone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from pipeline.errors import ConfigurationError


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One source.

    Attributes:
        name: the source's name, as in a record's `source`.
        hosts: host names of its addresses, subdomains included.
        marks: regular expressions; a text without a url in which one is found is of this source.
        boilerplate: regular expressions; what they match is no part of an article.
        time_zone: the IANA name of the zone in which times of this source are that name none.
    """

    name: str
    hosts: list[str] = []
    marks: list[str] = []
    boilerplate: list[str] = []
    time_zone: str = "UTC"

    @cached_property
    def mark_pattern(self) -> re.Pattern[str] | None:
        """All marks as one pattern."""
        return _union(self.marks)

    @cached_property
    def boilerplate_pattern(self) -> re.Pattern[str] | None:
        """All boilerplate as one pattern."""
        return _union(self.boilerplate)

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone.

        Raises:
            ValueError: there is none of that name.
        """
        try:
            return ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            known = get_close_matches(self.time_zone, available_timezones(), 1, cutoff=0.7)
            advice = f"did you mean {known[0]}?" if known else "expected one like Asia/Tokyo"
            raise ValueError(f"no time zone {self.time_zone!r}; {advice}") from None


class Profiles:
    """The profiles in use, by name, host and mark."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._by_name = {profile.name: profile for profile in profiles}

    def named(self, source: str) -> Profile | None:
        """The profile of a source, if there is one."""
        return self._by_name.get(source)

    def time_zone_of(self, source: str) -> tzinfo:
        """The zone in which a source's times are that name none: as its profile says, else UTC."""
        profile = self._by_name.get(source)
        return profile.zone if profile else UTC

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
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{name}: {error}") from None
    for profile in profiles:
        try:
            _ = profile.mark_pattern, profile.boilerplate_pattern, profile.zone
        except (re.error, ValueError) as error:
            raise ConfigurationError(f"{name}: profile {profile.name!r}: {error}") from None
    return profiles


def _union(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.I | re.M) if patterns else None
