"""The error tree. Whether something is tried again is decided by an error's type, never its text.

NewsloomError
├── ConfigurationError      wrong usage or settings: nothing was started
├── Terminal                trying again gives the same result
│   ├── Rejected            one input is unusable; all others go on
│   ├── IndexDamaged        the index can't be read; `newsloom reindex` makes it anew
│   ├── NotFound            there is no such article or dead letter
│   └── InUse               another process holds what only one may hold
└── Transient               may work later, with nothing changed by us
    ├── StorageUnavailable  full disk, read-only folder, a lock held for too long, no broker
    ├── IndexUnavailable    the index's servers do not answer, are overloaded or refuse us
    └── KibanaUnavailable   Kibana does not answer, has not started yet, or refuses us
"""

from __future__ import annotations


class NewsloomError(Exception):
    """Base of every error that newsloom raises on purpose; its text is one line for a person."""


class ConfigurationError(NewsloomError):
    """Wrong usage or a wrong setting; nothing was started."""


class Terminal(NewsloomError):
    """Trying the same thing again gives the same error."""


class Rejected(Terminal):
    """One input can't become an article.

    `reason` is a word for programs (the `newsloom.error.type` of a dead letter), the message is for
    people. Where the input stood (file, line) is added by whoever read it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class IndexDamaged(Terminal):
    """The index can't be read, or another version made it; it can be rebuilt from the topic."""


class NotFound(Terminal):
    """There is no article or dead letter of that name."""


class InUse(Terminal):
    """Another process holds what only one at a time may hold."""


class Transient(NewsloomError):
    """May work later with nothing changed by us: wait and try again."""


class StorageUnavailable(Transient):
    """A full disk, a folder that can't be written, a lock held for too long, a silent broker."""


class IndexUnavailable(Transient):
    """The servers of the index do not answer, are overloaded, or refuse our credentials."""


class KibanaUnavailable(Transient):
    """Kibana does not answer, has not started yet, or refuses our credentials."""
