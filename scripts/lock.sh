#!/usr/bin/env bash
# Resolve pyproject.toml into requirements/*.lock: hashed, naming no host, for Linux and macOS alike.
# Arguments go to uv: `scripts/lock.sh --upgrade-package grpcio`. Without any, pins that still fit stay.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null; then
    echo "scripts/lock.sh needs uv (pip install uv): it alone resolves for all platforms at once" >&2
    exit 1
fi

compile() {
    local lock=$1
    shift
    UV_CUSTOM_COMPILE_COMMAND="scripts/lock.sh" uv pip compile --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links --output-file "requirements/$lock.lock" "$@"
}

# With the cluster's drivers: the checks read their adapters too.
compile dev pyproject.toml --group dev --extra cluster "$@"
# The others follow dev, so that every lock installs the same version of what they share.
compile bench --group bench --constraints requirements/dev.lock "$@"
compile cluster pyproject.toml --extra cluster --constraints requirements/dev.lock "$@"
