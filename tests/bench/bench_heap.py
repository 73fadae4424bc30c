#!/usr/bin/python3 -S
"""What recording the heap costs, as ratios within one run: bench_heap.py [-n ROUNDS] [-p MILLION-PAIRS] [NAME...]

As bench.py: each round runs a program bare and under each profiler, one right after the other; medians, and in brackets
the least and the greatest. "ns a pair" is CPU time beyond the bare run for each malloc() and free(), the profiler's own
included; "MiB" what the largest process has more. Peers get fewer pairs, and one round where they are slow.
NAME: load, threads, sqlite, cc1, jq, python, redis (all by default).
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench

NAMES = ["load", "threads", "sqlite", "cc1", "jq", "python", "redis"]
LOAD = os.path.join(bench.TARGETS, "heap", "load")


class Proftop(bench.Profiler):
    share = 1  # of the pairs

    def __init__(self, mode, folder):
        super().__init__("proftop, " + mode, folder)
        self.mode = mode

    def command(self, command):
        return [bench.PROFTOP, "record", "--quiet", "--memory=" + self.mode, "-o", self.file, "--"] + command

    def run(self, command):
        return bench.run(self.command(command))


class Heaptrack(bench.Profiler):
    share = 1 / 10
    slow = False

    def there(self):
        return shutil.which("heaptrack") is not None

    def command(self, command):
        # What it does with several threads may take all memory.
        return ["prlimit", "--as=8589934592", "heaptrack", "-o", self.file] + command

    def run(self, command):
        return bench.run(self.command(command))


class Gperftools(bench.Profiler):
    share = 1 / 100
    slow = True
    preload = "/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4"

    def there(self):
        return os.path.exists(self.preload)

    def command(self, command):
        return ["env", "LD_PRELOAD=" + self.preload, "HEAPPROFILE=" + self.file, "HEAP_PROFILE_ALLOCATION_INTERVAL=0",
                "HEAP_PROFILE_INUSE_INTERVAL=0"] + command

    def run(self, command):
        return bench.run(self.command(command))


def profilers(folder):
    """Ours in each mode; peers where they are installed."""
    ours = [Proftop(mode, folder) for mode in ("exact", "sampled", "off")]
    peers = [Heaptrack("heaptrack", folder), Gperftools("gperftools' heap profiler", folder)]
    return ours, [peer for peer in peers if peer.there()]


def row(name, pairs, count):
    """Of [(bare, profiled)]; `count` malloc() and free(), None where it is not known."""
    each = [1e9 * (cost.cpu - bare.cpu) / count for bare, cost in pairs] if count else None
    return [name, bench.spread([cost.wall / bare.wall for bare, cost in pairs], "%.2f"),
            bench.spread([cost.cpu / bare.cpu for bare, cost in pairs], "%.2f"),
            bench.spread(each, "%.0f") if each else "-",
            "%.0f" % bench.median([(cost.rss_kib - bare.rss_kib) / 1024 for bare, cost in pairs])]


def compare(profiler, command, rounds, runner):
    """[(bare, profiled)], after a warm-up."""
    results = []
    for number in range(-1, 1 if getattr(profiler, "slow", False) else rounds):
        bare = runner(bench.Profiler("bare", ""), command)
        cost = runner(profiler, command)
        if cost.status != 0:
            print(f"{profiler.name}: failed with status {cost.status}: {cost.stderr[-300:]}")
            return []
        if number >= 0:
            results.append((bare, cost))
    return results


def table(title, rounds, profilers, command_for, count_for=lambda profiler: None, runner=None):
    print(f"{title}, {rounds} rounds", flush=True)
    rows = []
    for profiler in profilers:
        pairs = compare(profiler, command_for(profiler), rounds, runner or (lambda p, command: p.run(command)))
        if pairs:
            rows.append(row(profiler.name, pairs, count_for(profiler)))
    bench.print_table(["profiler", "wall / bare", "cpu / bare", "ns a pair", "MiB"], rows)


def bench_load(title, threads, millions, rounds, ours, peers):
    def pairs(profiler):
        share = profiler.share
        if isinstance(profiler, Heaptrack) and threads > 1:
            share /= 10
        return int(millions * 1e6 * share)
    table(f"{title}: {millions:g} M pairs from 50 stacks of 25 calls, {threads} threads; heaptrack and gperftools fewer",
          rounds, ours + peers, lambda p: [LOAD, str(pairs(p)), str(threads)], pairs)


# ---- real programs ----

SQL = """CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
  INSERT INTO t SELECT i, (i * 7919) % 10007, 'key' || ((i * 104729) % 50021), i * 0.37 FROM n;
