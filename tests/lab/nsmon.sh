#!/usr/bin/env bash
# The whole product on a real Open vSwitch: "nsmon.sh NSMON CASE".
#
#      ns1                      nsmon-br0 in nsmon-sw                  ns2
#   tap1 10.0.0.1 ===veth=== ovs-tap1 ------- ovs-tap2 ===veth=== tap2 10.0.0.2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db

as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

in_ns1() {
    ip netns exec ns1 "$@"
}

check() {
    python3 "$here/check.py" "$@" || fail "check $*"
}

# nsmon's own endpoints and everybody else's, all flows exact.
case_exact() {
    need python3 ping iperf3
    run "$nsmon" start --sampling 1 --db $db
    run "$nsmon" traffic quick
    run in_ns1 ping -q -c 5 -i 0.2 10.0.0.2
    run in_ns1 ping -q -c 5 -i 0.2 fd00:6e73:6d6f:6e::2
    ip netns exec ns2 iperf3 -s -D --pidfile $out/iperf3.pid >/dev/null
    sleep 0.5
    run in_ns1 iperf3 -c 10.0.0.2 -n 2M -b 20M
    run in_ns1 iperf3 -c 10.0.0.2 -R -n 1M -b 20M
    run in_ns1 iperf3 -c 10.0.0.2 -u -b 5M -l 700 -t 1
    run in_ns1 iperf3 -c fd00:6e73:6d6f:6e::2 -n 1M -b 20M
    kill "$(tr -d '\0' <$out/iperf3.pid)"
    run "$nsmon" stop
    run "$nsmon" compare --db $db --format json -o $out/compare.json
    check exact $out/compare.json $db
}

# The default profile at sampling 1, as long as the demo.
case_mixed() {
    need python3
    run "$nsmon" run mixed --sampling 1 --duration 10 --db $db --format json -o $out/compare.json
    check exact $out/compare.json $db
}

# Sampling 64: what theory allows, in each of three ranges; chance misses one now and then (see check.py).
case_sampled() {
    need python3
    local reports=
    for seed in 1 2 3; do
        run "$nsmon" run mixed --sampling 64 --duration 15 --seed $seed --db $db --format json -o $out/$seed.json
        reports="$reports $out/$seed.json"
        python3 "$here/check.py" sampled $reports && return
        [ $? = 3 ] || fail "check sampled $reports"
    done
    fail "check sampled: three runs did not decide"
}

# Ordinary users read while it runs and after, in a folder that they can't write.
case_readers() {
    mkdir -m 755 $out/closed
    chown 1:1 $out/closed
    export SUDO_UID=1 # the worker's user: "daemon", who owns the folder
    db=$out/closed/x.db
    run "$nsmon" start --db $db
    run "$nsmon" traffic quick
    run as_nobody "$nsmon" status
    grep -q sflow5 $out/last || fail "status shows no sFlow"
    run as_nobody "$nsmon" compare sflow vs netflow --db $db
    run "$nsmon" stop
    [ ! -e $db-wal ] || fail "the closed database has a WAL"
    for format in text json csv html; do
        run as_nobody "$nsmon" report --db $db --format $format -o $out/report.$format
        [ -s $out/report.$format ] || fail "report.$format is empty"
    done
    run as_nobody "$nsmon" compare netflow sflow ipfix --db $db
}

# Started twice, stopped twice: told in words, and nothing is left.
case_twice() {
    snapshot before
    run "$nsmon" start --db $db
    refuse 1 "running already" "$nsmon" start --db $db
    run "$nsmon" status --format json
    grep -q '"running":true' $out/last || fail "the second start harmed the first"
    run "$nsmon" stop
    run "$nsmon" stop
    grep -q "no lab is running" $out/last || fail "the second stop says nothing"
    same "stopped twice"
}

kill_all() {
    pkill -9 -f "^$nsmon " || fail "there was nothing to kill"
    sleep 0.5
}

