"""HTML pages and fragments become text, with the title, date, author and address that they state.

What an article is and what is around it trafilatura decides. None of this bounds its time: it is
called in a process that may be ended (`pipeline.sources.extraction`).
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from pipeline.article import Submission, parse_time
from pipeline.errors import Rejected
from pipeline.sources.decode import decode_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement
    from trafilatura.settings import Document

MAX_TAGS = 20_000
"""A page of more tags is not searched for its article: that takes a time that grows with the square
of their number. All its text is taken."""

_WHOLE_SHARE = 0.5
"""Of a body's text at least so much is the article: a body, unlike a page, is mostly that."""

_LEADING = r"\ufeff?\s*(?:<\?xml\b[^<>]{0,200}\?>\s*|<!--(?:[^-]|-(?!->)){0,2000}-->\s*)?"
_BODY_TAGS = (
    "html|head|body|article|section|main|header|div|p|h[1-6]|ul|ol|dl|table|blockquote|figure|pre"
)
_BEGINS_HTML = re.compile(
    rf"{_LEADING}<(?:!doctype\s+html\b|(?:{_BODY_TAGS})(?:\s+[a-z][\w:-]*\s*=[^<>]*|\s*/?)>)", re.I
)
_IS_PAGE = re.compile(rf"{_LEADING}<(?:!doctype\s+html\b|html\b|head\b|body\b)", re.I)
_XML_DECLARATION = re.compile(r"\s*<\?xml\b[^<>]*\?>", re.I)
_CHARSET = re.compile(
    rb"<meta\b[^<>]{0,500}?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)"
    rb"|^\s*<\?xml\b[^<>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]+)",
    re.I,
)
_CHARSET_WITHIN = 4096
# What a label of the older encodings means on the web (WHATWG, Encoding, "Names and labels").
_LARGER_ENCODING = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030",
    "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-11": "cp874",
    "tis-620": "cp874", "utf-16": "utf-8", "utf-16-le": "utf-8", "utf-16-be": "utf-8",
}  # fmt: skip
_TEXT_ENCODINGS = re.compile(
    r"utf-8|iso8859-\d+|cp\d+|gb\w+|big5\w*|euc_\w+|iso2022_jp\w*|koi8-\w|mac-roman|mac-cyrillic"
)

_HIDDEN = {"head", "script", "style", "noscript", "template", "svg", "math", "iframe", "object",
           "form", "button", "select", "nav"}  # fmt: skip
_BLOCKS = {"address", "article", "aside", "blockquote", "body", "div", "dl", "figcaption", "figure",
           "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "ol", "p", "pre",
           "section", "table", "ul"}  # fmt: skip
_LINES = {"br", "dd", "dt", "li", "tr", "caption", "option", "summary"}
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r" ?\n ?(?:\s*\n ?)+")

_DATE_NAMES = ("article:published_time", "datepublished", "og:published_time", "parsely-pub-date",
               "sailthru.date", "dc.date.issued", "dcterms.issued", "pubdate", "publishdate",
               "date")  # fmt: skip
_WITHOUT_NAME = re.compile(r"[/:]{2}|\d{4}|@")


InDoubt = Literal["leave out", "weigh", "take"]
"""What becomes of parts of which it is not sure whether they are of the article."""


class Page(NamedTuple):
    """What a page says; `published_at` is text that `parse_time` takes."""

    text: str
    title: str | None = None
    author: str | None = None
    published_at: str | None = None
    url: str | None = None


def is_html(text: str) -> bool:
    """Whether a text is HTML: it begins with a doctype or the tag of a page or a block.

    A "<" anywhere else makes no HTML of a text, nor does a tag that is not closed by ">".
    """
    return _BEGINS_HTML.match(text) is not None


def is_page(text: str) -> bool:
    """Whether HTML is a whole page, which has more on it than an article."""
    return _IS_PAGE.match(text) is not None


def is_web_address(url: str) -> bool:
    """Whether it is a whole address over http or https."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def decode_page(data: bytes) -> str:
    """The text of a file of HTML.

    Its byte order mark tells the encoding, else UTF-8 that is valid, else what its `meta` or XML
    declaration says, else what is likeliest.

    Raises:
        Rejected: no text.
    """
    stated = _CHARSET.search(data[:_CHARSET_WITHIN])
    if stated and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = _encoding_named((stated[1] or stated[2]).decode("ascii", "replace"))
        # Text that is all ASCII may still be ISO-2022-JP.
        for name in (encoding,) if data.isascii() else ("utf-8", encoding):
            with suppress(UnicodeDecodeError):
                if name:
                    return data.decode(name)
    return decode_text(data)


def _encoding_named(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    name = _LARGER_ENCODING.get(name, name)
    return name if _TEXT_ENCODINGS.fullmatch(name) else None


def with_page(given: Submission, page: Page) -> Submission:
    """A submission with a page's text as its body, and what else it says where nothing is given."""
    metadata = given.metadata
    if page.author and "author" not in metadata:
        metadata = metadata | {"author": page.author}
    return msgspec.structs.replace(
        given,
        body=page.text,
        url=given.url or page.url,
        title=given.title or page.title,
        published_at=page.published_at if given.published_at in (None, "") else given.published_at,
        metadata=metadata,
    )


