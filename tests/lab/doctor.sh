#!/usr/bin/env bash
# What the doctor finds on a machine where something is wrong: "doctor.sh NSMON CASE".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db
need python3 setpriv
mount -n -t tmpfs tmpfs /var/lib
export HOME=$out/home
unset XDG_DATA_HOME

as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# The doctor's words, by "doctor STATUS [ARGUMENT...]", as JSON in $out/doctor.json; it must end with STATUS.
doctor() {
    local want=$1 status=0
    shift
    "$nsmon" doctor --format json "$@" >$out/doctor.json 2>$out/last || status=$?
    [ $status = "$want" ] || { cat $out/doctor.json; fail "doctor $* ended with $status, not $want"; }
}

# "found CHECK STATE [FIELD PATTERN]...": there is such a finding, and its fields hold the patterns.
found() {
    python3 - "$out/doctor.json" "$@" <<'PY' || { cat $out/doctor.json; fail "no such finding: $*"; }
import json, re, sys
path, check, state, *rest = sys.argv[1:]
fields = dict(zip(rest[::2], rest[1::2]))
told = json.load(open(path))
states = [finding["state"] for finding in told["findings"]]
assert [told["ok"], told["warnings"], told["failed"]] == [states.count(s) for s in ("ok", "warning", "failed")]
for finding in told["findings"]:
    assert set(finding) == {"check", "subject", "state", "text", "fix", "root_only"}, finding
sys.exit(0 if any(f["check"] == check and f["state"] == state and
                  all(re.search(pattern, f[field] or "") for field, pattern in fields.items())
                  for f in told["findings"]) else 1)
PY
}

# The command that mends the first finding of CHECK in STATE.
fix_of() {
    python3 -c 'import json, sys
print([f["fix"] for f in json.load(open(sys.argv[1]))["findings"] if f["check"] == sys.argv[2] and f["state"] == sys.argv[3]][0])' \
        $out/doctor.json "$1" "$2"
}

# Hides the file $2 behind one with the text $1.
pretend() {
    echo "$1" >"$out/pretended.${2##*/}"
    mount -n --bind "$out/pretended.${2##*/}" "$2" || skip "can't put something in the place of $2"
}

# Nothing is left, and what the text says is what the JSON says.
case_healthy() {
    snapshot before
    doctor 0
    for check in kernel namespaces veth capabilities programs switch datapath libpcap ring lab database; do
        found $check ok
    done
    run "$nsmon" doctor
    grep -q "^ok       namespaces    " $out/last || fail "the text is not aligned"
    grep -q " 0 failed$" $out/last || fail "the text does not sum up"
    same "a look at the machine"
}

# Without root, each thing that only root could have seen is named, and nothing else fails for it.
case_nobody() {
    run as_nobody "$nsmon" doctor --format json
    cp $out/last $out/doctor.json
    found namespaces ok root_only namespace\|"can be made"\|"may make"
    found capabilities ok root_only really
    found ring ok root_only ring
    found kernel ok root_only '^$'
    run "$nsmon" start --db $db
    run as_nobody "$nsmon" doctor --format json --db $db
    cp $out/last $out/doctor.json
    found lab ok subject '^default$' text nsmon-br0 root_only offloads
    found database ok text intact
    doctor 0 --db $db
    found lab ok text "offloads of all links are off" root_only '^$'
    run "$nsmon" stop
}

# Programs that are not there.
case_programs() {
    switch=$(dirname "$(readlink -f /usr/sbin/ovs-vswitchd)")
    [ "$switch" != /usr/sbin ] || skip "ovs-vswitchd lies among all other programs"
    mount -n -t tmpfs tmpfs "$switch"
    doctor 1
    found programs failed subject '^ovs-vswitchd$' fix 'apt install openvswitch-switch'
    found openvswitch failed
    found programs ok text ovs-vsctl
    umount -n "$switch"
    fake=$out/sbin
    mkdir $fake
    printf '#!/bin/sh\necho "ovs-vswitchd (Open vSwitch) 3.2.1"\n' >$fake/ovs-vswitchd
    chmod 755 $fake/ovs-vswitchd
    mount -n --bind $fake/ovs-vswitchd "$(readlink -f /usr/sbin/ovs-vswitchd)"
    doctor 0
    found openvswitch ok text '^3\.2\.1$'
    printf '#!/bin/sh\necho "ovs-vswitchd (Open vSwitch) 3.1.0"\n' >$fake/ovs-vswitchd
    doctor 0
    found openvswitch warning text 'enable-input-sampling' fix '3\.2'
}

