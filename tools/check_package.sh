#!/usr/bin/env bash
# Does the package work without its repository? Builds the sdist and from that the wheel, installs the wheel into an empty
# environment of each Python named, and runs it there in an empty folder. Needs the network for pip.
#
#   tools/check_package.sh [python3.8 python3.11 python3.13]
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
if [ $# -eq 0 ]; then set -- python3; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK=1

"$1" -m venv "$work/build"
"$work/build/bin/python" -m pip install -q build
git ls-files -z | xargs -0 cp --parents -t "$(mkdir "$work/source" && echo "$work/source")"
"$work/build/bin/python" -m build --outdir "$work/dist" "$work/source" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
wheel=$(ls "$work"/dist/*.whl)
echo "built: $(basename "$(ls "$work"/dist/*.tar.gz)"), $(basename "$wheel")"

for python in "$@"; do
    echo "== $("$python" --version)"
    "$python" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install -q -c "$repository/constraints.txt" "$wheel"
    mkdir "$work/empty"
    (
        cd "$work/empty"
        export PAWNZERO_CACHE=$work/cache
        pawnzero=$work/venv/bin/pawnzero
        "$pawnzero" --version
        "$pawnzero" completion bash >/dev/null
        "$pawnzero" perft startpos 4 --quiet
        "$pawnzero" smoke --device cpu --quiet
        # What the wheel brings beside its code: the opening book and the nets.
        "$pawnzero" arena shipped:chess random --games 2 --max-plies 40 --sims 4 --device cpu --quiet
        "$pawnzero" arena shipped:tic_tac_toe random --game tic_tac_toe --games 2 --sims 4 --device cpu --quiet
    )
    rm -rf "$work/venv" "$work/empty" "$work/cache"
done
echo "The package works."
