#!/usr/bin/env bash
# Sees to what the tests need beside Python: a real Prometheus, Alertmanager and browser,
# slow clients, a false clock, a network that forgets, kustomize and systemd's own opinion, as Debian has them.
set -euo pipefail

missing=""
need() {
    command -v "$1" >/dev/null || [[ "$missing " == *" $2 "* ]] || missing="$missing $2"
}
need prometheus prometheus
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need chromium chromium
need slowhttptest slowhttptest
need faketime faketime
need systemd-analyze systemd
need iptables iptables
need ip iproute2
need curl curl
need kustomize kustomize

# Debian 12 has no kustomize. That of Debian 13 runs on it, and needs nothing but libc. It is taken from
# the same mirror, with lists of packages that the system does not get to see.
from_debian_13() {
    local apart mirror
    apart=$(mktemp -d)
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$apart/sources.list"
    local options=(-o "Dir::Etc::sourcelist=$apart/sources.list" -o "Dir::Etc::sourceparts=$apart/none"
        -o "Dir::State::lists=$apart/lists")
    mkdir -p "$apart/none" "$apart/lists/partial"
    apt-get "${options[@]}" update -qq
    apt-get "${options[@]}" install -y -qq --no-install-recommends "$1"
    rm -r "$apart"
}

if [ -z "$missing" ]; then
    exit 0
fi

# RUNLEVEL=1 keeps Debian from starting the services it installs.
install="RUNLEVEL=1 apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "the tests need$missing: installing" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    if [[ "$missing " == *" kustomize "* ]] && ! apt-cache show kustomize >/dev/null 2>&1; then
        from_debian_13 kustomize
        install="${install/ kustomize/}"
    fi
    eval "$install" -qq
else
    echo "the tests need programs that are missing here:$missing" >&2
    echo "install them as root, on Debian with: $install" >&2
    exit 1
fi
