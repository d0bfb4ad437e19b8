#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A libvirtd of one's own below the directory $1, in a mount namespace; the host's is left alone. Runs
# until its standard input ends. Prints "ready". Orphans are reaped by this process's Python parent.
set -euo pipefail
base=$1
for name in run etc lib log cache; do mkdir -p "$base/$name"; done
cp -a /etc/libvirt/. "$base/etc/"
printf 'auth_unix_ro = "none"\nauth_unix_rw = "none"\nlog_level = 4\n' >"$base/etc/libvirtd.conf"
printf 'security_driver = "none"\nuser = "root"\ngroup = "root"\n' >"$base/etc/qemu.conf"
mount --bind "$base/run" /run/libvirt
mount --bind "$base/etc" /etc/libvirt
mount --bind "$base/lib" /var/lib/libvirt
mount --bind "$base/log" /var/log/libvirt
mount --bind "$base/cache" /var/cache/libvirt
virtlogd -p "$base/virtlogd.pid" & logd=$!
libvirtd -p "$base/libvirtd.pid" & daemon=$!
trap 'kill $daemon $logd' EXIT
until [ -S "$base/run/libvirt-sock" ] && virsh -q -c "qemu+unix:///system?socket=$base/run/libvirt-sock" uri >/dev/null 2>&1; do
    kill -0 $daemon
done
echo ready
cat >/dev/null
