"""The other side of a comparison: a peer in separate processes, which wait while pawnzero is measured."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List

PEERS = Path(__file__).resolve().parent / "peers"


class Absent(Exception):
    """The peer is not installed; the message says how to install it."""


class Failed(Exception):
    """The peer is installed but failed; the message is the last line of its standard error."""


class Peer:
    """A peer in `processes` processes of its own (see `peers/turn.py`): ready on entry, measured once, ended on exit.

    python: its interpreter; script: a file name in `peers`. Raises Absent or Failed on entry, Failed in `rate`.
    """

    def __init__(self, python: str, script: str, settings: Dict[str, Any], processes: int = 1) -> None:
        self._command = [python, str(PEERS / script), json.dumps(settings)]
        self._processes = processes
        self._children: List[subprocess.Popen[str]] = []
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit

    def __enter__(self) -> Peer:
        try:
            for _ in range(self._processes):
                pipe = subprocess.PIPE
                self._children.append(subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True))
            for child in self._children:
                told = self._message(child)
                if "absent" in told:
                    raise Absent(told["absent"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
            child.communicate()
        self._errors.close()

    def rate(self) -> Dict[str, Any]:
        """The peer's report; its `rate` is the sum over its processes, which start together. They have ended on return."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        reports = [self._message(child) for child in self._children]
        for child in self._children:
            child.wait()
        return {**reports[0], "rate": sum(report["rate"] for report in reports)}

    def _message(self, child: subprocess.Popen[str]) -> Dict[str, Any]:
        """The next JSON object that a child prints; other output of its packages is ignored."""
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self._errors.seek(0)
        said = [line for line in self._errors.read().splitlines() if line.strip()]
        raise Failed(said[-1] if said else "ended without a word")
