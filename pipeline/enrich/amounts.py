"""Sums of money and percentages: where they stand, and how much they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from math import prod
from typing import NamedTuple

from pipeline.article import Mention, TextField
from pipeline.enrich.memo import WordMemo
from pipeline.enrich.names.gazetteer import text_tokens

_DOLLARS = {
    "US": "USD", "U.S.": "USD", "A": "AUD", "AU": "AUD", "C": "CAD", "CA": "CAD",
    "HK": "HKD", "NT": "TWD", "NZ": "NZD", "R": "BRL", "S": "SGD", "SG": "SGD", "MX": "MXN",
}  # fmt: skip
_SYMBOLS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY",
    "₪": "ILS", "₫": "VND", "฿": "THB", "₦": "NGN", "₴": "UAH", "₱": "PHP",
    "CN¥": "CNY", "RMB": "CNY", "Rs.": "INR", "Rs": "INR", "$": "USD",
}  # fmt: skip
_CODES = (
    "AED ARS AUD BRL CAD CHF CLP CNH CNY CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KRW KWD MXN "
    "MYR NGN NOK NZD PKR PLN QAR RUB SAR SEK SGD THB TWD USD VND ZAR"
)
# Codes that are also words or names, and units that are also verbs or weights ("3 won", "200
# pounds"), count only with a magnitude.
_AMBIGUOUS_CODES = "COP PHP TRY"
_UNITS = {
    "dollar": "USD", "euro": "EUR", "yen": "JPY", "yuan": "CNY", "renminbi": "CNY",
    "rupee": "INR", "rupiah": "IDR", "ruble": "RUB", "rouble": "RUB", "shekel": "ILS",
    "ringgit": "MYR", "baht": "THB", "zloty": "PLN", "forint": "HUF", "naira": "NGN",
    "hryvnia": "UAH",
}  # fmt: skip
_AMBIGUOUS_UNITS = {"pound": "GBP", "won": "KRW", "rand": "ZAR", "lira": "TRY", "real": "BRL",
                    "reais": "BRL", "dong": "VND", "dirham": "AED", "riyal": "SAR"}  # fmt: skip
_NATIONAL_UNITS = {
    "u.s. dollar": "USD", "us dollar": "USD", "american dollar": "USD", "canadian dollar": "CAD",
    "australian dollar": "AUD", "new zealand dollar": "NZD", "hong kong dollar": "HKD",
    "singapore dollar": "SGD", "taiwan dollar": "TWD", "new taiwan dollar": "TWD",
    "pounds sterling": "GBP", "pound sterling": "GBP", "british pound": "GBP",
    "swiss franc": "CHF", "chinese yuan": "CNY", "japanese yen": "JPY",
    "south korean won": "KRW", "korean won": "KRW", "indian rupee": "INR",
    "pakistani rupee": "PKR", "mexican peso": "MXN", "argentine peso": "ARS",
    "chilean peso": "CLP", "colombian peso": "COP", "philippine peso": "PHP",
    "swedish crown": "SEK", "swedish krona": "SEK", "swedish kronor": "SEK",
    "norwegian crown": "NOK", "norwegian krone": "NOK", "norwegian kroner": "NOK",
    "danish crown": "DKK", "danish krone": "DKK", "danish kroner": "DKK", "czech crown": "CZK",
    "turkish lira": "TRY", "egyptian pound": "EGP", "uae dirham": "AED", "saudi riyal": "SAR",
    "qatari riyal": "QAR", "kuwaiti dinar": "KWD", "south african rand": "ZAR",
    "brazilian real": "BRL", "brazilian reais": "BRL", "russian ruble": "RUB",
    "russian rouble": "RUB",
}  # fmt: skip
_CODE_OF_UNIT = _NATIONAL_UNITS | _UNITS | _AMBIGUOUS_UNITS
_HUNDREDTHS = {"cent": "USD", "pence": "GBP", "penny": "GBP"}

_MAGNITUDES = {
    "hundred": 10**2, "thousand": 10**3, "k": 10**3, "lakh": 10**5, "million": 10**6,
    "mln": 10**6, "mn": 10**6, "m": 10**6, "crore": 10**7, "cr": 10**7, "billion": 10**9,
    "bln": 10**9, "bn": 10**9, "b": 10**9, "trillion": 10**12,
    "trln": 10**12, "tn": 10**12, "t": 10**12,
}  # fmt: skip
_FRACTIONS = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")}
_SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = (
    {word: Decimal(value) for value, word in enumerate(_SMALL_NUMBERS.split())}
    | {word: Decimal(value * 10) for value, word in enumerate(_TENS.split(), 2)}
    | {"a": Decimal(1), "half a": Decimal("0.5")}
)


def _any_of(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_END = r"(?![^\W_])"
# Grouped in the Western way or the Indian one, or with a decimal comma, or plain.
_NUMBER = (
    r"(?:(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,2}(?:,\d\d){1,5},\d{3}|\d{1,15})(?:\.\d{1,9})?"
    r"|\d{1,3},\d\d?|\.\d{1,9})(?!\d|[.,]\d)[½¼¾]?|[½¼¾]"
)
_TEN = "|".join(_TENS.split())
_ONE = "|".join(_SMALL_NUMBERS.split())
_SPELLED = rf"\b(?:(?:{_TEN})(?:[ -](?:{_ONE}))?|(?:{_ONE})(?:\sand\sa\shalf)?|half\sa|a)(?=[\s-])"
_SIGN = r"(?:(?<![\w.,%)])[-−–+](?=[^\s]))?"
_MAGNITUDE = (
    r"(?:[\s-]?(?:hundred(?:[\s-](?:thousand|million|billion|trillion))?|thousand"
    r"|lakh(?:\scrore)?|million|crore|billion|trillion|mln|mn|bln|bn|trln|tn|cr)s?|[kmbt])"
) + _END
_JOINT = r"\s?[-–—]\s?|\sto\s"
_SYMBOL = rf"(?:(?:{_any_of(_DOLLARS)}|{_CODES.replace(' ', '|')})\$|{_any_of(_SYMBOLS)})"
_CODE = rf"(?:{_CODES.replace(' ', '|')}|{_AMBIGUOUS_CODES.replace(' ', '|')})"
_UNIT = rf"(?:{_any_of([*_NATIONAL_UNITS, *_UNITS, *_AMBIGUOUS_UNITS, *_HUNDREDTHS])})s?"

_PREFIXED = re.compile(
    rf"""
    (?<![\w$€£¥]) (?P<sign>{_SIGN}) (?-i:(?P<unit>{_SYMBOL}|{_CODE}))\s?
    (?P<first>{_NUMBER}) (?P<magnitude>{_MAGNITUDE})?
    (?:
        (?P<joint>{_JOINT}) (?P<second>{_NUMBER}) (?P<second_magnitude>{_MAGNITUDE})?
        (?!\s?%|\sper\s?cent|[\w-])
    )?
    {_END}
    """,
    re.X | re.I,
)
_SUFFIXED = re.compile(
    rf"""
    (?<![\w.,$€£¥-]) (?P<sign>{_SIGN})
    (?:(?P<first>{_NUMBER}) (?P<magnitude>{_MAGNITUDE})? (?P<joint>{_JOINT}|\sand\s))?
    (?P<second>{_NUMBER}|{_SPELLED}) (?P<second_magnitude>{_MAGNITUDE})?
    (?:\s?€ | [\s-](?P<unit>(?:euro\s)?{_UNIT}|(?-i:{_CODE})){_END})
    """,
    re.X | re.I,
)
_PERCENT = re.compile(
    rf"""
    (?<![\w.,$€£¥]) (?<![^%]-) (?P<sign>{_SIGN})
    (?:(?P<first>\d{{1,3}}(?:\.\d{{1,9}})?) (?P<joint>{_JOINT}|\sor\s|\sand\s))?
    (?P<second>{_NUMBER}|{_SPELLED})
    (?:\s?[%％](?!-?points?\b) | [\s-](?:percent|per\scent|pct){_END})
    """,
    re.X | re.I,
)
# Looking for a few words is much faster than the patterns, and most texts have none of them.
_PERCENT_HINTS = ("%", "％", "percent", "per cent", "per\ncent", "pct")
_ALL_CODES = [*_CODES.split(), *_AMBIGUOUS_CODES.split()]
_UNIT_NAMES = [*_NATIONAL_UNITS, *_UNITS, *_AMBIGUOUS_UNITS, *_HUNDREDTHS, *_ALL_CODES]
_UNIT_WORDS = {name.split()[-1].lower() + plural for name in _UNIT_NAMES for plural in ("", "s")}
_NUMBER_START = re.compile(rf"[\d½¼¾]|(?:{_TEN}|{_ONE}|half|a)\Z", re.I)
_BEGINS_NUMBER = WordMemo(lambda word: _NUMBER_START.match(word) is not None)
_IS_UNIT = WordMemo(lambda word: word.lower() in _UNIT_WORDS)
# What may be a symbol or code, before a number.
_PREFIX_START = re.compile(
    rf"[A-Z{''.join(symbol for symbol in _SYMBOLS if len(symbol) == 1)}][A-Z.¥$s]{{0,4}}"
    r"\s?(?=[\d.½¼¾])"
)
_BETWEEN = re.compile(r"\bbetween\s\Z", re.I)


class _Sum(NamedTuple):
    """A sum as it is written: `number` times `magnitude`, if it has one of its own."""

    start: int
    end: int
    number: Decimal
    magnitude: int | None
    unit: str


def find_percents(text: str, field: TextField) -> list[Mention]:
    """The percentages in `text`; `amount` is the number before the sign, `unit` is "percent".

    A range ("5-7%", "5 to 7 percent") is two mentions, so that both ends can be searched for.
    Percentage points are no percentages.
    """
    mentions: list[Mention] = []
    if not _has_any(text.lower(), _PERCENT_HINTS):
        return mentions
    for match in _matches(_PERCENT, text, _number_places(text)):
        start, sign = match.start(), match["sign"]
        if match["first"]:
            first = _signed(match["first"], sign)
            if _is_range(text, match):
                mentions.append(_mention(text, field, start, match.end("first"), first, "percent"))
            start, sign = match.start("second"), ""
        second = _signed(match["second"], sign)
        mentions.append(_mention(text, field, start, match.end(), second, "percent"))
    return mentions


def find_money(text: str, field: TextField) -> list[Mention]:
    """The sums of money in `text`; `amount` is the full sum, `unit` its ISO 4217 code.

    A plain "$" is the US dollar and "¥" the yen. Both ends of a range are mentions, and "$5-$7
    million" is two sums of millions.
    """
    has_units = "€" in text or any(_IS_UNIT[word.key] for word in text_tokens(text))
    sums = sorted([*_prefixed(text), *(_suffixed(text) if has_units else ())])
    mentions: list[Mention] = []
    end = 0
    for position, found in enumerate(sums):
        if found.start < end:
            continue
        magnitude = found.magnitude
        if magnitude is None and position + 1 < len(sums):
            magnitude = _shared_magnitude(text, found, sums[position + 1])
        amount = found.number * (magnitude or 1)
        mentions.append(_mention(text, field, found.start, found.end, amount, found.unit))
        end = found.end
    return mentions


def _has_any(text: str, hints: Iterable[str]) -> bool:
    return any(hint in text for hint in hints)


def _matches(pattern: re.Pattern[str], text: str, places: Iterable[int]) -> Iterator[re.Match[str]]:
    """What `finditer` finds, but only at some places, in order."""
    done = 0
    for place in places:
        if place >= done and (match := pattern.match(text, place)):
            yield match
            done = match.end()


def _number_places(text: str) -> Iterator[int]:
    """Where numbers begin, in digits or spelled, also those with a sign or a point before."""
    for word in text_tokens(text):
        if _BEGINS_NUMBER[word.key]:
            place = word.start
            while place and word.start - place < 2 and text[place - 1] in "-−–+.":
                place -= 1
            yield from range(place, word.start + 1)


def _prefixed(text: str) -> Iterator[_Sum]:
    for match in _matches(_PREFIXED, text, _symbol_places(text)):
        symbol, magnitude = match["unit"], _magnitude(match["magnitude"])
        if symbol in _AMBIGUOUS_CODES and magnitude is None:
            continue
        unit = _SYMBOLS.get(symbol) or _DOLLARS.get(symbol.removesuffix("$"))
        unit = unit or symbol.removesuffix("$")
        number = _signed(match["first"], match["sign"])
        end = match.end("magnitude") if match["magnitude"] else match.end("first")
        first = _Sum(match.start(), end, number, magnitude, unit)
        yield first
        if match["joint"]:
            magnitude = _magnitude(match["second_magnitude"])
            start, number = match.start("second"), _signed(match["second"], "")
            second = _Sum(start, match.end(), number, magnitude, unit)
            # "$10-15" is a range; "$10 to 15 people" is not.
            if magnitude or ("to" not in match["joint"] and number > first.number):
                yield second


def _suffixed(text: str) -> Iterator[_Sum]:
    for match in _matches(_SUFFIXED, text, _number_places(text)):
        name = re.sub(r"\s", " ", match["unit"] or "€")
        magnitude = _magnitude(match["second_magnitude"])
        spelled = match["second"].lower() in ("a", "half a")
        if magnitude is None and (spelled or _is_ambiguous(name)):
            continue
        unit, part = _unit(name)
        start, sign = match.start(), match["sign"]
        if match["first"]:
            number = _signed(match["first"], sign) * part
            end = match.end("magnitude") if match["magnitude"] else match.end("first")
            if _is_range(text, match):
                yield _Sum(start, end, number, _magnitude(match["magnitude"]), unit)
            start, sign = match.start("second"), ""
        yield _Sum(start, match.end(), _signed(match["second"], sign) * part, magnitude, unit)


def _shared_magnitude(text: str, first: _Sum, second: _Sum) -> int | None:
    """The magnitude of the second that the first is meant to have too, as in "$5-$7 million"."""
    between = text[first.end : second.start]
    is_range = re.fullmatch(_JOINT, between) or (
        between == " and " and _BETWEEN.search(text, max(0, first.start - 10), first.start)
    )
    is_same = first.unit == second.unit and first.number < second.number
    return second.magnitude if is_range and is_same else None


def _is_range(text: str, match: re.Match[str]) -> bool:
    start = match.start()
    is_between = _BETWEEN.search(text, max(0, start - 10), start)
    return match["joint"].strip().lower() != "and" or is_between is not None


def _is_ambiguous(name: str) -> bool:
    name = name if name in _AMBIGUOUS_CODES else name.lower()
    return name in _AMBIGUOUS_CODES or _singular(name) in _AMBIGUOUS_UNITS


def _singular(name: str) -> str:
    known = name in _AMBIGUOUS_UNITS or name in _NATIONAL_UNITS
    return name if known else name.removesuffix("s")


def _unit(name: str) -> tuple[str, Decimal]:
    """The ISO 4217 code of a unit's name, and how much of that currency the unit is."""
    if name == "€":
        return "EUR", Decimal(1)
    if name.isupper():
        return name, Decimal(1)
    name = _singular(name.lower())
    if name.startswith("euro "):
        return "EUR", Decimal("0.01")
    if name in _HUNDREDTHS:
        return _HUNDREDTHS[name], Decimal("0.01")
    return _CODE_OF_UNIT[name], Decimal(1)


