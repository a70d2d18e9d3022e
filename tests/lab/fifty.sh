#!/usr/bin/env bash
# Fifty starts and stops in a row leave the machine as it was: "fifty.sh NSMON CASE", on a private Open vSwitch or on
# the system's.  Most labs have no exporters, since emptying those takes three seconds; every tenth has all.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need sqlite3
nsmon=$1
case=$2
db=$out/x.db
rounds=${NSMON_ROUNDS:-50}

# What the kernel keeps: sockets, devices' settings, queues.
kernel_things() {
    grep -c . /proc/net/unix
    grep -c . /proc/net/packet
    grep -c . /proc/net/udp
    ls /proc/sys/net/ipv4/conf
    tc qdisc show 2>/dev/null
    ls -A /var/lib /dev/shm /etc/openvswitch /etc/netns 2>/dev/null
}

case $case in
private) ;;
system)
    mkdir /run/openvswitch
    ovsdb-tool create /run/system.db /usr/share/openvswitch/vswitch.ovsschema &&
        ovsdb-server /run/system.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach 2>/dev/null &&
        ovs-vsctl --no-wait init && ovs-vswitchd --pidfile --detach -vconsole:err -vfile:off ||
        skip "no system Open vSwitch here"
    ovs-vsctl add-br br-mine -- set bridge br-mine datapath_type=netdev
    # Its first frame out of a link has vswitchd open a packet socket for good (lib/netdev-linux.c, af_packet_sock).
    run "$nsmon" start --db $out/first.db
    run "$nsmon" stop
    ;;
esac

mount -t tmpfs tmpfs /var/lib
snapshot before
until {
    kernel_things >$snapshots/kernel_before
    sleep 0.3
    kernel_things | cmp -s - $snapshots/kernel_before
}; do
    : # the switch's database closes its end of a connection when it next looks
done
for round in $(seq "$rounds"); do
    options="--no-netflow --no-sflow --no-ipfix"
    [ $((round % 10)) != 1 ] || options="--sampling 1"
    [ $((round % 5)) != 2 ] || options="$options --hosts 4 --addresses 500"
    [ $((round % 5)) != 3 ] || options="$options --prefix p$round"
    prefix=
    [ $((round % 5)) != 3 ] || prefix="--prefix p$round"
    run "$nsmon" start --db $db $options
    [ $((round % 5)) != 4 ] || run ip netns exec ns1 ping -q -c1 -W2 10.0.0.2
    run "$nsmon" stop $prefix
    same "round $round ($options)"
    for _ in $(seq 30); do # likewise
        kernel_things >$snapshots/kernel_after
        cmp -s $snapshots/kernel_before $snapshots/kernel_after && break
        sleep 0.1
    done
    diff $snapshots/kernel_before $snapshots/kernel_after || fail "round $round ($options): the kernel keeps something"
done
[ "$(sqlite3 $db "SELECT count(*) FROM session WHERE state = 'stopped'")" = $rounds ] || fail "sessions are missing"
echo "ok: $rounds labs"
