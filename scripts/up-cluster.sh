#!/usr/bin/env bash
# Real servers and a whole fleet on loopback, until Ctrl-C: what `make up-cluster` runs. Arguments go to `aviary up`.
# Data stays in AVIARY_DATA_DIR (.aviary-cluster unless told), the servers' programs in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."

export AVIARY_PROFILE=cluster AVIARY_DATA_DIR=${AVIARY_DATA_DIR:-.aviary-cluster}
mkdir -p "$AVIARY_DATA_DIR"

# The servers say where they are, as settings, and then that they are ready; they end with this script.
coproc servers { exec .venv/bin/python -m tests.backends up --folder "$AVIARY_DATA_DIR/servers"; }
trap 'kill "$servers_PID" 2>/dev/null; wait "$servers_PID" 2>/dev/null || true' EXIT
while read -r line <&"${servers[0]}"; do
    [ "$line" = ready ] && break
    export "${line?}"
done
[ "${line:-}" = ready ] || { echo "the servers did not start; see above" >&2; exit 1; }

.venv/bin/aviary migrate
.venv/bin/aviary up "$@"
