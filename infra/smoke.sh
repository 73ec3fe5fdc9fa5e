#!/usr/bin/env bash
# Smoke test of a deployed stack: `infra/smoke.sh <the API's URL>`. Both functions behind the API answer, the table can be
# reached, and callers without a credential are turned away. Nothing is written.
set -euo pipefail
api=${1:?the URL of the API}
failed=0

# expect <status> <method> <path>
expect() {
    local status
    status=$(curl --silent --show-error --max-time 30 --retry 3 --retry-all-errors --output /dev/null \
        --write-out '%{http_code}' --request "$2" --header 'content-type: application/json' --data '{}' "$api$3") || true
    if [[ $status == "$1" ]]; then
        echo "ok      $2 $3: $status"
    else
        echo "FAILED  $2 $3: $status instead of $1"
        failed=1
    fi
}

expect 200 GET /healthz
expect 200 GET /readyz
expect 401 GET /v1/me
expect 401 POST /v1/requests
# These two are answered by status-ingest.
expect 401 POST /v1/inbox/lease
expect 401 POST /v1/deliveries/dlv_0/status
exit "$failed"
