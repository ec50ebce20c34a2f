#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Has SPIN check the circuit's model, and refute what breaks it on purpose: check.py MODEL

Exit code 77, which Meson takes for skipped, where spin is not installed.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

# Of each model: what it is, its definitions, and what SPIN must find wrong with it.
cycle = "acceptance cycle"
overwritten = r"assertion violated .*opened_by==winner"
too_many = r"assertion violated \(probes<="
models = [
    ("2 threads, 1 probe, changes by hand", ["THREADS=2", "PROBES=1", "OPERATOR"], None),
    ("2 threads, 2 probes, changes by hand", ["THREADS=2", "PROBES=2", "OPERATOR"], None),
    ("3 threads, 1 probe", ["THREADS=3", "PROBES=1"], None),
    ("control: a takeover begins a new generation", ["THREADS=2", "PROBES=1", "TAKEOVER_BUMPS"], cycle),
    ("control: a takeover begins a new generation, 3 threads", ["THREADS=3", "PROBES=2", "TAKEOVER_BUMPS"], cycle),
    ("control: nobody takes over", ["THREADS=2", "PROBES=2", "NO_TAKEOVER"], cycle),
    ("control: a loser overwrites the time of opening", ["THREADS=2", "PROBES=1", "LOSER_OVERWRITES"], overwritten),
    ("control: granted without a CAS", ["THREADS=2", "PROBES=2", "GRANT_WITHOUT_CAS"], too_many),
]


def run(command, folder):
    ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    return ran.stdout


def explore(flags, arguments, folder):
    """What the generated checker prints. Its memory is bounded; to run into that or into the depth is no proof."""
    said = run(["gcc", "-w", "-DMEMLIM=2000", *flags, "pan.c", "-o", "pan"], folder)
    said += run(["./pan", "-m2000000", *arguments], folder)
    if re.search(r"too small|out of memory|truncated|Search not completed", said) and "errors: 0" in said:
        raise RuntimeError("the search is not complete:\n" + said)
    return said


def errors(said):
    found = re.search(r"errors: (\d+)", said)
    if found is None:
        raise RuntimeError("no result:\n" + said[-2000:])
    return int(found[1])


def unreached(said):
    """Statements that never ran, but for the ends of what never ends: were there any, less would be proved than it seems."""
    of_processes = said.split("unreached in claim")[0]
    return [line for line in re.findall(r"circuit\.pml:(\d+, state \d+, .*)", of_processes) if "-end-" not in line]


def check(model, definitions, expected):
    """What is wrong, or None; and what was found."""
    with tempfile.TemporaryDirectory() as folder:
        run(["spin", *(f"-D{d}" for d in definitions), "-a", model], folder)
        # What is refuted is refuted soon: compiling takes longer.
        said = explore(["-O2" if expected is None else "-O0", "-DNFAIR=4"], ["-a", "-f", "-N", "recovers"], folder)
        if expected is not None:
            as_expected = errors(said) > 0 and re.search(rf"pan:\d+: {expected}", said)
            return None if as_expected else f"not refuted by `{expected}`:\n{said}", "refuted"
        if errors(said) != 0 or "(fairness enabled)" not in said:
            return said, ""
        if left := unreached(said):
            return "never reached:\n" + "\n".join(left), ""
        states = re.search(r"(\d+(?:\.\d+e\+\d+)?) states, stored", said)[1]
        # A property that something happens says nothing of a model that is stuck.
        if "THREADS=2" in definitions and errors(stuck := explore(["-O0", "-DSAFETY", "-DNOCLAIM"], [], folder)) != 0:
            return stuck, ""
        return None, f"{states} states"


def main(model):
    if shutil.which("spin") is None or shutil.which("gcc") is None:
        print("skipped: spin (Debian's package of that name) or gcc is not installed")
        return 77
    failed = 0
    for name, definitions, expected in models:
        began = time.monotonic()
        wrong, found = check(str(pathlib.Path(model).resolve()), definitions, expected)
        failed += wrong is not None
        print(f"{'FAIL' if wrong else 'ok  '} {name}: {wrong or found}, {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(models) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
