"""Matches: who plays what, how games end, what is counted, what is written."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import chess.pgn
import pytest

from pawnzero.arena import stats
from pawnzero.arena.match import FORFEIT, play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import Forfeit, NetPlayer, Player, RandomPlayer
from pawnzero.arena.sequential import Hypotheses
from pawnzero.arena.uci_player import UciPlayer, parse_uci
from pawnzero.cli.stories import match_lines
from pawnzero.config import SearchConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.progress import Progress
from pawnzero.search import UniformEvaluator

CHESS, FOUR, TIC = get_game("chess"), get_game("connect_four"), get_game("tic_tac_toe")


class Scripted(Player):
    """Plays what `rule` says of a line, and keeps a record of the batches it was asked about."""

    def __init__(self, name, rule):
        self.name = name
        self.details = {}
        self.rule = rule
        self.batches = []

    def choose(self, lines, numbers=()):
        self.batches.append(list(numbers))
        return [self.rule(line) for line in lines]


def first_legal(line):
    return int(line.legal[0])


def last_legal(line):
    return int(line.legal[-1])


def preferring(move):
    """Plays `move` (UCI) where it is legal."""

    def rule(line):
        names = {CHESS.format_action(line.state, action): int(action) for action in line.legal}
        return names.get(move, int(line.legal[0]))

    return rule


def give_up(line):
    return Forfeit('said "no"')


def lines(game, *texts):
    found = []
    for text in texts:
        line = Line(game)
        for move in text.split():
            line.push(game.parse_action(line.state, move))
        found.append(line)
    return found


def match(first, second, games, game=FOUR, starts=None, **options):
    starts = starts or openings(game, (games + 1) // 2, seed=0)
    return play_match(first, second, games=games, openings=starts, game=game, **options)


def test_pairs_share_an_opening_and_swap_colours():
    first, second = Scripted("a", first_legal), Scripted("b", last_legal)
    starts = lines(FOUR, "1 2", "3 4 5", "")
    result = match(first, second, 5, starts=starts)
    assert [one.opening for one in result.played] == [0, 0, 1, 1, 2]
    assert [one.first_side for one in result.played] == [0, 1, 0, 1, 0]
    for one in result.played:
        opening = starts[one.opening].actions
        assert one.line.actions[: one.opening_plies] == opening
        replay = Line.from_actions(FOUR, opening)
        for action in one.line.actions[len(opening) :]:
            own = (replay.player == 0) == (one.first_side == 0)
            assert action == (first_legal if own else last_legal)(replay)
            replay.push(action)
        assert replay.over
        assert one.points == (1 + replay.result * (1 if one.first_side == 0 else -1)) / 2
    assert all(len(line.actions) == plies for line, plies in zip(starts, (2, 3, 0)))


def test_all_games_move_together():
    first, second = RandomPlayer(0), Scripted("b", first_legal)
    match(first, second, 8)
    assert max(len(batch) for batch in second.batches) == 8
    assert len(second.batches) <= 22


def test_no_more_games_at_once_than_a_player_can():
    class Few(Scripted):
        def room_for(self, games):
            return min(3, games)

    few, other = Few("a", first_legal), Scripted("b", last_legal)
    found = match(few, other, 8)
    assert max(len(batch) for batch in other.batches) == max(len(batch) for batch in few.batches) == 3
    assert found.to_json() == match(Scripted("a", first_legal), Scripted("b", last_legal), 8).to_json()


def test_points_are_the_first_players():
    result = match(Scripted("winner", first_legal), Scripted("quitter", give_up), 7)
    assert (result.wins, result.draws, result.losses, result.score) == (7, 0, 0, 1.0)
    assert result.by_colour == {
        "white": {"wins": 4, "draws": 0, "losses": 0},
        "black": {"wins": 3, "draws": 0, "losses": 0},
    }
    assert result.pairs == (0, 0, 0, 0, 3)
    assert (result.forfeits, result.forfeits_by) == (7, {"first": 0, "second": 7})
    assert result.endings == {FORFEIT: 7}
    assert (result.elo, result.elo_high) == (None, None)
    mirrored = match(Scripted("quitter", give_up), Scripted("winner", first_legal), 7)
    assert (mirrored.losses, mirrored.score, mirrored.forfeits_by) == (7, 0.0, {"first": 7, "second": 0})


def test_figures_are_those_of_the_games():
    result = match(RandomPlayer(1), RandomPlayer(2), 41, game=TIC)
    points = [one.points for one in result.played]
    assert (result.wins, result.draws, result.losses) == (points.count(1), points.count(0.5), points.count(0))
    assert result.wins + result.draws + result.losses == result.games == 41
    assert sum(result.pairs) == 20
    expected = stats.estimate(stats.pair_counts(points), 1, points[-1])
    assert (result.score, result.elo_low, result.los) == (expected.score, expected.elo_low, expected.los)
    assert result.mean_plies == sum(len(one.line.actions) for one in result.played) / 41
    assert result.endings == dict(Counter(one.ending for one in result.played))
    assert result.distinct_openings == 21


def test_duplicates_are_counted_as_such():
    start = lines(TIC, "")
    result = match(Scripted("a", first_legal), Scripted("b", first_legal), 6, game=TIC, starts=start * 3)
    assert (result.distinct_games, result.distinct_openings) == (1, 1)
    assert match(RandomPlayer(1), RandomPlayer(2), 6, game=FOUR, starts=lines(FOUR, "") * 3).distinct_games == 6


def test_the_same_moves_from_another_position_are_another_game():
    starts = [Line(CHESS, CHESS.parse(f"4k3/8/8/8/8/8/{pawn}/4K3 w - - 0 1")) for pawn in ("4P3", "P3P3")]
    result = match(Scripted("a", preferring("e1d1")), Scripted("b", preferring("e8d8")), 4, CHESS, starts, max_plies=2)
    assert (result.distinct_games, result.duplicates, result.distinct_openings) == (2, 2, 2)


def test_duplicates_are_reported():
    start = lines(TIC, "")
    result = match(Scripted("a", first_legal), Scripted("b", first_legal), 6, game=TIC, starts=start * 3)
    assert result.duplicates == 5
    assert match(RandomPlayer(1), RandomPlayer(2), 6, game=FOUR, starts=lines(FOUR, "") * 3).duplicates == 0


def distinct(start, plies):
    """Openings of connect four that go on from `start` with every sequence of so many moves."""
    return [" ".join([start, *moves]) for moves in product("1234567", repeat=plies)]


def test_pairs_that_repeat_are_no_evidence():
    def played(copies, odd=0):
        first = Scripted("a", quits_in("2", late=False))
        starts = lines(FOUR, "1", "2", "3", "1 2") * copies
        return match(first, Scripted("b", last_legal), 8 * copies + odd, starts=[*starts, starts[0]])

    once, often = played(1), played(5, odd=1)
    assert sum(once.pairs) == 4
    assert often.pairs == once.pairs
    assert (often.games, often.wins + often.draws + often.losses, often.duplicates) == (41, 41, 33)
    assert often.score == sum(one.points for one in often.played) / 41
    assert (often.pair_variance, often.los) == (once.pair_variance, once.los)
    assert often.score_low <= often.score <= often.score_high
    assert once.score_high - once.score_low <= often.score_high - often.score_low
    told = "; 33 repeat an earlier one, so the interval rests on 4 of 20 pairs"
    assert any(told in line for line in match_lines(often.to_json()))


def mirrored(line):
    """Of connect four's columns the one nearest to the middle, on the side of the first man that is not in the middle."""
    off = next((action for action in line.actions if action != 3), 0)
    columns = [int(action) if off < 3 else 6 - int(action) for action in line.legal]
    column = min(columns, key=lambda action: (abs(action - 3), action))
    return column if off < 3 else 6 - column


