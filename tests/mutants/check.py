#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Tests the mutator: what it finds in ten lines, and that `run` tells what is noticed from what is not."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import mutator

sample = """\
template <class T, int N = 3>  // 1 < 2
int f(const T& x, int* p) noexcept {
    static_assert(N > 0);
    if (const int n = x.size(); n < 10 && !*p) return g(n) + 1;
    *p = -n;
    count(p);
    x.y += 0x0f;
    n = a.load(std::memory_order_acquire);
    while (ready) break;
}
"""
expected = [
    (4, 33, "`n < 10 && !*p` negated"), (4, 35, "`<` -> `<=`"), (4, 35, "`<` -> `>=`"), (4, 37, "`10` -> `11`"),
    (4, 37, "`10` -> `9`"), (4, 40, "`&&` -> `||`"), (4, 43, "`!` -> ``"), (4, 48, "`return g(n) + 1;` deleted"),
    (4, 60, "`+` -> `-`"), (4, 62, "`1` -> `0`"), (4, 62, "`1` -> `2`"), (6, 5, "`count(p);` deleted"),
    (7, 5, "`x.y += 0x0f;` deleted"), (7, 9, "`+=` -> `-=`"), (7, 12, "`0x0f` -> `0xe`"), (7, 12, "`0x0f` -> `0x10`"),
    (8, 5, "`n = a.load(std::memory_order_acquire);` deleted"), (9, 12, "`ready` negated"), (9, 19, "`break;` deleted"),
]
toy = """\
#pragma once
inline int twice(int x) {
    if (x > 0) return x * 2;
    return x * 2;
}
constexpr int limit = 7;
inline int positive(int x) { return x > 0 ? x : 0; }
inline int least(int x) { return x >= 3 ? x : 3; }
struct counted {
    unsigned bits = 1;
    bool used = false;
    int times = 0;
    bool is_used() const { return used; }
    void count(int n) {
        bits += 3U;
        if (n >= 2) bits += 3U;
        ++times;
        if (n > 1 && !used) bits = bits << 1 | bits % 2;
        if (is_used()) bits = ~bits & 0xff;
        used = true;
    }
};
"""
toy_test = """\
#include <keel/toy.hpp>
static_assert(limit < 8);
int main() {
    counted c;
    c.count(1);
    if (c.bits != 4) return 1;
    c.count(2);
    if (c.bits != 245 || c.times != 2) return 1;
    counted d;
    d.count(2);
    if (d.bits != 15) return 1;
    if (positive(2) != 2 || positive(-2) != 0 || least(2) != 3 || least(4) != 4) return 1;
    return twice(3) == 6 && twice(-2) == -4 ? 0 : 1;
}
"""
toy_results = {
    "3:9: `x > 0` negated": None,  # its operator's mutants have that one
    "3:11: `>` -> `<=`": "survived",
    "3:11: `>` -> `>=`": "survived",
    "3:16: `return x * 2;` deleted": "survived",
    "3:25: `*` -> `/`": "killed by toy.cpp",
    "3:27: `2` -> `3`": "killed by toy.cpp",
    "4:5: `return x * 2;` deleted": "does not compile",
    "6:23: `7` -> `8`": "killed by toy.cpp (static assertion)",
    "6:23: `7` -> `6`": "survived",
}
passed = failed = 0


def check(name, holds, detail=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"FAIL {name}: {detail}")


def run(folder, *more):
    command = [sys.executable, str(pathlib.Path(__file__).with_name("run")), "--include", f"{folder}/include",
               "--file", "toy.hpp", "--unit", f"{folder}/toy.cpp", "--main", f"{folder}/main.cpp", "--no-common",
               "--results", f"{folder}/results.txt", *more]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
                         env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return ran.returncode, ran.stdout


found = [(m.line, m.column, m.change) for m in mutator.mutants(sample)]
for each in expected:
    check(f"the sample has {each}", each in found, "missing")
for each in found:
    check(f"the sample has only what is expected: {each}", each in expected, "unexpected")
check("memory orders are mutated when asked for",
      sum("memory_order_relaxed" in m.text for m in mutator.mutants(sample, True)) == 1)
for m in mutator.mutants(sample):
    check(f"{m.change} changes the text", mutator.mutated(sample, m) != sample)

with tempfile.TemporaryDirectory() as folder:
    def write(name, text):
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    write("include/keel/toy.hpp", toy)
    write("toy.cpp", toy_test)
    write("main.cpp", "\n")
    code, said = run(folder)
    check("run ends well", code == 0, said)
    results = dict(line.rsplit(": ", 1) for line in said.splitlines() if line.startswith("toy.hpp"))
    for name, outcome in toy_results.items():
        check(f"toy.hpp:{name}", results.get(f"toy.hpp:{name}") == outcome, results.get(f"toy.hpp:{name}"))
    (pathlib.Path(folder) / "results.txt").unlink()
    code, each = run(folder, "--each")
    check("each by itself, they end as where they are switched", code == 0 and sorted(each.splitlines()) == sorted(said.splitlines()),
          said + each)
    (pathlib.Path(folder) / "results.txt").unlink()
    code, chosen = run(folder, "--only", "limit|`7`")
    check("only what is chosen is run", code == 0 and chosen.count("toy.hpp") == 2 and "2 mutants" in chosen, chosen)
    (pathlib.Path(folder) / "results.txt").unlink()
    code, said = run(folder)
    code, again = run(folder)
    check("a second run goes on from the results", code == 0 and again.splitlines() == said.splitlines()[-1:], again)
    listed = [run(folder, "--list", "--sample", "5", "--seed", seed)[1] for seed in ("3", "3", "4")]
    check("a sample is the same for the same seed", listed[0] == listed[1] != listed[2] and listed[0].count("\n") == 5, listed)
    write("toy.cpp", toy_test.replace("6", "7"))
    code, said = run(folder)
    check("results of other sources are not mixed", code == 1 and "of other sources" in said, said)
    (pathlib.Path(folder) / "results.txt").unlink()
    code, said = run(folder)
    check("nothing is said where a test fails anyway", code == 1 and "fails without any mutant" in said, said)

print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
