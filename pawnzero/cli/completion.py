"""Print a script with which your shell completes pawnzero's commands, flags and values.

  pawnzero completion bash > ~/.local/share/bash-completion/completions/pawnzero
  pawnzero completion zsh > ~/.zfunc/_pawnzero
  pawnzero completion fish > ~/.config/fish/completions/pawnzero.fish

For the current shell only: eval "$(pawnzero completion bash)". zsh searches ~/.zfunc if `fpath+=~/.zfunc` precedes `compinit`.
"""

from __future__ import annotations

import argparse
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from pawnzero.cli.manual import Argument, read_arguments, read_texts


class _Command(NamedTuple):
    name: str
    summary: str
    arguments: Sequence[Argument]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(_SCRIPTS), metavar="SHELL", help="bash, zsh or fish")


def run(args: argparse.Namespace) -> int:
    from pawnzero.cli.main import COMMANDS, command_parser, module_of
    from pawnzero.games import GAME_NAMES

    commands = [
        _Command(name, read_texts(module_of(name)).summary, read_arguments(command_parser(name, name))) for name in COMMANDS
    ]
    sides = ("white", "first", "black", "second", "random")
    values = {"--game": GAME_NAMES, "--device": ("auto", "cpu", "cuda"), "--color": sides}
    print(_SCRIPTS[args.shell](commands, values))
    return 0


def _values(argument: Argument, values: Mapping[str, Tuple[str, ...]]) -> Tuple[str, ...]:
    """The values an argument can take, if they are known."""
    return argument.choices or next((values[flag] for flag in argument.flags if flag in values), ())


def _is_path(argument: Argument) -> bool:
    """Whether an argument's value is a path (a player may be one)."""
    return any(word in argument.value for word in ("FILE", "DIR", "PLAYER", "CHECKPOINT", "PATH"))


def _bash(commands: Sequence[_Command], values: Mapping[str, Tuple[str, ...]]) -> str:
    cases = []
    for command in commands:
        flags = " ".join([flag for argument in command.arguments for flag in argument.flags] + ["--help"])
        known = " ".join(word for argument in command.arguments if not argument.flags for word in _values(argument, values))
        cases.append(f'        {command.name}) flags="{flags}" words="{known}" ;;')
    offers: Dict[str, List[str]] = {}
    for argument in (argument for command in commands for argument in command.arguments if argument.value):
        for flag in argument.flags:
            offer = offers.setdefault(flag, [])
            offer += [word for word in _values(argument, values) or ["FILES"] * _is_path(argument) if word not in offer]
    after = []
    for words in sorted({" ".join(offer) for offer in offers.values()}):
        alike = "|".join(sorted(flag for flag, offer in offers.items() if " ".join(offer) == words))
        # File names may contain spaces, and compgen splits a word list by the same IFS.
        lines, answer = ("local IFS=$'\\n'; ", "-f") if "FILES" in words else ("", f'-W "{words}"')
        after.append(f'        {alike}) {lines}COMPREPLY=($(compgen {answer} -- "$now")); return ;;')
    return _BASH.format(names=" ".join(command.name for command in commands), cases="\n".join(cases), after="\n".join(after))


_BASH = """\
# bash completion of pawnzero
_pawnzero() {{
    local now=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} flags= words=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{names} --help --version" -- "$now"))
        return
    fi
    case "$before" in
{after}
    esac
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
    case "$now" in
        -*) COMPREPLY=($(compgen -W "$flags" -- "$now")) ;;
        *)
            COMPREPLY=($(compgen -W "$words" -- "$now"))
            local IFS=$'\\n'
            COMPREPLY+=($(compgen -f -- "$now"))
            ;;
    esac
}}
complete -o filenames -F _pawnzero pawnzero"""


def _zsh(commands: Sequence[_Command], values: Mapping[str, Tuple[str, ...]]) -> str:
    names = "\n".join(f"        {_quoted(f'{command.name}:{command.summary}')}" for command in commands)
    cases = []
    for command in commands:
        specs = [f"{flag}[{_bare(a.help)}]{_zsh_value(a, values)}" for a in command.arguments for flag in a.flags]
        places = [argument for argument in command.arguments if not argument.flags]
        specs += [f"*{_zsh_value(places[0], values)}"] if places else []
        quoted = " \\\n            ".join(map(_quoted, [*specs, "--help[show the help]"]))
        cases.append(f"        {command.name}) _arguments \\\n            {quoted} ;;")
    return _ZSH.format(names=names, cases="\n".join(cases))


def _zsh_value(argument: Argument, values: Mapping[str, Tuple[str, ...]]) -> str:
    """What follows a flag in the syntax of `_arguments`: ":NAME:(possible values)"; "" for a switch."""
    known = _values(argument, values)
    action = "_files" if _is_path(argument) else f"({' '.join(known)})" if known else " "
    return f":{_bare(argument.value)}:{action}" if argument.value else ""


_ZSH = """\
#compdef pawnzero
# zsh completion of pawnzero
_pawnzero() {{
    local -a commands
    commands=(
{names}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}}
if [ "$funcstack[1]" = _pawnzero ]; then
    _pawnzero "$@"
else
    compdef _pawnzero pawnzero
fi"""


def _fish(commands: Sequence[_Command], values: Mapping[str, Tuple[str, ...]]) -> str:
    lines = ["# fish completion of pawnzero", "complete -c pawnzero -n __fish_use_subcommand -f"]
    for command in commands:
        lines.append(f"complete -c pawnzero -n __fish_use_subcommand -a {command.name} -d {_quoted(command.summary)}")
    for command in commands:
        here = f"complete -c pawnzero -n '__fish_seen_subcommand_from {command.name}'"
        for argument in command.arguments:
            known = _values(argument, values)
            offered = f" -f -a {_quoted(' '.join(known))}" if known else ""
            if not argument.flags:
                lines.extend([here + offered] if known else [])
                continue
            needs = "" if not argument.value else " -r" if known or _is_path(argument) else " -x"
            names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in argument.flags)
            lines.append(f"{here} {names}{needs}{offered} -d {_quoted(argument.help)}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """`text` in single quotes, which all three shells understand. An apostrophe inside becomes a typographic one."""
    return "'" + text.replace("'", "’") + "'"


def _bare(text: str) -> str:
    """`text` without the characters that are special to zsh's `_arguments`."""
    return text.replace("[", "(").replace("]", ")").replace(":", "\\:")


_SCRIPTS: Dict[str, Callable[[Sequence[_Command], Mapping[str, Tuple[str, ...]]], str]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
