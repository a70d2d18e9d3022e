#!/bin/sh
# Runs a command as root in a virtual machine with another kernel than this machine's: for what the kernel here has not.
#
#   vm.sh [-p PROCESSORS] [-t SECONDS] [--] COMMAND [WORD...]
#
# The kernel is that of a Debian package, unpacked at $NSMON_VM_KERNEL ("/" takes one that is installed):
#
#   apt-get download linux-image-6.1.0-57-amd64 && dpkg-deb -x linux-image-*.deb DIRECTORY
#   NSMON_VM_KERNEL=DIRECTORY sh tests/lab/vm.sh uname -r
#   NSMON_VM_KERNEL=DIRECTORY ctest -L vm
#
# Its root is this machine's, read-only over 9p below a tmpfs, so every program and build tree is where it is here, but
# for what lies in /tmp and /run, and nothing that it does there stays, but for what it writes to /out, which is
# $NSMON_VM_OUT if that is given.  It has no network.  What the command prints comes out here at its end, and so does its
# status; 77, and why, where no kernel is given or there is no qemu.  Every instruction is emulated, which is slow, unless
# NSMON_VM_ACCEL=kvm says that this machine can do better; NSMON_VM_QEMU are more words for qemu.
set -u
processors=2 limit=900

skip() {
    echo "SKIP: $1"
    exit 77
}

while [ $# -gt 0 ]; do
    case $1 in
    -p) processors=$2 && shift 2 ;;
    -t) limit=$2 && shift 2 ;;
    --) shift && break ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { echo "usage: see the head of $0"; exit 2; }
base=${NSMON_VM_KERNEL:-}
[ -n "$base" ] || skip "needs a kernel: NSMON_VM_KERNEL says where one is unpacked"
for program in qemu-system-x86_64 busybox cpio depmod modprobe timeout; do
    command -v $program >/dev/null || skip "needs $program"
done
busybox --list 2>/dev/null | grep -q '^switch_root$' && ! ldd "$(command -v busybox)" >/dev/null 2>&1 ||
    skip "needs a static busybox (Debian's busybox-static)"
[ "$(id -u)" = 0 ] || skip "needs root, to share the root file system"
version=$(ls "$base/lib/modules" 2>/dev/null | sort -V | tail -n 1)
image=$base/boot/vmlinuz-$version
[ -n "$version" ] && [ -r "$image" ] || skip "there is no kernel with its modules at $base"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/first/bin" "$work/first/modules" "$work/share"
out=${NSMON_VM_OUT:-$work/out}
mkdir -p "$out"

# modules NAME...: the files of these modules and of what they need, in the order of loading.
modules() {
    [ -e "$base/lib/modules/$version/modules.dep" ] || depmod -b "$base" "$version" || return 1
    for name in "$@"; do
        modprobe -n --show-depends -d "$base" -S "$version" "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
    done | awk '!seen[$0]++'
}

# The first root has only what it takes to get at the real one.
cp "$(command -v busybox)" "$work/first/bin/busybox"
number=100
for file in $(modules virtio_pci 9pnet_virtio 9p overlay); do
    case $file in
    *.xz) xz -dc "$file" ;;
    *) cat "$file" ;;
    esac >"$work/first/modules/$number.ko"
    number=$((number + 1))
done
cat >"$work/first/init" <<'END'
#!/bin/busybox sh
for name in sh mount mkdir insmod switch_root ls; do /bin/busybox ln -s busybox /bin/$name; done
export PATH=/bin
mkdir -p /proc /below /over /share
for file in /modules/*; do insmod $file; done
take() {
    mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$2" $1 $3
}
take root ro,cache=loose /below
take share rw /share
mount -t tmpfs -o size=60% over /over
mkdir /over/up /over/work /over/root
mount -t overlay -o lowerdir=/below,upperdir=/over/up,workdir=/over/work root /over/root
mkdir -p /over/root/vm-share /over/root/out
mount -o move /share /over/root/vm-share
take out rw /over/root/out
exec switch_root /over/root /bin/sh /vm-share/second
END
chmod +x "$work/first/init"
cat >"$work/share/second" <<END
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
umount /proc 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir -p /lib/modules/$version
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose modules /lib/modules/$version
ip link set lo up
cd "$PWD" 2>/dev/null || cd /
sh /vm-share/command >/vm-share/printed 2>&1 </dev/null
echo \$? >/vm-share/status
sync
echo o >/proc/sysrq-trigger
sleep 60
END
# The command's words, each as it is.
for word in "$@"; do
    printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
done >"$work/share/command"
(cd "$work/first" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/first.gz"

share() {
    echo "local,path=$1,mount_tag=$2,security_model=none,multidevs=remap${3:-}"
}
# shellcheck disable=SC2086 # words
timeout "$limit" qemu-system-x86_64 -M q35 -accel "${NSMON_VM_ACCEL:-tcg,thread=multi}" -cpu max -smp "$processors" \
    -m 2048 -nographic -no-reboot -nic none -kernel "$image" -initrd "$work/first.gz" \
    -append "console=ttyS0 quiet loglevel=3 panic=-1" \
    -virtfs "$(share / root ,readonly=on)" -virtfs "$(share "$work/share" share)" -virtfs "$(share "$out" out)" \
    -virtfs "$(share "$base/lib/modules/$version" modules ,readonly=on)" ${NSMON_VM_QEMU:-} \
    </dev/null >"$work/console" 2>&1
status=$(cat "$work/share/status" 2>/dev/null)
[ ! -e "$work/share/printed" ] || cat "$work/share/printed"
if [ "$status" = "" ]; then
    echo "FAILED: the virtual machine did not come to its end:"
    tail -n 20 "$work/console"
    exit 1
fi
exit "$status"
