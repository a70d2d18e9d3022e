#!/usr/bin/env bash
# The room topo/ against the kernel and Open vSwitch: "topo.sh DRIVER CASE".
#
#          x-ns1                      x-nsmon-sw or the root namespace                    x-ns2
#   x-tap1 10.0.0.1 ===veth=== x-ovs-tap1 --- x-nsmon-br0 --- x-ovs-tap2 ===veth=== x-tap2 10.0.0.2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need ping iperf3
driver=$1
case=$2

# Runs the driver with the run directory /run/nsmon/$1, the prefix $1 ("-" for none) and the words that follow.
drive() {
    lab=$1
    shift
    [ "$lab" = - ] && set -- "" "$@" || set -- "$lab" "$@"
    "$driver" "/run/nsmon/$lab" "$@" >$out/last 2>$out/log
}

succeeds() {
    drive "$@" || fail "driver $*"
}

says() {
    grep -qE "$1" $out/last || fail "does not say: $1"
}

# From nothing to a lab that is up.
whole="addresses=10 create listen export=1 links"

# Sets 'steps' to how many steps that takes.
count_steps() {
    succeeds x $whole steps destroy
    steps=$(sed -n 's/^steps //p' $out/last)
    [ "$steps" -ge 15 ] || fail "only $steps steps"
}

# Whichever step fails, the caller hears of it and nothing is left.
fail_each_step() {
    for step in $(seq 1 "$steps"); do
        drive x undo fail="$step" $whole && fail "step $step did not fail"
        says 'error -125 broken off before'
        same "after step $step failed"
    done
    echo "$steps steps"
}

# Killed at whichever step: recover leaves nothing.
kill_at_each_step() {
    for step in $(seq 1 "$steps"); do
        drive x kill="$step" $whole && fail "step $step did not kill"
        drive x create && fail "a lab was made over the remains of step $step"
        says 'error -17 a lab is recorded'
        succeeds x recover
        same "recovered from step $step"
    done
}

system_ovs() {
    dir=/run/openvswitch
    mkdir $dir
    ovsdb-tool create /run/system.db /usr/share/openvswitch/vswitch.ovsschema &&
        ovsdb-server /run/system.db --remote=punix:$dir/db.sock --pidfile --detach 2>/dev/null &&
        ovs-vsctl --no-wait init && ovs-vswitchd --pidfile --detach -vconsole:err -vfile:off &&
        ovs-vsctl add-br br-mine -- set bridge br-mine datapath_type=netdev || fail "no system Open vSwitch here"
}

# Frames cross from the first one on, in IPv4, IPv6 and TCP; all is named, tagged and counted as it should be.
case_traffic() {
    snapshot before
    ping='ping -q -c1 -W1'
    succeeds - create ports \
        run='ip -n nsmon-sw -o link show ovs-tap1 | grep -q "state DOWN"' \
        run='ip -n ns1 -o link show tap1 | grep -q ",UP"' \
        run='for ns in ns1 ns2 nsmon-sw; do ip -n $ns -o link show lo | grep -q nsmon:test-1 || exit 1; done' \
        run='for at in "ns1 tap1" "ns2 tap2" "nsmon-sw ovs-tap1" "nsmon-sw nsmon-br0"; do
                 set -- $at; ip -n $1 -o link show $2 | grep -q nsmon:test-1 || exit 1; done' \
        run='ip -d -n nsmon-sw link show ovs-tap2 | grep -q "addrgenmode none"' \
        run='ip -n ns2 -o address show tap2 | grep -q 10.0.0.2/24' \
        run='ip -n ns2 -o address show tap2 | grep -q fd00:6e73:6d6f:6e::2/64' \
        run='test "$(ovs-vsctl --db=unix:/run/nsmon/-/ovs/db.sock get bridge nsmon-br0 external_ids:nsmon)" = test-1' \
        links run="ip netns exec ns1 $ping 10.0.0.2" run="ip netns exec ns2 $ping fd00:6e73:6d6f:6e::1" \
        run='ip netns exec ns2 iperf3 -s -1 -D --pidfile /run/test-out/iperf && sleep 0.3' \
        run='ip netns exec ns1 iperf3 -c 10.0.0.2 -n 20M >/run/test-out/iperf.log' \
        stats quiesce run="! ip netns exec ns1 $ping 10.0.0.2" destroy destroy
    says '^switch a private Open vSwitch'
    says '^port1 tap1 ovs-tap1 ifindex [1-9][0-9]* of_port 1 offloads none'
    says '^stats2 .*rx_dropped 0 tx_dropped 0 tap_tx_dropped 0 socket_drops 0 known 1 buffer [0-9]{9}'
    same "after destroy"
}

