"""Integrity checks of rules and encoding on this machine.

For chess: perft counts, round trips of moves and planes, and a comparison with python-chess. For any game: whether it fulfils
the contract of all games. An error of a compiler or a library would otherwise only show as a net that never learns. Nothing is
printed here.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games import get_game
from pawnzero.games.base import ONGOING, REPETITION, Game
from pawnzero.games.conformance import check_game
from pawnzero.games.line import Line, encode_lines
from pawnzero.progress import Progress

LEVELS = ("quick", "full")

PERFT = {
    "startpos": ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", (5, 4_865_609), (6, 119_060_324)),
    "kiwipete": ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", (4, 4_085_603), (5, 193_690_690)),
    "position 3": ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", (5, 674_624), (7, 178_633_661)),
    "position 4": ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", (4, 422_333), (6, 706_045_033)),
    "position 5": ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", (4, 2_103_487), (5, 89_941_194)),
    "position 6": (
        "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10",
        (4, 3_894_594),
        (5, 164_075_551),
    ),
}
"""The usual test positions: FEN, then (depth, leaf count) for each level. Source: Chess Programming Wiki, "Perft Results"."""

_STARTS = tuple(fen for fen, _, _ in PERFT.values()) + (
    "8/8/4k3/8/8/3RK3/8/8 w - - 88 90",
    "8/2k5/3b4/8/8/4N3/2K5/8 b - - 0 60",
    "4k3/pppppppp/8/8/8/8/PPPPPPPP/4K3 w - - 0 1",
    "8/PPPk4/8/8/8/8/4Kppp/8 b - - 0 1",
)
"""Starting positions of random games: perft's, and some near the fifty-move rule, bare kings, en passant and promotion."""
_LONGEST_GAME = 300
_CODEC_PLIES = 300
_CODEC_GAME = 20
"""Maximum plies of a game in the codec's check: few, so that all starting positions are used."""

GAME_PLIES = 2000
"""Default plies of random play in the check of a game's contract."""

_ANCHORS = {"a1b1": 0, "e1g1": 103, "e1c1": 97, "a7a8q": 1792, "h7h8b": 1857}
"""lc0's indices of some moves (it encodes castling as the king's move onto its rook)."""

Value = Union[int, str]


@dataclass(frozen=True)
class Row:
    """The result of one check, in a section (perft, codec, rules or game); `ok` if `found` equals `expected`."""

    section: str
    name: str
    expected: Value
    found: Value
    seconds: float

    @property
    def ok(self) -> bool:
        return self.expected == self.found


@dataclass(frozen=True)
class Report:
    """The results of all checks."""

    rows: Sequence[Row]

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.rows)

    def to_json(self) -> Dict[str, Any]:
        """``ok``, and for each section its own ``ok`` and its ``rows``."""
        found: Dict[str, Any] = {"ok": self.ok}
        for row in self.rows:
            section = found.setdefault(row.section, {"ok": True, "rows": []})
            section["ok"] = section["ok"] and row.ok
            section["rows"].append({**asdict(row), "seconds": round(row.seconds, 4), "ok": row.ok})
        return found


def run_checks(
    level: str = "quick",
    plies: int = 0,
    seed: int = 0,
    progress: Optional[Progress] = None,
    game: Optional[str] = None,
    game_plies: int = GAME_PLIES,
) -> Report:
    """Run the checks: perft at a level ("quick": well under a second; "full": some seconds), codec, rules and contract.

    plies:            of random play compared with python-chess
    game, game_plies: a game whose contract is checked, if any, and plies of random play for that

    Raises UsageError for an unknown level or game, or a negative number of plies.
    """
    if plies < 0:
        raise UsageError(f"plies {plies}: expected 0 or more")
    played = None if game is None else get_game(game)
    progress = progress or Progress()
    rows = check_perft(level, progress) + check_codec(progress=progress)
    if plies:
        rows += check_rules(plies, seed, progress)
    if played is not None and __debug__:
        rows += check_contract(played, game_plies, seed, progress)
    elif played is not None:
        progress.note(f"the contract of {played.name} is not checked: python -O turns its assertions off")
    return Report(tuple(rows))


def check_perft(level: str = "quick", progress: Optional[Progress] = None) -> List[Row]:
    """Published perft counts of the six usual positions. Raises UsageError for an unknown level."""
    from pawnzero.games.chess.perft import perft

    if level not in LEVELS:
        raise UsageError(f"level {level!r}: expected one of {', '.join(LEVELS)}")
    progress = progress or Progress()
    progress.start("perft", len(PERFT), "positions")
    rows = []
    for name, (fen, *counts) in PERFT.items():
        depth, expected = counts[LEVELS.index(level)]
        rows.append(_timed("perft", f"{name}, depth {depth}", expected, partial(perft, fen, depth)))
        progress.advance()
    progress.finish()
    return rows


