"""Whether a bare number is a year, and a bare name a month: what stands around it tells."""

from __future__ import annotations

import re

# Before a year, and before little else that looks like one.
_SURE_BEFORE = re.compile(
    r"(?:\b(?:in|since|until|till|during|throughout|as\sof|back\sto|circa|calendar|year|spring"
    r"|summer|autumn|fall|winter|election|season|christmas)\s|\b(?:mid|pre|post|end|year)-)\Z",
    re.I,
)
# Before numbers of all kinds.
_LIKELY_BEFORE = re.compile(
    r"\b(?:by|from|through|before|after|for|between|and|of|to|than|late|early|end|mid|last\sin)\s\Z",
    re.I,
)
_YEAR_NOUN = re.compile(
    r"\s(?:(?:full[-\s]year|presidential|general|midterm|federal|annual|primary|summer|winter"
    r"|financial|world|super|revenue|earnings|sales|profit)\s)?(?:accord|act|agreement|annual|bonus"
    r"|budget|campaign|census|coup|crash|crisis|cycle|deal|debut|delivery|edition|election|elections"
    r"|estimates?|earnings|figures?|film|financial|forecasts?|goals?|guidance|high|invasion|law"
    r"|levels?|low|model|nomination|numbers|olympics|outlook|pandemic|peak|plan|plans|playoffs|poll"
    r"|proceeds|production|profits?|projections?|race|recession|report|results?|revenues?|sales"
    r"|season|series|spending|survey|target|targets|tax|total|totals|tournament|treaty|vote"
    r"|world\scup)\b",
    re.I,
)
_COUNTED = re.compile(
    r"(?:\s|-)(?:per\s?cent|percent|points?|people|persons|shares?|units?|jobs?|employees|workers"
    r"|staff|stores?|homes?|cases|deaths|dollars|euros|yen|pounds|miles|kilomet|km|met(?:er|re)s"
    r"|feet|tons?|tonnes|barrels|ounces?|gallons|litres|words|pages|hours|minutes|seconds|days|times"
    r"|years|votes|seats|troops|soldiers|companies|countries|cities|students|passengers|customers"
    r"|flights|locations|vehicles|cars|trucks|aircraft|index)\b",
    re.I,
)
_PLURAL = re.compile(r"\s[a-z]{3,}s\b")

# Also names, verbs and other words: they take more to be a month.
_AMBIGUOUS_MONTH = re.compile(
    r"(?:Mar(?:ch)?|Apr(?:il)?|May|June?|Aug(?:ust)?|Jan|Dec|Sept?)\.?\Z", re.I
)
_MONTH_BEFORE = re.compile(
    r"\b(?:in|since|until|till|during|throughout|(?:by|the)\s(?:the\s)?end\sof|early|late|mid|through"
    r"|between)[\s-]\Z",
    re.I,
)
_LIKELY_MONTH_BEFORE = re.compile(r"\b(?:by|from|to|of|for|before|after|and|on|the|its)\s\Z", re.I)
_MONTH_AFTER = re.compile(
    r"(?:['’]s)?\s(?:to|through|and|or|quarter|data|figures|reading|report|inflation|cpi|ppi|jobs"
    r"|payrolls|retail|sales|meeting|futures|contract|deadline|high|low|peak|election|policy|rate"
    r"|decision|summit|survey|consumer|earnings|delivery|crude|options|expir)",
    re.I,
)
_SENTENCE_GOES_ON = re.compile(
    r"\s?(?:[.,;:)!?–—]|\Z)|\s(?:to|and|or|as|when|with|for|on|at|in|while)\b"
)
_NAME_AFTER = re.compile(r"\s[A-Z][a-z]+")
_WINDOW = 40


def is_year(text: str, start: int, end: int) -> bool:
    """Whether the four digits text[start:end] are a year: "in 2023", not "2024 shares"."""
    before, after = text[max(0, start - _WINDOW) : start], text[end : end + _WINDOW]
    if _COUNTED.match(after):
        return False
    if _SURE_BEFORE.search(before) or after.startswith(("'s", "’s")):
        return True
    if before.endswith("(") and after.startswith(")"):
        return True
    if not 1900 <= int(text[start:end]) <= 2099:
        return False
    if _YEAR_NOUN.match(after):
        return True
    return bool(_LIKELY_BEFORE.search(before)) and not _PLURAL.match(after)


def is_month(text: str, start: int, end: int) -> bool:
    """Whether the name text[start:end] is a month here: "in May", not "Theresa May"."""
    if not _AMBIGUOUS_MONTH.match(text[start:end]):
        return True
    before, after = text[max(0, start - _WINDOW) : start], text[end : end + _WINDOW]
    if _MONTH_BEFORE.search(before):
        return True
    if _NAME_AFTER.match(after):
        return False
    if _LIKELY_MONTH_BEFORE.search(before) and not text.startswith(("May", "MAY"), start):
        return True
    likely = _LIKELY_MONTH_BEFORE.search(before) or not before.strip()
    return bool(likely and (_MONTH_AFTER.match(after) or _SENTENCE_GOES_ON.match(after)))
