#!/usr/bin/env bash
# What 'nsmon start --dry-run' prints, fed to a shell, makes the lab that 'nsmon start' makes: "recipe.sh NSMON CASE".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db
need ip ethtool tc nft sysctl python3 ping

# What differs from lab to lab: tags, ids, hardware addresses, numbers of links, times.
plain() {
    sed -E -e 's/"?\{nsmon=("")?[0-9a-z-]+("")?\}"?/TAG/g' -e 's/nsmon:[0-9a-z-]+/TAG/g' -e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/UUID/g' \
        -e 's/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/g' -e 's/fe80:[0-9a-f:]+/LOCAL/g' -e 's/@if[0-9]+/@if/g' \
        -e 's/link-netns(id)? [^ ]+//g' -e 's/^[0-9]+: //' -e 's/valid_lft.*//' -e 's/group [0-9]+//' -e 's/ +/ /g' \
        -e 's/numtxqueues.*//' -e 's/(cookie|duration|n_packets|n_bytes|idle_age|hard_age)=[^,]*, ?//g' |
        grep -vE '(LOCAL|^broadcast|^multicast|^anycast|state UNKNOWN.*lo:)' | sort
}

# All that makes the lab whose switch is in the namespace $1 ("" for this one) and whose hosts are the rest.
describe() {
    local switch=$1 netns
    shift
    for netns in "$@" ${switch:-own}; do
        echo "== $netns"
        local within="ip netns exec $netns"
        [ "$netns" != own ] || within=
        {
            $within ip -d -o link | sed -E 's/(promiscuity|allmulti|minmtu|tso_max|gso_|gro_).*//' | grep -v ovs-netdev
            $within ip -o address | grep -v ovs-netdev
            $within ip route show table all
            $within ip -6 route show table all
            $within nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//'
            for link in $($within ip -o link | sed -E 's/^[0-9]+: ([^:@]+).*/\1/' | grep tap); do
                # Not the line of tcp-segmentation-offload: newer kernels count tx-tcp-accecn-segmentation in,
                # which the ioctl that nsmon uses leaves alone and which means nothing without scatter-gather.
                $within ethtool -k $link |
                    grep -E '^\s*(rx-check|tx-check|scatter|tx-tcp6?-seg|generic|large|udp)' | sed "s/^/$link /"
                $within tc qdisc show dev $link | sed "s/ [0-9a-f]*: / /"
            done
        } | plain
    done
    for columns in Bridge:name,datapath_type,fail_mode,protocols,external_ids,other_config Port:name,external_ids,qos \
        Interface:name,type,ofport,ofport_request,external_ids,admin_state,link_state,error \
        sFlow:agent,header,polling,sampling,targets,external_ids NetFlow:active_timeout,targets,external_ids,add_id_to_interface \
        IPFIX:cache_active_timeout,cache_max_flows,obs_domain_id,obs_point_id,sampling,targets,external_ids,other_config \
        Flow_Sample_Collector_Set:id,external_ids; do
        echo "== ${columns%%:*}"
        ovs-vsctl $ovs_db --format=csv --columns="${columns#*:}" list "${columns%%:*}" | plain
    done
    echo "== OpenFlow"
    ovs-ofctl -O OpenFlow15 dump-flows "$bridge_at" | sed -E 's/.*\(xid.*//' | plain
    ovs-ofctl -O OpenFlow15 dump-meters "$bridge_at" | sed -E 's/.*\(xid.*//' | plain
}

# "compare PREFIX SWITCH HOSTS [OPTION...]": the lab with these options, made by nsmon and by hand, is the same.
compare() {
    local prefix=$1 switch=$2 hosts=$3
    shift 3
    run "$nsmon" start --db $db "$@"
    describe "$switch" $hosts >$out/made
    run "$nsmon" stop ${prefix:+--prefix $prefix}
    # Into its place, by hand.
    "$nsmon" start --dry-run --db $db "$@" >$out/recipe || fail "--dry-run ends with $?"
    run bash $out/recipe
    describe "$switch" $hosts >$out/by-hand
    diff $out/made $out/by-hand >$out/last || fail "what is made by hand differs"
    [ "$(wc -l <$out/made)" -gt 60 ] || fail "there was little to compare"
}

