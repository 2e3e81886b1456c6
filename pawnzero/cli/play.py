"""Play a game in the terminal against any player.

  pawnzero play models/AgentA
  pawnzero play models/Four --color second --sims 200
  pawnzero play random --game tic_tac_toe
  pawnzero play shipped:chess
  pawnzero play models/AgentA --fen "8/8/8/4k3/8/8/4P3/4K3 w - - 0 1"
  pawnzero play models/AgentA --self

Type moves as the game writes them: SAN or UCI in chess (Nf3, g1f3), the column from 1 in connect four, the cell from 1 to 9 in
tic-tac-toe. `help` lists what else can be typed: eval, hint, undo, flip, moves, new, resign, save FILE, quit.
An agent plays with its best net, or with its latest if there is no best yet. Through a pipe the output is plain text.
"""

from __future__ import annotations

import argparse
import random
from typing import TYPE_CHECKING

from pawnzero.cli.options import add_device, add_settings, add_sims, read_device, read_settings
from pawnzero.errors import UsageError

if TYPE_CHECKING:
    from pawnzero.games.base import Game

_COLORS = {"white": 0, "first": 0, "black": 1, "second": 1}
"""Values of --color in every game, unless the game itself uses such a word for a side."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "player",
        metavar="PLAYER",
        help="an agent's directory, a checkpoint file, lc0's weights, shipped:GAME, random or uci:COMMAND;OPTION=VALUE;…",
    )
    parser.add_argument(
        "--game", metavar="NAME", help="the game (default: the one the player's net plays, else that of --config, else chess)"
    )
    parser.add_argument(
        "--color",
        default="white",
        metavar="SIDE",
        help="your side: white or first, black or second, the game's own name for it, or random (default: white)",
    )
    parser.add_argument("--self", dest="alone", action="store_true", help="watch the player play against itself")
    parser.add_argument(
        "--position",
        "--fen",
        default="startpos",
        metavar="TEXT",
        help="starting position: a FEN in chess, a board in other games",
    )
    add_sims(parser)
    add_settings(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    config = read_settings(args)
    simulations = config.mcts_sims if args.sims is None else args.sims
    device = read_device(args)
    from pawnzero.arena.players import NetPlayer, best_or_latest, check_player, game_of, parse_player
    from pawnzero.cli.display import shown_progress
    from pawnzero.games import get_game
    from pawnzero.play.screen import screen_for
    from pawnzero.play.session import Session
    from pawnzero.play.thinker import Thinker

    check_player(best_or_latest(args.player)[0])
    game = get_game(args.game or game_of(args.player) or config.game)
    start = game.parse(args.position)
    chance = random.SystemRandom()
    side = chance.randrange(2) if args.color.lower() == "random" else _side(game, args.color)
    person = None if args.alone else side
    spec, note = best_or_latest(args.player)
    if note:
        print(note)
    with shown_progress() as progress:
        player = parse_player(
            spec,
            game=game,
            device=device,
            simulations=simulations,
            search=config.search,
            seed=chance.getrandbits(32),
            progress=progress,
        )
    with player:
        thinker = Thinker(player.evaluator, config.search, simulations) if isinstance(player, NetPlayer) else None
        screen = screen_for()
        if person is not None:
            screen.say(
                f"{player.name} has {game.sides[1 - person]}, you have {game.sides[person]}; help lists what you can type"
            )
        Session(game, start, player, person, thinker, screen).run()
    return 0


def _side(game: Game, text: str) -> int:
    """The side (0 or 1) that `text` means; the game's own names take precedence.

    Raises UsageError that lists the possible values.
    """
    known = {**_COLORS, **{name.lower(): side for side, name in enumerate(game.sides)}}
    if text.lower() not in known:
        raise UsageError(f"argument --color: {text!r}, expected one of {', '.join((*known, 'random'))}")
    return known[text.lower()]
