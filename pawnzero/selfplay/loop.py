"""Self-play: one net plays many games at once against itself; each becomes a record.

Knows neither nets nor files: it takes an evaluator and yields `GameRecord`s. With a given evaluator, the same seed and number
always give the same game, whichever games are played with it and in however many threads; it only matters whether there are few
games or many (`among`).
"""

from __future__ import annotations

import threading
from queue import Empty, Queue
from typing import Callable, Iterable, Iterator, List, Optional, Sized

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.errors import positive
from pawnzero.games.base import Game
from pawnzero.search import leaves_a_tree
from pawnzero.search.evaluator import Appetite, Evaluator, OverlappingEvaluator
from pawnzero.selfplay.in_flight import crew
from pawnzero.selfplay.records import GameRecord
from pawnzero.selfplay.starts import DrawStart
from pawnzero.selfplay.table import Table, Workload

_TICK_SECONDS = 0.5


def play_games(
    game: Game,
    evaluator: Evaluator,
    numbers: Iterable[int],
    *,
    simulations: int,
    search: SearchConfig,
    settings: SelfplayConfig,
    seed: int,
    among: Optional[int] = None,
    threads: int = 0,
    archive: Optional[DrawStart] = None,
    resign_below: float = 0.0,
    workload: Optional[Workload] = None,
    stop: Optional[threading.Event] = None,
    tick: Optional[Callable[[], None]] = None,
) -> Iterator[GameRecord]:
    """Play one game per number and yield each game's record when it ends.

    numbers:  game numbers, unique within the agent; with `seed` each determines its game. May be endless
    among:    how many games there are in all; None: many. A few games are searched differently (see `search.leaves_a_tree`)
    threads:  threads that play concurrently; 0: as many as cores, if there are enough games
    archive:  positions of earlier games, for `settings.restart_share`
    resign_below: a player whose expected score at the root (win + draw / 2) is lower resigns, except in a share
              `settings.resign_playthrough` of the games; 0: nobody resigns
    workload: if given, accumulates the cost
    stop:     when set, all games are abandoned
    tick:     called now and then while games are in progress, in the thread that consumes the records

    Raises UsageError for fewer than 1 simulation.
    """
    positive(simulations, "simulations")
    leaves = leaves_a_tree(search, among)
    playing = crew(
        game,
        simulations,
        evaluator.appetite if isinstance(evaluator, OverlappingEvaluator) else Appetite(),
        leaves=leaves.usual,
        games=len(numbers) if isinstance(numbers, Sized) else None,
        in_flight=settings.games_in_flight,
        threads=threads,
    )
    left, stop = iter(numbers), stop or threading.Event()
    lock = threading.Lock()
    if workload is not None:
        workload.expect(playing.tables)

    def next_number() -> Optional[int]:
        with lock:
            return next(left, None)

    def table(seats: int) -> Table:
        made = Table(
            game,
            evaluator,
            search,
            settings,
            seats=seats,
            simulations=simulations,
            leaves=leaves,
            seed=seed,
            next_number=next_number,
            archive=archive,
            resign_below=resign_below,
        )
        if workload is not None:
            workload.watch(made)
        return made

    def play(worker: int) -> Iterator[Optional[GameRecord]]:
        evaluator.enter_thread(len(playing.seats))
        return _in_turn([table(seats) for seats in playing.seats[worker]], stop)

    if len(playing.seats) == 1:
        for record in play(0):
            if record is not None:
                yield record
            elif tick is not None:
                tick()
    else:
        yield from _in_threads(play, len(playing.seats), stop, tick or (lambda: None))


def _in_turn(tables: List[Table], stop: threading.Event) -> Iterator[Optional[GameRecord]]:
    """Play at each table in turn until there are no more games or `stop` is set.

    While the evaluator works for one table, the others search. Yields each record when its game ends, None after moves.
    """
    for table in tables:
        table.ask()
    while tables and not stop.is_set():
        for table in tables:
            yield from table.go_on()
            if table.playing:
                table.ask()
        tables = [table for table in tables if table.playing]


def _in_threads(
    play: Callable[[int], Iterator[Optional[GameRecord]]], workers: int, stop: threading.Event, tick: Callable[[], None]
) -> Iterator[GameRecord]:
    """Run each worker in a thread, yield all records, and re-raise the workers' exceptions in this thread."""
    outbox: Queue = Queue()

    def work(worker: int) -> None:
        try:
            for record in play(worker):
                if record is not None:
                    outbox.put(record)
            outbox.put(None)
        except BaseException as error:
            outbox.put(error)

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in range(workers)]
    for thread in threads:
        thread.start()
    running = workers
    try:
        while running:
            try:
                item = outbox.get(timeout=_TICK_SECONDS)
            except Empty:
                tick()
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        stop.set()
        for thread in threads:
            thread.join()
