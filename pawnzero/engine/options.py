"""The options a chess program may set, each declared once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, Sequence, Tuple

from pawnzero.config import SearchConfig
from pawnzero.errors import UsageError
from pawnzero.settings import SETTINGS

_MOST_CORES = 1024


@dataclass(frozen=True)
class Option:
    """One option: its type in the protocol (spin, check, combo or string), a range for spin, choices for combo.

    A string option holds a finite number from `low` to `high` that need not be an integer; the protocol's spin allows only
    integers.
    """

    name: str
    kind: str
    default: Any
    low: float = 0.0
    high: float = math.inf
    choices: Tuple[str, ...] = ()

    def declaration(self) -> str:
        """The line that declares it to the chess program."""
        default = str(self.default).lower() if self.kind == "check" else self.default
        line = f"option name {self.name} type {self.kind} default {default}"
        if self.kind == "spin":
            line += f" min {self.low:.0f} max {self.high:.0f}"
        return line + "".join(f" var {choice}" for choice in self.choices)

    def parse(self, text: str) -> Any:
        """The value of `text`. Raises UsageError that says what was expected."""
        try:
            value = _READERS[self.kind](text.strip())
            fits = value in self.choices if self.kind == "combo" else self.low <= value <= self.high and math.isfinite(value)
        except (KeyError, ValueError):
            fits = False
        if not fits:
            raise UsageError(f"option {self.name} is {text!r}, expected {self._expectation()}")
        return value

    def _expectation(self) -> str:
        if self.kind == "check":
            return "true or false"
        if self.kind == "combo":
            return f"one of {', '.join(self.choices)}"
        what = "an integer" if self.kind == "spin" else "a number"
        return f"{what} of at least {self.low:g}" if math.isinf(self.high) else f"{what} from {self.low:.0f} to {self.high:.0f}"


_READERS: Dict[str, Callable[[str], Any]] = {
    "spin": int,
    "check": lambda text: {"true": True, "false": False}[text.lower()],
    "combo": str.lower,
    "string": float,
}


def _declared(search: SearchConfig) -> Sequence[Option]:
    return (
        Option("Hash", "spin", 256, 1, 65536),
        Option("Threads", "spin", 0, 0, _MOST_CORES),
        Option("MultiPV", "spin", 1, 1, 218),
        Option("Ponder", "check", False),
        Option("UCI_ShowWDL", "check", False),
        Option("Move Overhead", "spin", 50, 0, 10000),
        Option("NodeLimit", "spin", 0, 0, 2**31 - 1),
        Option("Algorithm", "combo", search.algorithm, choices=SETTINGS["search.algorithm"].choices),
        Option("CPuct", "string", search.cpuct),
        Option("Temperature", "string", 0.0, high=100.0),
        Option("MinibatchSize", "spin", search.leaves_per_tree, 0, 1024),
    )


class Options:
    """The options' values, by exact name; `set` accepts names in any case. Defaults come from the settings `search`."""

    def __init__(self, search: SearchConfig) -> None:
        self.declared = _declared(search)
        self._by_name = {option.name.lower(): option for option in self.declared}
        self._values: Dict[str, Any] = {option.name: option.default for option in self.declared}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def set(self, words: Sequence[str]) -> None:
        """Set an option from the words after ``setoption``: ``name … value …``. Raises UsageError that says what is wrong."""
        text = " ".join(words)
        if words[:1] != ["name"] or "value" not in words:
            raise UsageError(f"setoption {text}: expected name NAME value VALUE")
        at = words.index("value")
        name = " ".join(words[1:at])
        option = self._by_name.get(name.lower())
        if option is None:
            raise UsageError(f"no option {name!r}: expected one of {', '.join(known.name for known in self.declared)}")
        self._values[option.name] = option.parse(" ".join(words[at + 1 :]))
