# SPDX-License-Identifier: BSL-1.0
# For scripts to source: `has PACKAGE`, and `need PACKAGE...`, which installs what is missing of them, as root or with
# sudo, and otherwise names it and ends the script.
has() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

need() {
    local package missing=() root=()
    for package in "$@"; do has "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
        "${root[@]}" apt-get update -q
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    else
        echo "missing packages: ${missing[*]}" >&2
        exit 1
    fi
}
