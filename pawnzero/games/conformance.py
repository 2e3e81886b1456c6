"""Check that a game satisfies the contract of `pawnzero.games.base`; every new game must pass `check_game`."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Callable, Dict, List, Tuple

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, FIRST_OWN_ENDING, NO_ACTION, ONGOING, Game, Positions
from pawnzero.games.drawing import EMPTY, drawing
from pawnzero.games.line import Line
from pawnzero.games.symmetry_checks import check_symmetries

LONGEST_GAME = 300
"""Plies after which a random game is abandoned."""
TEXTS = 200
"""Number of positions whose text forms are checked; at most every fifth."""
_MOVE = re.compile(r"(?!\d+\.|(1-0|0-1|1/2-1/2|\*)$)\S+")
"""A word that can be told apart from the other tokens of a game file."""
_REPETITION_PLIES = 400
"""Plies of random play after which some position must have repeated, in a game where positions can."""


def check_game(game: Game, plies: int = 2000, seed: int = 0) -> None:
    """Check everything base.py requires, on `plies` random plies of `game`.

    Every other game moves back and forth where it can, so that positions repeat. Only the game's author can check that the
    rules and results are the intended ones: those need tests of their own.

    Raises AssertionError that says what is broken and in which position.
    """
    check_declarations(game)
    lines = random_lines(game, plies, seed)
    positions = _all_positions(game, lines)
    check_rules(game, positions)
    check_lines(game, lines)
    check_batches(game, lines, positions)
    check_wins(game, positions)
    check_text(game, positions)
    check_encoding(game, lines)
    check_symmetries(game, seed)


def random_lines(game: Game, plies: int, seed: int) -> List[Line]:
    """Play random games of `plies` plies in total. Every other game seeks earlier positions, so that repetition occurs."""
    random = np.random.default_rng(seed)
    lines: List[Line] = []
    while plies > 0:
        line = Line(game, max_plies=min(plies, LONGEST_GAME))
        assert not line.over, f"{game.name}: the starting position is already over ({game.endings[line.ending]})"
        while not line.over:
            count = int(game.look(line.state).count[0])
            assert count <= game.max_legal, f"count {count} in {game.format(line.state)}, max_legal is {game.max_legal}"
            assert len(line.legal), f"no legal action in {game.format(line.state)}, but the game goes on"
            returning = _returning(line) if len(lines) % 2 and random.random() < 0.5 else line.legal[:0]
            line.push(int(random.choice(returning if len(returning) else line.legal)))
        lines.append(line)
        plies -= len(line.actions)
    return lines


def check_declarations(game: Game) -> None:
    """Check that a game's declared constants agree with each other and with the array types."""
    rows, columns = game.board_shape
    planes = game.bit_planes + game.scalar_planes
    outputs = game.policy_planes * rows * columns
    assert all(1 <= side <= 8 for side in game.board_shape), f"board_shape {game.board_shape}: expected 1 to 8 rows and columns"
    assert min(game.state_words, game.history) >= 1, "state_words and history must be 1 or more"
    assert 1 <= game.max_legal <= game.num_actions < 2**15, "expected 1 <= max_legal <= num_actions < 2**15"
    assert 0 <= game.max_reversible < 2**15, f"max_reversible {game.max_reversible}: expected 0 to 2**15 - 1"
    _expect_array("plane_scale", game.plane_scale, np.float32, (planes,))
    assert np.isfinite(game.plane_scale).all(), "plane_scale must be finite"
    assert game.plane_scale.all(), f"plane_scale of plane {np.flatnonzero(game.plane_scale == 0)[0]} is 0, so no net sees it"
    _expect_array("policy_index", game.policy_index, np.int32, (game.num_actions,))
    outside = np.flatnonzero((game.policy_index < 0) | (game.policy_index >= outputs))
    assert not len(outside), f"policy_index of action {outside[0]} is outside the head's {outputs} outputs"
    assert len(np.unique(game.policy_index)) == game.num_actions, "policy_index gives two actions the same output"
    _expect_array("cell_map", game.cell_map, np.uint8, (game.symmetries, 64))
    _expect_array("action_map", game.action_map, np.int16, (game.symmetries, game.num_actions))
    common = len(COMMON_ENDINGS)
    assert game.endings[:common] == COMMON_ENDINGS, f"endings must begin with {COMMON_ENDINGS}"
    _expect_array("ending_values", game.ending_values, np.int8, (len(game.endings),))
    assert tuple(game.ending_values[:common]) == COMMON_ENDING_VALUES, f"ending_values must begin with {COMMON_ENDING_VALUES}"
    assert np.isin(game.ending_values, (-1, 0, 1)).all(), "ending_values must be -1, 0 or 1"
    _expect_array("initial()", game.initial(), np.uint64, (game.state_words,))
    assert game.player(game.initial()) == 0, "player 0 must move first"
    assert len(set(filter(None, game.sides))) == 2, f"sides {game.sides}: expected two names, of player 0 and player 1"


