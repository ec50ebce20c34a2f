# SPDX-License-Identifier: BSL-1.0
"""Runs clang-tidy over the headers and over programs that use them: see tests/tidy/run."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
# Much of what is wrong with a template shows in its instantiations only.
programs = [*sorted((root / "tests/docs").glob("*.cpp")), root / "tests/stress/circuits.cpp"]
finding = re.compile(r"^(\S+?):(\d+:\d+: (?:error|warning): .*)$", re.MULTILINE)


def findings(path, include, checks):
    """{(file, what is said of it)}"""
    command = ["clang-tidy-19", "--quiet", f"--config-file={root / '.clang-tidy'}", f"--checks={checks}", str(path), "--",
               "-xc++", "-std=c++23", f"-I{include}", f"-I{root / 'include'}", f"-I{root / 'tests'}"]
    run = subprocess.run(command, capture_output=True, text=True)
    found = {(os.path.normpath(file), said) for file, said in finding.findall(run.stdout)}
    # Without a diagnostic, it did not even begin.
    return found or ({(str(path), f" {run.stderr}")} if run.returncode else set())


def of_includes(header, include=root / "include"):
    """Of each header by itself: the check looks at no other file."""
    return findings(include / header, include, "-*,misc-include-cleaner")


def of_program(program, include=root / "include"):
    """How a program is written is not what is asked; that it compiles is."""
    return {(file, said) for file, said in findings(program, include, "-misc-include-cleaner")
            if "include/keel/" in file or "clang-diagnostic" in said or said.startswith(" ")}


def controls(scratch):
    """(name, what must be found, what is): proof that this checker can fail."""
    include = scratch / "include"
    (include / "keel").mkdir(parents=True)
    header, program = include / "keel/control.hpp", scratch / "control.cpp"
    for name, text, check in (("an include that is missing", "#include <string>\ninline std::size_t s = std::string().size();", "cleaner"),
                              ("an include that is too much", "#include <vector>\ninline int i = 1;", "cleaner"),
                              ("every include", "#include <cstddef>\ninline std::size_t s = 1;", None)):
        header.write_text(f"#pragma once\n{text}\n", encoding="utf-8")
        yield name, check, of_includes(header, include)
    for name, text, uses, check in (
            ("a capital", "inline int Value = 1;", "", "naming"),
            ("a private member", "class c { int value = 1; };", "", "naming"),
            ("a parameter in lower case", "template <class t> struct c;", "", "naming"),
            ("what an instantiation divides", "template <class T> double f(T a) { return 1 / a; }", "double d = f(2);", "division"),
            ("names as they should be", "template <class T> class c { T value_; };", "int Value = 1;", None),
            ("what does not compile", "", "int i = nothing;", "clang-diagnostic")):
        header.write_text(f"#pragma once\n{text}\n", encoding="utf-8")
        program.write_text(f"#include <keel/control.hpp>\n{uses}\n", encoding="utf-8")
        yield name, check, of_program(program, include)


def main(wanted):
    headers = wanted or sorted(path.relative_to(root / "include").as_posix() for path in (root / "include").rglob("*.hpp"))
    with tempfile.TemporaryDirectory(prefix="keel_tidy.") as scratch:
        every = pathlib.Path(scratch) / "every.cpp"
        every.write_text("".join(f"#include <{header}>\n" for header in headers), encoding="utf-8")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [pool.submit(of_program, program) for program in [every, *([] if wanted else programs)]]
            jobs += [pool.submit(of_includes, header) for header in headers]
            found = [job.result() for job in jobs]
        told = list(controls(pathlib.Path(scratch)))
    for file, said in sorted(set().union(*found)):
        print(f"{os.path.relpath(file, root)}:{said}")
    failed = sum(bool(said) for said in found)
    for name, check, said in told:
        if said if check is None else not any(check in text for _, text in said):
            failed += 1
            print(f"control: {name}: {said or 'nothing found'}")
    print(f"{len(found) + len(told) - failed} passed, {failed} failed")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