# Small buffers and a slow clock.
case_buffers() {
    pretend 212992 /proc/sys/net/core/rmem_max
    doctor 0
    found rmem_max warning text '^208 KiB' fix 'sysctl -w net.core.rmem_max=33554432'
    pretend 33554432 /proc/sys/net/core/rmem_max
    pretend 65536 /proc/sys/net/core/rmem_default
    [ ! -e /proc/sys/net/core/netdev_max_backlog ] || pretend 10 /proc/sys/net/core/netdev_max_backlog
    pretend acpi_pm /sys/devices/system/clocksource/clocksource0/current_clocksource
    doctor 0
    found rmem_max ok
    found rmem_default warning fix 'rmem_default=212992'
    # Shown in the first network namespace only.
    [ ! -e /proc/sys/net/core/netdev_max_backlog ] || found backlog warning fix 'netdev_max_backlog=1000'
    found clocksource warning text acpi_pm
}

# Databases that are none, are damaged, are of another version, or on a full disk.
case_database() {
    need sqlite3
    doctor 0 --db $out/none.db
    found database ok text 'not there'
    echo "a text that is no database, and long enough to be told from one" >$out/text.db
    doctor 1 --db $out/text.db
    found database failed text 'not a database' fix "^mv '.*text.db' '.*text.db.other'"
    doctor 1 --db /run
    found database failed fix '^name a file with --db$'
    run "$nsmon" start --sampling 1 --db $db
    run "$nsmon" traffic quick
    run "$nsmon" stop
    doctor 0 --db $db
    found database ok text '1 session, intact'
    cp $db $out/new.db
    sqlite3 $out/new.db "PRAGMA user_version = 1000"
    doctor 1 --db $out/new.db
    found database failed text 'version 1000'
    cp $db $out/broken.db
    chmod a+rw $out/broken.db
    pages=$(($(stat -c %s $db) / 4096))
    for page in $(seq 10 2 $((pages - 1))); do
        dd if=/dev/urandom of=$out/broken.db bs=4096 seek=$page count=1 conv=notrunc status=none
    done
    doctor 1 --db $out/broken.db
    found database failed text 'damaged|malformed' fix 'dump.*damaged'
    cp $out/broken.db $out/was.db
    (eval "$(fix_of database failed)") >$out/last 2>&1 # finds too little
    cmp $out/was.db $out/broken.db || fail "an empty database was put in the place of the damaged one"
    cp $db $out/torn.db
    chmod a+rw $out/torn.db
    dd if=/dev/urandom of=$out/torn.db bs=4096 seek=$((pages - 2)) count=1 conv=notrunc status=none
    doctor 1 --db $out/torn.db
    (eval "$(fix_of database failed)") >$out/last 2>&1 || fail "the fix does not work"
    doctor 0 --db $out/torn.db
    found database ok text '1 session, intact'
    [ -s $out/torn.db.damaged ] || fail "the damaged file is not kept"
    mkdir $out/small
    mount -n -t tmpfs -o size=8m,mode=1777 tmpfs $out/small
    cp $db $out/small/x.db
    doctor 0 --db $out/small/x.db
    found database warning text 'free'
    chmod 600 $db
    chown 0:0 $db
    doctor 0 --db $db
    found database warning text 'not everybody' fix 'chmod a.r'
}

# What a crash leaves in a database is told, and mended by the command that is told.
case_crashed() {
    need sqlite3
    run "$nsmon" start --db $db
    doctor 0 --db $db
    found database ok text intact
    pkill -9 -f "^$nsmon " || fail "there was nothing to kill"
    for _ in $(seq 50); do
        pgrep -f "^$nsmon " >/dev/null || break
        sleep 0.1
    done
    doctor 1 --db $db
    found lab failed text 'does not answer' fix '^sudo nsmon stop$'
    found database warning text 'session 1 .*crashed' fix '^sudo nsmon stop$'
    found database warning text 'write-ahead log'
    run "$nsmon" stop
    doctor 0 --db $db
    found database ok text '1 session, intact'
    sqlite3 $db "UPDATE session SET state = 'running', prefix = 'a b'"
    doctor 0 --db $db
    found database warning text 'session 1' fix "WHERE id = 1"
    eval "$(fix_of database warning | sed 's/^sudo //')" || fail "the fix does not work"
    doctor 0 --db $db
    [ "$(grep -c '"check": "database"' $out/doctor.json)" = 1 ] || fail "the fix did not mend it"
}

