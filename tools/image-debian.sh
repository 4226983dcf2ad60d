#!/usr/bin/env bash
# Builds and checks the image where no registry of images can be reached: on a base that is made of
# Debian's packages and takes the place of the base in the Dockerfile. For root, on Debian.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=build/image
base=localhost/nativechat-exporter-base
suite=trixie # what python:3.13-slim stands on, too

packages=(buildah podman runc conmon catatonit containernetworking-plugins debootstrap)
if ! dpkg --status "${packages[@]}" >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

# Containers in containers: no systemd, no delegated cgroups, no right to raise a limit.
mkdir -p "$work"
export CONTAINERS_CONF="$PWD/$work/containers.conf"
cat >"$CONTAINERS_CONF" <<'END'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
END

if ! podman image exists "$base"; then
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
        "$suite" "$work/base"
    # Like the base it stands in for, it has no byte-code, and no packages that are only kept.
    find "$work/base" -name __pycache__ -prune -exec rm -r {} +
    rm -rf "$work/base"/var/cache/apt/* "$work/base"/var/lib/apt/lists/*
    tar --create --directory "$work/base" . | podman import --quiet \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base"
    rm -rf "$work/base"
fi

# What this machine's pip is told of a mirror and of certificates, the build is told for as long as it lasts.
secrets=(--secret "id=pip,src=$work/pip.conf")
settings=$(python3 -m pip config list)
{
    echo '[global]'
    sed -nE -e "s/^[^=]*\.((extra-)?index-url)='(https?:[^']*)'$/\1 = \3/p" \
        -e "s/^[^=]*\.(trusted-host)='([^']*)'$/\1 = \2/p" <<<"$settings"
} >"$work/pip.conf"
certificates=$(sed -nE "s/^[^=]*\.cert='(.*)'$/\1/p" <<<"$settings" | head -n 1)
if [ -n "$certificates" ]; then
    echo 'cert = /run/secrets/ca' >>"$work/pip.conf"
    secrets+=(--secret "id=ca,src=$certificates")
fi

BASE="$base" exec make image-check ENGINE=podman BUILD_FLAGS="--from $base ${secrets[*]}" \
    BUILD='buildah bud --isolation chroot --network host --pull-never --format docker'
