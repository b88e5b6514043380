#!/usr/bin/env bash
# Runs a command in a network, in mounts and among processes of its own, with a cgroup of its own. All of it ends with the command, and
# also when this script or the process that started it is killed: the kernel ends what is in such a namespace. What it does not remove
# are a folder below /var/tmp and those of cgroups. They are removed at the end, or by the next run.
#
#   enclose.sh COMMAND…
set -euo pipefail
prefix=pratique-e2e-

# Inside: nothing is written to folders of the machine, a name is known, and the network is nothing but loopback.
if [ "${1:-}" = --inside ]; then
  shift
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mkdir -p /dev/shm/lib/upper /dev/shm/lib/work
  mount -t overlay -o lowerdir=/var/lib,upperdir=/dev/shm/lib/upper,workdir=/dev/shm/lib/work overlay /var/lib
  printf '127.0.0.1 localhost\n%s\n' "$E2E_HOSTS" >"$TMPDIR/hosts"
  mount --bind "$TMPDIR/hosts" /etc/hosts
  ip link set lo up
  exec "$@"
fi

# Of a run whose process is gone: the folder, whatever it is.
is_left() { [ -e "$1" ] && [ ! -e "/proc/${1##*-}" ]; }

# remove FOLDER: a cgroup and those in it. It is busy until the last process in it is gone.
remove() {
  for _ in {1..50}; do
    [ -d "$1" ] || return 0
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
}

# own PARENT CONTROLLERS: a cgroup below PARENT, for the nodes of this run.
own() {
  local other folder=$1/$prefix$$
  for other in "$1/$prefix"*; do
    ! is_left "$other" || remove "$other"
  done
  mkdir "$folder"
  folders+=("$folder")
  E2E_CGROUPS+="$2=$folder "
}

export E2E_CGROUPS=
folders=()
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  # cgroup v2. At the top: a group with processes, such as that of this shell, passes no controller on to groups below it.
  own /sys/fs/cgroup unified
  for controllers in /sys/fs/cgroup "${folders[0]}"; do
    echo "$E2E_CONTROLLERS" >"$controllers/cgroup.subtree_control"
  done
else
  while IFS=: read -r _ controllers path; do
    [ -n "$controllers" ] || continue
    parent=/sys/fs/cgroup/${controllers#name=}${path%/}
    own "$parent" "$controllers"
    # Without processors and memory of their own, groups take no process.
    folder=${folders[-1]}
    if [ -e "$folder/cpuset.cpus" ]; then
      cat "$parent/cpuset.cpus" >"$folder/cpuset.cpus"
      cat "$parent/cpuset.mems" >"$folder/cpuset.mems"
      echo 1 >"$folder/cgroup.clone_children"
    fi
  done </proc/self/cgroup
fi

# On a disk: what a container writes in memory counts as its own.
for other in "/var/tmp/$prefix"*; do
  ! is_left "$other" || rm -rf "$other"
done
export TMPDIR=/var/tmp/$prefix$$
mkdir "$TMPDIR"

# A signal reaches the command by itself; what is left is removed after it.
trap '' INT TERM HUP
code=0
setpriv --pdeathsig KILL unshare --mount --propagation private --net --pid --uts --ipc --fork --kill-child --mount-proc \
  bash "$0" --inside "$@" || code=$?
for folder in "${folders[@]}"; do remove "$folder"; done
[ -n "${PRATIQUE_E2E_KEEP:-}" ] || rm -rf "$TMPDIR"
exit "$code"