def check_codec(plies: int = _CODEC_PLIES, seed: int = 0, progress: Optional[Progress] = None) -> List[Row]:
    """Check move indices and planes by round trips: of all actions, and of moves and planes of positions from random play."""
    progress = progress or Progress()
    progress.start("codec", 4, "checks")
    rows = []
    agreeing = partial(_agreeing, plies, seed, _CODEC_GAME)
    for name, expected, find in (
        ("every action's squares lead back to it", 1858, _action_round_trips),
        ("moves that lc0 numbers", _listed(_ANCHORS), _anchors),
        ("legal moves of random play, to text and back", plies, partial(agreeing, _move_difference)),
        ("planes of random play, back to the position", plies, partial(agreeing, _PlaneReader().difference)),
    ):
        rows.append(_timed("codec", name, expected, find))
        progress.advance()
    progress.finish()
    return rows


def check_rules(plies: int, seed: int = 0, progress: Optional[Progress] = None) -> List[Row]:
    """Compare random play with python-chess: at every ply the legal moves, the FEN, and whether and how the game has ended."""
    progress = progress or Progress()
    progress.start("random play beside python-chess", plies, "plies")
    row = _timed(
        "rules", "plies like python-chess", plies, partial(_agreeing, plies, seed, _LONGEST_GAME, _rules_difference, progress)
    )
    progress.finish()
    return [row]


def check_contract(game: Game, plies: int = GAME_PLIES, seed: int = 0, progress: Optional[Progress] = None) -> List[Row]:
    """Check by random play, with `check_game`, that a game fulfils the contract of `pawnzero.games.base`."""

    def find() -> Value:
        try:
            check_game(game, plies, seed)
        except AssertionError as error:
            return str(error)
        except Exception as error:  # a game may be third-party code
            return repr(error)
        return plies

    progress = progress or Progress()
    progress.start(f"contract of {game.name}", 1, "checks")
    row = _timed("game", f"plies of {game.name} by the contract of all games", plies, find)
    progress.advance(1)
    progress.finish()
    return [row]


def _timed(section: str, name: str, expected: Value, find: Callable[[], Value]) -> Row:
    began = time.perf_counter()
    try:
        found = find()
    except PawnzeroError as error:  # a broken codec rejects legal moves
        found = str(error)
    return Row(section, name, expected, found, time.perf_counter() - began)


def _action_round_trips() -> int:
    """The number of actions whose squares and promotion map back to them."""
    from pawnzero.games.chess.actions import FROM, INDEX, PROMOTION, TO

    return int((INDEX[FROM, TO, PROMOTION] == np.arange(len(FROM))).sum())


def _anchors() -> str:
    game = get_game("chess")
    board = game.parse("4k3/P6P/8/8/8/8/8/R3K2R w KQ - 0 1")
    return _listed({move: game.parse_action(board, move) for move in _ANCHORS})


def _listed(indices: Dict[str, int]) -> str:
    return ", ".join(f"{move} {index}" for move, index in indices.items())


Difference = Callable[[Line, Any], Optional[str]]


def _agreeing(plies: int, seed: int, longest: int, difference: Difference, progress: Optional[Progress] = None) -> Value:
    """`plies` if `difference` finds nothing in that many plies of random play, else its first finding."""
    for line, board in random_games(plies, seed, longest):
        found = difference(line, board)
        if found:
            return found
        if progress and line.actions:
            progress.advance()
    return plies


def random_games(plies: int, seed: int, longest: int = _LONGEST_GAME) -> Iterator[Tuple[Line, Any]]:
    """Random games of `plies` plies in total, as a line and as a python-chess board, yielded at the start and after every ply.

    A game that is not over after `longest` plies is abandoned. The starting positions are used in turn; in every second round
    the players often take back their last move, where that is legal, so that positions repeat.
    """
    import chess

    game, source, number = get_game("chess"), random.Random(seed), 0
    while plies > 0:
        fen = _STARTS[number % len(_STARTS)]
        line, board = Line(game, game.parse(fen)), chess.Board(fen)
        yield line, board
        while plies > 0 and not line.over and len(line.actions) < longest:
            action = _back(line) if number // len(_STARTS) % 2 and source.random() < 0.6 else None
            if action is None:
                action = int(line.legal[source.randrange(len(line.legal))])
            board.push(chess.Move.from_uci(game.format_action(line.state, action)))
            line.push(action)
            plies -= 1
            yield line, board
        number += 1


