"""What the contract's tests share."""

from tests.servers.indices import fresh_alias

__all__ = ["fresh_alias"]