# Everything of nsmon's killed, the switch still there; then start, or stop.
case_killed() {
    snapshot before
    run "$nsmon" start --db $db
    kill_all
    run "$nsmon" start --db $db
    grep -q "crashed" $out/last || fail "start does not tell of the crash"
    run in_ns1 ping -q -c 1 10.0.0.2
    kill_all
    run "$nsmon" stop
    same "stopped after kill -9"
    [ "$(sqlite3 $db "SELECT group_concat(state) FROM session")" = failed,failed ] || fail "sessions still run"
    run "$nsmon" start --db $db
    pkill -9 -f "ovs-vswitchd|ovsdb-server" || fail "no switch to kill"
    kill_all
    run "$nsmon" start --db $db
    run "$nsmon" stop
    same "stopped after the switch died too"
}

# The worker alone dies: the lab is taken down and the session is not called good.
case_worker() {
    snapshot before
    run "$nsmon" start --db $db
    pkill -9 -x nsmon-worker || fail "no worker"
    for _ in $(seq 50); do
        grep -q "by signal 9" /run/nsmon/default/log && [ ! -e /run/nsmon/default/state.json ] && break
        sleep 0.1
    done
    refuse 0 "no lab is running; the last session ended early: the worker ended on its own, by signal 9" "$nsmon" status
    run "$nsmon" doctor --db $db
    grep -q "lab .*the last session ended early: the worker ended on its own, by signal 9" $out/last ||
        fail "the doctor does not say what became of the session"
    run "$nsmon" stop
    grep -q "the last session ended early: the worker ended on its own, by signal 9" $out/last ||
        fail "stop does not say what became of the session"
    same "the worker died"
}

# Names that are somebody else's.
case_foreign() {
    lines_allowed=2 # the step that was begun, and why it ended
    ip netns add ns1
    ip netns exec ns1 ip link set lo up
    ip netns exec ns1 sleep 60 &
    ip link add ovs-tap1 type veth peer name elsewhere
    snapshot before
    refuse 1 "ns1" "$nsmon" start --db $db
    same "refused for ns1"
    run "$nsmon" start --prefix f --db $db
    run "$nsmon" stop --prefix f
    same "beside ns1"
    refuse 1 "ns1" "$nsmon" start --db $db
    ip netns pids ns1 | grep -q . || fail "the process in ns1 is gone"
    kill %1
}

# Two labs at once, each exact.
case_two() {
    need python3
    for prefix in a b; do
        run "$nsmon" start --prefix $prefix --sampling 1 --db $out/$prefix.db
    done
    "$nsmon" traffic quick --prefix a >$out/a.log 2>&1 &
    run "$nsmon" traffic quick --prefix b --seed 2
    wait %1 || fail "traffic of a"
    for prefix in a b; do
        run "$nsmon" stop --prefix $prefix
        run "$nsmon" compare --db $out/$prefix.db --format json -o $out/$prefix.json
        check exact $out/$prefix.json $out/$prefix.db
    done
}

# Two labs with one database.
case_shared() {
    for prefix in a b; do
        run "$nsmon" start --prefix $prefix --sampling 1 --db $db --label lab-$prefix
    done
    for prefix in a b; do
        run "$nsmon" traffic quick --prefix $prefix
    done
    for prefix in a b; do
        run "$nsmon" stop --prefix $prefix
        run "$nsmon" compare --db $db --session lab-$prefix --check
    done
}

# A stop while traffic runs: the traffic ends well, hands over its counts, and leaves no process.
case_midway() {
    need python3
    snapshot before
    run "$nsmon" start --sampling 1 --db $db
    "$nsmon" traffic mixed --duration 20 >$out/traffic.log 2>&1 &
    sleep 3
    run "$nsmon" stop
    same "stopped in the middle of traffic"
    wait %1 || fail "traffic did not end well: $(cat $out/traffic.log)"
    [ "$(sqlite3 $db "SELECT count(*) > 60 FROM traffic_flow")" = 1 ] || fail "the traffic's counts are not there"
    run "$nsmon" compare --db $db --format json -o $out/compare.json
    check exact $out/compare.json $db
}