@pytest.mark.parametrize("texts", [("1 2", "7 6"), ("2 3 3", "6 5 5")])
def test_a_pair_that_mirrors_another_is_no_evidence(texts):
    quits = Scripted("b", give_up)
    players = (Scripted("a", mirrored), Scripted("b", lambda line: give_up(line) if len(line.actions) > 9 else mirrored(line)))
    once, twice = (match(*players, 2 * len(some), starts=lines(FOUR, *some)) for some in (texts[:1], texts))
    assert (once.pairs, once.los, once.duplicates) == (twice.pairs, twice.los, 0)
    assert (twice.games, twice.distinct_games, twice.duplicates, twice.distinct_openings) == (4, 2, 2, 2)
    assert "2 repeat an earlier one, so the interval rests on 1 of 2 pairs" in match_lines(twice.to_json())[2]
    tested = match(players[0], quits, 4, starts=lines(FOUR, *texts), hypotheses=Hypotheses(0.0, 40.0))
    assert tested.sprt["pairs"] == 1
    images = [line.actions for line in lines(FOUR, *texts)]
    other = match(Scripted("a", first_legal), quits, 4, starts=lines(FOUR, texts[0], "1 6"))
    assert images[0] != images[1]
    assert (other.duplicates, sum(other.pairs)) == (0, 2)


