"""Where articles come in."""

from pipeline.sources.files import Located, is_article_file, read

__all__ = ["Located", "is_article_file", "read"]
