#!/usr/bin/env bash
# A node, in namespaces and a cgroup of its own. Its first process makes of /proc, /sys, /run and the cgroups what a container runtime expects
# of a machine, and keeps containerd, kubelet and kube-proxy running, as an init system does, until it is killed.
#
#   node.sh NAME ADDRESS FOLDER
#
# It has the network of its caller. FOLDER has the files that node-files.ts writes, PATH all programs. E2E_CGROUPS: `controllers=folder` of
# each hierarchy; of cgroup v2 the one is called `unified`, and gives E2E_CONTROLLERS to the groups below it.
set -euo pipefail

isolate=(unshare --mount --propagation private --pid --uts --ipc --fork --kill-child --mount-proc)
if [ "$1" != --inside ]; then
  own=
  for hierarchy in $E2E_CGROUPS; do
    group=/${hierarchy#*=/}/$1
    mkdir "$group"
    echo $$ >"$group/cgroup.procs"
    own+="${hierarchy%%=/*}=$group "
  done
  export E2E_CGROUPS=$own
  [ "${own%%=*}" = unified ] || exec "${isolate[@]}" --cgroup bash "$0" --inside "$@"
  # The group is the top of what the node sees. It passes controllers on only without a process of its own: they move below it.
  mkdir "$group/init"
  exec unshare --cgroup bash -c 'echo $$ >"$1/init/cgroup.procs" && echo "$E2E_CONTROLLERS" >"$1/cgroup.subtree_control" && exec "${@:2}"' \
    -- "$group" "${isolate[@]}" bash "$0" --inside "$@"
fi
shift
name=$1 address=$2 folder=$3
hostname "$name"

mount -t sysfs sysfs /sys
if [ "${E2E_CGROUPS%%=*}" = unified ]; then
  mount -t cgroup2 cgroup /sys/fs/cgroup
  E2E_CGROUPS=
else
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
fi
for hierarchy in $E2E_CGROUPS; do
  controllers=${hierarchy%%=/*}
  place=/sys/fs/cgroup/${controllers#name=}
  options=$controllers
  [ "$options" = "${options#name=}" ] || options=none,$options
  mkdir -p "$place"
  mount -t cgroup -o "$options" cgroup "$place"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$folder"/{kubelet,cni-state,log,tunables} /var/lib/kubelet /var/lib/cni
mount --bind "$folder/kubelet" /var/lib/kubelet
mount --bind "$folder/cni-state" /var/lib/cni
mount --bind "$folder/log" /var/log
# The kubelet insists on six settings of the kernel and writes them, for the whole machine. Here it finds files that have them.
tunable() {
  local file=$folder/tunables/${1//\//.}
  echo "$2" >"$file"
  mount --bind "$file" "/proc/sys/$1"
}
tunable vm/overcommit_memory 1
tunable vm/panic_on_oom 0
tunable kernel/panic 10
tunable kernel/panic_on_oops 1
tunable kernel/keys/root_maxkeys 1000000
tunable kernel/keys/root_maxbytes 25000000
mount --make-rshared /

echo 1 >/proc/sys/net/ipv4/ip_forward

# keep PROGRAM ARGUMENT…: starts it again whenever it ends; its process ID is in PROGRAM.pid.
keep() {
  local what=$1
  (
    while :; do
      "$@" >>"$folder/$what.log" 2>&1 &
      echo $! >"$folder/$what.pid"
      wait $! || true
      sleep 0.5
    done
  ) &
}
keep containerd --config "$folder/containerd.toml"
until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
keep kubelet --config="$folder/kubelet.json" --kubeconfig="$folder/kubelet.kubeconfig" --hostname-override="$name" --node-ip="$address" --v=2
keep kube-proxy --config="$folder/kube-proxy.json" --v=1
touch "$folder/prepared"
while :; do
  sleep 3600 &
  wait $! || true
done
