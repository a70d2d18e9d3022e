#!/usr/bin/env bash
# "nsmon stop --all" among things of others that are called nearly the same: "stop_all.sh NSMON CASE".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need sqlite3
nsmon=$1
case=$2
db=$out/x.db

# What others have: namespaces, links, an interface alias, a mount, a process in a namespace, files.
foreign_things() {
    for name in ns1x x-ns9 xx-ns1 nsmon nsmon-sw2 ns0; do
        ip netns add $name
    done
    ip -n nsmon link set lo alias nsmon
    ip -n ns0 link set lo alias "not nsmon:abc"
    ip link add x-tap1 type veth peer name x-ovs-tap9
    ip link add tap1 type veth peer name ovs-tap9
    ip link set tap1 alias "nsmon: of somebody else's"
    ip link set x-tap1 alias nsmon
    ip link add nsmon-br1 type bridge
    ip tuntap add nsmon-tap mode tap
    ip link set nsmon-tap alias nsmon:1-2 # a tag, but the lab makes no such links
    ip netns exec ns1x sleep 1000 &
    mkdir -p /run/nsmon.d /run/nsmon/other-one
    touch /run/nsmon.d/x /run/nsmon/other-one/state.json
}

system_ovs() {
    dir=/run/openvswitch
    mkdir $dir
    ovsdb-tool create /run/system.db /usr/share/openvswitch/vswitch.ovsschema &&
        ovsdb-server /run/system.db --remote=punix:$dir/db.sock --pidfile --detach 2>/dev/null &&
        ovs-vsctl --no-wait init && ovs-vswitchd --pidfile --detach -vconsole:err -vfile:off ||
        skip "no system Open vSwitch here"
    for bridge in nsmon-br1 x-nsmon-br1; do
        ovs-vsctl add-br $bridge -- set bridge $bridge datapath_type=netdev external_ids:owner=nsmon \
            external_ids:nsmon-like=1 || fail "no bridge $bridge"
    done
}

# Ends all of nsmon's at once, as a crash would.  Their names, since all here are this test's own.
kill_nsmon() {
    pkill -9 -f "^$nsmon " || fail "there was nothing to kill"
    for _ in $(seq 50); do
        pgrep -f "^$nsmon " >/dev/null || return
        sleep 0.05
    done
    fail "nsmon lives on"
}

lose_run_dirs() {
    rm -rf /run/nsmon/default* /run/nsmon/x /run/nsmon/x.lock
}

states() {
    sqlite3 $db "SELECT group_concat(state) FROM (SELECT state FROM session ORDER BY id)"
}

# Labs that crashed, their records too, or only their records; names that were taken away before.
case_crashed() {
    foreign_things
    snapshot before
    run "$nsmon" start --db $db --hosts 3
    run "$nsmon" start --db $db --prefix x --impair to=ns2,loss-every=10,delay=5ms # a relay, and nftables
    pgrep -x nsmon-relay >/dev/null || fail "no relay"
    kill_nsmon
    lose_run_dirs
    lines_allowed=2
    refuse 1 "nsmon stop --all" "$nsmon" start --db $db
    run "$nsmon" stop
    ip netns list | grep -q "^ns1" || fail "a stop without a record took ns1"
    run "$nsmon" stop --all -v
    grep -q "remove namespace x-ns2" $out/last || fail "-v does not say what goes"
    same "crashed without a record"
    run "$nsmon" start --db $db
    kill_nsmon
    rm /run/nsmon/default/state.json
    ip netns del nsmon-sw # its switch lives on in it
    ip netns del ns1
    run "$nsmon" stop --all
    same "crashed, its namespaces nameless"
    run "$nsmon" start --db $db
    kill_nsmon
    run "$nsmon" stop --all
    same "crashed with its record"
    run "$nsmon" start --db $db
    run "$nsmon" stop
    run "$nsmon" stop --all
    grep -q "nothing to stop" $out/last || fail "found something where nothing is"
    same "stopped"
}

# Labs that run end in order.
case_live() {
    foreign_things
    snapshot before
    run "$nsmon" start --db $db
    run "$nsmon" start --db $db --prefix x
    run "$nsmon" stop --all
    grep -q "2 labs stopped, 0 other things" $out/last || fail "does not say what was stopped"
    [ "$(states)" = stopped,stopped ] || fail "sessions are $(states)"
    same "two labs stopped"
}

# A lab that runs, but whose run directory is gone, ends in order, too.
case_lost() {
    foreign_things
    snapshot before
    run "$nsmon" start --db $db
    lose_run_dirs
    run "$nsmon" stop --all
    grep -q "1 lab stopped" $out/last || fail "does not say that it stopped the lab"
    [ "$(states)" = stopped ] || fail "the session is $(states)"
    same "a lab without a run directory"
}

# On the system's Open vSwitch only the bridge with our tag goes.
case_system() {
    foreign_things
    ip link del nsmon-br1
    system_ovs
    ip link del tap1 # as the lab's own, it stands in the root namespace
    snapshot before
    echo 'udp,actions=sample(probability=65535,collector_set_id=1,obs_domain_id=7,obs_point_id=1),NORMAL' >$out/rules
    run "$nsmon" start --db $db --rules $out/rules
    [ -n "$(ovs-vsctl --bare --columns=_uuid list Flow_Sample_Collector_Set)" ] || fail "no collector set"
    run "$nsmon" start --db $db --prefix y
    kill_nsmon
    lose_run_dirs
    rm -rf /run/nsmon/y /run/nsmon/y.lock
    run "$nsmon" stop --all -v
    grep -q "remove bridge y-nsmon-br0" $out/last || fail "does not say that the bridge goes"
    same "on the system's Open vSwitch"
}

