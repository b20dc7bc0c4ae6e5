#!/bin/sh
# Boots the systemd and the cloud-init of this machine as a machine of a cloud
# does, and returns when it has powered off. It has files, processes, a network
# and control groups of its own, and may change nothing of the kernel.
#
#   boot.sh DIRECTORY   has user-data and the program agent; what is said goes
#                       there too: report, and the journal
set -eu
dir=$1
[ "${2-}" = inside ] || {
  cgroup=$(findmnt --noheadings --types cgroup2 --output TARGET | head -n 1)/skyctl-boot-$$
  mkdir "$cgroup"
  echo "$cgroup" >"$dir/cgroup"
  echo $$ >"$cgroup/cgroup.procs"
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh "$0" "$dir" inside
}

# What is here already is below, what changes in memory.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
root=/mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay $root

# A stock image has cloud-init and sshd, and nothing else starts by itself.
rm -rf $root/etc/fstab $root/var/lib/cloud $root/etc/systemd/system/*.wants
mkdir -p $root/var/lib/skyctl $root/etc/systemd/system/cloud-init.target.wants $root/etc/systemd/system/multi-user.target.wants \
  $root/var/lib/cloud/seed/nocloud $root/var/log/journal $root/report
for unit in cloud-init-local cloud-init cloud-config cloud-final; do
  ln -s /lib/systemd/system/$unit.service $root/etc/systemd/system/cloud-init.target.wants/
done
ln -s /lib/systemd/system/ssh.service $root/etc/systemd/system/multi-user.target.wants/
echo 'policy: enabled' >$root/etc/cloud/ds-identify.cfg
cat >$root/etc/cloud/cloud.cfg.d/99-boot.cfg <<END
datasource_list: [NoCloud]
cloud_init_modules: [bootcmd, write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
END
echo 'instance-id: i-1' >$root/var/lib/cloud/seed/nocloud/meta-data
cp "$dir/user-data" $root/var/lib/cloud/seed/nocloud/
install -m 0755 "$dir/agent" $root/usr/local/bin/skyagent

mount --bind "$dir" $root/report
mount -t tmpfs tmpfs $root/var/lib/skyctl
mkdir "$dir/journal"
mount --bind "$dir/journal" $root/var/log/journal
mount -t proc proc $root/proc
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mount -t tmpfs -o mode=755 tmpfs $root/dev
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  numbers=${device#*:}
  mknod -m 666 $root/dev/${device%%:*} c ${numbers%:*} ${numbers#*:}
done
mkdir $root/dev/shm $root/dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
ip link set lo up

cd $root
mkdir -p old
pivot_root . old
umount -l /old
mount --make-rshared / # as systemd does where it is not in a container
exec env -i container=skyctl PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio /lib/systemd/systemd --log-target=journal </dev/null >/dev/null 2>&1
