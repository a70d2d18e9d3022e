#!/usr/bin/env bash
# 'nsmon collect' as it is used: "collect.sh NSMON CASE".  Exports come over the loopback of the test's own namespace.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db
prefix= # of the collector whose status is asked
need python3 sqlite3 jq

exports() {
    python3 "$here/exports.py" "$@" || fail "exports $*"
}

# Runs a collector with these options in the background, and returns when it answers.
start() {
    "$nsmon" collect --db $db "$@" >$out/collect.log 2>&1 &
    collector=$!
    status running '.running and .kind == "collect"'
}

# Waits until what command $2 prints fits jq's expression $3.
wait_for() {
    for _ in $(seq 100); do
        $2 2>/dev/null | jq -e -s "length > 0 and (.[0] | $3)" >/dev/null 2>&1 && return
        sleep 0.1
    done
    cp $out/collect.log $out/last
    $2 >>$out/last
    fail "never $1: $3"
}

status() {
    wait_for "$1" "$nsmon status $prefix --format json" "$2"
}

# Ends it with signal $1 (TERM), and expects it to end well.
stop() {
    kill -"${1:-TERM}" $collector
    wait $collector || { cp $out/collect.log $out/last; fail "collect ended with $?"; }
}

sql() {
    sqlite3 $db "$1"
}

expect() {
    [ "$(sql "$2")" = "$3" ] || { cp $out/collect.log $out/last; fail "$1: $(sql "$2"), not $3"; }
}

# Only what root's collector may leave: nothing.
case_ends() {
    snapshot before
    for signal in INT TERM; do
        start --listen udp/127.0.0.1:2055
        exports ipfix 2055 7000 template 1 2
        status arrived '.exporters[0].records == 2'
        stop $signal
        grep -q "^ipfix *127.0.0.1 *7 *3 *2 *0 *0 *unknown *generic" $out/collect.log || fail "no summary for $signal"
        same "after $signal"
    done
    [ ! -e $db-wal ] || fail "the closed database has a WAL"
    expect "sessions" "SELECT group_concat(kind || state) FROM session" collectstopped,collectstopped
    run "$nsmon" collect --db $db --duration 0.3
    run "$nsmon" status --format json
    grep -q '"running": false' $out/last || fail "status of nothing"
}

# A restart is not blind, also after a kill; what was withdrawn stays withdrawn.
case_restart() {
    start --listen udp/127.0.0.1:2055
    exports ipfix 2055 7000 template 1
    status arrived '.exporters[0].records == 1'
    stop
    start --listen udp/127.0.0.1:2055
    exports ipfix 2055 7000 2
    status decoded '.exporters[0].records == 1 and .exporters[0].unknown_templates == 0'
    sleep 1.5 # the store commits each quarter of a second
    pkill -9 -P $collector
    kill -9 $collector
    wait $collector 2>/dev/null
    start --listen udp/127.0.0.1:2055
    exports ipfix 2055 7000 3
    status "decoded after a kill" '.exporters[0].records == 1'
    exports ipfix 2055 7000 withdraw-all
    status withdrawn '.exporters[0].datagrams == 2'
    stop
    start --listen udp/127.0.0.1:2055
    exports ipfix 2055 7000 4
    status blind '.exporters[0].records == 0 and .exporters[0].unknown_templates == 1 and .collector.held_sets == 1
        and .exporters[0].blind_since_ns != null'
    run "$nsmon" status
    grep -q "WARNING: ipfix of 127.0.0.1, domain 7: for .* s no template" $out/last || fail "status does not warn"
    exports ipfix 2055 7000 template
    status "held data decoded" '.exporters[0].records == 1 and .exporters[0].held == 1 and
        .exporters[0].blind_since_ns == null'
    stop
    expect "flows" "SELECT group_concat(sport) FROM v_flow_record" 1001,1002,1003,1004
    expect "states" "SELECT group_concat(state) FROM session" stopped,failed,stopped,stopped
    prefix="--prefix other"
    start --listen udp/127.0.0.1:2055 --name other
    exports ipfix 2055 7000 template 5
    status arrived '.exporters[0].records == 1'
    stop
    prefix=""
    start --listen udp/127.0.0.1:2055
    exports ipfix 2055 7000 withdraw
    status arrived '.exporters[0].datagrams == 1'
    stop
    prefix="--prefix other"
    start --listen udp/127.0.0.1:2055 --name other
    exports ipfix 2055 7000 6
    status "decoded by the other collector" '.exporters[0].records == 1'
    stop
}

