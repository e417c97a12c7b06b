"""What tests of the index share."""

from tests.servers.indices import fresh_alias

__all__ = ["fresh_alias"]
