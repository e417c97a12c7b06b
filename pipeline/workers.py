"""Supervised worker processes: what crashes or hangs one is found out, and the work goes on.

A `ProcessPoolExecutor` breaks as a whole when one of its processes dies. Here a process that dies,
takes too long or runs out of the memory it may have is replaced, and its batch is parted until the
item that does it stands alone; that item is given up, after MAX_CRASHES where it may be chance.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pipeline.errors import Terminal

MAX_CRASHES = 3
"""So often an item may end its worker alone; once can be by chance (a kill from outside)."""

MAX_FAILED_STARTS = 3

BATCH = 16
BATCH_BYTES = 200_000
"""What a worker takes at a time: so many articles, or so many bytes of them."""

SENT_AT_ONCE = 60_000
"""A pipe takes so many bytes although nobody reads them."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def batches(
    items: Iterable[Item], size: Callable[[Item], int], most: int = BATCH
) -> Iterator[list[Item]]:
    """`items` in order, in lists of at most `most` and of at most BATCH_BYTES, or of one."""
    batch: list[Item] = []
    total = 0
    for item in items:
        length = size(item)
        if batch and (len(batch) == most or total + length > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += length
    if batch:
        yield batch


class GivenUp(NamedTuple):
    """Stands in the results for an item that no worker could do."""

    reason: str
    message: str


class _Failed(NamedTuple):
    """A worker's answer when the work raised; `ends` when it can't be trusted with more."""

    message: str
    ends: bool = False


class _Batch(Generic[Item, Result]):
    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.results: list[Result | GivenUp | None] = [None] * len(items)
        self.missing = len(items)
        self.crashes = [0] * len(items)

    def put(self, start: int, results: Sequence[Result | GivenUp]) -> None:
        self.results[start : start + len(results)] = results
        self.missing -= len(results)


class _Task(NamedTuple, Generic[Item, Result]):
    batch: _Batch[Item, Result]
    start: int
    end: int


class _Worker(Generic[Item, Result]):
    def __init__(
        self, load: Callable[[], Callable[[Sequence[Item]], list[Result]]], megabytes: int | None
    ) -> None:
        # There is a process for each core: threads of numpy's own would be in each other's way.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_run, args=(theirs, load, megabytes), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.task: _Task[Item, Result] | None = None
        self.deadline = float("inf")
        self._sender: threading.Thread | None = None

    def send(self, items: Sequence[Item]) -> None:
        """Hands the process a batch; waits for it only in a thread: it may have been stopped."""
        packed = bytes(ForkingPickler.dumps(items))
        if len(packed) <= SENT_AT_ONCE:
            self._send(packed)
        else:
            self._sender = threading.Thread(target=self._send, args=(packed,), daemon=True)
            self._sender.start()

    def _send(self, packed: bytes) -> None:
        # A worker that has just died is replaced when its end is seen.
        with contextlib.suppress(OSError):
            self.connection.send_bytes(packed)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        if self._sender is not None:
            self._sender.join()  # nobody reads any more, so it ends; it needs the connection
        self.connection.close()


class Workers(Generic[Item, Result]):
    """Does batches of work in `processes` processes; results come in the order of the batches.

    Args:
        load: called once in each process; what it returns turns a list of items into one of
            results, as long and in the same order. It is pickled, so a function of a module.
        processes: how many.
        seconds: how long a batch may take before its worker is taken to hang.
        megabytes: how much memory a process may take besides what it has when it is loaded; Linux
            alone holds it to that.
    """

    def __init__(
        self,
        load: Callable[[], Callable[[Sequence[Item]], list[Result]]],
        processes: int,
        *,
        seconds: float = 60.0,
        megabytes: int | None = None,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._megabytes = megabytes
        self._tasks: deque[_Task[Item, Result]] = deque()
        self._batches: deque[_Batch[Item, Result]] = deque()
        self._failed_starts = 0
        self._bell, self._rope = multiprocessing.Pipe(duplex=False)
        self._workers = [_Worker(load, megabytes) for _ in range(processes)]

    def __enter__(self) -> Workers[Item, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._bell.close()
        self._rope.close()

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [pid for worker in self._workers if (pid := worker.process.pid) is not None]

    @property
    def pending(self) -> int:
        """Batches that were submitted and not collected yet."""
        return len(self._batches)

    @property
    def wants_more(self) -> bool:
        """Whether another batch keeps all workers busy: one in hand and one waiting for each."""
        return len(self._batches) < 2 * len(self._workers)

    def submit(self, items: Sequence[Item]) -> None:
        """Adds a batch."""
        batch: _Batch[Item, Result] = _Batch(items)
        self._batches.append(batch)
        self._tasks.append(_Task(batch, 0, len(items)))
        self._assign()

    def collect(self, timeout: float) -> list[Result | GivenUp] | None:
        """The results of the first batch that was not collected yet.

        None when it is not done within `timeout` seconds, `wake` was called, or there is none.

        Raises:
            Terminal: the workers can't even start.
        """
        until = time.monotonic() + timeout
        while self._batches:
            if not self._batches[0].missing:
                return self._batches.popleft().results  # type: ignore[return-value]
            left = until - time.monotonic()
            if left < 0:
                return None
            if self.attend(left):
                return None
        return None

    def wake(self) -> None:
        """Ends a `collect` of another thread, which then can `submit` more."""
        self._rope.send_bytes(b"!")

    def attend(self, timeout: float) -> bool:
        """Waits for an answer, an end or a deadline of any worker, and sees to it.

        Whether it was woken.
        """
        now = time.monotonic()
        nearest = min(worker.deadline for worker in self._workers)
        by_handle: dict[object, _Worker[Item, Result]] = {}
        for worker in self._workers:
            by_handle[worker.connection] = by_handle[worker.process.sentinel] = worker
        handles: list[Connection | int] = list(by_handle)  # type: ignore[arg-type]
        ready = wait([*handles, self._bell], max(0.0, min(timeout, nearest - now)))
        if woken := self._bell in ready:
            ready.remove(self._bell)
            self._bell.recv_bytes()
        for worker in {id(by_handle[handle]): by_handle[handle] for handle in ready}.values():
            try:
                answer = worker.connection.recv() if worker.connection.poll() else None
            except (EOFError, OSError):
                answer = None
            if answer is None:
                self._replace(worker, "its worker process died")
            elif not worker.ready:
                worker.ready = True
                self._failed_starts = 0
            else:
                self._take(worker, answer)
        for worker in list(self._workers):
            if time.monotonic() >= worker.deadline:
                self._replace(worker, f"it took longer than {self._seconds:g} s", hung=True)
        self._assign()
        return woken

    def _take(self, worker: _Worker[Item, Result], answer: list[Result] | _Failed) -> None:
        task, worker.task, worker.deadline = worker.task, None, float("inf")
        assert task is not None
        if isinstance(answer, _Failed):
            # The same work raises the same again: no second try.
            self._retry(task, "failed", answer.message, again=False)
            if answer.ends:
                self._replace(worker, answer.message)
        else:
            task.batch.put(task.start, answer)

    def _replace(self, worker: _Worker[Item, Result], message: str, *, hung: bool = False) -> None:
        worker.end()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise Terminal(
                    "worker processes end before they are ready; their error stands above"
                )
        self._workers[self._workers.index(worker)] = _Worker(self._load, self._megabytes)
        if worker.task is not None:
            self._retry(worker.task, "crashed", message, again=not hung, singly=hung)

    def _retry(
        self,
        task: _Task[Item, Result],
        reason: str,
        message: str,
        *,
        again: bool,
        singly: bool = False,
    ) -> None:
        """Parts a batch whose work went wrong, in halves or `singly`, or gives its only item up.

        An item is tried `again` where what went wrong may have come from outside.
        """
        batch, start, end = task
        if end - start > 1:
            step = 1 if singly else (end - start + 1) // 2
            parts = [_Task(batch, at, min(at + step, end)) for at in range(start, end, step)]
            self._tasks.extendleft(reversed(parts))
            return
        batch.crashes[start] += 1
        if not again or batch.crashes[start] >= MAX_CRASHES:
            batch.put(start, [GivenUp(reason, message)])
        else:
            self._tasks.appendleft(task)

    def _assign(self) -> None:
        for worker in self._workers:
            if worker.ready and worker.task is None and self._tasks:
                task = self._tasks.popleft()
                worker.task = task
                worker.deadline = time.monotonic() + self._seconds
                worker.send(task.batch.items[task.start : task.end])


def _run(
    connection: Connection,
    load: Callable[[], Callable[[Sequence[Item]], list[Result]]],
    megabytes: int | None,
) -> None:
    # Ctrl-C and a supervisor's SIGTERM go to the whole group: the parent ends us when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    work = load()
    if megabytes is not None:
        _limit_memory(megabytes * 1_000_000)
    # The pipe breaks when the parent ends, however it does: then so do we.
    with contextlib.suppress(EOFError, OSError):
        connection.send(True)
        frozen = False
        while True:
            items = connection.recv()
            answer = _attempt(work, items)
            connection.send(answer)
            if isinstance(answer, _Failed) and answer.ends:
                return
            if not frozen:
                # What is loaded by now, models and all, stays: the garbage collector need not look
                # through it over and over.
                gc.freeze()
                frozen = True


def _limit_memory(more: int) -> None:
    """Lets this process allocate `more` bytes than it has now; Linux counts them (proc(5))."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return
    (has,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:")]
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (has * 1024 + more, hard))


def _attempt(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]
) -> list[Result] | _Failed:
    try:
        return work(items)
    except MemoryError:
        return _Failed("it takes more memory than a worker process may have", ends=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to know
        return _Failed(f"{type(error).__name__}: {error}")
