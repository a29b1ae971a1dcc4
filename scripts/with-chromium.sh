#!/usr/bin/env bash
# Runs a command with a Chromium on the machine: the one that is there, else the distribution's.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exec "$@"; fi
done
apt-get update -qq
apt-get install -qq -y --no-install-recommends chromium >/dev/null
exec "$@"