def test_players_that_draw_lots_draw_others_in_a_match_that_follows():
    starts = lines(FOUR, "1", "2", "3")
    whole = match(RandomPlayer(1), RandomPlayer(2), 12, starts=starts * 2)
    parts = [match(RandomPlayer(1), RandomPlayer(2), 6, starts=starts, before=before) for before in (0, 6)]
    assert [one.moves for part in parts for one in part.played] == [one.moves for one in whole.played]
    assert whole.duplicates == 0


def test_copies_decide_no_test():
    starts = lines(FOUR, "1", "2", "3", "4") * 50
    result = match(Scripted("a", first_legal), Scripted("b", give_up), 400, starts=starts, hypotheses=Hypotheses(0.0, 40.0))
    assert (result.sprt["decision"], result.sprt["pairs"], result.games) == (stats.CONTINUE, 4, 400)
    assert result.sprt["llr"] == stats.log_likelihood_ratio(result.pairs, 0.0, 40.0)
    assert (result.wins, result.pairs, result.left_out) == (400, (0, 0, 0, 0, 4), 0)
    starts = lines(FOUR, "1", "1", *distinct("", 3)[:198])
    result = match(Scripted("a", first_legal), Scripted("b", give_up), 400, starts=starts, hypotheses=Hypotheses(0.0, 40.0))
    assert result.sprt["decision"] == stats.ACCEPT_H1
    assert result.games == 2 * (result.sprt["pairs"] + 1)
    assert sum(result.pairs) == result.sprt["pairs"]


def test_a_match_ends_when_its_pairs_decide():
    first, second = Scripted("a", first_legal), Scripted("b", give_up)
    result = match(first, second, 400, starts=lines(FOUR, *distinct("", 3)[:200]), hypotheses=Hypotheses(0.0, 40.0))
    expected = next(n for n in range(200) if stats.sprt((0, 0, 0, 0, n), 0.0, 40.0).decision == stats.ACCEPT_H1)
    assert result.sprt["decision"] == stats.ACCEPT_H1
    assert (result.sprt["pairs"], result.games, result.pairs) == (expected, 2 * expected, (0, 0, 0, 0, expected))
    assert result.sprt["llr"] >= result.sprt["upper"] == stats.sprt_bounds()[1]
    assert [one.number for one in result.played] == list(range(result.games))
    assert max(number for batch in second.batches for number in batch) < 64


def test_a_match_that_a_test_has_ended_tells_the_difference_with_that_in_mind():
    first, second = Scripted("a", quits_in("2", late=False)), Scripted("b", give_up)
    level = iter(distinct("2", 3))
    starts = lines(FOUR, *(text for won in distinct("1", 3)[:60] for text in (next(level), next(level), next(level), won)))
    result = match(first, second, 400, starts=starts, hypotheses=Hypotheses(0.0, 60.0))
    told = match_lines(result.to_json())
    assert result.sprt["decision"] == stats.ACCEPT_H1
    assert 0 < result.sprt["elo_low"] < result.sprt["elo"] < result.elo
    assert result.sprt["elo"] < result.sprt["elo_high"]
    bounds = f"{result.sprt['elo']:+.0f} ({result.sprt['elo_low']:+.0f} to {result.sprt['elo_high']:+.0f})"
    assert told[0].endswith(f"score {result.score:.3f}, Elo {bounds} allowing for the early stop")
    assert told[1].endswith(f"likelihood that {result.first} is stronger: {result.sprt['los']:.1%}")
    plain = match(first, second, result.games, starts=starts)
    assert (plain.elo, plain.los) == (result.elo, result.los)
    assert "by when" not in match_lines(plain.to_json())[0]


def quits_in(column, late):
    """Gives up: at once in games that began with `column`, in others after ten moves where `late`, else never."""

    def rule(line):
        early = FOUR.format_action(line.states[0], line.actions[0]) == column
        return give_up(line) if early or (late and len(line.actions) >= 10) else first_legal(line)

    return rule