# Sockets that stay lose nothing when others come and go.
case_reload() {
    cat >$out/collect.yaml <<END
listen: ["udp/127.0.0.1:2055", "udp/127.0.0.1:2056"]
END
    start --config $out/collect.yaml --sampling 100
    exports flood 2055 2000 &
    for port in 2057 2058 2059; do
        cat >$out/collect.yaml <<END
listen: ["udp/127.0.0.1:2055", "udp/[::1]:$port"]
sampling: {127.0.0.1: $port}
END
        kill -HUP $collector
        status "listening on $port" "[.collector.sockets[].port] == [2055, $port]"
    done
    wait %2 || fail "the flood"
    status "all taken in" '.exporters[0].records == 2000 and .exporters[0].lost == 0 and .collector.kernel_drops == 0
        and .exporters[0].sampling_rate == 2059'
    echo "lisen: udp/*:2055" >$out/collect.yaml
    kill -HUP $collector
    for _ in $(seq 50); do
        grep -q "found 'lisen', expected one of listen" $out/collect.log && break
        sleep 0.1
    done
    grep -q "all stays as it was: $out/collect.yaml:1:1: found 'lisen'" $out/collect.log || fail "no word of the mistake"
    status "as it was" '[.collector.sockets[].port] == [2055, 2059]'
    echo "listen: udp/*:2055" >$out/collect.yaml
    kill -HUP $collector
    status "on all addresses" '[.collector.sockets[].address] == ["::"]'
    exports ipfix 2055 7000 template 1
    status "taken in there" '.exporters | length == 2'
    stop
}

# Who is not allowed is counted, and not looked into; rates by network.
case_allow() {
    start --listen 'udp/*:2055' --allow 127.0.0.0/28 --allow ::1 --sampling 127.0.0.2=7 --sampling 127.0.0.0/8=9
    for address in 127.0.0.1 127.0.0.2 127.0.0.16 127.1.0.1; do
        exports from 2055 $address
    done
    status counted '.collector.datagrams == 4 and .collector.refused == 2 and (.exporters | length == 2)'
    status "rates" '[.exporters[] | {(.agent): .sampling_rate}] | add == {"127.0.0.1": 9, "127.0.0.2": 7}'
    stop
    grep -q "^4 datagrams, 0 no export.* 2 not allowed" $out/collect.log || fail "the summary does not count them"
    [ "$(grep -c "does not hold" $out/collect.log)" = 1 ] || fail "not one line in the log for all that was refused"
}

as_nobody() {
    ${as:-} setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_RUNTIME_DIR=$out/runtime "$@"
}

# An ordinary user needs nothing of root's; root's collector does not get in the way.
case_user() {
    mkdir $out/runtime
    chown 65534 $out/runtime
    start --listen udp/127.0.0.1:2055
    (as=exec && as_nobody "$nsmon" collect --db $out/nobody.db --listen 'udp/[::1]:2055') >$out/nobody.log 2>&1 &
    nobody=$!
    for _ in $(seq 50); do
        as_nobody "$nsmon" status --format json >$out/status
        [ "$(wc -l <$out/status)" = 1 ] || break
        sleep 0.1
    done
    jq -s -e '[.[].collector.sockets[0].address] == ["127.0.0.1", "::1"] and .[1].user == "nobody"' $out/status \
        >$out/last || fail "not both are shown"
    [ "$(ps -o user= -p "$(pgrep -P $collector | head -1)")" != root ] || fail "root decodes"
    refuse 1 "a collector is running already" as_nobody "$nsmon" collect --db $out/nobody.db
    kill -TERM $nobody
    wait $nobody || fail "nobody's collector ended with $?"
    [ -z "$(ls -A $out/runtime)" ] || fail "left in XDG_RUNTIME_DIR: $(ls -A $out/runtime)"
    stop
}

