#!/usr/bin/python3 -S
"""Writes a snapshot whose content never changes: make_snapshot.py FILE [--foreign | --hostile | --large].

A pprof profile as any other tool could write it, put together from the format's field numbers, so that it tests the
reader and not the writer. Two threads, four modules, recursion, an inlined function, names with what a terminal must
not be sent, functions without a source file. --foreign leaves out the comments that proftop itself would write.
--hostile has names that try to be markup, script or separators; --large has 100,000 stacks of 20,000 functions.
"""
import sys
import zlib


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n) if n else b""


def block(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def packed(field, numbers):
    return block(field, b"".join(map(varint, numbers)))


class Profile:
    def __init__(self):
        self.strings = {"": 0}
        self.modules = {}
        self.functions = {}
        self.locations = {}
        self.samples = []

    def string(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def module(self, name):
        return self.modules.setdefault(name, len(self.modules) + 1)

    def function(self, name, file):
        return self.functions.setdefault((name, file), len(self.functions) + 1)

    def location(self, module, lines):
        """lines: (function, file, line), the innermost first."""
        key = (module, tuple(lines))
        return self.locations.setdefault(key, len(self.locations) + 1)

    def sample(self, frames, count, tid, thread):
        self.samples.append(([self.location(m, lines) for m, lines in frames], count, tid, thread))

    def encode_sample(self, locations, count, tid, thread):
        def label(key, text=None, value=0):
            body = number(1, self.string(key)) + (number(2, self.string(text)) if text else number(3, value))
            return block(3, body)

        return block(2, packed(1, locations) + packed(2, [count, count * 1001000]) + label("thread", thread)
                     + label("tid", value=tid) + label("pid", value=4242) + label("process", "storefront"))

    def encode(self, comments):
        out = bytearray()
        for kind, unit in ("samples", "count"), ("cpu", "nanoseconds"):
            out += block(1, number(1, self.string(kind)) + number(2, self.string(unit)))
        for sample in self.samples:
            out += self.encode_sample(*sample)
        for (module, lines), i in self.locations.items():
            body = number(1, i) + number(2, self.module(module)) + number(3, 0x400000 + i * 0x40)
            for name, file, line in lines:
                body += block(4, number(1, self.function(name, file)) + number(2, line))
            out += block(4, body)
        for name, i in self.modules.items():
            out += block(3, number(1, i) + number(2, i << 32) + number(3, i + 1 << 32) + number(5, self.string(name))
                         + number(6, self.string("%040x" % (i * 0x1234567))) + number(7, 1))
        for (name, file), i in self.functions.items():
            out += block(5, number(1, i) + number(2, self.string(name)) + number(3, self.string(name))
                         + number(4, self.string(file)))
        out += number(9, 1700000000 * 10**9) + number(10, 12345 * 10**6)
        out += block(11, number(1, self.string("cpu")) + number(2, self.string("nanoseconds"))) + number(12, 1001000)
        out += packed(13, [self.string(comment) for comment in comments])
        for text in list(self.strings):
            out += block(6, text.encode("utf-8", "surrogateescape"))
        return bytes(out)


def build():
    shop, libc, cxx, kernel = "/opt/shop/storefront", "/usr/lib/libc.so.6", "/opt/shop/libprices.so", "[kernel]"

    def frame(module, name, line, file="/src/shop/main.c"):
        return module, ((name, file, line),)

    begin = [frame(libc, "__libc_start_main", 0, ""), frame(shop, "_start", 0, "")]
    main = [frame(shop, "main", 91)] + begin
    serve = [frame(shop, "serve_request", 40)] + main
    price = [frame(cxx, "prices::table<std::string, double>::lookup(std::string const&) const", 17, "/src/shop/prices.cc")]
    parse = [(shop, (("is_blank", "/src/shop/parse.h", 8), ("skip_blanks", "/src/shop/parse.c", 23),
                     ("parse_order", "/src/shop/parse.c", 60)))]
    worker = [frame(shop, "worker_main", 12, "/src/shop/worker.c"), frame(libc, "start_thread", 0, ""),
              frame(libc, "clone3", 0, "")]
    profile = Profile()
    profile.sample(price + serve, 400, 4242, "storefront")
    profile.sample(parse + serve, 250, 4242, "storefront")
    profile.sample([frame(libc, "__memmove_avx_unaligned_erms", 0, "")] + parse + serve, 60, 4242, "storefront")
    for depth, count in (1, 40), (3, 30), (40, 10):
        walk = [frame(shop, "walk_tree", 70 + i % 2, "/src/shop/tree.c") for i in range(depth)]
        profile.sample(walk + main, count, 4242, "storefront")
    profile.sample([frame(shop, "evil\x1b[31m\u202egnp\x07", 5, "/src/\x1b]0;x\x07.c")] + main, 20, 4242, "storefront")
    profile.sample([frame(kernel, "copy_page", 0, "")] + main, 15, 4242, "storefront")
    profile.sample([frame(shop, "compress_block", 33, "/src/shop/worker.c")] + worker, 300, 4243, "worker \u00e9\u4e2d")
    profile.sample([frame(libc, "malloc", 0, "")] + worker, 25, 4243, "worker \u00e9\u4e2d")
    return profile


HOSTILE_NAMES = ["<script>window.hacked = 1</script>", "]]></script><script>window.hacked = 2</script><![CDATA[",
                 "\"/><g onload=\"window.hacked = 3\">", "' onmouseover='window.hacked = 4", "&lt;b&gt; &amp; &#x41; &bogus;",
                 "]]>", "--><!-- <![CDATA[ <?php ?>", "${window.hacked = 5}", "tab\there;semicolon; 12\nline",
                 "nul\x01\x08\x0b\x1f\x7f\x85", "\udcff\udcfe invalid", "\u202eright to left\u2066", "\ufffe\uffff\u200b", "",
                 " ", "x" * 1000000, "\u4e2d\u6587\u540d\u5b57" * 50, "\u05e9\u05dc\u05d5\u05dd", "__proto__", "constructor", "[(*"]


def build_hostile():
    profile = Profile()
    main = [("/opt/<i>\"mod'ule\"&</i>", (("main", "", 0),))]
    for i, name in enumerate(HOSTILE_NAMES):
        profile.sample([("/opt/" + name[:500], ((name, "/src/" + name[:500], i),))] + main, 10 + i, 4242, name[:500])
    return profile


def build_large():
    profile = Profile()
    for i in range(100000):
        stack = [(i * 7919 % 20000, 9), (i * 31 % 2000, 8), (i % 500, 7)] + [(i % (2 << d), d) for d in range(7, -1, -1)]
        frames = [("/opt/lib%d.so" % (n % 10), (("function_%d_of_level_%d" % (n, d), "", 0),)) for n, d in stack]
        profile.sample(frames, 1 + 100000 // (i + 1), 4242, "large")
    return profile


OURS = ["proftop=1", "command=./storefront --port 8080", "host=example", "engine=perf", "rate_asked_hz=999",
        "rate_real_hz=997.4", "samples=1150", "lost=3", "truncated=2", "broken=0", "front_end_cpu_ns=9000000",
        "exit_code=0", "note=the kernel's own frames are hidden from this user", "process=4242 - ended storefront",
        "thread=4242 0 ended storefront", "thread=4243 0 ended worker \u00e9\u4e2d"]


def main():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    comments = ["made elsewhere"] if "--foreign" in sys.argv else OURS
    profile = build_hostile() if "--hostile" in sys.argv else build_large() if "--large" in sys.argv else build()
    with open(sys.argv[1], "wb") as out:
        out.write(packer.compress(profile.encode(comments)) + packer.flush())


main()
