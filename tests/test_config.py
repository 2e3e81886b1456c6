"""Settings: flags beat the file, the file beats the defaults, and every mistake is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pawnzero.config import Config, to_json
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.settings import SETTINGS, load_config

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes a file of settings and gives its path."""

    def _write(text: Any) -> Path:
        path = tmp_path / "settings.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return path

    return _write


def test_defaults_are_the_contracts() -> None:
    config = load_config()
    assert config == Config()
    assert (config.mcts_sims, config.trainer_iters, config.eval_games, config.eval_threshold) == (64, 100, 20, 0.55)
    assert (config.model.channels, config.model.blocks, config.selfplay.max_plies) == (64, 6, 200)


def test_given_beats_file_beats_default(write: Any) -> None:
    path = write({"mcts_sims": 50, "batch_size": 32, "model": {"channels": 32}})
    config = load_config(path, {"batch_size": 16, "trainer.lr": 0.01, "seed": None})
    assert (config.mcts_sims, config.batch_size, config.model.channels, config.trainer.lr, config.seed) == (50, 16, 32, 0.01, 0)


def test_the_shipped_file_is_the_defaults() -> None:
    assert load_config(ROOT / "training" / "config_rx580.json") == Config()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.json")), ids=lambda path: path.stem)
def test_recipes_are_settings(path: Path) -> None:
    config = load_config(path)
    assert config != Config()
    get_game(config.game)


def test_what_is_saved_reads_back(write: Any) -> None:
    config = load_config(None, {"model.blocks": 3, "trainer.lr": 0.5, "selfplay.max_plies": 10, "game": "tic_tac_toe"})
    assert load_config(write(to_json(config))) == config


def test_an_integer_may_stand_for_a_number(write: Any) -> None:
    lr = load_config(write({"trainer": {"lr": 1}})).trainer.lr
    assert lr == 1.0
    assert type(lr) is float


def test_values_outside_the_advised_ranges_work(write: Any) -> None:
    config = load_config(write({"mcts_sims": 30, "replay_capacity": 10_000_000}))
    assert (config.mcts_sims, config.replay_capacity) == (30, 10_000_000)


def test_iters_is_trainer_iters(write: Any) -> None:
    assert load_config(write({"trainer": {"iters": 7}})).trainer_iters == 7
    assert load_config(write({"trainer": {"iters": 7}, "trainer_iters": 7})).trainer_iters == 7
    assert load_config(write({"trainer": {"iters": 7}}), {"trainer_iters": 9}).trainer_iters == 9
    with pytest.raises(UsageError, match=r"settings\.json: trainer_iters is 8 and trainer\.iters is 7"):
        load_config(write({"trainer_iters": 8, "trainer": {"iters": 7}}))