# The default database: the folder stays root's, whoever the workers are, and two labs may share it.
case_default() {
    mount -n -t tmpfs tmpfs /var/lib
    SUDO_UID=1 run "$nsmon" start --prefix a
    run "$nsmon" start --prefix b
    run "$nsmon" traffic quick --prefix a
    run "$nsmon" stop --prefix b
    run "$nsmon" stop --prefix a
    [ "$(ls /var/lib/nsmon)" = nsmon.db ] || fail "something lies beside the database: $(ls -la /var/lib/nsmon)"
    run as_nobody "$nsmon" report --prefix a
    run "$nsmon" sessions delete latest
    [ "$(stat -c %u /var/lib/nsmon /var/lib/nsmon/nsmon.db | sort -u)" = 0 ] || fail "the default file is not root's"
}

# Whoever starts a lab and goes away before it is up gets none.
case_interrupted() {
    snapshot before
    for delay in 0.02 0.1 0.2 0.3; do
        "$nsmon" start --db $db >$out/last 2>&1 &
        sleep $delay
        kill -KILL %% 2>/dev/null
        wait %% 2>/dev/null
        for _ in $(seq 60); do
            [ -e /run/nsmon/default.lock ] || break # undone, and even the lock is gone
            flock -n /run/nsmon/default.lock true && break # nobody lives any more
            grep -q "the lab is up" $out/last && break # it was, in time
            sleep 0.1
        done
        grep -q "the lab is up" $out/last || [ ! -e /run/nsmon/default/control ] || fail "a lab nobody waits for is up"
        "$nsmon" stop >$out/log 2>&1
        same "interrupted after $delay s"
    done
}

# Other users of the machine: they are told the state, and can do no harm.
case_hostile() {
    [ -x /usr/bin/python3 ] || skip "needs /usr/bin/python3"
    need setpriv
    # A process that calls itself the private switch.
    setpriv --reuid=2 --regid=2 --clear-groups bash -c 'exec -a ovs-vswitchd /usr/bin/python3 -c \
        "import time; time.sleep(120)" --pidfile=/run/nsmon/default/ovs/ovs-vswitchd.pid' &
    exec 9>$out/lock
    flock 9
    run "$nsmon" start --db $db
    exec 9>&-
    flock -n $out/lock true || fail "the lab holds its caller's lock"
    setpriv --reuid=2 --regid=2 --clear-groups /usr/bin/python3 - <<'PY' >$out/last 2>&1 || fail "hostile client"
import socket
import struct
import time

PATH = "/run/nsmon/default/control"


def connect():
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(3)
    client.connect(PATH)
    return client


def closed(client):
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


for size in (0, 1, 7, 100, 60000):
    client = connect()
    if size:
        client.send(b"\xff" * size)
    else:
        client.close()
        continue
    assert closed(client), f"garbage of {size} bytes was taken"
# A run of traffic, sized as the program itself would send it: found out by trying.
for size in range(600, 1200):
    client = connect()
    client.send(struct.pack("II", 1, 2) + b"x" * (size - 8))
    assert closed(client), "a run of traffic was taken from somebody else"
crowd = []
for _ in range(80):
    try:
        crowd.append(connect())
    except OSError:
        break
time.sleep(1)
PY
    run "$nsmon" traffic quick
    run "$nsmon" status --format json
    grep -q '"socket_drops":0' $out/last || fail "the packet sockets of the switch are not known"
    run "$nsmon" stop
    [ "$(sqlite3 $db "SELECT count(*) FROM traffic_run")" = 1 ] || fail "a stranger's traffic is in the database"
    kill %1
}