def test_pairs_count_in_their_order_however_early_they_end(tmp_path):
    """Of two openings one is a win in a move, the other a loss in ten: taken as they end, the wins alone would decide."""
    path = tmp_path / "games.txt"
    first, second = Scripted("a", quits_in("2", late=True)), Scripted("b", quits_in("1", late=False))
    starts = lines(FOUR, *(text for pair in zip(distinct("1", 2), distinct("2 1", 2)[:32]) for text in pair))
    result = match(first, second, 128, starts=starts, hypotheses=Hypotheses(-60.0, 60.0))
    assert (result.sprt["decision"], result.games, result.score) == (stats.CONTINUE, 128, 0.5)
    starts = lines(FOUR, "3", *distinct("1", 4)[:63])
    result = match(first, second, 128, starts=starts, hypotheses=Hypotheses(0.0, 300.0), pgn=path)
    assert result.sprt["decision"] == stats.ACCEPT_H1
    assert [one.points for one in result.played] == [0.0, 0.0] + [1.0] * (result.games - 2)
    assert result.left_out > 0
    text = path.read_text()
    assert text.count("[Result ") == result.games + result.left_out
    assert text.count('[Counted "no') == result.left_out


def test_an_undecided_test_leaves_the_whole_match():
    result = match(RandomPlayer(1), RandomPlayer(2), 21, hypotheses=Hypotheses(0.0, 5.0))
    assert (result.games, result.left_out, result.sprt["decision"]) == (21, 0, stats.CONTINUE)
    assert result.sprt["pairs"] == 10
    assert result.sprt["llr"] == stats.log_likelihood_ratio(result.pairs, 0.0, 5.0)
    assert match(RandomPlayer(1), RandomPlayer(2), 2).sprt is None


@pytest.mark.parametrize(
    "values", [(10.0, 0.0), (5.0, 5.0), (0.0, math.inf), (-200000.0, 0.0), (0.0, 10.0, 0.5), (0.0, 10.0, 0.05, 0.0)]
)
def test_hypotheses_that_make_no_test(values):
    with pytest.raises(UsageError, match=r"^SPRT.*expected"):
        Hypotheses(*values)


def test_long_games_are_adjudicated_draws():
    result = match(Scripted("a", first_legal), Scripted("b", first_legal), 4, game=CHESS, max_plies=14)
    assert (result.draws, result.adjudicated, result.endings) == (4, 4, {"max plies": 4})
    assert result.mean_plies == 14


def test_repetition_ends_a_game():
    def shuffle(line):
        return CHESS.parse_action(line.state, ("g1f3", "g8f6", "f3g1", "f6g8")[len(line.actions) % 4])

    result = match(Scripted("a", shuffle), Scripted("b", shuffle), 2, game=CHESS, starts=lines(CHESS, ""))
    assert result.endings == {"repetition": 2}
    assert result.mean_plies == 8
    assert result.draws == 2


def test_an_opening_longer_than_a_game_is_refused():
    with pytest.raises(UsageError, match="opening 2 has 3 plies, expected fewer than max_plies, which is 2"):
        match(RandomPlayer(0), RandomPlayer(1), 4, starts=lines(FOUR, "1", "1 2 3"), max_plies=2)


def test_same_seed_same_match():
    def actions(seed):
        return [one.line.actions for one in match(RandomPlayer(seed), RandomPlayer(9), 6).played]

    assert actions(1) == actions(1)
    assert actions(1) != actions(2)


def test_search_beats_random():
    # A net that knows nothing lets 200 simulations lose a game now and then, with looking ahead or without.
    net = NetPlayer(TIC, UniformEvaluator(), name="search", simulations=800, search=SearchConfig())
    result = match(net, RandomPlayer(0), 20, game=TIC, starts=lines(TIC, "") * 10)
    assert result.losses == 0
    assert result.score > 0.8
    assert result.elo_low > 0


def test_json_holds_all_but_the_games():
    result = match(RandomPlayer(1), Scripted("b", first_legal), 3)
    told = json.loads(json.dumps(result.to_json()))
    promised = "games wins draws losses score elo elo_low elo_high los distinct_games winrate pairs endings mean_plies seed"
    assert set(promised.split()) <= set(told)
    assert told["winrate"] == told["score"] == result.score
    assert (told["first"], told["players"]["second"]["name"]) == ("random", "b")
    assert "played" not in told