# An attached session is detached, also one that has lost its processes and its record; the bridge stays.
case_attached() {
    ip link add eth-a type veth peer name eth-b
    ip link set eth-a up
    ip link set eth-b up
    system_ovs
    ovs-vsctl add-port nsmon-br1 eth-a
    snapshot before
    for how in live crashed lost; do
        run "$nsmon" attach nsmon-br1 --truth eth-a --db $db
        ovs-vsctl get bridge nsmon-br1 sflow | grep -q '[0-9a-f]' || fail "not attached"
        [ $how != crashed ] || kill_nsmon
        [ $how = live ] || lose_run_dirs
        run "$nsmon" stop --all
        same "attached, $how"
    done
}

# The system's Open vSwitch has ended, and its database still has a bridge of ours: nobody says that nothing is left.
case_silent() {
    mount -t tmpfs tmpfs /var/lib/openvswitch && mount -t tmpfs tmpfs /etc/openvswitch || skip "no folder of Open vSwitch's"
    run "$nsmon" stop --all
    grep -q "nothing of nsmon's is left" $out/last || fail "says less than it knows"
    system_ovs
    ip netns add other # so that the mount at /run/netns is there already
    ip netns del other
    snapshot before
    run "$nsmon" start --db $db
    kill_nsmon
    lose_run_dirs
    kill -9 "$(cat /run/openvswitch/ovs-vswitchd.pid)" "$(cat /run/openvswitch/ovsdb-server.pid)"
    lines_allowed=99
    refuse 1 "does not answer, so its bridges could not be looked at" "$nsmon" stop --all
    rm /run/openvswitch/db.sock
    cp /run/system.db /etc/openvswitch/conf.db
    refuse 1 "does not answer, so its bridges could not be looked at" "$nsmon" stop --all
    rm /etc/openvswitch/conf.db
    ovsdb-server /run/system.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach 2>/dev/null &&
        ovs-vswitchd --pidfile --detach -vconsole:err -vfile:off || fail "can't restart Open vSwitch"
    run "$nsmon" stop --all
    same "Open vSwitch answers again"
}

# A program of the user's in the lab's namespace is named and lives.
case_process() {
    ip netns add other # so that the mount at /run/netns is there already: it carries no tag
    ip netns del other
    snapshot before
    for how in "stop" "stop --all"; do
        run "$nsmon" start --db $db
        ip netns exec ns1 sleep 1000 &
        program=$!
        for _ in $(seq 100); do
            [ "$(cat /proc/$program/comm)" = sleep ] && break
            sleep 0.02
        done
        [ "$how" = stop ] || { kill_nsmon; lose_run_dirs; }
        run "$nsmon" $how
        grep -q "sleep, process $program, is not nsmon's" $out/last || fail "'$how' does not name the program"
        kill -0 $program || fail "'$how' ended somebody else's program"
        same "$how with a program left"
        kill $program
        wait $program 2>/dev/null
    done
}

# Becomes, as nobody, a process called $1 with the arguments after it, which may not be dumped: then its files in /proc
# are root's.
imitate() {
    name=$1
    shift
    (exec -a "$name" setpriv --reuid=65534 --regid=65534 --clear-groups bash -c 'exec -a "$0" python3 -c "
import ctypes, signal, sys
libc = ctypes.CDLL(None)
libc.prctl(15, sys.argv[1].encode()[:15])  # PR_SET_NAME
libc.prctl(4, 0)  # PR_SET_DUMPABLE
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.sigtimedwait([], 300)" "$0" "$@"' "$name" "$@") &
    for _ in $(seq 100); do
        [ "$(stat -c %U /proc/$!/cmdline)" = root ] && [ "$(cat /proc/$!/comm)" = "$name" ] && return
        sleep 0.05
    done
    fail "can't imitate $name"
}

# Somebody who is not root can't pass his processes off as a lab's.
case_imitated() {
    need python3
    ip netns add other # so that the mount at /run/netns is there already: it carries no tag
    ip netns del other
    snapshot before
    PATH=/usr/bin:/bin imitate ovs-vswitchd --pidfile=/run/nsmon/default/ovs/ovs-vswitchd.pid
    imitated_switch=$!
    PATH=/usr/bin:/bin imitate nsmon-super
    imitated_super=$!
    ip netns add imitated
    ip -n imitated link set lo alias "nsmon:abc-$(printf %x $imitated_super)"
    run "$nsmon" start --db $db
    grep -q "can't reach" $out/last && fail "the switch is looked for in another's process"
    run "$nsmon" stop
    run timeout 20 "$nsmon" stop --all
    kill -0 $imitated_switch $imitated_super || fail "others' processes were ended"
    kill -9 $imitated_switch $imitated_super
    wait $imitated_switch $imitated_super 2>/dev/null
    same "imitated"
}

case_usage() {
    snapshot before
    refuse 2 "leave out --prefix" "$nsmon" stop --all --prefix x
    refuse 1 "needs root" setpriv --reuid=65534 --regid=65534 --clear-groups "$nsmon" stop --all
    run "$nsmon" stop --all
    grep -q "nothing to stop" $out/last || fail "does not say that there was nothing"
    same "nothing there"
}

case_$case
echo "ok: $case"