def check_rules(game: Game, positions: Positions) -> None:
    """Check that what `inspect` reports for each position is within what the game declares."""
    for b, state in enumerate(positions.state):
        where = f"in {game.format(state)}"
        count, ending, reversible = int(positions.count[b]), int(positions.ending[b]), int(positions.reversible[b])
        assert 0 <= count <= game.max_legal, f"count {count} {where}, max_legal is {game.max_legal}"
        actions = positions.legal[b, :count].tolist()
        assert all(0 <= action < game.num_actions for action in actions), f"actions {actions} {where}, expected 0 to A - 1"
        assert len(set(actions)) == count, f"an action stands twice among {actions} {where}"
        own = FIRST_OWN_ENDING <= ending < len(game.endings)
        assert ending == ONGOING or own, f"ending {ending} {where}: a position alone can end by the game's own endings only"
        assert (count == 0) == (ending != ONGOING), f"{count} legal actions {where}, but ending is {game.endings[ending]!r}"
        assert 0 <= reversible <= game.max_reversible, f"reversible {reversible} {where}, declared 0 to {game.max_reversible}"


def check_lines(game: Game, lines: List[Line]) -> None:
    """Check that the players alternate and that `key` and `reversible` tell which positions repeat."""
    described: Dict[Tuple[int, bool], Tuple[object, str]] = {}
    repetitions = 0
    for line in lines:
        seen: Dict[int, int] = {}
        before = game.max_reversible
        for ply, state in enumerate(line.states):
            text = game.format(state)
            assert game.player(state) == ply % 2, f"player() is {game.player(state)} after {ply} plies in {text}"
            at = game.look(state)
            key, reversible = int(at.key[0]), int(at.reversible[0])
            assert reversible <= before + 1, f"reversible rose from {before} to {reversible} in one ply, in {text}"
            if key in seen:
                back = ply - seen[key]
                repetitions += 1
                assert back <= reversible, f"the key of {text} stood {back} plies before, but reversible is {reversible}"
            before, seen[key] = reversible, ply
            # An ended position has no legal actions, and a counter may end the game in a position that occurred before.
            picture = _picture(game, at)
            other, other_text = described.setdefault((key, int(at.ending[0]) == ONGOING), (picture, text))
            assert other == picture, f"equal keys for positions that differ: {other_text} and {text}"
    assert repetitions or not game.max_reversible or sum(len(line.actions) for line in lines) < _REPETITION_PLIES, (
        "no key ever came again, though max_reversible says that positions can repeat"
    )