def _back(line: Line) -> Optional[int]:
    """The move that undoes the player's last one, if it is legal."""
    from pawnzero.games.chess.actions import FROM, INDEX, TO

    if len(line.actions) < 2:
        return None
    last = line.actions[-2]
    action = int(INDEX[TO[last], FROM[last], 0])
    return action if action in line.legal.tolist() else None


def _move_difference(line: Line, board: Any) -> Optional[str]:
    """Describe a legal move that does not survive action → UCI → action, or that python-chess reads as another move."""
    from pawnzero.games.chess.actions import FROM, INDEX, TO

    game, state = line.game, line.state
    for action in line.legal.tolist():
        text = game.format_action(state, action)
        if game.parse_action(state, text) != action:
            return f"{text} is action {action}, but read back as {game.parse_action(state, text)} in {game.format(state)}"
        move = board.parse_uci(text)
        turn = 0 if board.turn else 56
        squares = (move.from_square ^ turn, move.to_square ^ turn)
        if squares != (FROM[action], TO[action]) and not board.is_castling(move):
            return f"action {action} goes between other squares than {text} in {game.format(state)}"
        if not board.is_castling(move) and INDEX[squares][(move.promotion or 1) - 1] != action:
            return f"action {action} promotes otherwise than {text} in {game.format(state)}"
    return None


def _rules_difference(line: Line, board: Any) -> Optional[str]:
    """Describe how rules and python-chess disagree on a position; None if they agree."""
    game, fen = line.game, board.fen()
    if game.format(line.state) != fen:
        return f"{game.format(line.state)} where python-chess has {fen}"
    theirs = {move.uci() for move in board.legal_moves}
    expected = _ending(game, line, board, bool(theirs))
    if line.ending != expected:
        return f"{game.endings[line.ending]} where python-chess has {game.endings[expected]} in {fen}"
    if line.over:
        return None
    ours = [game.format_action(line.state, action) for action in line.legal.tolist()]
    if len(ours) != len(theirs) or set(ours) != theirs:
        return f"legal moves differ by {' '.join(sorted(theirs.symmetric_difference(ours)))} in {fen}"
    return None


def _ending(game: Game, line: Line, board: Any, can_move: bool) -> int:
    """How the game has ended according to python-chess, as an index into `Game.endings`."""
    if not can_move:
        return game.endings.index("checkmate" if board.is_check() else "stalemate")
    if board.is_insufficient_material():
        return game.endings.index("insufficient material")
    if board.halfmove_clock >= 100:
        return game.endings.index("fifty moves")
    return REPETITION if board.is_repetition(3) else ONGOING


class _PlaneReader:
    """Decodes planes into the position and compares; remembers the piece placements of the current game."""

    def __init__(self) -> None:
        self.placements: List[str] = []

    def difference(self, line: Line, board: Any) -> Optional[str]:
        """Describe how the planes of a line's current position differ from python-chess; None if they agree."""
        if not line.actions:
            self.placements.clear()
        self.placements.append(board.board_fen())
        bits, scalars = _encoded(line)
        fields = board.fen().split()
        expected = f"{fields[1]} {fields[2]} {fields[4]} {int(board.is_repetition(2))}"
        found = f"{_read_scalars(scalars)} {int(bits[12] != 0)}"
        if found != expected:
            return f"planes say {found}, expected {expected} in {board.fen()}"
        for age, placement in enumerate(reversed(self.placements[-line.game.history :])):
            found = _read_placement(bits[13 * age : 13 * age + 12], not board.turn)
            if found != placement:
                return f"planes of {age} plies ago show {found}, expected {placement}, before {board.fen()}"
        return None


def _encoded(line: Line) -> Tuple[np.ndarray, np.ndarray]:
    bits, scalars = encode_lines(line.game, [line])
    return bits[0], scalars[0]


def _read_scalars(scalars: np.ndarray) -> str:
    """Side to move, castling rights and halfmove clock, as in a FEN."""
    own_queenside, own_kingside, other_queenside, other_kingside, black, clock = (int(number) for number in scalars[:6])
    rights = [own_kingside, own_queenside, other_kingside, other_queenside]
    if black:
        rights = rights[2:] + rights[:2]
    castling = "".join(letter for letter, right in zip("KQkq", rights) if right) or "-"
    return f"{'b' if black else 'w'} {castling} {clock}"


def _read_placement(planes: np.ndarray, black: bool) -> str:
    """The first field of a FEN from twelve planes, [12] uint64, as seen by the player to move (Black if `black`)."""
    import chess

    board = chess.BaseBoard.empty()
    for number, plane in enumerate(planes.tolist()):
        word = chess.flip_vertical(plane) if black else plane
        for square in chess.scan_forward(word):
            board.set_piece_at(square, chess.Piece(number % 6 + 1, (number < 6) != black))
    return board.board_fen()
