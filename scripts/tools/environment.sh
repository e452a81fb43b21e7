# Sourced by the other scripts: makes a virtual environment, or reuses the one that is there.
#
#   environment EXTRA    installs this project with an extra ("" for none); runs again only when
#                        pyproject.toml has changed since
# BOVW_VENV names another place for it (default: .venv); PYTHON another interpreter.

environment() {
    local extra="$1" venv="${BOVW_VENV:-.venv}" stamp wanted
    stamp="$venv/.installed${extra:+-$extra}"
    if [ ! -x "$venv/bin/python" ]; then
        echo "making a virtual environment in $venv"
        "${PYTHON:-python3}" -m venv "$venv"
    fi
    wanted="$(cat pyproject.toml)"
    if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
        echo "installing bovw${extra:+ with the extra '$extra'}"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --editable ".${extra:+[$extra]}"
        printf '%s' "$wanted" > "$stamp"
    fi
    export PATH="$PWD/$venv/bin:$PATH"
    case "$venv" in /*) export PATH="$venv/bin:$PATH" ;; esac
}