# Exports of all three kinds arrive where the recipe sends them; traffic from the namespace $2 to $3.
arrive() {
    python3 - "$@" <<'PY' || fail "not all exports arrive"
import os, select, socket, subprocess, sys, time
switch, station, target = sys.argv[1:]
if switch:
    import ctypes
    with open(f"/run/netns/{switch}") as netns:
        assert ctypes.CDLL(None).setns(netns.fileno(), 0x40000000) == 0
ports = {6343: 0, 2055: 0, 4739: 0}
sockets = {}
for port in ports:
    sockets[socket.socket(socket.AF_INET, socket.SOCK_DGRAM)] = port
    list(sockets)[-1].bind(("127.0.0.1", port))
ping = subprocess.Popen(["ip", "netns", "exec", station, "ping", "-q", "-i", "0.05", target], stdout=subprocess.DEVNULL)
until = time.monotonic() + 40
while min(ports.values()) < 2 and time.monotonic() < until:
    for ready in select.select(list(sockets), [], [], 1)[0]:
        ready.recv(65536)
        ports[sockets[ready]] += 1
ping.kill()
print(ports)
sys.exit(0 if min(ports.values()) >= 2 else 1)
PY
}

private_db() {
    ovs_db="--db=unix:/run/nsmon/$1/ovs/db.sock"
    bridge_at="unix:/run/nsmon/$1/ovs/$2.mgmt"
}

case_plain() {
    snapshot before
    private_db default nsmon-br0
    compare "" nsmon-sw "ns1 ns2" --sampling 1
    arrive nsmon-sw ns1 10.0.0.2
    # The way back that it prints leaves nothing, either.
    sed -n 's/^#   //p' $out/recipe | grep -E '^(ovs-appctl|rm|ip netns delete)' >$out/undo
    run bash $out/undo
    # A daemon answers "exit" before it is gone.
    for _ in $(seq 200); do
        grep -qsE '^(ovs-vswitchd|ovsdb-server)$' /proc/[0-9]*/comm || break
        sleep 0.05
    done
    rmdir /run/nsmon/default /run/nsmon
    umount -n /run/netns && rmdir /run/netns # ip(8) leaves these
    same "made and undone by hand"
}

# Everything that can be asked for, but for what takes a relay.
case_shaped() {
    private_db y y-nsmon-br0
    cat >$out/rules <<'RULES'
meter=1,kbps,band=type=drop,rate=1000
priority=20,udp,tp_dst=9,actions=drop
priority=10,udp,actions=meter:1,sample(probability=65535,collector_set_id=7,obs_domain_id=20,obs_point_id=3),NORMAL
RULES
    compare y y-nsmon-sw "y-ns1 y-ns2 y-ns3" --prefix y --hosts 3 --addresses 20 --mtu 1400 --rules $out/rules --impair \
        to=ns2,loss=5%,loss-every=10 --ipfix-sampling 3 --sflow-header 64 --no-netflow
    run "$nsmon" start --dry-run --impair to=ns1,delay=20ms
    grep -q "^# .*relay" $out/last || fail "the relay is not mentioned"
}

# In the running Open vSwitch of the system.
case_system() {
    mkdir -p /run/openvswitch
    ovsdb-tool create /run/openvswitch/conf.db >/dev/null
    ovsdb-server --detach --no-chdir --pidfile=/run/openvswitch/ovsdb-server.pid \
        --remote=punix:/run/openvswitch/db.sock /run/openvswitch/conf.db --log-file=$out/ovsdb.log 2>/dev/null
    ovs-vsctl --no-wait init
    ovs-vswitchd --detach --no-chdir --pidfile=/run/openvswitch/ovs-vswitchd.pid --log-file=$out/vswitchd.log \
        unix:/run/openvswitch/db.sock 2>/dev/null
    ovs_db= bridge_at=nsmon-br0
    compare "" "" "ns1 ns2" --datapath netdev --sampling 1
    arrive "" ns1 10.0.0.2
}

# It takes no root and changes nothing; what makes no sense is said.
case_nobody() {
    need setpriv
    snapshot before
    run setpriv --reuid=65534 --regid=65534 --clear-groups "$nsmon" start --dry-run --hosts 8
    bash -n $out/last || fail "it is no shell's language"
    grep -q "^ip netns add ns8$" $out/last || fail "there is no eighth host"
    refuse 2 "no option '--dry-ran'" "$nsmon" start --dry-ran
    same "a dry run"
}

case_$case
