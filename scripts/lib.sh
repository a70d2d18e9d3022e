# What the scripts share.  To be sourced.

# Debian packages that nsmon is built with, is run with, and is tested with.
build_packages="build-essential cmake ninja-build pkg-config libevent-dev libpcap-dev libsqlite3-dev
  libnl-3-dev libnl-route-3-dev libjansson-dev libgsl-dev libyaml-dev libxxhash-dev libjs-chart.js"
run_packages="openvswitch-switch openvswitch-common iproute2 nftables"
test_packages="libcmocka-dev clang libclang-rt-14-dev iputils-ping iperf3 tcpdump tshark sqlite3 chromium
  clang-format clang-tidy python3 python3-jsonschema jq mandoc softflowd pmacct iperf nuttcp sockperf
  ethtool procps"

say() {
    printf '\n==> %s\n' "$*"
}

# Installs those of the packages "$@" that are not there.  Without root it names them and goes on.
install_packages() {
    missing=""
    for package in "$@"; do
        if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed"; then
            missing="$missing $package"
        fi
    done
    if [ -z "$missing" ]; then
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "These packages are missing, and installing them needs root:$missing" >&2
        return 0
    fi
    say "installing$missing"
    # The switch that nsmon uses by default is its own; a system service is not started for it.
    policy=""
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
    fi
    status=0
    # shellcheck disable=SC2086 # a list of words
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
        > "${TMPDIR:-/tmp}/nsmon-install.log" 2>&1 < /dev/null || status=$?
    [ -z "$policy" ] || rm -f "$policy"
    if [ "$status" -ne 0 ]; then
        tail -n 20 "${TMPDIR:-/tmp}/nsmon-install.log" >&2
        echo "installing packages failed" >&2
        return 1
    fi
}

# Configures and builds folder $1; the other arguments are cmake's.
build() {
    folder=$1
    shift
    cmake -S . -B "$folder" -G Ninja "$@" > "$folder.log" 2>&1 || { tail -n 30 "$folder.log"; return 1; }
    if [ -t 1 ]; then # ninja's own line, which counts the steps
        ninja -C "$folder" || return 1
    else
        ninja -C "$folder" >> "$folder.log" 2>&1 || { tail -n 40 "$folder.log"; return 1; }
    fi
}