case_failing() {
    count_steps
    snapshot before
    fail_each_step
}

# With the daemons killed, too, recover leaves nothing.
case_killed() {
    count_steps
    snapshot before
    kill_at_each_step
    succeeds x create links
    kill -9 "$(cat /run/nsmon/x/ovs/ovs-vswitchd.pid)" "$(cat /run/nsmon/x/ovs/ovsdb-server.pid)"
    succeeds x recover recover
    same "recovered with its daemons killed"
    succeeds x create links
    succeeds x recover
    same "recovered from a lab that was up"
}

# Names that are somebody else's: said, and left alone.
case_foreign() {
    ip netns add x-ns2
    ip netns add x-nsmon-sw
    ip -n x-ns2 link add x-tap2 type veth peer name mine
    snapshot before
    drive x create && fail "took x-nsmon-sw"
    says 'error -17 .*network namespace x-nsmon-sw.*--prefix'
    same "with a foreign x-nsmon-sw"
    ip netns del x-nsmon-sw
    snapshot before
    drive x create && fail "took x-ns2"
    says 'error -17 .*network namespace x-ns2.*--prefix'
    same "with a foreign x-ns2"
    succeeds y create links run='ip netns exec y-ns1 ping -q -c1 -W1 10.0.0.2' destroy
    ip -n x-ns2 link show x-tap2 >/dev/null || fail "x-tap2 is gone"
    same "beside a foreign x-ns2"
}

# Somebody else's namespace in place of ours, made after ours was lost, is not ours.
case_replaced() {
    succeeds x create
    ip netns del x-ns1
    ip netns add x-ns1
    succeeds x recover
    ip netns exec x-ns1 true || fail "a foreign x-ns1 was removed"
}

case_two() {
    snapshot before
    succeeds abcde create links
    succeeds x create links run='ip netns exec abcde-ns1 ping -q -c1 -W1 10.0.0.2' \
        run='ip netns exec x-ns1 ping -q -c1 -W1 10.0.0.2' destroy
    ip netns exec abcde-ns1 ping -q -c1 -W1 10.0.0.2 >/dev/null || fail "the end of one lab hurt the other"
    ip -n abcde-nsmon-sw link show abcde-nsmon-br0 >/dev/null || fail "abcde-nsmon-br0 is not there"
    succeeds abcde recover
    same "after both"
}

# The same beside and on a running system Open vSwitch.
case_system_failing() {
    system_ovs
    count_steps
    snapshot before
    fail_each_step
}

case_system_killed() {
    system_ovs
    count_steps
    snapshot before
    kill_at_each_step
}

# Killed at any moment, not only between two steps.
case_cut() {
    snapshot before
    for moment in $(seq 5 11 340); do
        drive x $whole &
        driver_pid=$!
        sleep "$(printf '0.%03d' "$moment")"
        pkill -9 -P $driver_pid -x topo_driver
        wait $driver_pid 2>/dev/null
        for _ in $(seq 50); do # a child that was about to run a program may hold the lock for a moment
            drive x recover && break
            sleep 0.05
        done
        says 'took recover'
        rmdir /run/nsmon/x /run/nsmon 2>/dev/null # cut before anything could be recorded
        ! grep '^error' $out/last || fail "not recovered after $moment ms"
        same "cut after $moment ms"
    done
}

