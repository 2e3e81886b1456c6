"""An iteration that is under way: what it has found so far, and what was fixed for the rest of it.

metadata.json's `stage` holds it: the iteration's number, the `name` of its stage, and as `found` the fields known so far.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

SELFPLAY, TRAIN, ARENA = "selfplay", "train", "arena"
"""The stages of an iteration, in order."""


@dataclasses.dataclass
class UnderWay:
    """One iteration, from its first game to its match; None means not known yet.

    iteration:    its number
    frozen:       what its games must use until the end, also after an interruption (`pipeline.selfplay.begin_games`)
    selfplay:     figures of its self-play, once all games have ended
    steps:        training steps to make, fixed when training begins
    until_step:   the training step at which they are done
    reset:        True if they begin with a new net; False if they have, and other training came between since; None: no new net
    samples_owed: what the replay ratio leaves to the next iteration
    lacks:        steps still missing when other training intervened; until_step is then recomputed from it
    train, arena: figures of its training and its match
    spent:        seconds so far
    """

    iteration: int
    frozen: Optional[Dict[str, Any]] = None
    selfplay: Optional[Dict[str, Any]] = None
    steps: Optional[int] = None
    until_step: Optional[int] = None
    reset: Optional[bool] = None
    samples_owed: Optional[float] = None
    lacks: Optional[int] = None
    train: Optional[Dict[str, Any]] = None
    arena: Optional[Dict[str, Any]] = None
    spent: float = 0.0

    @classmethod
    def of(cls, stage: Optional[Dict[str, Any]]) -> Optional[UnderWay]:
        """Restore an iteration from metadata's `stage`; unknown entries, written by another version, are ignored."""
        if stage is None:
            return None
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in stage["found"].items() if name in known})

    def stage(self, name: str) -> Dict[str, Any]:
        """The value of metadata's `stage` while the iteration is in the stage `name`."""
        found = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return {"iteration": self.iteration, "name": name, "found": found}

    def keep_lacking(self, step: int) -> bool:
        """Save the number of steps that this iteration still lacks, before other training moves the net on from `step`.

        Returns whether it lacks any, that is, whether its training has begun and not ended.
        """
        if self.until_step is None or self.train is not None:
            return False
        if self.lacks is None:
            self.lacks = self.until_step - step
        return True

    def finished(self, samples_owed: float) -> Tuple[Dict[str, Any], float]:
        """Its line of iterations.jsonl, once its match is over, and the samples owed to the next iteration.

        samples_owed: the amount to pass on if this iteration's training did not set one
        """
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
