#!/bin/sh
# Builds a fleet with a Slurm array job: one task for each shard. The directory must be on a file system that all nodes share.
#
#   etcd-image fetch --fleet fleet.toml               # once: all bases and versions of etcd
#   etcd-image state init --fleet fleet.toml          # once: all keys; tasks create none
#   job=$(sbatch --parsable slurm-array.sh)           # writes shards/1 … shards/8
#   sbatch --dependency=afterok:$job --wrap 'etcd-image merge shards/* --out images'
#
# A build that a signal ends starts again, as does a task whose node fails, and builds only what is missing. A task that is canceled or
# out of time does not: submit the script again. All tasks need the same SSH keys: those in ~/.ssh or, better, in [ssh] authorized-keys.
#SBATCH --job-name=etcd-images
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
#SBATCH --mem=512M
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=shard-%a.log
set -u
shards=8
attempts=4
etcd-image build --fleet fleet.toml --offline --jobs "${SLURM_CPUS_PER_TASK:-2}" \
    --shard "$SLURM_ARRAY_TASK_ID/$shards" --out "shards/$SLURM_ARRAY_TASK_ID"
code=$?
# Above 128, a signal ended the build; 5 is a fault of a disk or the network. Nothing else goes away by itself.
if [ "$code" -gt 128 ] || [ "$code" -eq 5 ]; then
    if [ "${SLURM_RESTART_COUNT:-0}" -lt "$attempts" ]; then
        scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    fi
fi
exit "$code"
