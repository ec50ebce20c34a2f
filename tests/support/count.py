#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Sums up what a run of meson test has executed: `PASSED FAILED`.

A test that prints a count of its own (doctest's summary, or `N passed, N failed`) adds that; any other adds one. A
test that was skipped adds nothing.
"""
import json
import re
import sys

doctest = re.compile(r"\[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed")
plain = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)

passed = failed = 0
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        test = json.loads(line)
        if test["result"] == "SKIP":
            continue
        output = re.sub(r"\x1b\[[0-9;]*m", "", test.get("stdout", ""))
        ok = test["result"] in ("OK", "EXPECTEDFAIL")
        if counted := doctest.search(output):
            good, bad = int(counted[2]), int(counted[3])
        elif found := plain.findall(output):
            good, bad = (int(n) for n in found[-1])
        else:
            good, bad = (1, 0) if ok else (0, 1)
        passed += good
        failed += bad if ok or bad else 1
print(passed, failed)
