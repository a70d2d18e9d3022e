# What lab tests share; to be sourced with the test's own arguments.
#
# A test runs in a network, mount and process namespace of its own with an empty /run, so that it sees nothing of the
# machine's other labs, can compare all that there is before and after, and leaves nothing, however it ends.
set -u
out=/run/test-out         # for files of the test; anybody may write there
snapshots=/run/snapshots

skip() {
    echo "SKIP: $1"
    exit 77
}

fail() {
    echo "FAILED: $1"
    [ ! -f $out/last ] || tail -n 40 $out/last
    exit 1
}

# Goes into the test's own namespaces; "$@" are the script and its arguments.
isolate() {
    if [ "${NSMON_LAB_INSIDE:-}" = "" ]; then
        [ "$(id -u)" = 0 ] || skip "needs root"
        for program in ip unshare ovs-vsctl; do
            command -v $program >/dev/null || skip "needs $program"
        done
        [ -x /usr/sbin/ovs-vswitchd ] || skip "needs ovs-vswitchd"
        unshare --net --mount --pid --fork true 2>/dev/null || skip "needs namespaces"
        exec unshare --net --mount --pid --fork --kill-child --mount-proc env NSMON_LAB_INSIDE=1 bash "$@"
    fi
    # Our copies of other labs' mounts vanish when those labs do: they are not ours to compare.
    while umount -l /run/netns 2>/dev/null; do :; done
    mount -t tmpfs tmpfs /run || skip "can't have a /run of its own"
    ip link set lo up
    mkdir -p $out $snapshots
    chmod 1777 $out
}

need() {
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "needs $program"
    done
}

# Everything a lab could leave, as the file $1.
snapshot() {
    {
        ip netns 2>/dev/null
        ip -o link | cut -d: -f2
        cut -d' ' -f2 /proc/mounts
        nft list ruleset 2>/dev/null
        if [ -S /run/openvswitch/db.sock ]; then
            ovs-vsctl show
            for table in Bridge Port Interface sFlow NetFlow IPFIX Flow_Sample_Collector_Set; do
                ovs-vsctl --columns=_uuid list $table | sort | sed "s/^/$table /"
            done
        fi
        find /run -path $out -prune -o -path $snapshots -prune -o -path /run/openvswitch -prune -o -print | sort
        for pid in /proc/[0-9]*; do
            grep -q '^State:.Z' "$pid/status" 2>/dev/null || tr '\0' ' ' <"$pid/cmdline" 2>/dev/null |
                grep -E 'ovs|nsmon |topo_driver' | grep -v -e "$0"
        done
    } >"$snapshots/$1"
}

# Fails unless all is as it was when "snapshot before" was called.
same() {
    snapshot after
    diff "$snapshots/before" "$snapshots/after" || fail "$1: something is left or gone"
}

# Runs the words and keeps what they print; fails with what that was if they fail.
run() {
    "$@" >$out/last 2>&1 || fail "$*"
}

# Runs the words after the status and the pattern; they must end with that status and say the pattern in one line
# (or as many as "lines_allowed" says).
refuse() {
    want=$1
    pattern=$2
    shift 2
    "$@" >$out/last 2>&1
    status=$?
    [ $status = "$want" ] || fail "'$*' ended with $status, not $want"
    grep -q -e "$pattern" $out/last || fail "'$*' did not say '$pattern'"
    [ "$(wc -l <$out/last)" -le "${lines_allowed:-1}" ] || fail "'$*' said too much"
}