def check_batches(game: Game, lines: List[Line], positions: Positions) -> None:
    """Check that one batch, its parts, two threads and single positions give the same results, whatever `out` held before."""
    states = np.concatenate([line.states[:-1] for line in lines])
    actions = np.concatenate([line.actions for line in lines]).astype(np.int16)
    reached = np.concatenate([line.states[1:] for line in lines])
    kept = states.copy(), actions.copy()
    whole = _soiled(game, len(states))
    game.step(states, actions, whole)
    unchanged = (states == kept[0]).all() and (actions == kept[1]).all()
    assert unchanged, "step changed its inputs"
    assert (whole.state == reached).all(), "step of a batch reaches other positions than step of one position"

    inspected = _soiled(game, len(states))
    inspected.state[:] = whole.state
    game.inspect(inspected)
    _expect_same(game, whole, inspected, "step and inspect")

    cut = len(states) // 3
    halves = _soiled(game, len(states))

    def step_part(bounds: Tuple[int, int]) -> None:
        start, stop = bounds
        game.step(states[start:stop], actions[start:stop], halves.part(start, stop))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(step_part, [(0, cut), (cut, cut), (cut, len(states))]))
    _expect_same(game, whole, halves, "step of a batch and of its parts in two threads")

    again = game.allocate(len(positions))
    again.state[:] = positions.state
    for b in range(len(again)):
        game.inspect(again.part(b, b + 1))
    _expect_same(game, positions, again, "inspect of a batch and of its positions one by one")


def check_wins(game: Game, positions: Positions) -> None:
    """Check that `wins_at_once` finds a winning action wherever there is one, among the listed actions alone."""
    kept = positions.legal.copy(), positions.count.copy()
    found = game.wins_at_once(positions)
    unchanged = (positions.legal == kept[0]).all() and (positions.count == kept[1]).all()
    assert unchanged, "wins_at_once changed its input"
    _expect_array("wins_at_once()", found, np.int16, (len(positions),))
    for b in range(len(positions)):
        at = positions.part(b, b + 1)
        after = game.children(at)
        listed = at.legal[0, : len(after)]
        wins = game.ending_values[after.ending] < 0
        where = f"in {game.format(at.state[0])}, where {listed[wins].tolist() or 'no action'} wins"
        assert found[b] in listed[wins] if wins.any() else found[b] == NO_ACTION, f"wins_at_once gives {found[b]} {where}"
        if wins.any():
            others = game.look(at.state[0])
            others.count[0] = len(listed) - wins.sum()
            others.legal[0, : others.count[0]] = listed[~wins]
            unlisted = game.wins_at_once(others)[0]
            assert unlisted == NO_ACTION, f"wins_at_once gives {unlisted}, which is not listed, {where}"