# A disk that fills up: said, counted, and the lab comes down all the same.
case_full() {
    mkdir $out/small
    mount -n -t tmpfs -o size=400k,mode=1777 tmpfs $out/small
    snapshot before
    run "$nsmon" start --sampling 1 --db $out/small/x.db
    "$nsmon" traffic mixed --duration 5 >$out/last 2>&1
    "$nsmon" status >$out/last 2>&1
    grep -q "WARNING: could not write to the database" $out/last || fail "status says nothing of the full disk"
    refuse_stop=0
    "$nsmon" stop >$out/last 2>&1 || refuse_stop=$?
    [ $refuse_stop = 1 ] || fail "stop ended with $refuse_stop on a full disk"
    grep -q "full" $out/last || fail "stop does not say that the disk is full"
    same "a full disk"
}

# What goes wrong is said in a line.
case_errors() {
    snapshot before
    refuse 1 "sudo nsmon start" as_nobody "$nsmon" start
    refuse 1 "sudo nsmon traffic" as_nobody "$nsmon" traffic
    refuse 1 "sudo nsmon stop" as_nobody "$nsmon" stop
    refuse 2 "no option '--bogus'" "$nsmon" start --bogus
    refuse 2 "needs an argument" "$nsmon" start --db
    refuse 2 "missing after 'vs'" "$nsmon" compare sflow vs
    refuse 2 "no command 'strat'" "$nsmon" strat
    refuse 2 "whole number" "$nsmon" start --sampling 0
    refuse 2 "no profile" "$nsmon" traffic nosuch
    refuse 2 "same port" "$nsmon" start --sflow-port 7000 --ipfix-port 7000
    refuse 1 "sudo nsmon run" as_nobody "$nsmon" run
    refuse 1 "no lab is running.*start --prefix q" "$nsmon" traffic quick --prefix q
    refuse 1 "nosuchfolder/x" "$nsmon" run quick -o /nosuchfolder/x
    mkdir -m 755 $out/others; chown 1:1 $out/others
    refuse 1 "others/x.db.*Permission denied" "$nsmon" start --db $out/others/x.db
    refuse 1 "/nonexistent" "$nsmon" start --db /nonexistent/x.db
    echo "not a database at all, but a text of some length" >$out/text.db
    refuse 1 "text.db" "$nsmon" start --db $out/text.db
    refuse 1 "nosuch.pcap" "$nsmon" import --db $db --exports $out/nosuch.pcap
    refuse 1 "nosuch.db" "$nsmon" report --db $out/nosuch.db
    switch=$(dirname "$(readlink -f /usr/sbin/ovs-vswitchd)")
    if [ "$switch" != /usr/sbin ]; then
        mount -n -t tmpfs tmpfs "$switch"
        refuse 1 "apt.*install openvswitch-switch" "$nsmon" start --db $db
        umount -n "$switch"
    fi
    same "after errors"
}

# A port that somebody listens on: only possible where the switch shares its namespace with others.
case_port() {
    need ovs-vsctl python3
    mkdir -p /run/openvswitch
    ovsdb-tool create /run/openvswitch/conf.db >/dev/null
    ovsdb-server --detach --no-chdir --pidfile=/run/openvswitch/ovsdb-server.pid \
        --remote=punix:/run/openvswitch/db.sock /run/openvswitch/conf.db --log-file=$out/ovsdb.log 2>/dev/null
    ovs-vsctl --no-wait init
    ovs-vswitchd --detach --no-chdir --pidfile=/run/openvswitch/ovs-vswitchd.pid --log-file=$out/vswitchd.log \
        unix:/run/openvswitch/db.sock 2>/dev/null
    python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 6343)); time.sleep(60)' &
    sleep 0.5
    snapshot before
    refuse 1 "6343" "$nsmon" start --datapath netdev --sflow-port 6343 --db $db
    same "port in use"
    run "$nsmon" run quick --datapath netdev --sampling 1 --db $db
    same "another port"
    run "$nsmon" compare --db $db --check
    kill %1
}

case_$case
