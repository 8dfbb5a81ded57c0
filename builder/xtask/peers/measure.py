"""Runs a command; prints its wall time and processor time in seconds, the peak memory of its largest process in MiB, and the MiB that the
disk below the directory DIR has received meanwhile. Usage: measure.py DIR COMMAND…"""
import os, resource, subprocess, sys, time

def written(directory):
    device = os.stat(directory).st_dev
    path = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat"
    return int(open(path).read().split()[6]) / 2048 if os.path.exists(path) else float("nan")

directory, *command = sys.argv[1:]
os.sync()
before, start = written(directory), time.monotonic()
code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
wall = time.monotonic() - start
os.sync()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, written(directory) - before)
sys.exit(code)