def extract(html: str) -> Page:
    """The article on a page, or the text of a fragment; without tables, comments and navigation.

    Raises:
        Rejected: there is no text, or tags are nested more than 256 deep.
    """
    html = _XML_DECLARATION.sub("", html.lstrip("\ufeff").replace("\0", ""), count=1)
    tree = _parse(html)
    if html.count("<") > MAX_TAGS:
        page = Page("", title=_line(tree.findtext(".//title")))
        text = _plain_text(tree)
    elif is_page(html):
        page, text = _article(tree)
    else:
        page, text = Page(""), _fragment(tree)
    if not text:
        raise Rejected("empty_body", "there is no text in the HTML")
    return page._replace(text=text)


def _parse(html: str) -> HtmlElement:
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    parser = HTMLParser(remove_comments=True, remove_pis=True)
    try:
        tree = document_fromstring(html.encode(errors="replace").decode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Rejected("empty_body", f"there is no text in the HTML: {error}") from None
    # Beyond a limit the parser gives up and leaves the rest out.
    if any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log):
        raise Rejected("too_deep", "the HTML is nested too deeply")
    return tree


def _main_text(tree: HtmlElement, in_doubt: InDoubt, *, with_metadata: bool) -> Document | None:
    from trafilatura import bare_extraction

    found = bare_extraction(
        tree,
        favor_precision=in_doubt == "leave out",
        favor_recall=in_doubt == "take",
        include_comments=False,
        include_tables=False,
        with_metadata=with_metadata,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    assert not isinstance(found, dict)
    return found


def _article(tree: HtmlElement) -> tuple[Page, str]:
    # What is in doubt is left out; only of a page where nothing is sure all of that is taken.
    found = _main_text(tree, "leave out", with_metadata=True)
    if not (found and found.text):
        found = _main_text(tree, "weigh", with_metadata=True) or found
    if not found:
        return Page("", title=_line(tree.findtext(".//title"))), _plain_text(tree)
    page = Page(
        "",
        title=_line(found.title),
        author=_author(found.author),
        published_at=_published_at(tree) or found.date,
        url=_address(found.url),
    )
    text = _paragraphs(found.text) or _plain_text(tree)
    first, _, rest = text.partition("\n\n")
    return page, rest if rest and _line(first) == page.title else text


def _fragment(tree: HtmlElement) -> str:
    plain = _plain_text(tree)
    # Nearly all of it is the article: a short list in it, too, which is navigation on a page.
    found = _main_text(tree, "take", with_metadata=False)
    text = _paragraphs(found.text) if found else ""
    return text if len(text) >= _WHOLE_SHARE * len(plain) else plain


def _paragraphs(text: str | None) -> str:
    """A text whose paragraphs are lines with an empty line between them; a list stays together."""
    parts: list[str] = []
    before = ""
    for line in (text or "").splitlines():
        if line.strip():
            parts += ["\n" if line.startswith("- ") and before.startswith("- ") else "\n\n", line]
            before = line
    return "".join(parts).strip()


def _plain_text(tree: HtmlElement) -> str:
    """All text of a page's body, without what is never shown and what leads elsewhere."""
    from lxml.etree import iterwalk

    parts: list[str] = []
    walk = iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else "script"
        space = "\n\n" if tag in _BLOCKS else "\n" if tag in _LINES else ""
        if event == "start":
            if tag in _HIDDEN:
                walk.skip_subtree()
            else:
                parts += [space, _BLANKS.sub(" ", (element.text or "").replace("\n", " "))]
        else:
            parts += [space, _BLANKS.sub(" ", (element.tail or "").replace("\n", " "))]
    text = _BLANKS.sub(" ", "".join(parts))
    return _EMPTY_LINES.sub("\n\n", text).strip()


def _published_at(tree: HtmlElement) -> str | None:
    """The time of publication that a page states for programs, which is more than a day."""
    stated: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or ""
        stated.setdefault(name.lower(), meta.get("content") or "")
    times = [stated.get(name, "") for name in _DATE_NAMES]
    times[1:1] = [_date_in_json(script.text or "") for script in tree.iter("script")
                  if script.get("type") == "application/ld+json"]  # fmt: skip
    times += [time.get("datetime") or "" for time in tree.iter("time")
              if time.get("itemprop") == "datePublished" or "pubdate" in time.attrib]  # fmt: skip
    for time in times:
        with suppress(Rejected):
            if parse_time(time.strip()) is not None:
                return time.strip()
    return None


def _date_in_json(text: str) -> str:
    """`datePublished` of the first object that has one (schema.org, in JSON-LD)."""
    try:
        waiting: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return ""
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(date := value.get("datePublished"), str):
                return date
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)
    return ""


def _line(text: str | None) -> str | None:
    return " ".join((text or "").split()) or None


def _author(author: str | None) -> str | None:
    """The names of people, not the addresses that stand in their place on some pages."""
    return None if author is None or _WITHOUT_NAME.search(author) else _line(author)


def _address(url: str | None) -> str | None:
    url = (url or "").strip()
    return url if is_web_address(url) else None
