#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# A toolchain folder: Debian 13 with its Swift, on a machine whose own Debian has none.
#
#   toolchain.sh             make the folder, or finish one that was begun (4 to 20 minutes, 3 GB)
#   toolchain.sh ready       is it finished?
#   toolchain.sh run COMMAND…   in the folder, where the caller is, with the caller's environment
#
# The folder is AFFLUX_SWIFT_FOLDER, or afflux/swift in the user's cache. Without root, debootstrap or
# a mirror it ends as a skipped test does (77). `run` shows the command the caller's folder and those
# that AFFLUX_SWIFT_SHARE names, with a colon between them, at their own paths. Every mount is made in
# a mount namespace of its own, which ends with its last process: none is left behind, whatever
# happens.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bindings/toolchain.sh
. "$here/../toolchain.sh"

folder=${AFFLUX_SWIFT_FOLDER:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/afflux/swift}
suite=trixie
packages='swiftlang libc6-dev libstdc++-14-dev liburing2 pkg-config git ca-certificates'

# Three marks, so that a run that was cut off is continued, and no folder is removed that is not ours.
begun=$folder.begun
base=$folder/.afflux-base
ready=$folder/.afflux-ready

is_ready() { [ "$(cat "$ready" 2>/dev/null)" = "$suite $packages" ]; }

need_root() {
  [ "$(id -u)" = 0 ] || skip "a toolchain folder for Swift needs root"
  command -v unshare >/dev/null 2>&1 || skip "there is no unshare"
  unshare --mount true 2>/dev/null || skip "no mount namespace can be made here"
}

# The mirror that this machine's own apt reads its release from.
mirror() {
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016 # apt's words
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 2>/dev/null |
    awk -v release="$release" '$1 == release { print $2; exit }'
}

# In the namespace: /proc and /dev, without which packages and Swift do not run.
mounts() {
  mount -t proc proc "$folder/proc"
  mount --rbind /dev "$folder/dev"
}

install_base() {
  echo "Swift's folder: $suite in $folder"
  if [ -e "$folder" ]; then
    [ -e "$begun" ] || skip "$folder exists, and was not made by this script"
    rm -rf --one-file-system "$folder"
  fi
  mkdir -p "$(dirname "$folder")"
  : >"$begun"
  # A package is fetched again if the mirror breaks off; after that there is no mirror in reach.
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$folder" "$mirror" >"$folder.log" 2>&1 || {
    tail -n 5 "$folder.log"
    skip "debootstrap could not make $suite from this machine's mirror ($folder.log)"
  }
  : >"$base"
}

install_packages() {
  echo "Swift's folder: $packages"
  mounts
  printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d" # no package starts a service
  chmod +x "$folder/usr/sbin/policy-rc.d"
  cp /etc/resolv.conf "$folder/etc/resolv.conf"
  apt-config dump | grep '^Acquire::' >"$folder/etc/apt/apt.conf.d/90outside" || :
  echo "deb $mirror $suite main" >"$folder/etc/apt/sources.list"
  # shellcheck disable=SC2016,SC2086 # the inner shell's word; the packages are words
  chroot "$folder" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    sh -c 'set -e
      dpkg --configure -a
      apt-get update
      apt-get install -y --no-install-recommends -f
      apt-get install -y --no-install-recommends -o Acquire::Retries=3 "$@"
      apt-get clean' sh $packages >>"$folder.log" 2>&1 || {
    tail -n 5 "$folder.log"
    skip "apt could not install Swift in $folder ($folder.log)"
  }
  echo "$suite $packages" >"$ready"
  rm -f "$begun"
}

setup() {
  is_ready && return 0
  need_root
  command -v debootstrap >/dev/null 2>&1 || skip "there is no debootstrap"
  mkdir -p "$(dirname "$folder")"
  exec 9>"$folder.lock"
  flock 9 # two callers at once: the second finds it done
  is_ready && return 0
  AFFLUX_SWIFT_FOLDER=$folder unshare --mount --propagation private sh "$here/toolchain.sh" inside-setup
}

case ${1:-setup} in
  setup) setup ;;
  ready) is_ready ;;
  inside-setup)
    mirror=$(mirror)
    [ -n "$mirror" ] || skip "this machine's apt names no mirror"
    [ -e "$base" ] || install_base
    install_packages
    ;;
  run)
    shift
    is_ready || skip "there is no toolchain folder for Swift ($folder)"
    need_root
    AFFLUX_SWIFT_FOLDER=$folder exec unshare --mount --propagation private sh "$here/toolchain.sh" inside-run "$@"
    ;;
  inside-run)
    shift
    mounts
    # The caller's folder, too. One that holds another comes first, so that it does not hide it.
    printf '%s' "$PWD:${AFFLUX_SWIFT_SHARE:-}" | tr ':' '\n' | sort -u >"$folder.share.$$"
    while read -r share || [ -n "$share" ]; do
      [ -d "$share" ] || continue
      case $share in
        / | /usr | /usr/lib* | /usr/include* | /lib* | /etc*) continue ;; # the folder has its own
        /*) ;;
        *) continue ;;
      esac
      mkdir -p "$folder$share"
      mount --rbind "$share" "$folder$share"
    done <"$folder.share.$$"
    rm -f "$folder.share.$$"
    # shellcheck disable=SC2016 # the inner shell's words
    exec chroot "$folder" sh -c 'cd "$1" && shift && exec "$@"' sh "$PWD" "$@"
    ;;
  *)
    echo "toolchain.sh [setup | ready | run COMMAND…]" >&2
    exit 2
    ;;
esac
