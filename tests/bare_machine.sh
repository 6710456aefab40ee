#!/bin/bash
# Runs the README's two commands on a machine that has nothing: a minimal Debian or Ubuntu made with
# debootstrap, as an ordinary user, from a fresh clone of the current commit, with empty caches.
# Mounts and processes live in namespaces of their own, so nothing of them outlives this script.
set -euo pipefail

usage() {
    cat <<'END'
usage: sudo tests/bare_machine.sh [OPTION...]

  --python 3.11|3.12|3.13    the system's Python: Debian 12, Ubuntu 24.04 or Debian 13 (default 3.11)
  --suite NAME               the same by name: bookworm, noble or trixie
  --only setup|demo|test     make the environment only, or run one of the two commands (default: both)
  --only offline             fill a wheelhouse, and make an environment from it without network
  --root DIR                 make the machine in DIR and keep it; one that is there is used again
  --record                   write what was printed into docs/bare-machine.md
  --changed                  say whether set-up files changed since docs/bare-machine.md was recorded

Needs root, debootstrap, about 7 GB and the network. Name resolution, proxy, certificates and the
settings of pip and apt are taken over from this machine.
END
}

here=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
page=$here/docs/bare-machine.md
UBUNTU_KEYS=80a36b0a6de2f69f49d2df75ef473ccde121e9e190b9ea01d20a4f63778d5c31
say() { printf 'bare machine: %s\n' "$*"; }
fail() { printf 'bare machine: error: %s\n' "$1" >&2; shift; for line; do printf '    %s\n' "$line" >&2; done; exit 1; }

suite=bookworm only=both root='' record='' changed='' offline=''
while [ $# -gt 0 ]; do
    case $1 in
        --python | --suite | --only | --root) [ $# -gt 1 ] || { usage >&2; exit 2; } ;;&
        --python) case $2 in
            3.11) suite=bookworm ;; 3.12) suite=noble ;; 3.13) suite=trixie ;;
            *) fail "no system is known here that brings Python $2." "Known: 3.11, 3.12, 3.13." ;;
        esac; shift ;;
        --suite) suite=$2; shift ;;
        --only) only=$2; shift ;;
        --root) root=$(readlink -m -- "$2"); shift ;;
        --record) record=yes ;;
        --changed) changed=yes ;;
        --help | -h) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
case $suite in
    bookworm) python=3.11 system='Debian 12' ;;
    noble) python=3.12 system='Ubuntu 24.04' ;;
    trixie) python=3.13 system='Debian 13' ;;
    *) fail "the suite $suite is not known here." "Known: bookworm, noble, trixie." ;;
esac
case $only in both | setup | demo | test | offline) ;; *) usage >&2; exit 2 ;; esac

