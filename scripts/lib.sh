# shellcheck shell=bash
# Sourced by ./test and .ci/run: steps with their time, a summary, and the last line `N passed, M failed`.
# Each step's output goes to a file of its own under $LOGS; only a failed step's end is printed.

PASSED=0
FAILED=0
SKIPPED=0
SUMMARY=()
NOTES=()
CHILDREN=()
CURRENT=""
LOG=/dev/null

# Background jobs get a process group each, so that stopping one stops what it started.
set -m

seconds_text() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# step NAME COMMAND…: counts one pass or failure; answers the command's status.
step() {
    local name=$1
    shift
    measure "$name" "$@"
    local status=$?
    if [ "$status" -eq 0 ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
    return "$status"
}

# measure NAME COMMAND…: runs and reports without counting; leaves the log's name in $LOG.
measure() {
    local name=$1 started=$SECONDS status
    shift
    LOG=$(log_of "$name")
    printf '…      %s\n' "$name"
    "$@" </dev/null >"$LOG" 2>&1 &
    CURRENT=$!
    wait "$CURRENT"
    status=$?
    CURRENT=""
    report "$name" "$status" "$started"
}

# begin NAME COMMAND…: a step that takes time and little else, beside the next ones, until `finish`.
begin() {
    BESIDE_NAME=$1 BESIDE_STARTED=$SECONDS
    shift
    printf '…      %s, beside the next steps\n' "$BESIDE_NAME"
    "$@" </dev/null >"$(log_of "$BESIDE_NAME")" 2>&1 &
    BESIDE=$!
    CHILDREN+=("$BESIDE")
}

# finish: waits for the step that was begun, counts and reports it; leaves the log's name in $LOG.
finish() {
    wait "$BESIDE"
    local status=$?
    LOG=$(log_of "$BESIDE_NAME")
    if [ "$status" -eq 0 ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
    report "$BESIDE_NAME" "$status" "$BESIDE_STARTED"
}

log_of() { printf '%s/%s.log' "$LOGS" "$(printf '%s' "$1" | tr -c 'A-Za-z0-9' '-')"; }

# report NAME STATUS STARTED: says how a step ended and how long it took; answers its status.
report() {
    local name=$1 status=$2 took
    took=$(seconds_text $((SECONDS - $3)))
    if [ "$status" -eq 0 ]; then
        printf 'ok     %s  (%s)\n' "$name" "$took"
        SUMMARY+=("ok     $took  $name")
    else
        printf 'FAILED %s  (%s, exit %s); errors in %s, and its end:\n' "$name" "$took" "$status" "$LOG"
        # What failed may stand far above what other jobs said afterwards.
        grep -m 5 -A 6 -E "^error|panicked at" "$LOG" | sed 's/^/    /'
        printf '    …\n'
        tail -n 40 "$LOG" | sed 's/^/    /'
        SUMMARY+=("FAILED $took  $name  ($LOG)")
    fi
    return "$status"
}

# skip NAME WHY: said aloud, and again in the summary.
skip() {
    SKIPPED=$((SKIPPED + 1))
    printf 'skip   %s: %s\n' "$1" "$2"
    SUMMARY+=("skip   -      $1: $2")
}

note() {
    NOTES+=("$1")
    printf '       %s\n' "$1"
}

# Ends a job and what it started: gently, then not.
end_job() {
    local pid=$1 tries=0
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL -- "-$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

end_children() {
    local pid
    [ -n "$CURRENT" ] && end_job "$CURRENT"
    for pid in ${CHILDREN[@]+"${CHILDREN[@]}"}; do end_job "$pid"; done
    CHILDREN=()
}

# summary: prints everything again in short; the last line is the result.
summary() {
    local line
    printf '\n'
    for line in ${SUMMARY[@]+"${SUMMARY[@]}"}; do printf '%s\n' "$line"; done
    for line in ${NOTES[@]+"${NOTES[@]}"}; do printf '       %s\n' "$line"; done
    printf '\nlogs: %s, %s in all\n' "$LOGS" "$(seconds_text "$SECONDS")"
    if [ "$SKIPPED" -gt 0 ]; then
        printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
    else
        printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
    fi
}

# version_at_least HAVE WANTED: dotted numbers.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# A port of this machine that nobody listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 25000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    printf '%s\n' "$port"
}

# answers PORT SECONDS: waits until something listens there.
answers() {
    local tries=$(($2 * 10))
    while [ "$tries" -gt 0 ]; do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.1
        tries=$((tries - 1))
    done
    return 1
}