# What a service manager is told.
case_notify() {
    for socket in $out/notify @nsmon-test-notify; do
        python3 "$here/exports.py" notify $socket 5 >$out/told &
        listening=$!
        for _ in $(seq 50); do
            grep -q "${socket#?}" /proc/net/unix && break
            sleep 0.1
        done
        chmod 777 $out/notify 2>/dev/null
        NOTIFY_SOCKET=$socket WATCHDOG_USEC=400000 setpriv --reuid=65534 --regid=65534 --clear-groups \
            env XDG_RUNTIME_DIR=$out "$nsmon" collect --db $out/notify.db --listen udp/127.0.0.1:2055 \
            >$out/collect.log 2>&1 &
        collector=$!
        wait_told READY=1
        wait_told WATCHDOG=1
        kill -HUP $collector
        wait_told RELOADING=1
        stop
        wait_told STOPPING=1
        kill $listening
        wait $listening 2>/dev/null
        [ "$(grep -c READY=1 $out/told)" = 2 ] || fail "not ready again after it was told to reload"
        grep -q '^MONOTONIC_USEC=[0-9]' $out/told || fail "RELOADING without its time"
        rm -f $out/notify.db $out/notify
    done
}

wait_told() {
    for _ in $(seq 50); do
        grep -q "^$1" $out/told && return
        sleep 0.1
    done
    cp $out/told $out/last
    fail "the service manager was not told $1"
}

# Broken datagrams give counters and one line, and no row that nobody said.
case_hostile() {
    files=("$here/../data/lab-exports.pcap")
    for file in "$here"/../../../shared/corpora/exports/*.pcap; do
        # These have bytes behind what their header counts, which a larger count takes for records.
        case $file in
        */nf5.pcap | */vflow_ipfix-0[34]-*) ;;
        *'*.pcap') echo "no corpora beside the repository: the project's own capture alone" ;;
        *) files+=("$file") ;;
        esac
    done
    start --listen udp/127.0.0.1:2055
    exports hostile 2055 "${files[@]}"
    status "counted" '([.exporters[].malformed] | add) > 100 and .collector.unrecognised > 80'
    stop
    lines=$(grep -c "Malformed" $out/collect.log)
    [ "$lines" -ge 1 ] && [ "$lines" -le 2 ] || fail "$lines lines in the log" # one in ten seconds
    for file in "${files[@]}"; do
        "$nsmon" import --db $out/whole.db --exports "$file" >$out/last 2>&1
    done
    exports rows $db $out/whole.db
}

# Usage and what is in the way, in one line each.
case_errors() {
    refuse 2 "expected udp/ADDRESS:PORT" "$nsmon" collect --listen 127.0.0.1:2055
    refuse 2 "expected udp/ADDRESS:PORT" "$nsmon" collect --listen udp/::1:2055
    refuse 2 "192.0.2.0/24" "$nsmon" collect --allow everybody
    refuse 2 "expected a rate" "$nsmon" collect --sampling 0
    refuse 2 "openvswitch or generic" "$nsmon" collect --dialect cisco
    refuse 2 "no option '--bogus'" "$nsmon" collect --bogus
    refuse 1 "No such file" "$nsmon" collect --config $out/nosuch.yaml
    printf 'allow:\n  - 10.0.0.0/8\n  - 10.0.0.0/33\n' >$out/x.yaml
    refuse 1 "x.yaml:3:5: the network '10.0.0.0/33'" "$nsmon" collect --config $out/x.yaml
    refuse 1 "somewhere.db" "$nsmon" collect --db /nonexistent/somewhere.db
    refuse 1 "udp/192.0.2.1:2055" "$nsmon" collect --db $db --listen udp/192.0.2.1:2055
    start --listen udp/127.0.0.1:2055 --label taken
    refuse 1 "running already" "$nsmon" collect --db $db
    refuse 1 "udp/127.0.0.1:2055: somebody else does" "$nsmon" collect --db $db --name b --listen udp/127.0.0.1:2055
    refuse 1 "label 'taken'" "$nsmon" collect --db $db --name b --listen udp/127.0.0.1:2056 --label taken
    stop
    [ -z "$(find /run/nsmon 2>/dev/null)" ] || fail "left: $(find /run/nsmon)"
}

case_$case