@pytest.mark.parametrize(
    ("settings", "key", "nearest"),
    [
        ({"mcts_simulations": 64}, "mcts_simulations", "mcts_sims"),
        ({"batchsize": 64}, "batchsize", "batch_size"),
        ({"MCTS_SIMS": 64}, "MCTS_SIMS", "mcts_sims"),
        ({"lr": 0.1}, "lr", "trainer.lr"),
        ({"channels": 64}, "channels", "model.channels"),
        ({"modle": {"channels": 64}}, "modle", "model"),
        ({"model": {"chanels": 64}}, "model.chanels", "model.channels"),
        ({"trainer": {"lrr": 64}}, "trainer.lrr", "trainer.lr"),
        ({"model": {"batch_size": 64}}, "model.batch_size", "batch_size"),
        ({"trainer": {"learning_rate": 0.1}}, "trainer.learning_rate", "trainer.lr"),
        ({"num_simulations": 64}, "num_simulations", "mcts_sims"),
    ],
)
def test_unknown_key_is_named_with_the_nearest(write: Any, settings: Any, key: str, nearest: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(write(settings))
    assert f"settings.json: unknown key {key!r}; the nearest valid one is {nearest!r}" in str(caught.value)


def test_where_no_key_is_near_one_is_named_all_the_same_with_where_the_others_are(write: Any) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(write({"// comment": 1}))
    assert re.search(r"unknown key '// comment'; the nearest valid one is '[a-z._]+' \(README", str(caught.value))


def test_settings_of_a_file_that_do_not_fit_together_are_told_with_the_file(write: Any) -> None:
    path = write({"trainer": {"schedule": "drop"}})
    with pytest.raises(UsageError, match=r"settings\.json: trainer\.schedule is 'drop', expected trainer\.schedule_steps"):
        load_config(path)
    assert load_config(path, {"trainer.schedule_steps": 9}).trainer.schedule_steps == 9
    with pytest.raises(UsageError, match=r"^trainer\.schedule is 'drop'"):  # a flag's, not the file's
        load_config(write({"seed": 1}), {"trainer.schedule": "drop"})
    with pytest.raises(UsageError, match=r"settings\.json: eval_elo1 is -5, expected more than eval_elo0"):
        load_config(write({"eval_promotion": "sprt", "eval_elo1": -5}))
    with pytest.raises(UsageError, match=r"^eval_elo1 is -5, expected more than eval_elo0"):  # the file's alone fit together
        load_config(write({"eval_promotion": "sprt", "eval_elo0": 0}), {"eval_elo1": -5.0})


def test_the_largest_whole_number_is_told(write: Any) -> None:
    with pytest.raises(UsageError, match=r"seed is 9223372036854775808, expected an integer of at least 0, below 2\^63"):
        load_config(write({"seed": 1 << 63}))


def test_the_nearest_key_is_looked_for_in_the_same_section_first(write: Any) -> None:
    with pytest.raises(UsageError, match=r"unknown key 'trainer\.se_ratios'; the nearest valid one is 'trainer\."):
        load_config(write({"trainer": {"se_ratios": 4}}))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"batch_size": 0}, "batch_size is 0, expected an integer from 1 to 1,000,000,000"),
        ({"batch_size": True}, "batch_size is true, expected an integer from 1 to 1,000,000,000"),
        ({"batch_size": 64.0}, "batch_size is 64.0, expected an integer"),
        ({"batch_size": "64"}, "batch_size is '64', expected an integer"),
        ({"batch_size": None}, "batch_size is null, expected an integer"),
        ({"seed": 1 << 70}, f"seed is {1 << 70}, expected an integer"),
        ({"eval_elo1": 1e6}, "eval_elo1 is 1000000.0, expected a number from -4000 to 4000"),
        ({"eval_threshold": 1.5}, "eval_threshold is 1.5, expected a number from 0 to 1"),
        ({"selfplay": {"full_search_share": 0}}, "selfplay.full_search_share is 0.0, expected a number from 0.01 to 1"),
        ({"trainer": {"lr": "fast"}}, "trainer.lr is 'fast', expected a number of at least 0"),
        ({"trainer": {"lr": False}}, "trainer.lr is false, expected a number"),
        ({"trainer": {"lr": float("nan")}}, "trainer.lr is nan, expected a number"),
        ({"trainer": {"lr": float("inf")}}, "trainer.lr is inf, expected a number"),
        ({"game": 1}, "game is 1, expected a text"),
        ({"search": {"algorithm": "pact"}}, "search.algorithm is 'pact', expected one of gumbel, puct"),
        ({"selfplay": {"resign": 1}}, "selfplay.resign is 1, expected true or false"),
        ({"model": 64}, "model is 64, expected a JSON object"),
        ({"model.channels": 64}, 'sections are nested, as in "model": {"channels": …}'),
        ([1], "expected a JSON object of settings"),
    ],
)
def test_ill_typed_or_out_of_range_is_named(write: Any, settings: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(write(settings))
    message = str(caught.value)
    assert told in message
    assert "settings.json" in message
    assert "\n" not in message


def test_a_file_that_is_not_json_is_one_line_with_the_place(write: Any) -> None:
    with pytest.raises(UsageError, match=r"settings\.json: not JSON \(.*line 2 column"):
        load_config(write('{\n"batch_size" 64}'))


def test_a_key_that_stands_twice_is_a_mistake_though_both_are_json(write: Any) -> None:
    with pytest.raises(UsageError, match=r"settings\.json: the key 'lr' appears twice in the same object"):
        load_config(write('{"batch_size": 64, "trainer": {"lr": 0.1, "wd": 0.1, "lr": 0.2}}'))


def test_a_file_that_is_missing_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: cannot be read"):
        load_config(tmp_path / "none.json")


def test_a_promotion_test_that_is_none_is_found_before_anything_is_played() -> None:
    turned = {"eval_elo0": 50.0, "eval_elo1": 10.0}
    assert load_config(None, turned).eval_elo1 == 10.0  # promotion is by threshold
    with pytest.raises(UsageError, match="eval_elo1 is 10, expected more than eval_elo0, which is 50"):
        load_config(None, {**turned, "eval_promotion": "sprt"})


def test_cheap_searches_have_to_be_cheaper_where_there_are_any() -> None:
    settings = {"mcts_sims": 16, "selfplay.full_search_share": 0.25}
    told = (
        "selfplay.cheap_sims is 16, expected fewer than mcts_sims, which is 16, because selfplay.full_search_share is below 1"
    )
    with pytest.raises(UsageError, match=told):
        load_config(None, settings).check_selfplay()
    for fitting in ({"selfplay.cheap_sims": 15}, {"mcts_sims": 17}, {"selfplay.full_search_share": 1.0}):
        load_config(None, {**settings, **fitting}).check_selfplay()
    with pytest.raises(UsageError, match=r"expected fewer than selfplay.later_sims, which is 12, because"):
        load_config(None, {**settings, "mcts_sims": 17, "selfplay.later_sims": 12}).check_selfplay()


def test_later_iterations_may_search_longer() -> None:
    config = load_config(None, {"mcts_sims": 16, "selfplay.later_sims": 128, "selfplay.later_from": 70})
    assert [config.selfplay_sims(number) for number in (0, 69, 70, 1000)] == [16, 16, 128, 128]
    assert load_config(None, {"mcts_sims": 16, "selfplay.later_from": 70}).selfplay_sims(1000) == 16


def test_games_begin_in_one_way_each() -> None:
    with pytest.raises(UsageError, match=r"restart_share is 0.7 and selfplay.random_opening_share 0.4, expected"):
        load_config(None, {"selfplay.restart_share": 0.7, "selfplay.random_opening_share": 0.4}).check_selfplay()
    load_config(None, {"selfplay.restart_share": 0.7, "selfplay.random_opening_share": 0.3}).check_selfplay()


def test_who_gives_games_up_plays_some_on() -> None:
    with pytest.raises(UsageError, match=r"resign_playthrough is 0, expected more where selfplay.resign is on"):
        load_config(None, {"selfplay.resign": True, "selfplay.resign_playthrough": 0.0}).check_selfplay()
    load_config(None, {"selfplay.resign_playthrough": 0.0}).check_selfplay()


def test_given_settings_are_checked_too() -> None:
    with pytest.raises(UsageError, match="given settings: batch_size is 0"):
        load_config(None, {"batch_size": 0})


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("batch_size", "8", 8), ("trainer.lr", "1e-2", 0.01), ("game", "chess", "chess"), ("selfplay.resign", "False", False)],
)
def test_settings_are_read_from_the_command_line(key: str, text: str, value: Any) -> None:
    assert SETTINGS[key].parse(text) == value
    assert type(SETTINGS[key].parse(text)) is type(value)


@pytest.mark.parametrize(
    ("key", "text"), [("batch_size", "8.0"), ("batch_size", ""), ("trainer.lr", "inf"), ("selfplay.resign", "maybe")]
)
def test_settings_that_cannot_be_read_from_the_command_line(key: str, text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        SETTINGS[key].parse(text)


def test_every_setting_says_what_it_is_and_its_default_is_valid() -> None:
    for setting in SETTINGS.values():
        assert setting.help
        assert setting.check(setting.default) == setting.default
