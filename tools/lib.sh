# SPDX-License-Identifier: Apache-2.0
# Set-up shared by tools/test, tools/demo and tools/bench: Debian packages and a virtual environment.
# Sourced by bash; sets $TOP and $PY. The second run does nothing and takes a fraction of a second.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${NOVA_PYVIRT_VENV:-$TOP/.venv}
PY=$VENV/bin/python
export PBR_VERSION=${PBR_VERSION:-$(git -C "$TOP" describe --tags --abbrev=0 2>/dev/null || echo 0.1.0.dev0)}
export PYTHONPATH=$TOP PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 LC_ALL=C.UTF-8

say() { printf '\033[1m== %s\033[0m\n' "$*"; }

debian_packages() {  # NAME... : installs those that are missing
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok' || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" = 0 ] || { echo "as root, please: apt-get install ${missing[*]}" >&2; return 1; }
    say "Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

make_venv() {  # a venv whose stamp is the hash of what it was made from
    local system=/usr/bin/python3 stamp
    "$system" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || system=python3
    stamp=$(cd "$TOP" && cat requirements.txt test-requirements.txt setup.cfg pyproject.toml | sha256sum)
    [ "$(cat "$VENV/stamp" 2>/dev/null)" = "$stamp" ] && return
    say "Python packages (1-2 minutes the first time)"
    [ -x "$PY" ] || "$system" -m venv "$VENV"
    "$PY" -m pip install -qq -r "$TOP/requirements.txt" -r "$TOP/test-requirements.txt"
    # without isolation: the build's own requirements are in this environment already
    "$PY" -m pip install -qq wheel
    "$PY" -m pip install -qq --no-deps --no-build-isolation -e "$TOP"
    echo "$stamp" >"$VENV/stamp"
}

setup() {
    debian_packages python3-venv
    make_venv
    # bindep prints what bindep.txt asks for and this host lacks
    local wanted
    wanted=$("$VENV/bin/bindep" -f "$TOP/bindep.txt" -b test || true)
    # shellcheck disable=SC2086
    [ -z "$wanted" ] || debian_packages $wanted
}
