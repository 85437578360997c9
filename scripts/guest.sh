# shellcheck shell=bash
# Sourced by scripts/linux-guest and scripts/qemu-machine: QEMU, and Debian's kernel in a folder.

# Exit code 3: no machine can be started here, and the last line says why.
cannot() {
    printf '%s\n' "$1"
    exit 3
}

install_qemu() {
    command -v qemu-system-x86_64 >/dev/null && command -v busybox >/dev/null && return
    [ "$(id -u)" -eq 0 ] || cannot 'QEMU is missing, and only root installs it'
    apt-get -o DPkg::Lock::Timeout=400 install -y --no-install-recommends qemu-system-x86 busybox-static </dev/null >&2
}

need_programs() {
    local command
    [ "$(uname -m)" = x86_64 ] || cannot 'the machine is made for x86_64 only'
    for command in qemu-system-x86_64 busybox apt-get dpkg ldd flock; do
        command -v "$command" >/dev/null || cannot "$command is missing (apt-get install qemu-system-x86 busybox-static)"
    done
    ldd "$(command -v busybox)" >/dev/null 2>&1 && cannot 'busybox needs libraries here (apt-get install busybox-static)'
}

kernel_in() { find "$1/kernel/boot" -name 'vmlinuz-*' 2>/dev/null | head -n 1; }

# fetch_kernel FOLDER: the kernel and its modules, below FOLDER/kernel; several ask at once.
fetch_kernel() {
    local folder=$1 package
    [ -n "$(kernel_in "$folder")" ] && return
    (
        flock 9
        [ -n "$(kernel_in "$folder")" ] && exit 0
        package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)$/\1/p' | head -n 1)
        [ -n "$package" ] || cannot 'apt knows no kernel: apt-get update'
        (cd "$folder" && apt-get download "$package" >&2) || cannot "the package $package cannot be downloaded"
        rm -rf "$folder/unpacked"
        dpkg -x "$folder/$package"_*.deb "$folder/unpacked" && mv "$folder/unpacked" "$folder/kernel" || exit 1
        rm -f "$folder/$package"_*.deb
    ) 9>"$folder/.lock" || exit $?
}

# busybox_in ROOT: a root of busybox alone.
busybox_in() {
    local applet
    mkdir -p "$1"/{bin,proc,sys,dev,tmp} || exit 1
    cp "$(command -v busybox)" "$1/bin/busybox"
    for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -sf busybox "$1/bin/$applet"; done
}
