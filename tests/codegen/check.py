#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Holds the healthy path to its budget by counting: instructions under callgrind, lock prefixes, calls, allocations."""
import os
import re
import subprocess
import sys
import tempfile

program = sys.argv[1]
# The pipeline that holds its configuration at run time loads what the static one has as constants.
budgets = {"static": 32, "stored": 40}
passed = failed = 0


def check(name, holds, detail):
    global passed, failed
    passed, failed = passed + holds, failed + (not holds)
    print(f"{'ok  ' if holds else 'FAIL'} {name}: {detail}")


def total(kind, calls):
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program, kind, str(calls)],
                             capture_output=True, text=True, check=True)
        return int(re.search(r"Collected : (\d+)", ran.stderr)[1]), ran.stdout


def per_call(kind):
    many, output = total(kind, 20_000)
    few, _ = total(kind, 10_000)
    check(f"{kind}: no allocation", output.strip() == "0 allocations", output.strip())
    return (many - few) / 10_000


raw = per_call("raw")
for kind in ("static", "stored"):
    over = per_call(kind) - raw
    check(f"{kind} pipeline: instructions over the raw call", over <= budgets[kind], f"{over:.2f}, budget {budgets[kind]}")

listing = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", program], capture_output=True, text=True, check=True).stdout
for kind in ("static", "stored"):
    body = re.search(rf"<hot_{kind}\(int\)>:\n(.*?)\n\n", listing, re.S)[1]
    check(f"{kind} pipeline: no lock prefix", "lock " not in body, body.count("lock "))
    # Compilers put the cold blocks behind the first return.
    healthy = re.split(r"\bret\b", body)[0]
    calls = [c for c in re.findall(r"call\s+\S+ <([^>]+)>", healthy) if not c.startswith("fetch")]
    check(f"{kind} pipeline: no call but the user's", not calls, calls or "none")

check("control: the listing shows lock prefixes off the healthy path", "lock " in listing, listing.count("lock "))
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
