#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Replays a corpus and fuzzes on from there: check.py FUZZER CORPUS SECONDS.

What is found on the way stays in a folder that is thrown away: the corpus changes only by hand.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

fuzzer, corpus, seconds = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
passed = failed = 0


def run(what, said_of, *arguments, flaw=None):
    global passed, failed
    environment = dict(os.environ, KEEL_FLAW=flaw) if flaw else None
    with tempfile.TemporaryDirectory() as scratch:
        kept = pathlib.Path(scratch, "kept")
        kept.mkdir()
        done = subprocess.run([fuzzer, *(kept if a is None else a for a in arguments), f"-artifact_prefix={scratch}/"],
                              capture_output=True, text=True, errors="replace", cwd=scratch, env=environment)
    found = re.search(said_of, done.stderr)
    if (done.returncode != 0) == (flaw is not None) and found:
        passed += 1
        print(f"{what}: {found[1].strip()}")
    else:
        failed += 1
        print(f"FAILED: {what}\n{done.stderr[-6000:]}")


files = sorted(corpus.iterdir())
run(f"corpus of {len(files)} files", r"(Executed) ", *files)
run("control, a minimum off by one", r"\n(keel: .*)", *files, flaw="minimum")
run("control, calls overdue too late", r"\n(keel: .*)", *files, flaw="overdue")
run("fuzzing", r"(Done \d+ runs in \d+ second\(s\))", f"-max_total_time={seconds}", "-max_len=600", "-timeout=10", None,
    corpus)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
