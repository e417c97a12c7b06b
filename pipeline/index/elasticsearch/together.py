"""Work of several threads whose last step costs little more for many than for one: done at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What is handed on to the last step."""

    def __len__(self) -> int: ...


T = TypeVar("T", bound=Sized)


class _Group(Generic[T]):
    """What shares a last step; the thread that came first takes it."""

    def __init__(self) -> None:
        self.parts: list[T] = []
        self.done = False
        self.failure: BaseException | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))


class Together(Generic[T]):
    """Takes the last step for all whose first step is done. Thread-safe.

    It is taken when there is enough for it, or no first step is under way that could be waited for,
    or one has waited for long enough. A lone thread never waits.

    Args:
        finish: the last step. It is called in a thread of those that wait for it; while it goes on
            another may begin, for others.
        enough: the length of all parts from which on nothing more is waited for.
        seconds: how long others are waited for at most.
    """

    def __init__(
        self, finish: Callable[[Sequence[T]], None], *, enough: int, seconds: float
    ) -> None:
        self._finish = finish
        self._enough = enough
        self._seconds = seconds
        self._open: _Group[T] | None = None
        self._under_way = 0
        self._changed = threading.Condition()

    def do(self, begin: Callable[[], T | None]) -> None:
        """Takes the first step; returns when the last one is taken for what it gave, if it did.

        Raises:
            BaseException: what either step raises; the last one in all threads that wait for it.
        """
        with self._changed:
            self._under_way += 1
        part = None
        try:
            part = begin()
        finally:
            with self._changed:
                self._under_way -= 1
                leads = self._open is None
                group = self._enter(part) if part is not None else None
                self._changed.notify_all()
        if group is None:
            return
        if leads:
            self._lead(group)
        else:
            self._follow(group)

    def _enter(self, part: T) -> _Group[T]:
        if self._open is None:
            self._open = _Group()
        self._open.parts.append(part)
        return self._open

    def _lead(self, group: _Group[T]) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: group.size >= self._enough or not self._under_way, self._seconds
            )
            self._open = None
        try:
            self._finish(group.parts)
        except BaseException as error:
            group.failure = error
            raise
        finally:
            with self._changed:
                group.done = True
                self._changed.notify_all()

    def _follow(self, group: _Group[T]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: group.done)
        if group.failure is not None:
            raise group.failure
