#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command beside a pyvirtd that stands where libvirt's clients look, in a world of its own:
# mount, pid, network, uts and ipc namespaces, empty directories of libvirt. All guests end with it.
#   private_host.sh PYTHON COMMAND...
set -eu
if [ "${PRIVATE_HOST:-}" != 1 ]; then
    exec env PRIVATE_HOST=1 unshare -m -n -p -u -i --fork --kill-child --mount-proc "$0" "$@"
fi
python=$1
shift
mount --make-rprivate /
ip link set lo up
for directory in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
    mkdir -p "$directory"
    mount -t tmpfs -o mode=755 private "$directory"
done
export NOVA_PYVIRT_PATHS=libvirt HOME=/run/libvirt XDG_CACHE_HOME=/run/libvirt/cache
"$python" -m nova_pyvirt.cmd.pyvirtd -d -p /run/libvirt/pyvirtd.pid
"$@"