CREATE INDEX ta ON t(a);
CREATE INDEX tb ON t(b);
SELECT count(*), sum(x.c) FROM t x JOIN t y ON x.a = y.a WHERE y.id % 11 = 0;
SELECT b, count(*), avg(c) FROM t GROUP BY b ORDER BY 2 DESC, 1 LIMIT 5;
UPDATE t SET c = c * 2 WHERE b LIKE 'key1%';
SELECT count(DISTINCT substr(b, 4, 3)), max(c) FROM t;
"""
PYTHON = """import json, re
class Node:
    def __init__(self, d): self.kids = [Node(d - 1) for _ in range(3)] if d else []
    def count(self): return 1 + sum(k.count() for k in self.kids)
text = json.dumps([{"id": i, "name": "n%d" % (i * 7919 % 1009), "v": [i, i * .5, str(i)]} for i in range(20000)])
rows = json.loads(text)
print(Node(11).count(), sum(len(r["name"]) for r in rows), len(re.findall(r"n\\d+7", text)))
"""


def c_source():
    return "".join(
        f"int f{i}(int a, int *p) {{ int s = {i}; for (int i = 0; i < a; i++) {{ if (p[i] % {i % 17 + 2} == 1) s += p[i] * "
        f"f{max(i - 1, 0)}(i, p); else s ^= p[a - i - 1] << {i % 9}; }} switch (s & 7) {{ case 0: return s; case 1: return s "
        f"* {i + 3}; case 5: return a - s; default: return p[0]; }} }}\n" for i in range(170))


def json_text():
    return "[" + ",\n".join(f'{{"id":{i},"name":"user{i * 7919 % 1009}","tags":["t{i % 7}","t{i % 11}"],"pos":{{"x":{i % 100}}}}}'
                            for i in range(60000)) + "]"


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(text)
    return path


def commands(folder):
    """{name: command}, without what is not installed."""
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()
    found = {
        "sqlite": ["sqlite3", ":memory:", ".read " + write(folder, "work.sql", SQL)],
        "cc1": [cc1, "-quiet", "-O1", write(folder, "work.c", c_source()), "-o", os.path.join(folder, "work.s")],
        "jq": ["jq", "-c", "group_by(.name) | map({n: .[0].name, c: length, x: (map(.pos.x) | add)}) | sort_by(.c) | .[:3]",
               write(folder, "work.json", json_text())],
        "python": [os.path.realpath(sys.executable), "-S", write(folder, "work.py", PYTHON)],
    }
    return {name: command for name, command in found.items() if shutil.which(command[0])}


class Server:
    """redis under load: wall is the load's time, the rest is the server's."""

    def __init__(self, folder):
        self.folder, self.socket = folder, os.path.join(folder, "redis.sock")
        self.program = os.path.join(folder, "redis-server")
        os.symlink(shutil.which("redis-check-rdb"), self.program)

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def run(self, profiler, command):
        command = getattr(profiler, "command", lambda same: same)(command)
        with tempfile.TemporaryFile() as output:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            while b"PONG" not in self.ask("ping"):
                if server.poll() is not None:
                    raise SystemExit(f"{profiler.name}: redis-server does not start")
                time.sleep(0.01)
            start = time.perf_counter()
            subprocess.run(["redis-benchmark", "-s", self.socket, "-n", "200000", "-c", "20", "-P", "8", "-t", "set,get,lpush", "-q"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            wall = time.perf_counter() - start
            self.ask("shutdown", "nosave")
            _, status, usage = os.wait4(server.pid, 0)
            server.returncode = status
            output.seek(0)
            return bench.Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, status, output.read().decode("utf-8", "replace"))


def bench_redis(folder, rounds, ours, peers):
    if not shutil.which("redis-check-rdb") or not shutil.which("redis-benchmark"):
        return
    server = Server(folder)
    table("redis under load", rounds, ours + peers,
          lambda p: [server.program, "--port", "0", "--unixsocket", server.socket, "--save", "", "--dir", folder], runner=server.run)


def arguments():
    rounds, millions, names, words = 5, 20.0, [], sys.argv[1:]
    while words:
        word = words.pop(0)
        if word == "-n" and words:
            rounds = int(words.pop(0))
        elif word == "-p" and words:
            millions = float(words.pop(0))
        elif word in NAMES:
            names.append(word)
        else:
            raise SystemExit(__doc__)
    return rounds, millions, names or NAMES


def run_all(folder):
    rounds, millions, names = arguments()
    ours, peers = profilers(folder)
    print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} processors\n")
    programs = commands(folder)
    for name in names:
        if name in ("load", "threads"):
            bench_load(name, 1 if name == "load" else 4, millions, rounds, ours, peers)
        elif name == "redis":
            bench_redis(folder, rounds, ours, peers)
        elif name in programs:
            table(name, rounds, ours + peers, lambda p: programs[name])


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="proftop-bench.") as folder:
        run_all(folder)


if __name__ == "__main__":
    main()
