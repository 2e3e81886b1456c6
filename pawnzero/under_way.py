"""An iteration that is under way: what it has found so far, and what it goes by to its end.

metadata.json's `stage` holds it: the iteration's number, the `name` of its stage, and as `found` what is known of it by then.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

SELFPLAY, TRAIN, ARENA = "selfplay", "train", "arena"
"""The stages of an iteration, in their order."""


@dataclasses.dataclass
class UnderWay:
    """One iteration, from its first game to its match; None stands for what is not known yet.

    iteration:    its number
    frozen:       what its games go by to their end, also after an interruption (`selfplay_stage.begin_games`)
    selfplay:     figures of its self-play, once all games have ended
    steps:        that it trains, fixed as training begins
    until_step:   the one by which they are done
    samples_owed: what the replay ratio leaves to the next iteration
    lacks:        steps still to make where other training came between, from which until_step is reckoned anew
    train, arena: figures of its training and its match
    spent:        seconds so far
    """

    iteration: int
    frozen: Optional[Dict[str, Any]] = None
    selfplay: Optional[Dict[str, Any]] = None
    steps: Optional[int] = None
    until_step: Optional[int] = None
    samples_owed: Optional[float] = None
    lacks: Optional[int] = None
    train: Optional[Dict[str, Any]] = None
    arena: Optional[Dict[str, Any]] = None
    spent: float = 0.0

    @classmethod
    def of(cls, stage: Optional[Dict[str, Any]]) -> Optional[UnderWay]:
        """The one that `stage` holds; entries that another version wrote beside are left out."""
        if stage is None:
            return None
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in stage["found"].items() if name in known})

    def stage(self, name: str) -> Dict[str, Any]:
        """What metadata.json holds of it in the stage `name`."""
        found = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return {"iteration": self.iteration, "name": name, "found": found}

    def keep_lacking(self, step: int) -> bool:
        """Before other training moves the net from `step` on: keep the steps that this one lacks. Returns whether it does."""
        if self.until_step is None or self.train is not None:
            return False
        if self.lacks is None:
            self.lacks = self.until_step - step
        return True

    def finished(self, samples_owed: float) -> Tuple[Dict[str, Any], float]:
        """Its line of iterations.jsonl, once its match is over, and what the next iteration owes; `samples_owed`: what this one
        did, where its training says nothing of that."""
        assert self.selfplay is not None, "a finished iteration has played"
        assert self.train is not None, "a finished iteration has trained"
        assert self.arena is not None, "a finished iteration has had its match"
        parts = {SELFPLAY: self.selfplay, TRAIN: self.train, ARENA: self.arena}
        line = {
            "iteration": self.iteration,
            **parts,
            "seconds": round(self.spent, 3),
            "promoted": self.arena["promoted"],
            "alarms": [alarm for name in (SELFPLAY, TRAIN) for alarm in parts[name].get("alarms", ())],
        }
        return line, samples_owed if self.samples_owed is None else self.samples_owed