def _symbol_places(text: str) -> Iterator[int]:
    """Where symbols and codes may begin, also those with a sign before."""
    for start in _PREFIX_START.finditer(text):
        yield from range(max(0, start.start() - 1), start.end())


@lru_cache(maxsize=1000)
def _magnitude(written: str | None) -> int | None:
    if not written:
        return None
    parts = re.split(r"[\s-]", written.strip(" -\n\t").lower())
    return prod(
        _MAGNITUDES[part if part in _MAGNITUDES else part.removesuffix("s")] for part in parts
    )


def _signed(written: str, sign: str) -> Decimal:
    number = _number(written)
    return -number if sign and sign != "+" else number


def _number(written: str) -> Decimal:
    written = " ".join(written.lower().split())
    if written in _WORDS:
        return _WORDS[written]
    if written[0].isalpha():
        whole, half, _ = written.partition(" and a half")
        parts = [_WORDS[part] for part in re.split("[ -]", whole)]
        return sum(parts, Decimal("0.5") if half else Decimal(0))
    fraction = _FRACTIONS.get(written[-1], Decimal(0))
    digits = written.rstrip("½¼¾")
    if re.fullmatch(r"\d{1,3},\d\d?", digits):
        digits = digits.replace(",", ".")
    return Decimal(digits.replace(",", "") or 0) + fraction


def _mention(
    text: str, field: TextField, start: int, end: int, amount: Decimal, unit: str
) -> Mention:
    return Mention(
        field=field, start=start, end=end, text=text[start:end], amount=float(amount), unit=unit
    )
