#!/usr/bin/env bash
# Sees to what the tests need beside Python: a real Prometheus, Alertmanager and browser,
# slow clients and a false clock, as Debian has them.
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

if [ -z "$missing" ]; then
    exit 0
fi

# RUNLEVEL=1 keeps Debian from starting the services it installs.
install="RUNLEVEL=1 apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "the tests need$missing: installing" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    eval "$install" -qq
else
    echo "the tests need programs that are missing here:$missing" >&2
    echo "install them as root, on Debian with: $install" >&2
    exit 1
fi
