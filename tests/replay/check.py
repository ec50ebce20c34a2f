#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Replays recorded circuit breakers and rate limiters, and checks that the replay can fail: check.py REPLAY FOLDER.

`KEEL_TRACES` names another folder. Without one only the cases that are written down here are run, and the test counts
as skipped.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MASK = 97  # what keel does otherwise on purpose: the flags in the README of the traces
DRAINED = 2  # what its rate limiters have no match for

program, folder = sys.argv[1], pathlib.Path(os.environ.get("KEEL_TRACES") or sys.argv[2])
counts = {True: 0, False: 0}


def check(what, ok, said=""):
    counts[bool(ok)] += 1
    if not ok:
        print(f"FAILED: {what}\n{said}")


def replay(*arguments):
    """Its exit status, what it said, and the traces, operations and mismatches of the last line."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    found = re.fullmatch(r"(\d+) traces, (\d+) operations, (\d+) mismatches", (done.stdout.splitlines() or [""])[-1])
    return done.returncode, done.stdout + done.stderr, tuple(map(int, found.groups())) if found else None


# Closed with a window of four calls and a minimum of two, it opens at the second failure.
HEADER = "T 7 C 4 2 50 100 1000 1 5000000 0 O 0 1000 0 5"
STEPS = """A 0 1 C -1 -1 0 0 0 0 0 0
F 0 0 C -1 -1 1 1 0 0 0 0
A 1 1 C -1 -1 1 1 0 0 0 0
F 1 0 O 100 0 2 2 0 0 0 1
A -1 0 O 100 0 2 2 0 0 1 1"""
TRACE = f"{HEADER}\n{STEPS}\n"


# Two permits in each period of 10 ns, for calls that may wait for 10 ns.
LIMITER = "L 3 2 10 10 -5 0 5"
LIMITER_STEPS = """A 1 1 1 0 0
R 2 10 -1 10 0
R 3 -1 -1 10 0
V 10 0 1 0 1
R 0 0 1 0 1"""
LIMITED = f"{LIMITER}\n{LIMITER_STEPS}\n"


def header(of=HEADER, **changes):
    words = of.split()
    for column, value in changes.items():
        words[int(column[1:])] = value
    return " ".join(words)


with tempfile.TemporaryDirectory() as scratch:
    made = pathlib.Path(scratch, "made.up.txt")

    def of(text, *arguments):
        made.write_text(text, newline="")
        return replay(made, *arguments)

    for what, text, expected in [
        ("a small trace", TRACE, (1, 5, 0)),
        ("line ends of another system", TRACE.replace("\n", "\r\n"), (1, 5, 0)),
        ("comments and empty lines", "# a comment\n\n" + TRACE + "\n", (1, 5, 0)),
        ("no trace at all", "", (0, 0, 0)),
        ("a trace of no operations", header(_15="0") + "\n", (1, 0, 0)),
        ("rates that are not numbers", TRACE.replace("-1 -1", "NaN NaN"), (1, 5, 0)),
        ("a count window of 100000 calls", header(_3="100000") + "\n" + STEPS, (1, 5, 0)),
        ("a time window of 600 s", header(_2="T", _3="600") + "\n" + STEPS, (1, 5, 0)),
        ("a slow threshold beyond any call", header(_7=str(2**63 - 1)) + "\n" + STEPS, (1, 5, 0)),
        ("a flag that is not skipped", header(_14="2") + "\n" + STEPS, (1, 5, 0)),
        ("other recordings beside it", "L 1 2 3 0 5 0 1\nA 1 1 1 0 0\nE 1 2 3 1 1\nJ 1 2 0.5 3 1 1 2\n" + TRACE,
         (2, 6, 0)),
        ("a rate limiter", LIMITED, (1, 5, 0)),
        ("a rate limiter after a circuit", TRACE + LIMITED, (2, 10, 0)),
        ("a rate limiter of no operations", header(LIMITER, _7="0") + "\n", (1, 0, 0)),
        ("a limiter's flag that is not skipped", header(LIMITER, _6="12") + "\n" + LIMITER_STEPS, (1, 5, 0)),
    ]:
        status, said, sums = of(text, "--skip-flags", 97)
        check(what, status == 0 and sums == expected, said)

    for what, text, reason in [
        ("64 permits", header(_8="64") + "\n" + STEPS, "half_open_calls must be at least 1 and at most 63"),
        ("a wait of 0", header(_9="0") + "\n" + STEPS, "open_for must be above 0"),
        ("a rate of 0", header(_5="0") + "\n" + STEPS, "failure_rate must be above 0"),
        ("a skipped flag", header(_14="33") + "\n" + STEPS, "flags 33 are skipped"),
        ("a timer", header(_14="4") + "\n" + STEPS, "the half-open timeout fired"),
        ("more buckets than any window has", header(_2="T", _3="100000") + "\n" + STEPS, "window.buckets must be"),
        ("a limiter's skipped flag", header(LIMITER, _1="7", _6="1") + "\n" + LIMITER_STEPS, "flags 1 are skipped"),
        ("a limiter that is drained", header(LIMITER, _1="7", _6="2", _7="1") + "\nD 0 0 0 10 0\n", "permits are drained"),
        ("a limit of 0", header(LIMITER, _1="7", _2="0") + "\n" + LIMITER_STEPS, "limit must be at least 1"),
        ("more permits than nanoseconds", header(LIMITER, _1="7", _2="11") + "\n" + LIMITER_STEPS, "one a nanosecond"),
    ]:
        status, said, sums = of(text, "--skip-flags", 97)
        check(f"{what} is left out and named", status == 0 and sums == (0, 0, 0) and "1 left out" in said
              and reason in said and "made#7" in said, said)

    for what, text in [
        ("a minimum off by one", header(_4="3") + "\n" + STEPS),
        ("a window off by one", header(_3="1", _4="1") + "\n" + STEPS),
        ("another state", TRACE.replace("F 1 0 O", "F 1 0 C")),
        ("a call that was refused", TRACE.replace("A 1 1 C", "A -1 0 C").replace("F 1 0 O", "V 0 1 O")),
    ]:
        status, said, sums = of(text)
        check(f"{what} is found", status == 1 and sums and sums[2] > 0 and "made#7, operation " in said, said)
    for column, position in [("buffered", 6), ("failed", 7), ("slow", 8), ("slow failed", 9), ("not permitted", 10)]:
        line = "F 0 0 C -1 -1 1 1 0 0 0 0".split()
        line[position] = str(int(line[position]) + 1)
        status, said, sums = of(TRACE.replace("F 0 0 C -1 -1 1 1 0 0 0 0", " ".join(line)))
        check(f"a wrong count of {column} is found", status == 1 and sums == (1, 5, 1) and f" {column} " in said, said)

    for column, what in [(2, "granted"), (3, "available"), (4, "wait for one"), (5, "cycle")]:
        line = "A 1 1 1 0 0".split()
        line[column] = str(1 - int(line[column]))
        status, said, sums = of(LIMITED.replace("A 1 1 1 0 0", " ".join(line)))
        check(f"a wrong {what} is found", status == 1 and sums == (1, 5, 1) and f" {what} " in said
              and "made#3, operation 1" in said, said)
    for what, text in [
        ("a wait off by one", LIMITED.replace("R 2 10 ", "R 2 11 ")),
        ("a refusal", LIMITED.replace("R 2 10 ", "R 2 -1 ")),
        ("a grant", LIMITED.replace("R 3 -1 ", "R 3 10 ")),
        ("a limit off by one", header(LIMITER, _2="3") + "\n" + LIMITER_STEPS),
        ("a period off by one", header(LIMITER, _3="9") + "\n" + LIMITER_STEPS),
        ("a timeout off by one", header(LIMITER, _4="9") + "\n" + LIMITER_STEPS),
    ]:
        status, said, sums = of(text)
        check(f"{what} of a limiter is found", status == 1 and sums and sums[2] > 0, said)

    for what, text, where in [
        ("an unknown operation of a limiter", LIMITED.replace("A 1 1", "S 1 1"), "made.up.txt:2: `S` is no operation of"),
        ("a limiter's missing column", LIMITED.replace("A 1 1 1 0 0", "A 1 1 1 0"), "made.up.txt:2: has 5 columns"),
        ("a limiter that ends too early", LIMITER + "\nA 1 1 1 0 0\n", "made.up.txt:2: made#3 ends too early"),
        ("an unknown operation", TRACE.replace("F 1 0", "X 1 0"), "made.up.txt:5: `X` is no operation"),
        ("a missing column", TRACE.replace("O 100 0 2 2 0 0 1 1", "O 100 0 2 2 0 0 1"), "made.up.txt:6: has 11 columns"),
        ("a number that is none", TRACE.replace("F 1 0 O 100", "F 1 x O 100"), "made.up.txt:5: column 3 is `x`"),
        ("a trace that ends too early", HEADER + "\n" + "\n".join(STEPS.split("\n")[:3]) + "\n",
         "made.up.txt:4: made#7 ends too early"),
        ("one operation too many", TRACE + "V 0 1 O 100 0 2 2 0 0 1 1\n", "made.up.txt:7: a trace was expected"),
    ]:
        status, said, _ = of(text)
        check(f"{what} is named by file and line", status == 2 and where in said, said)
    status, said, _ = replay(pathlib.Path(scratch, "absent"))
    check("a file that is not there is named", status == 2 and "absent: can't be read" in said, said)
    check("no file is a mistake", replay()[0] == 2)
    check("a mask that is no number is a mistake", of(TRACE, "--skip-flags", "x")[0] == 2)

    kinds = {kind: sorted(f for f in folder.glob("*.public.txt") if f.open().read(2) == kind + " ")
             for kind in "TL"} if folder.is_dir() else {}
    files = kinds.get("T")
    if files:
        status, said, sums = replay(*files, "--skip-flags", MASK)
        print(said, end="")
        check("keel does what was recorded", status == 0 and sums and sums[0] > 0 and sums[2] == 0, said)

        def wrong(line):
            words = line.split(" ")
            words[4] = str(int(words[4]) + 1)
            return " ".join(words)

        for file in files:
            if replay(file, "--skip-flags", MASK)[2][0] < 20:
                continue  # too few are left to show anything
            altered = "\n".join(wrong(s) if s.startswith("T ") else s for s in file.read_text().splitlines())
            status, said, sums = of(altered, "--skip-flags", MASK)
            check(f"control: {file.name} with a minimum off by one is found", status == 1 and sums[2] > 0, said[:2000])
            print(f"control: {file.name} with a minimum off by one: {sums[2]} mismatches")

        if kinds["L"]:
            status, said, sums = replay(*kinds["L"], "--skip-flags", DRAINED)
            print(said, end="")
            check("keel's fixed window does what was recorded", status == 0 and sums and sums[0] > 0 and sums[2] == 0, said)

            def wrong_limit(line):
                words = line.split(" ")
                words[2] = str(int(words[2]) + 1)
                return " ".join(words)

            for file in kinds["L"]:
                altered = "\n".join(wrong_limit(s) if s.startswith("L ") else s for s in file.read_text().splitlines())
                status, said, sums = of(altered, "--skip-flags", DRAINED)
                check(f"control: {file.name} with a limit off by one is found", status == 1 and sums[2] > 0, said[:2000])
                print(f"control: {file.name} with a limit off by one: {sums[2]} mismatches")
    else:
        print(f"skipped: there are no recorded circuits in {folder} (KEEL_TRACES names another folder)")

print(f"{counts[True]} passed, {counts[False]} failed")
sys.exit(1 if counts[False] else 0 if files else 77)