# What makes the environment. A change asks for a new run; CI compares with the digest on the page.
digest() {
    (cd -- "$here" && sha256sum cil requirements*.txt pyproject.toml cil_nodes/environment/*.py \
        ros2_ws/src/cil_msgs/package.xml ros2_ws/src/cil_msgs/CMakeLists.txt) | sha256sum | cut -c1-16
}

if [ -n "$changed" ]; then
    ! grep -q "set-up files $(digest)" "$page" 2>/dev/null
    exit
fi

# -- outside: what is needed, the folder, and namespaces around the rest ---------------------------

outside() {
    [ "$(id -u)" = 0 ] || fail "debootstrap and mounts need root." "sudo tests/bare_machine.sh"
    for tool in debootstrap unshare; do
        command -v $tool >/dev/null || fail "$tool was not found." "Debian, Ubuntu: apt install $tool"
    done
    git -C "$here" rev-parse -q --verify HEAD >/dev/null || fail "$here is not a git clone."
    [ -z "$(git -C "$here" status --porcelain)" ] ||
        say "note: the clone has changes that are not committed; they are not tried"
    scratch=$(mktemp -d)
    transcript=$scratch/transcript
    finish() {
        [ -z "${child:-}" ] || kill -9 "$child" 2>/dev/null || true
        rm -rf --one-file-system -- "$scratch"
    }
    trap finish EXIT
    trap 'exit 130' INT TERM HUP
    mkfifo "$scratch/output"
    tee "$transcript" <"$scratch/output" &
    reader=$!
    BARE_MACHINE_INSIDE=yes unshare --mount --pid --uts --fork --kill-child --mount-proc \
        --propagation private "$0" --suite "$suite" --only "$only" --root "${root:-$scratch/root}" \
        >"$scratch/output" 2>&1 </dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    wait "$reader"
    [ "$status" = 0 ] || fail "it did not work on $system (Python $python): exit status $status."
    say "all of it worked on $system with Python $python"
    [ -z "$record" ] || record_on_page
    exit
}

# What a terminal overwrites, progress of tests that pass and addresses are left out.
trimmed() {
    tr '\r' '\n' <"$transcript" | sed -E 's/\x1b\[[0-9;]*[mK]//g' |
        grep -vE '%\||: [0-9]+ of [0-9]+ fetched|: compiling|^(tests/[^ ]* )?[.sx]* *\[ *[0-9]+%\]$' |
        sed -E 's#https?://[^ ]+#ADDRESS#g; s#'"$scratch"'#SCRATCH#g' | cut -c1-160 | cat -s
}

# The part of the page between this system's marks is written anew, and the digest at its end.
record_on_page() {
    commit=$(git -C "$here" rev-parse --short=12 HEAD)
    part=$scratch/part
    {
        printf '<!-- %s -->\n\n## %s, Python %s\n\n' "$suite" "$system" "$python"
        printf 'Commit %s, set-up files %s:\n\n```text\n' "$commit" "$(digest)"
        trimmed
        printf '```\n\n<!-- end of %s -->\n' "$suite"
    } >"$part"
    awk -v part="$part" -v first="<!-- $suite -->" -v last="<!-- end of $suite -->" '
        function put(line) { while ((getline line < part) > 0) print line; done = 1 }
        $0 == first { put(); skipping = 1 }
        !skipping
        $0 == last { skipping = 0 }
        END { if (!done) { print ""; put() } }' "$page" >"$scratch/page"
    cat "$scratch/page" >"$page"
    say "recorded in docs/bare-machine.md"
}

# -- inside: make the machine ----------------------------------------------------------------------

# Debian 12 has no package of Ubuntu's keys; Ubuntu's own is fetched, and known by its digest.
ubuntu_keyring() {
    place=usr/share/keyrings/ubuntu-archive-keyring.gpg
    [ ! -e /$place ] || { echo /$place; return; }
    wget -qO "$root.deb" "$1/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb" &&
        dpkg-deb -x "$root.deb" "$root.keys" &&
        sha256sum --status -c <<<"$UBUNTU_KEYS  $root.keys/$place" ||
        fail "Ubuntu's archive keys could not be had." "Ubuntu, Debian 13: apt install ubuntu-keyring"
    echo "$root.keys/$place"
}

make_system() {
    say "making $system with python3, python3-venv, ca-certificates and git"
    options=(--variant=minbase --include=python3,python3-venv,ca-certificates,git)
    mirror=http://deb.debian.org/debian script=
    if [ "$suite" = noble ]; then
        mirror=http://archive.ubuntu.com/ubuntu
        keyring=$(ubuntu_keyring $mirror)
        options+=(--components=main,universe "--keyring=$keyring")
        # An older debootstrap has no script of that name; all of Ubuntu's are this one.
        [ -e /usr/share/debootstrap/scripts/noble ] || script=/usr/share/debootstrap/scripts/gutsy
    fi
    mkdir -p -- "$root"
    debootstrap "${options[@]}" "$suite" "$root" "$mirror" ${script:+"$script"} >"$root.log" 2>&1 ||
        { tail -20 "$root.log" >&2; fail "debootstrap did not end well."; }
    chroot "$root" useradd --create-home --shell /bin/sh robot
    touch "$root/etc/bare-machine"
}

# The machine is on the same network as this one: what reaches package sources here does so there.
take_over_network() {
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    apt-config dump Acquire | grep -E '::(Proxy|Check-Date|Check-Valid-Until)' \
        >"$root/etc/apt/apt.conf.d/99host" || true
    settings=$(python3 -m pip config list 2>/dev/null | grep '^global\.' || true)
    printf '[global]\n%s\n' "$(sed "s/^global\.//; s/='/ = /; s/'$//" <<<"$settings")" >"$root/etc/pip.conf"
    variables=()
    for name in {http,https,no,all}_proxy {HTTP,HTTPS,NO,ALL}_PROXY SSL_CERT_FILE REQUESTS_CA_BUNDLE \
        PIP_{CERT,INDEX_URL,EXTRA_INDEX_URL,FIND_LINKS,TRUSTED_HOST,DEFAULT_TIMEOUT,RETRIES}; do
        [ -z "${!name:-}" ] || variables+=("$name=${!name}")
    done
    # Files and folders that these settings name exist there too, to be read only.
    for place in /etc/ssl/certs/ca-certificates.crt \
        $(printf '%s\n' "$settings" "${variables[@]}" | grep -oE '(file://)?/[^ :'"'"'"]+'); do
        # The packages that a local index names lie beside it.
        case $place in file://*) place=$(dirname "${place#file://}") ;; esac
        if [ -d "$place" ]; then
            mkdir -p "$root$place" && mount --bind -o ro "$place" "$root$place"
        elif [ -f "$place" ]; then
            mkdir -p "$root$(dirname "$place")" && cp -L "$place" "$root$place"
        fi
    done
}

mount_kernel() {
    mount -t proc proc "$root/proc"
    mount --rbind -o ro /sys "$root/sys"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device" && mount --bind /dev/$device "$root/dev/$device"
    done
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
}

# As the ordinary user, in the clone when there is one, with an environment that has only what it must.
as_robot() {
    ${offline:+unshare --net} chroot --userspec=robot:robot "$root" /usr/bin/env -i HOME=/home/robot USER=robot \
        PATH=/usr/local/bin:/usr/bin:/bin "${variables[@]}" \
        sh -euc 'cd; [ ! -d cil_nodes ] || cd cil_nodes; eval "$1"' sh "$1"
}

make_clone() {
    rm -rf -- "$root"/home/robot/{*,.[!.]*} "$root"/tmp/*
    git -C "$here" bundle create -q "$root/home/robot/source" HEAD
    as_robot 'git -c advice.detachedHead=false clone -q source cil_nodes && rm -f source'
}

assert_bare() {
    as_robot "[ \"\$(python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])')\" = $python ]" ||
        fail "python3 is not $python."
    as_robot '! command -v cc c++ gcc g++ clang clang++ tcc make cmake' || fail "there is a compiler."
    as_robot '! /sbin/ldconfig -p | grep -E "libgomp|libGL|libX11"' || fail "there is a library too many."
    as_robot '[ -z "$(find /usr/include -name Python.h 2>/dev/null)" ]' || fail "there are headers."
    as_robot '[ "$(id -u)" != 0 ] && [ ! -w /usr ] && [ ! -e ~/.cache ]' || fail "not an ordinary user."
    say "no compiler, no Python headers, no libgomp, libGL or libX11, not root, caches empty"
}

try() {
    started=$SECONDS
    printf '\n$ %s\n' "$1"
    as_robot "$1" 2>&1 || fail "\`$1\` ended with exit status $?."
    printf '\n'
    say "that took $((SECONDS - started)) s"
}

inside() {
    hostname bare
    [ -e "$root/etc/bare-machine" ] || make_system
    mount_kernel
    take_over_network
    make_clone
    assert_bare
    case $only in
        setup) try './cil --version' ;;
        both) try './cil demo' && try './cil test' ;;
        offline)
            try './cil wheelhouse ~/wheels'
            as_robot 'rm -rf .venv ~/.cache'
            offline=yes
            as_robot '[ "$(grep -c : /proc/net/dev)" = 1 ]' || fail "there is a network besides lo."
            try 'CIL_WHEELHOUSE=~/wheels ./cil --version'
            ;;
        *) try "./cil $only" ;;
    esac
}

# On one line, because bash reads a script while it runs it, and this one may be edited meanwhile.
if [ -n "${BARE_MACHINE_INSIDE:-}" ]; then inside; else outside; fi; exit
