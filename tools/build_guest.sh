#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the small Linux guest of tools/demo and the nova tests: Debian's cloud kernel, an initrd with
# busybox and a few modules, and an empty ext4 root disk.
#   tools/build_guest.sh DIRECTORY        writes vmlinuz, initrd.gz, root.raw; nothing when they are there
# The guest writes to ttyS0: "GUEST-UP boots=N" (N counted on its disk), then a shell's prompt
# "guest:~# "; "GUEST-TICK N" once a second; "GUEST-BUTTON" when it powers off on the ACPI button.
set -euo pipefail
out=${1:?directory}
here=$(cd "$(dirname "$0")" && pwd)
init=$here/../tests/fixtures/embedded_nova/guest_init.sh
stamp=$(sha256sum "$0" "$init" | sha256sum)
[ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ] && exit 0
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

download() { apt-get download -q -o APT::Sandbox::User=root "$1" >/dev/null; }

kernel_tree() {  # the newest cloud kernel, unpacked and not installed: /boot of this host stays as it is
    cd "$work"
    download linux-image-cloud-amd64 2>/dev/null ||
        { apt-get update -q >/dev/null && download linux-image-cloud-amd64; }
    local image
    image=$(dpkg-deb -f linux-image-cloud-amd64_*.deb Depends | sed 's/[ ,(].*//')
    download "$image"
    dpkg-deb -x "${image}"_*.deb "$work/kernel"
}

initrd() {
    local root=$work/root version modules module number=10
    version=$(basename "$(ls -d "$work"/kernel/lib/modules/*)")
    modules=$work/kernel/lib/modules/$version/kernel
    mkdir -p "$root"/{bin,dev,proc,sys,mnt,modules}
    cp "$(command -v busybox)" "$root/bin/busybox"
    for module in virtio/virtio_ring virtio/virtio virtio/virtio_pci_legacy_dev \
        virtio/virtio_pci_modern_dev virtio/virtio_pci block/virtio_blk acpi/button input/evdev; do
        # a module that is missing is part of the kernel
        cp "$modules/drivers/$module.ko" "$root/modules/$number-$(basename $module).ko" 2>/dev/null || true
        number=$((number + 1))
    done
    install -m 755 "$init" "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1)
}

kernel_tree
initrd >"$out/initrd.gz"
cp "$work"/kernel/boot/vmlinuz-* "$out/vmlinuz"
rm -f "$out/root.raw"
truncate -s 16M "$out/root.raw"
mke2fs -q -F -t ext4 -O ^has_journal "$out/root.raw"
echo "$stamp" >"$out/stamp"
