# SPDX-License-Identifier: BSL-1.0
"""Compiles every header alone and twice, and those of the core without exceptions: check.py COMPILER INCLUDE_DIR"""
import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import sys

warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wold-style-cast",
            "-Wnon-virtual-dtor", "-Werror"]
without_exceptions = ["-fno-exceptions", "-fno-rtti"]


def diagnostics(compiler, include, text, flags):
    """What the compiler says against `text`; None if it compiles."""
    command = [*compiler, "-std=c++23", "-fsyntax-only", *warnings, f"-I{include}", *flags, "-x", "c++", "-"]
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    return None if run.returncode == 0 else run.stderr or f"exit code {run.returncode}"


def main(command, include):
    compiler = shlex.split(command)
    headers = sorted(path.relative_to(include).as_posix() for path in pathlib.Path(include).rglob("*.hpp"))
    units = [(header, f"#include <{header}>\n" * 2, [], True) for header in headers]
    core = [header for header in headers if "/adapt/" not in header]
    units.append(("the core without exceptions", "".join(f"#include <{header}>\n" for header in core),
                  without_exceptions, True))
    # Proof that this checker can fail: an error, and a warning, which is one too.
    units.append(("control: unknown name", "int i = nothing;\n", [], False))
    units.append(("control: lossy conversion", "short f(int i) { return i; }\n", [], False))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(lambda unit: diagnostics(compiler, include, unit[1], unit[2]), units))
    failed = 0
    for (name, _, _, compiles), text in zip(units, said):
        if compiles != (text is None):
            failed += 1
            print(f"{name}: {text or 'compiles'}")
    print(f"{len(units) - failed} passed, {failed} failed")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