def check_text(game: Game, positions: Positions) -> None:
    """Check that positions and actions survive a round trip through text, and that invalid text is a UsageError quoting it."""
    for b in np.unique(np.linspace(0, len(positions) - 1, min(TEXTS, len(positions) // 5 + 1)).astype(int)):
        state = positions.state[b]
        text = game.format(state)
        read = game.parse(text)
        _expect_array(f"parse({text!r})", read, np.uint64, (game.state_words,))
        assert game.format(read) == text, f"parse and format turn {text!r} into {game.format(read)!r}"
        assert game.player(read) == game.player(state), f"another player is to move after parse({text!r})"
        _expect_same(game, positions.part(b, b + 1), game.look(read), f"a position and parse({text!r})")
        assert game.draw(state).strip(), f"draw gives nothing for {text}"
        men = drawing(game, state).men
        strange = sorted(set(men) - {EMPTY, *game.men[0], *game.men[1]}) if len(men) > 1 else []
        assert not strange, (
            f"draw shows {strange} on the squares of {text}, expected {EMPTY!r} or one of `men`, {game.men}: one line per row "
            "from the top, blanks between squares, row names on the left and column names below"
        )
        actions = positions.legal[b, : positions.count[b]].tolist()
        names = [game.format_action(state, action) for action in actions]
        read_back = [game.parse_action(state, name) for name in names]
        assert read_back == actions, f"actions {actions} are written {names} and read as {read_back} in {text}"
        for name in names:
            assert _MOVE.fullmatch(name), (
                f"an action is written {name!r}, expected one word that is neither a number with a dot nor a result: so games "
                "can be written into files"
            )
        described = [game.parse_action(state, game.describe_action(state, action)) for action in actions]
        assert described == actions, f"actions {actions} are described so that they are read as {described} in {text}"
    usual = game.format(game.initial())
    try:
        named = game.format(game.parse("startpos"))
    except UsageError as error:
        named = f"refused ({error})"
    assert named == usual, f"parse('startpos') is {named}, expected {usual}"
    _expect_usage_error("parse_action", lambda: game.parse_action(game.initial(), "no such move"), "no such move")
    _expect_usage_error("parse", lambda: game.parse("no such position"), "no such position")


def check_encoding(game: Game, lines: List[Line]) -> None:
    """Check that planes are filled, finite, on the board, independent of unused inputs, and differ for different positions."""
    history, repeated, length, keys = _histories(game, lines)
    bits, scalars = _encode(game, history, repeated, length)
    rows, columns = game.board_shape
    board = sum(((1 << columns) - 1) << (8 * row) for row in range(rows))
    off_board = (bits & np.uint64(~board & (2**64 - 1))).any(axis=0)
    assert not off_board.any(), f"bit plane {np.flatnonzero(off_board)[0]} has bits outside the {rows} × {columns} board"
    finite = np.isfinite(scalars).all(axis=0)
    assert finite.all(), f"scalar plane {np.flatnonzero(~finite)[0]} is not finite or was not filled"

    for b, known in enumerate(length):
        history[b, known:] = history[-1, 0]
        repeated[b, known:] = 1
    other_bits, other_scalars = _encode(game, history, repeated, length)
    same = (bits == other_bits).all() and (scalars == other_scalars).all()
    assert same, "encode reads history past `length`, or leaves outputs unfilled"

    cut = len(history) // 3
    for part in (slice(0, cut), slice(cut, None)):
        part_bits, part_scalars = _encode(game, history[part], repeated[part], length[part])
        same = (part_bits == bits[part]).all() and (part_scalars == scalars[part]).all()
        assert same, "encode of a part of a batch differs from encode of the whole"

    pictures: Dict[Tuple[bytes, int], Tuple[int, str]] = {}
    of_planes: Dict[bytes, Tuple[List[int], str]] = {}
    for b, key in enumerate(keys):
        state, planes = history[b, 0], bits[b].tobytes() + scalars[b].tobytes()
        text, at = game.format(state), game.look(state)
        other_key, other = pictures.setdefault((planes, game.player(state)), (key, text))
        assert other_key == key, f"a net cannot tell {other} from {text}: their planes are the same"
        # In a game with passes, one position may be another with the players exchanged: the same for the player to move.
        legal = at.legal[0, : at.count[0]].tolist()
        other_legal, other = of_planes.setdefault(planes, (legal, text))
        assert other_legal == legal, (
            f"a net cannot tell {other} from {text}: their planes are the same, their legal actions not"
        )
    _check_view(game, lines, bits)


def _check_view(game: Game, lines: List[Line], bits: np.ndarray) -> None:
    """Check `flips_board`: a ply changes little, so the planes after it must resemble those before it, flipped as declared."""
    rows, _ = game.board_shape
    places = np.arange(64)
    turned_places = np.where(places // 8 < rows, 8 * (rows - 1 - places // 8) + places % 8, places)
    squares = np.unpackbits(bits.astype("<u8").view(np.uint8).reshape(len(bits), -1, 8), axis=2, bitorder="little").astype(
        np.int32
    )
    changed = {True: 0, False: 0}
    first = 0
    for line in lines:
        for b in range(first, first + len(line.actions)):
            after = squares[b + 1]
            for flipped, before in ((False, squares[b]), (True, squares[b][:, turned_places])):
                unlike = before.sum(1) + after.sum(1)[:, np.newaxis] - 2 * after @ before.T
                changed[flipped] += int(unlike.min(axis=1).sum())
        first += len(line.states)
    assert changed[game.flips_board] <= changed[not game.flips_board], (
        f"flips_board is {game.flips_board}, but planes look more like those of the ply before {_STANDING[game.flips_board]}"
    )


_STANDING = {True: "as they stand: is the board seen from the side of whoever is to move?", False: "turned upside down"}


def _returning(line: Line) -> np.ndarray:
    """The legal actions that repeat a position of this game, at once or after a suitable reply: [n] int16."""
    past = np.array(line.keys, np.uint64)
    after = line.game.children(line.game.look(line.state))
    replies = line.game.children(after)
    returns = np.isin(after.key, past)
    returns[np.repeat(np.arange(len(after)), after.count)[np.isin(replies.key, past)]] = True
    return line.legal[returns]


def _all_positions(game: Game, lines: List[Line]) -> Positions:
    states = np.concatenate([line.states for line in lines])
    positions = _soiled(game, len(states))
    positions.state[:] = states
    game.inspect(positions)
    return positions


def _soiled(game: Game, size: int) -> Positions:
    """`Positions` filled with garbage, so that arrays a game forgets to fill are noticed."""
    positions = game.allocate(size)
    for array in (getattr(positions, entry.name) for entry in fields(positions)):
        array.view(np.uint8).fill(0x55)
    return positions


def _histories(game: Game, lines: List[Line]) -> Tuple[np.ndarray, np.ndarray, np.ndarray, List[int]]:
    """For every position in `lines`, the inputs of `encode` (history, repeated, length), and its key."""
    seen = []
    for line in lines:
        replay = Line(game)
        seen.append(replay.history(game.history))
        for action in line.actions:
            replay.push(action)
            seen.append(replay.history(game.history))
    states, repeated, lengths = zip(*seen)
    return np.stack(states), np.stack(repeated), np.array(lengths, np.int16), [key for line in lines for key in line.keys]


def _encode(game: Game, history: np.ndarray, repeated: np.ndarray, length: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    bits = np.full((len(history), game.bit_planes), 2**64 - 1, np.uint64)
    scalars = np.full((len(history), game.scalar_planes), np.nan, np.float32)
    kept = history.copy(), repeated.copy(), length.copy()
    game.encode(history, repeated, length, bits, scalars)
    unchanged = all((old == new).all() for old, new in zip(kept, (history, repeated, length)))
    assert unchanged, "encode changed its inputs"
    return bits, scalars


def _picture(game: Game, at: Positions) -> Tuple[object, ...]:
    """What must agree if keys do: side to move, legal actions, and the bitboards encoded without history."""
    history = np.zeros((1, game.history, game.state_words), np.uint64)
    history[:, 0] = at.state
    bits, _ = _encode(game, history, np.zeros((1, game.history), np.uint8), np.ones(1, np.int16))
    return game.player(at.state[0]), at.legal[0, : at.count[0]].tolist(), bits.tobytes()


def _expect_array(name: str, array: np.ndarray, dtype: type, shape: Tuple[int, ...]) -> None:
    expected = np.dtype(dtype), shape
    assert (array.dtype, array.shape) == expected, f"{name} is {array.dtype} {array.shape}, expected {expected[0]} {shape}"


def _expect_same(game: Game, one: Positions, other: Positions, what: str) -> None:
    """Check that all valid entries of two batches are equal (`legal` past `count` is not valid)."""
    for name in ("count", "ending", "key", "reversible"):
        differ = np.flatnonzero(getattr(one, name) != getattr(other, name))
        assert not len(differ), f"{what} disagree on {name} in {game.format(one.state[differ[0]])}"
    filled = np.arange(game.max_legal) < one.count[:, np.newaxis]
    differ = np.flatnonzero(((one.legal != other.legal) & filled).any(axis=1))
    assert not len(differ), f"{what} disagree on the legal actions in {game.format(one.state[differ[0]])}"


def _expect_usage_error(name: str, call: Callable[[], object], quoted: str) -> None:
    try:
        answer = f"gives {call()!r}"
    except UsageError as error:
        if quoted in str(error):
            return
        answer = f"says {str(error)!r}"
    except Exception as error:
        answer = f"raises {error!r}"
    raise AssertionError(f"{name}({quoted!r}) {answer}, expected a UsageError that quotes the text")