# With a running system Open vSwitch: it is used, and keeps all that is its own.
case_system() {
    system_ovs
    ovs-vsctl show >$snapshots/show
    snapshot before
    drive x datapath=system create && fail "took a kernel datapath that is not there"
    says 'modprobe openvswitch'
    succeeds x create ports links run='ip link show x-ovs-tap1 | grep -q nsmon:test-1' \
        run='ip netns exec x-ns1 ping -q -c1 -W1 10.0.0.2' export=1 stats quiesce flush destroy destroy
    says '^switch the running system Open vSwitch'
    says '^stats1 .*known 0'
    same "after destroy"
    ovs-vsctl show | diff $snapshots/show - || fail "the system's Open vSwitch is not as it was"
    ip link add x-ovs-tap2 type veth peer name mine
    drive x create && fail "took a foreign link"
    says 'error -17 .*link x-ovs-tap2.*--prefix'
    ip link show x-ovs-tap2 >/dev/null || fail "a foreign link is gone"
    ip link del x-ovs-tap2
    ovs-vsctl add-br x-nsmon-br0 -- set bridge x-nsmon-br0 datapath_type=netdev
    drive x create && fail "took a foreign bridge"
    says 'error -17 .*bridge x-nsmon-br0.*--prefix'
    ovs-vsctl br-exists x-nsmon-br0 || fail "a foreign bridge is gone"
}

# Three hosts, and a link whose IPv6 was off.
case_hosts() {
    snapshot before
    succeeds x hosts=3 create links run='ip netns exec x-ns1 ping -q -c1 -W1 10.0.0.3' \
        run='ip netns exec x-ns3 ping -q -c1 -W1 fd00:6e73:6d6f:6e::2' \
        run='ip netns exec x-ns1 sysctl -qw net.ipv6.conf.x-tap1.disable_ipv6=1' allow_ipv6=x-tap1 \
        run='ip netns exec x-ns1 sysctl net.ipv6.conf.x-tap1.disable_ipv6 | grep -q "= 0"' destroy
    same "after three hosts"
    drive x hosts=9 create && fail "took nine hosts"
    says 'error -22 a lab has up to 8 hosts'
}

# Frames as large as they may be cross the switch, and none that is larger.
case_mtu() {
    for mtu in 1280 9000; do
        succeeds x mtu=$mtu create links \
            run="ip netns exec x-ns1 ping -q -c1 -W1 -M do -s $((mtu - 28)) 10.0.0.2" \
            run="! ip netns exec x-ns1 ping -q -c1 -W1 -M do -s $((mtu - 27)) 10.0.0.2" destroy
    done
    for mtu in 1279 9001; do
        drive x mtu=$mtu create && fail "took an MTU of $mtu"
        says "error -22 .*MTU of 1280 to 9000, not $mtu"
    done
}

# A switch that died is not waited for, and what is left of it is cleared away.
case_dead_switch() {
    snapshot before
    drive x create links export=1 run='kill -9 $(cat /run/nsmon/x/ovs/ovs-vswitchd.pid); sleep 0.1' flush &&
        fail "flushed a dead switch"
    says 'error -3 .*does not run any more'
    succeeds x recover
    same "after a dead switch"
}

# Prints the sum of the packets of the ICMP records in the capture $1 sent to port $2 in the direction $3 (or any).
# One record a line would be too much to ask of tshark: fields of one datagram come as lists.
icmp_packets() {
    tshark -r "$1" -d "udp.port==$2,cflow" -Y "udp.dstport==$2" -T fields -e cflow.protocol -e cflow.packets \
        -e cflow.direction 2>/dev/null |
        awk -F'\t' -v want="$3" '{
            n = split($1, protocol, ","); split($2, packets, ","); split($3, direction, ",")
            for (i = 1; i <= n; i++)
                if (protocol[i] == 1 && (want == "" || direction[i] == want)) sum += packets[i]
        } END { print sum + 0 }'
}