def test_games_are_written_as_pgn(tmp_path):
    path = tmp_path / "new" / "games.pgn"
    net = NetPlayer(CHESS, UniformEvaluator(), name="N", simulations=2, search=SearchConfig(), net="a.pt (step 3)")
    starts = lines(CHESS, "e2e4 e7e5 f1c4 b8c6 d1h5 g8f6") + [Line(CHESS, CHESS.parse("4k3/8/8/8/8/8/8/4K2R w K - 0 1"))]
    result = match(Scripted("M", preferring("h5f7")), net, 4, game=CHESS, starts=starts, max_plies=12, pgn=path)
    with open(path) as stream:
        games = list(iter(lambda: chess.pgn.read_game(stream), None))
    assert [game.errors for game in games] == [[]] * 4
    for game, one in zip(games, result.played):
        board = game.end().board()
        assert board.fen() == CHESS.format(one.line.state)
        assert len(board.move_stack) == len(one.line.actions)
    first, second, third, _ = (game.headers for game in games)
    assert (first["White"], first["Black"], first["Result"], first["Round"]) == ("M", "N", "1-0", "1.1")
    assert (first["Termination"], first["Ending"], first["BlackNet"]) == ("normal", "checkmate", "a.pt (step 3)")
    assert (second["White"], second["WhiteSimulations"], second["Round"]) == ("N", "2", "1.2")
    assert (third["FEN"], third["GivenPlies"]) == ("4k3/8/8/8/8/8/8/4K2R w K - 0 1", "0")
    assert third["Termination"] == "adjudication"


def test_pgn_is_added_to_and_tells_of_forfeits(tmp_path):
    path = tmp_path / "games.pgn"
    for _ in range(2):
        match(Scripted('the "A"', first_legal), Scripted("B", give_up), 2, game=CHESS, pgn=path)
    with open(path) as stream:
        games = list(iter(lambda: chess.pgn.read_game(stream), None))
    assert [game.headers["Result"] for game in games] == ["1-0", "0-1"] * 2
    assert games[0].headers["White"] == "the 'A'"
    assert games[0].headers["Termination"] == "abandoned"
    assert games[0].headers["Ending"] == "forfeit: said 'no'"


def test_other_games_are_written_in_their_own_notation(tmp_path):
    result = match(RandomPlayer(0), RandomPlayer(1), 2, pgn=tmp_path / "four.txt")
    text = (tmp_path / "four.txt").read_text()
    moves = " ".join(str(action + 1) for action in result.played[1].line.actions)
    assert moves in " ".join(text.split())
    assert '[Game "connect_four"]' in text


def test_a_pgn_that_cannot_be_written_is_told_before_the_first_move(tmp_path):
    (tmp_path / "file").write_text("")
    player = Scripted("a", first_legal)
    with pytest.raises(PawnzeroError, match="cannot be written"):
        match(player, player, 2, pgn=tmp_path / "file" / "games.pgn")
    assert player.batches == []


def test_a_match_that_is_broken_off_keeps_its_finished_games(tmp_path):
    def stop_late(line):
        if len(line.actions) > 8:
            raise KeyboardInterrupt
        return first_legal(line)

    starts = lines(CHESS, "f2f3 e7e5 g2g4", "e2e4")
    stopping = Scripted("S", stop_late)
    with pytest.raises(KeyboardInterrupt):
        match(stopping, Scripted("M", preferring("d8h4")), 4, game=CHESS, starts=starts, pgn=tmp_path / "games.pgn")
    assert (tmp_path / "games.pgn").read_text().count("checkmate") == 1


def test_progress_tells_the_running_score():
    told = []

    class Watching(Progress):
        def start(self, stage, total, unit):
            told.append((stage, total, unit))

        def advance(self, count=1, **figures):
            told.append((count, figures["score"]))

    match(Scripted("a", first_legal), Scripted("b", give_up), 3, progress=Watching())
    assert told == [("arena", 3, "games")] + [(1, "1.000")] * 3


def test_an_engines_faults_cost_it_those_games_and_not_the_match(tmp_path):
    script = Path(__file__).parent / "fake_uci.py"
    spec = parse_uci(f"uci:{shlex.quote(sys.executable)} {shlex.quote(str(script))} crash e2e4")
    with UciPlayer(CHESS, spec, processes=2) as engine:
        starts = lines(CHESS, "e2e4 e7e5", "d2d4 d7d5")
        result = match(RandomPlayer(0), engine, 4, game=CHESS, starts=starts, max_plies=10, pgn=tmp_path / "games.pgn")
    assert [one.ending for one in result.played] == [FORFEIT, FORFEIT, "max plies", "max plies"]
    assert (result.wins, result.draws, result.forfeits_by["second"]) == (2, 2, 2)
    assert "the engine ended" in (tmp_path / "games.pgn").read_text()
