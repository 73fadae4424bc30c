#!/usr/bin/python3 -S
"""What profiling costs, as ratios within one run: bench.py [-n ROUNDS] [-s SECONDS] [NAME...]

Each round runs a program bare and under each profiler, one right after the other, so that both see the same machine.
A ratio is taken within its round; the table has the median over the rounds and, in brackets, the least and the greatest.
"cpu" is user + system of the profiler, the program and all they waited for; "added" is the CPU time beyond the bare run.
Profilers that are not installed are left out; bench_heap.py is the same for the heap. NAME: steady, deep, threads, sqlite, true, report (all by default).
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
PROFTOP = os.path.join(BUILD, "proftop")
TARGETS = os.path.join(BUILD, "tests", "targets")
RATE = 999


class Cost:
    def __init__(self, wall, cpu, rss_kib, status, stderr):
        self.wall, self.cpu, self.rss_kib, self.status, self.stderr = wall, cpu, rss_kib, status, stderr


def run(command, env=None):
    """Runs to the end, output thrown away, and says what it cost."""
    with open(os.devnull, "r+b") as null, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=null, stdout=null, stderr=errors, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = status
        errors.seek(0)
        return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, status, errors.read().decode("utf-8", "replace"))


class Profiler:
    """One way to run a command; `samples` reads how many samples the last run got, None where that is not known."""

    def __init__(self, name, folder):
        self.name, self.file = name, os.path.join(folder, re.sub(r"\W", "-", name) + ".data")

    def there(self):
        return True

    def run(self, command):
        return run(command)

    def samples(self, cost):
        return None


class Proftop(Profiler):
    def __init__(self, engine, folder):
        super().__init__("proftop, " + engine, folder)
        self.engine = engine

    def run(self, command):
        return run([PROFTOP, "record", "--quiet", "--engine", self.engine, "-F", str(RATE), "-o", self.file, "--"] + command)

    def samples(self, cost):
        report = subprocess.run([PROFTOP, "report", self.file, "--json"], stdout=subprocess.PIPE).stdout
        found = re.search(rb'"samples"\s*:\s*(\d+)', report)
        return int(found.group(1)) if found else None


class Perf(Profiler):
    def __init__(self, name, folder, call_graph):
        super().__init__(name, folder)
        self.call_graph = call_graph

    def there(self):
        return shutil.which("perf") is not None

    def run(self, command):
        # Without --no-bpf-event perf sits for a second at its end.
        return run(["perf", "record", "-e", "task-clock", "-F", str(RATE), "--call-graph", self.call_graph, "--no-bpf-event",
                    "-o", self.file, "--"] + command)

    def samples(self, cost):
        found = re.search(r"\((\d+) samples\)", cost.stderr)
        return int(found.group(1)) if found else None


class Gperftools(Profiler):
    preload = "/usr/lib/x86_64-linux-gnu/libprofiler.so.0"

    def there(self):
        return os.path.exists(self.preload)

    def run(self, command):
        return run(command, dict(os.environ, LD_PRELOAD=self.preload, CPUPROFILE=self.file, CPUPROFILE_FREQUENCY=str(RATE),
                                 CPUPROFILE_REALTIME="1"))


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def spread(values, form):
    return f"{form % median(values)} ({form % min(values)} - {form % max(values)})"


def print_table(header, rows):
    rows = [header] + rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


def interleave(command, profilers, rounds):
    """{profiler: [(bare, profiled, samples)]}, a warm-up before."""
    results = {profiler: [] for profiler in profilers}
    for number in range(-1, rounds):
        for profiler in profilers:
            bare = run(command)
            cost = profiler.run(command)
            if cost.status != 0:
                raise SystemExit(f"{profiler.name}: {' '.join(command)} failed:\n{cost.stderr}")
            if number >= 0:
                results[profiler].append((bare, cost, profiler.samples(cost)))
    return results


def bench_cpu(name, command, profilers, rounds):
    print(f"{name}: cost of {RATE} samples a second, start-up included, {rounds} rounds")
    rows = []
    for profiler, pairs in interleave(command, profilers, rounds).items():
        got = [samples / (bare.cpu * RATE) for bare, cost, samples in pairs if samples is not None]
        rows.append([profiler.name, spread([cost.cpu / bare.cpu for bare, cost, _ in pairs], "%.3f"),
                     spread([cost.wall / bare.wall for bare, cost, _ in pairs], "%.3f"),
                     "%.0f ms" % (1000 * median([cost.cpu - bare.cpu for bare, cost, _ in pairs])),
                     "%.1f %%" % (100 * median(got)) if got else "-"])
    print_table(["profiler", "cpu / bare", "wall / bare", "added", "samples got"], rows)


def bench_true(profilers, rounds):
    print(f"true: fixed cost, {rounds} rounds")
    rows = []
    for profiler, pairs in interleave(["true"], profilers, rounds).items():
        rows.append([profiler.name, spread([1000 * (cost.wall - bare.wall) for bare, cost, _ in pairs], "%.1f"),
                     spread([1000 * (cost.cpu - bare.cpu) for bare, cost, _ in pairs], "%.1f"),
                     "%.1f" % median([(cost.rss_kib - bare.rss_kib) / 1024 for bare, cost, _ in pairs])])
    print_table(["profiler", "added wall, ms", "added cpu, ms", "largest process, added MiB"], rows)


def bench_report(folder, rounds, seconds):
    print(f"report: text of a snapshot, 60 frames deep, {rounds} rounds")
    snapshot = os.path.join(folder, "report.pb.gz")
    run([PROFTOP, "record", "--quiet", "-o", snapshot, "--", os.path.join(TARGETS, "truth-nofp"), "deep", str(seconds)])
    rows = []
    for view in "functions", "tree", "threads":
        costs = [run([PROFTOP, "report", snapshot, "--view", view]) for _ in range(rounds)]
        rows.append([view, spread([1000 * cost.wall for cost in costs], "%.1f"), "%.1f" % (costs[0].rss_kib / 1024),
                     "%.1f" % (os.path.getsize(snapshot) / 1024)])
    print_table(["view", "wall, ms", "memory, MiB", "snapshot, KiB"], rows)


def arguments():
    rounds, seconds, names, words = 5, 2.0, [], sys.argv[1:]
    while words:
        word = words.pop(0)
        if word == "-n" and words:
            rounds = int(words.pop(0))
        elif word == "-s" and words:
            seconds = float(words.pop(0))
        elif word in ("steady", "deep", "threads", "sqlite", "true", "report"):
            names.append(word)
        else:
            raise SystemExit(__doc__)
    return rounds, seconds, names or ["steady", "deep", "threads", "sqlite", "true", "report"]


def bench(folder):
    rounds, seconds, names = arguments()
    profilers = [Proftop("perf", folder), Proftop("timer", folder), Perf("perf, frame pointers", folder, "fp"), Perf("perf, dwarf", folder, "dwarf"),
                 Gperftools("gperftools (real time)", folder)]
    profilers = [profiler for profiler in profilers if profiler.there()]
    script = os.path.join(folder, "work.sql")
    with open(script, "wb") as out:
        subprocess.run([os.path.join(ROOT, "tests", "bench", "sqlite_workload.sh"), str(int(seconds * 11))], stdout=out, check=True)
    commands = {mode: [os.path.join(TARGETS, "truth-nofp"), mode, str(seconds)] for mode in ("steady", "deep", "threads")}
    commands["sqlite"] = ["sqlite3", ":memory:", ".read " + script]
    print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} processors\n")
    for name in names:
        if name == "true":
            bench_true(profilers, 4 * rounds)
        elif name == "report":
            bench_report(folder, rounds, seconds)
        else:
            bench_cpu(name, commands[name], profilers, rounds)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="proftop-bench.") as folder:
        bench(folder)


if __name__ == "__main__":
    main()