# All that the exporters hold back is sent within the time that flush names, once.
case_flush() {
    command -v tshark >/dev/null && command -v tcpdump >/dev/null || skip "needs tshark and tcpdump"
    pcap=$out/exports.pcap
    succeeds - create listen \
        run="ip netns exec nsmon-sw tcpdump -Z root -i lo -U -B 65536 -w $pcap udp 2>$out/tcpdump & echo \$! >$out/pid
             for i in \$(seq 100); do grep -q listening $out/tcpdump && exit 0; sleep 0.05; done; exit 1" \
        export=1 links run='ip netns exec ns1 ping -q -i 0.01 -c 100 10.0.0.2' \
        run='for size in $(seq 20); do ip netns exec ns2 ping -q -c 1 -s $size 10.0.0.1 || exit 1; done' \
        quiesce flush run="kill -INT \$(cat $out/pid); sleep 0.3" destroy
    netflow=$(icmp_packets $pcap 22055 "")
    ipfix=$(icmp_packets $pcap 24739 0)
    [ "$netflow" = 240 ] || fail "NetFlow has $netflow of 240 ICMP packets"
    [ "$ipfix" = 240 ] || fail "IPFIX has $ipfix of 240 ICMP packets at ingress"
    sources=$(tshark -r $pcap -Y 'udp.dstport==24739' -T fields -e udp.srcport 2>/dev/null | sort -u | wc -l)
    [ "$sources" = 1 ] || fail "IPFIX came from $sources ports, so its templates would be lost"
}

# Programs are found where root's PATH does not lead.
case_path() {
    PATH=/nonexistent "$driver" /run/nsmon/x x create destroy >$out/last 2>$out/log || fail "needs sbin in PATH"
}

# Two at once in one run directory: the second is turned away.
case_busy() {
    mkdir -p /run/nsmon/x
    flock /run/nsmon/x "$driver" /run/nsmon/x x recover >$out/last 2>&1 && fail "recovered under a lock"
    says 'error -16 .*try again'
    flock /run/nsmon/x "$driver" /run/nsmon/x x create >$out/last 2>&1 && fail "made a lab under a lock"
    says 'error -16 .*try again'
    [ -d /run/nsmon/x ] || fail "a folder that was there is gone"
    chown nobody /run/nsmon/x
    drive x create && fail "trusted a folder that belongs to another user"
    says 'error -1 .*not safe'
    drive x recover && fail "trusted a record that belongs to another user"
    says 'error -1 .*not safe'
}

# What can't be is said in a line.
case_refused() {
    drive Toolong create && fail "took a bad prefix"
    says 'error -22 a prefix'
    drive x datapath=system create && fail "took a system Open vSwitch that is not there"
    says 'error -107 .*--datapath netdev'
    setpriv --reuid=65534 --regid=65534 --clear-groups "$driver" /run/nsmon/x x create >$out/last 2>&1
    says 'error -1 .*needs root'
    succeeds x datapath=netdev create destroy
    [ ! -e /run/nsmon ] || fail "/run/nsmon is left"
}

# The daemons hold nothing of whoever started them.
case_daemons() {
    exec 7</etc/passwd
    succeeds x create
    exec 7<&-
    for daemon in ovsdb-server ovs-vswitchd; do
        pid=$(cat /run/nsmon/x/ovs/$daemon.pid)
        find "/proc/$pid/fd" -lname /etc/passwd -o -lname "$out/*" | grep . && fail "$daemon holds our files"
        [ "$(stat -Lc %i "/proc/$pid/ns/net")" = "$(stat -c %i /run/netns/x-nsmon-sw)" ] ||
            fail "$daemon runs in another namespace"
    done
    succeeds x recover
}

"case_$case"
echo "ok: $case"
