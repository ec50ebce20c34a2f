# SPDX-License-Identifier: BSL-1.0
"""Compiles every misuse and its valid twin: check.py COMPILER INCLUDE_DIR FILE...

The twin must compile. The misuse (-DMISTAKE) must not, and the compiler must say what its `// expect:` lines say.
keel.hpp is compiled once for all of them, which takes a fifth of the time.
"""
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

header = re.compile(r"// (expect|expect-gcc|expect-clang|flags): (.*)")


def is_clang(compiler):
    macros = subprocess.run([*compiler, "-dM", "-E", "-x", "c++", os.devnull], capture_output=True, text=True)
    return "__clang__" in macros.stdout


def precompile(compiler, clang, include, folder):
    """The flags with which the compiler takes keel.hpp from here."""
    stub = pathlib.Path(folder, "keel", "keel.hpp")
    stub.parent.mkdir()
    # For GCC, which goes by the name: in its place, if it can't be used.
    stub.write_text("#include_next <keel/keel.hpp>\n")
    made = f"{stub}.gch"
    source = pathlib.Path(include, "keel", "keel.hpp") if clang else stub
    subprocess.run([*compiler, "-std=c++23", "-w", f"-I{include}", "-x", "c++-header", source, "-o", made], check=True)
    return ["-include-pch", made] if clang else [f"-I{folder}"]


def compile(compiler, include, file, flags):
    """By standard input, so that the name of the file does not pass for a diagnostic."""
    command = [*compiler, "-std=c++23", "-fsyntax-only", *flags, f"-I{include}", "-x", "c++", "-"]
    return subprocess.run(command, input=file.read_text(), capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"})


def failures_of(compiler, clang, include, precompiled, file):
    """What is wrong with one file: a list, empty if all is well."""
    expected, flags = [], []
    for line in file.read_text().splitlines():
        if match := header.fullmatch(line.strip()):
            key, value = match.groups()
            if key == "flags":
                flags += shlex.split(value)
            elif key in ("expect", "expect-clang" if clang else "expect-gcc"):
                expected.append(value)
    # What is compiled with other flags does not fit.
    flags = flags or precompiled
    found = []
    if not expected:
        found.append("no text is expected")
    twin = compile(compiler, include, file, flags)
    if twin.returncode != 0:
        found.append("the twin does not compile:\n" + twin.stderr)
    mistake = compile(compiler, include, file, [*flags, "-DMISTAKE"])
    if mistake.returncode == 0:
        found.append("the mistake compiles")
    else:
        found += [f"the diagnostic lacks '{text}':\n{mistake.stderr}" for text in expected if text not in mistake.stderr]
    return found


# Files that must be reported, each with what must be said about it: proof that this checker can fail.
controls = {
    "wrong_text.cpp": ("the diagnostic lacks 'no compiler says this'",
                       "// expect: no compiler says this\n#if defined(MISTAKE)\nint i = nothing;\n#endif\n"),
    "harmless_mistake.cpp": ("the mistake compiles",
                             "// expect: error\n#if defined(MISTAKE)\nint i = 1;\n#endif\n"),
    "broken_twin.cpp": ("the twin does not compile",
                        "// expect: nothing\n#if defined(MISTAKE)\nint i = nothing;\n#else\nint i = something;\n#endif\n"),
    "no_expectation.cpp": ("no text is expected",
                           "#if defined(MISTAKE)\nint i = nothing;\n#endif\n"),
}


def main(command, include, *files):
    compiler = shlex.split(command)
    clang = is_clang(compiler)
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = [pathlib.Path(file) for file in files]
        for name, (_, text) in controls.items():
            path = pathlib.Path(folder, name)
            path.write_text(text)
            paths.append(path)
        precompiled = precompile(compiler, clang, include, folder)
        found = list(pool.map(lambda path: failures_of(compiler, clang, include, precompiled, path), paths))
    passed = failed = 0
    for path, failures in zip(paths, found):
        if path.name in controls and path.parent == pathlib.Path(folder):
            said = controls[path.name][0]
            caught = len(failures) == 1 and failures[0].startswith(said)
            failures = [] if caught else [f"control: '{said}' was not reported, but {failures}"]
        for failure in failures:
            print(f"{path.name}: {failure}")
        passed += not failures
        failed += bool(failures)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
