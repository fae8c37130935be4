#!/bin/sh
# The first process of the test kernel. The host's root is the root, read-only; the one folder that can be written is
# $KCOV_OUT, here /run/out: it has the command to run, and gets its exit status.
export PATH="${GUEST_PATH:-/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" HOME=/run TMPDIR=/run
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs run /run
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm /dev/pts && mount -t tmpfs shm /dev/shm && mount -t devpts devpts /dev/pts
ln -sf /proc/self/fd /dev/fd
busybox ip link set lo up 2>/dev/null
mkdir -p /run/.cache && cp -r "$KCOV_CACHE/pykcov" /run/.cache/
mkdir /run/out && mount -t hostfs none /run/out -o "$KCOV_OUT"
# RNDADDENTROPY: nothing happens here that the kernel would take for random, and Python waits for it.
perl -e 'open R, ">", "/dev/random"; open S, "<", "/run/out/seed"; read S, $s, 64; ioctl R, 0x40085203, pack("iia64", 512, 64, $s)'
cd "$KCOV_FOLDER" || exit 1
sh /run/out/command
echo $? >/run/out/status
exec busybox poweroff -f