# Offloads that somebody switched on, at either end of a link.
case_offloads() {
    need ethtool
    run "$nsmon" start --prefix d --impair to=ns1,reorder-every=10 --db $db
    relay=$(ip netns | grep -E '^d-' | cut -d' ' -f1 | grep -vE '^d-(ns[0-9]|nsmon-sw)$')
    doctor 0 --db $db
    found lab ok subject '^d$'
    run ip netns exec d-ns2 ethtool -K d-tap2 tx on
    doctor 1 --db $db
    found lab failed subject '^d-tap2$' text tx-checksumming fix '^sudo ip netns exec d-ns2 ethtool -K d-tap2 '
    eval "$(fix_of lab failed | sed 's/^sudo //')" >$out/last 2>&1 || fail "the fix does not work"
    run ip netns exec d-nsmon-sw ethtool -K d-ovs-tap1 gro on
    doctor 1 --db $db
    found lab failed subject '^d-ovs-tap1$' text generic-receive-offload
    eval "$(fix_of lab failed | sed 's/^sudo //')" >$out/last 2>&1 || fail "the fix does not work"
    if [ -n "$relay" ]; then
        link=$(ip -n "$relay" -o link | sed -nE 's/^[0-9]+: (d-[^:@]+).*/\1/p' | head -1)
        run ip netns exec "$relay" ethtool -K "$link" tx on
        doctor 1 --db $db
        found lab failed subject "^$link\$" fix "ip netns exec $relay"
        eval "$(fix_of lab failed | sed 's/^sudo //')" >$out/last 2>&1 || fail "the fix does not work"
    fi
    doctor 0 --db $db
    found lab ok subject '^d$' text 'offloads of all links are off'
    run "$nsmon" stop --prefix d
}

# A system Open vSwitch that left its socket and does not answer.
case_dead() {
    mkdir -p /run/openvswitch
    python3 -c 'import socket
socket.socket(socket.AF_UNIX).bind("/run/openvswitch/db.sock")'
    doctor 0
    found switch warning fix 'systemctl restart openvswitch-switch'
    rm /run/openvswitch/db.sock
    ovsdb-tool create /run/openvswitch/conf.db >/dev/null
    ovsdb-server --detach --no-chdir --pidfile=/run/openvswitch/ovsdb-server.pid \
        --remote=punix:/run/openvswitch/db.sock /run/openvswitch/conf.db --log-file=$out/ovsdb.log 2>/dev/null
    ovs-vsctl --no-wait init
    ovs-vswitchd --detach --no-chdir --pidfile=/run/openvswitch/ovs-vswitchd.pid --log-file=$out/vswitchd.log \
        unix:/run/openvswitch/db.sock 2>/dev/null
    doctor 0
    found switch ok text 'runs and answers'
    ovs-appctl exit
    ovs-appctl -t /run/openvswitch/ovsdb-server."$(cat /run/openvswitch/ovsdb-server.pid)".ctl exit
}

# Interfaces that frames are to be captured at.
case_interface() {
    need ethtool
    ip link add one type veth peer name two
    ip link set two up
    ethtool -K one gro on tso on >/dev/null
    ethtool -K two gro off tso off gso off sg off >/dev/null
    doctor 1 one two lo nosuch
    found interface warning subject '^one$' fix 'ethtool -K one gro off.* tso off'
    found interface warning subject '^one$' text down
    found interface ok subject '^two$'
    found interface failed subject '^lo$'
    found interface failed subject '^nosuch$' text 'no such interface'
    refuse 2 "no option '--bogus'" "$nsmon" doctor --bogus
    refuse 2 "text or json" "$nsmon" doctor --format xml
}

case_$case
