#!/usr/bin/python3 -S
"""What counting calls costs, as ratios within one run: bench_calls.py [-n ROUNDS] [NAME...]

As bench.py: each round runs the plain program bare and a compiled variant under a profiler, one right after the other; medians,
and in brackets the least and the greatest. "ns a call" is CPU time beyond the bare run, the profiler's own included, for each
call that the compiler's hooks see. Peers get fewer calls. NAME: fib, mix, memory (all by default).
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench

NAMES = ["fib", "mix", "memory"]
HERE = os.path.dirname(os.path.abspath(__file__))
GENERATE = os.path.join(bench.ROOT, "tests", "targets", "calls", "generate.py")
FLAGS = {"plain": [], "hooks": ["-finstrument-functions"], "pg": ["-pg"], "sleds": ["-fpatchable-function-entry=7,5"],
         "fentry": ["-fpatchable-function-entry=5"], "scopes": ["-DSCOPES"]}
SIZES = {"fib": (34, 29), "mix": (600, 60)}  # ours, peers'


class Variant:
    """A way to count: how the program is compiled, and what runs it."""

    def __init__(self, name, build, prefix=(), is_peer=False):
        self.name, self.build, self.prefix, self.is_peer = name, build, list(prefix), is_peer

    def there(self):
        return not self.prefix or shutil.which(self.prefix[0]) is not None


def compile_all(folder):
    for build, flags in FLAGS.items():  # with hooks there are no tail calls: so that all have the same calls
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-g", "-fno-optimize-sibling-calls", "-I" + bench.ROOT, *flags, "-o", os.path.join(folder, build),
                        os.path.join(HERE, "call_load.c")], check=True)


def variants(folder):
    def ours(calls):
        return [bench.PROFTOP, "record", "--quiet", "--calls=" + calls, "-o", os.path.join(folder, "data.pb.gz"), "--"]

    def uftrace(*words):
        return ["uftrace", "record", "--no-libcall", "-d", os.path.join(folder, "uftrace"), *words]
    found = [Variant("hooks, proftop", "hooks", ours("auto")), Variant("patchable, proftop", "sleds", ours("all")),
             Variant("unmodified, proftop", "plain", ours("@plain")), Variant("proftop.h scopes, proftop", "scopes", ours("auto")),
             Variant("proftop, off", "plain", ours("off")), Variant("patchable, proftop, off", "sleds", ours("off")),
             Variant("hooks, proftop, off", "hooks", ours("off")), Variant("patchable, alone", "sleds"), Variant("hooks, alone", "hooks"),
             Variant("scopes, alone", "scopes"), Variant("gprof (-pg), counts", "pg"),
             Variant("uftrace, hooks", "hooks", uftrace(), True), Variant("uftrace, -pg", "pg", uftrace(), True),
             Variant("uftrace, patchable -P .", "fentry", uftrace("-P", "."), True),
             Variant("uftrace, unmodified -P .", "plain", uftrace("-P", "."), True)]
    return [variant for variant in found if variant.there()]


def count_calls(folder, mode, size):
    """As the hooks see them."""
    data = os.path.join(folder, "count.pb.gz")
    bench.run([bench.PROFTOP, "record", "--quiet", "--calls=auto", "-o", data, "--", os.path.join(folder, "hooks"), mode, str(size)])
    report = subprocess.run([bench.PROFTOP, "report", "--view", "calls", "--json", data], stdout=subprocess.PIPE).stdout
    return json.loads(report)["calls"]["calls"]


def measure(folder, variant, mode, size, rounds):
    pairs = []
    os.chdir(folder)  # gprof writes where it is
    for number in range(-1, rounds):
        bare = bench.run([os.path.join(folder, "plain"), mode, str(size)])
        cost = bench.run(variant.prefix + [os.path.join(folder, variant.build), mode, str(size)])
        shutil.rmtree(os.path.join(folder, "uftrace"), ignore_errors=True)
        if cost.status != 0:
            print(f"{variant.name}: failed with status {cost.status}: {cost.stderr[-300:]}")
            return []
        if number >= 0:
            pairs.append((bare, cost))
    return pairs


def bench_load(folder, mode, rounds):
    counts = [count_calls(folder, mode, size) for size in SIZES[mode]]
    print(f"{mode}: {counts[0] / 1e6:.1f} M calls, peers {counts[1] / 1e6:.1f} M, {rounds} rounds", flush=True)
    rows = []
    for variant in variants(folder):
        if variant.build == "scopes" and mode != "fib":
            continue
        pairs = measure(folder, variant, mode, SIZES[mode][variant.is_peer], rounds)
        if pairs:
            count = counts[variant.is_peer]
            rows.append([variant.name, bench.spread([1e9 * (cost.cpu - bare.cpu) / count for bare, cost in pairs], "%.1f"),
                         bench.spread([cost.cpu / bare.cpu for bare, cost in pairs], "%.2f"),
                         bench.spread([cost.wall / bare.wall for bare, cost in pairs], "%.2f")])
    bench.print_table(["way", "ns a call", "cpu / bare", "wall / bare"], rows)


# ---- memory ----

def resident(pid):
    """KiB of a process: shared with proftop, and private but for stacks."""
    shared = private = 0
    kind = ""
    with open(f"/proc/{pid}/smaps") as lines:
        for line in lines:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                kind = words[5] if len(words) > 5 else ""
            elif words[0] == "Rss:" and kind.startswith("/memfd:proftop"):
                shared += int(words[1])
            elif words[0] == "Private_Dirty:" and not kind.startswith(("/memfd:proftop", "[stack")):
                private += int(words[1])
    return shared, private


def find_process(parent, program):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                is_child = int(stat.read().rsplit(")", 1)[1].split()[1]) == parent or int(pid) == parent
            if is_child and os.readlink(f"/proc/{pid}/exe") == program:
                return int(pid)
        except OSError:
            pass
    return None


def memory_of(prefix, command):
    """Of the program at its end."""
    process = subprocess.Popen(prefix + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ, GENERATED_WAIT="1"))
    process.stdout.readline()
    shared, private = resident(find_process(process.pid, command[0]))
    process.communicate(b"\n")
    return shared, private


def bench_memory(folder):
    source, program = os.path.join(folder, "many.c"), os.path.realpath(os.path.join(folder, "many"))
    with open(source, "wb") as out:
        subprocess.run([GENERATE, "10000", "1"], stdout=out, check=True)
    subprocess.run(["gcc", "-O1", "-w", "-pthread", "-finstrument-functions", "-o", program, source], check=True)
    ours = [bench.PROFTOP, "record", "--quiet", "--memory=off", "--calls=auto", "-o", os.path.join(folder, "data.pb.gz"), "--"]
    print("memory: 10,000 functions called by 8 threads", flush=True)
    rows = []
    for mode, words in ("all", "each calls all"), ("share", "each calls its share"):
        _, bare = memory_of([], [program, mode, "8"])
        shared, private = memory_of(ours, [program, mode, "8"])
        rows.append([words, "%.1f" % (shared / 1024), "%.1f" % ((private - bare) / 1024), "%.1f" % ((shared + private - bare) / 1024)])
    bench.print_table(["threads", "shared, MiB", "private, MiB", "in all, MiB"], rows)


def arguments():
    rounds, names, words = 5, [], sys.argv[1:]
    while words:
        word = words.pop(0)
        if word == "-n" and words:
            rounds = int(words.pop(0))
        elif word in NAMES:
            names.append(word)
        else:
            raise SystemExit(__doc__)
    return rounds, names or NAMES


def run_all(folder):
    rounds, names = arguments()
    print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} processors\n")
    compile_all(folder)
    for name in names:
        if name == "memory":
            bench_memory(folder)
        else:
            bench_load(folder, name, rounds)
    os.chdir("/")


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="proftop-bench.") as folder:
        run_all(folder)


if __name__ == "__main__":
    main()
