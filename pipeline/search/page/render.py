"""Templates into responses: everything is escaped, nothing comes from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline import __version__
from pipeline.search.page import marks, words
from pipeline.search.page.address import State
from pipeline.search.page.facets import is_level

_environment = Environment(
    loader=PackageLoader("pipeline.search.page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {
    "day": words.day,
    "moment": words.moment,
    "score": words.score,
    "level": words.level,
    "tone": words.tone,
    "sign": words.sign,
    "is_level": is_level,
    "headline": words.headline,
    "opening": words.opening,
    "shortened": words.shortened,
    "passage": marks.passage,
    "passages": marks.passages,
    "article_url": words.article_url,
    "ticker_url": words.ticker_url,
    "web_link": words.web_link,
}
_environment.globals |= {
    "counted": words.counted,
    "with_entities": marks.with_entities,
    "kinds": words.KINDS,
    "version": __version__,
}


def page(template: str, state: State, status: int = 200, **values: Any) -> Response:
    """A page, from a template.

    Args:
        template: its name, without .html.
        state: the search that the page's box and links hold.
        status: of the response.
        values: what the template shows.
    """
    text = _environment.get_template(f"{template}.html").render(state=state, **values)
    body = text.encode(errors="replace")
    return Response(body, status, media_type="text/html; charset=utf-8")
