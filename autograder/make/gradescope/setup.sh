#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -eu

root=${AUTOGRADER_ROOT:-/autograder}
export DEBIAN_FRONTEND=noninteractive

apt-get update
apt-get install -y --no-install-recommends bubblewrap util-linux python3

python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=python3.11 # Ubuntu 22.04 has it beside its 3.10
    apt-get install -y --no-install-recommends "$python"
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    apt-get install -y --no-install-recommends "$python-venv"
fi

# A copy in site-packages: the student's code may not enter source/.
# For a smaller image, add --extra-index-url with an index of torch for the CPU.
"$python" -m venv --clear "$root/venv"
"$root/venv/bin/python" -m pip install --no-cache-dir "$root/source/package[labs,grading]"
"$root/venv/bin/python" -I -c 'import autograder.gradescope, torch' # or fail today
