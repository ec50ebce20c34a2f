# SPDX-License-Identifier: BSL-1.0
"""Counts what a run has reached of include/: see tests/coverage/run.

Lines are gcovr's. Its branches are not: it puts those of all instantiations of a template end to end, and then adds up
what different translation units have in the same place. Here branches are those of gcov, where

- an arm counts as taken if any instantiation takes it, among those for which the line has as many arms;
- the arms of a call that may throw are none, neither the one that gcov marks nor the one beside it: no condition
  chooses between them;
- nor are those of a line with a brace alone, where compilers put what ends a coroutine, or constructs a static object;
- a fold expression has the arms of one of its elements, however many policies it is expanded for.
"""
import collections
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
least_branches = 0.95


def lines_by_gcovr(build, source):
    """{file: {line: count}} of what is code below source/include, and what gcovr says of branches."""
    with tempfile.TemporaryDirectory(prefix="keel_gcovr.") as scratch:
        out = pathlib.Path(scratch) / "out.json"
        said = subprocess.run(["gcovr", "--root", source, "--filter", f"{source}/include/", "--exclude-throw-branches",
                               "--exclude-unreachable-branches", "--json", out, "--print-summary", "-j",
                               str(os.cpu_count()), build], check=True, capture_output=True, text=True, cwd=source).stdout
        files = json.loads(out.read_text(encoding="utf-8"))["files"]
    lines = {}
    for file in files:
        lines[os.path.relpath(file["file"], "include")] = {
            line["line_number"]: line["count"] for line in file["lines"] if not line["gcovr/noncode"]}
    return lines, re.search(r"^branches: .*$", said, re.MULTILINE)[0]


def conditional(arms):
    """How often each arm is taken; without those of calls."""
    counts, at = [], 0
    while at < len(arms):
        if at + 1 < len(arms) and arms[at]["fallthrough"] and arms[at + 1]["throw"]:
            at += 2
            continue
        if not arms[at]["throw"]:
            counts.append(arms[at]["count"])
        at += 1
    return counts


def branches_by_gcov(build, source, texts):
    """{file: {line: [whether an arm is taken]}}, of files whose lines are in `texts`."""
    notes = sorted(str(path) for path in pathlib.Path(build).resolve().rglob("*.gcda"))
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for start in range(0, len(notes), 8):
        run = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", *notes[start:start + 8]],
                             cwd=build, check=True, capture_output=True, text=True)
        for unit in run.stdout.splitlines():
            unit = json.loads(unit)
            for file in unit["files"]:
                path = os.path.relpath(os.path.join(unit["current_working_directory"], file["file"]), f"{source}/include")
                if path not in texts:
                    continue
                for line in file["lines"]:
                    if re.fullmatch(r"\s*}[();]*", texts[path][line["line_number"] - 1]):
                        continue
                    if arms := conditional(line["branches"]):
                        found[path][line["line_number"]].append((line.get("function_name"), arms))
    return {file: {line: merged(instances, "...)" in texts[file][line - 1]) for line, instances in lines.items()}
            for file, lines in found.items()}


def merged(instances, is_fold):
    """[whether an arm is taken], of the arms in one line: [(function, how often each is taken)]."""
    # A line of a lambda comes without a name, and with all its instances end to end.
    step = math.gcd(*(len(arms) for name, arms in instances if is_fold or name is None))
    shapes = collections.defaultdict(list)
    for name, arms in instances:
        is_repeated = is_fold or name is None
        shapes[is_repeated, step if is_repeated else len(arms)].append(arms)
    taken = []
    for (_, width), lists in shapes.items():
        taken += [any(any(arms[first::width]) for arms in lists) for first in range(width)]
    return taken


def never_compiled(text, lines):
    """{line} with a `return` that gcov knows nothing of: what is instantiated by nobody, it can't count."""
    text = [re.sub(r"//.*", "", line) for line in text]
    found = set()
    for at, line in enumerate(text, 1):
        if re.search(r"\breturn\b", line):
            end = next((n for n, rest in enumerate(text[at - 1:], at) if ";" in rest), at)
            if not any(n in lines for n in range(at, end + 1)):
                found.add(at)
    return found


def ranges(numbers):
    """`1, 3-5`"""
    text, numbers = [], sorted(numbers)
    for at, number in enumerate(numbers):
        if at and number == numbers[at - 1] + 1:
            text[-1] = text[-1].split("-")[0] + f"-{number}"
        else:
            text.append(str(number))
    return ", ".join(text)


def read_exceptions(path):
    """[(file, text of a line, reason)]"""
    return [tuple(part.strip() for part in line.split(" :: ")) for line in path.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")]


def without_exceptions(missed, text_of, exceptions):
    """({file: {line}}, [what is wrong with the exceptions])"""
    left = {file: set(lines) for file, lines in missed.items()}
    wrong = []
    for file, text, _ in exceptions:
        # One line for each entry: the next one that looks the same has to be excepted by itself.
        lines = sorted(line for line in left.get(file, ()) if text_of(file)[line - 1].strip() == text)
        if lines:
            left[file].remove(lines[0])
        else:
            wrong.append(f"{file}: not missed, or not there: {text}")
    return left, wrong


def control(scratch):
    """What is wrong with what is said of a header of which all is known: proof that this checker can fail."""
    include = scratch / "include"
    include.mkdir()
    (include / "control.hpp").write_text("""\
#include <stdexcept>
inline void may_throw(bool b) {
    if (b) throw std::runtime_error("");
}
template <class T> int sign(T t) {
    if (t < 0)
        return -1;
    return 1;
}
template <class T> int twice(T t) {
    may_throw(false);
    return [&] { return t ? 2 : 0; }();
}
template <class T> T never(T t) {
    return t;
}
template <class... T> bool all(T... t) {
    return (t && ...);
}
struct held {
    ~held();
};
inline const held& kept() {
    static const held one = [] {
        return held();
    }();
    return one;
}
""", encoding="utf-8")
    (scratch / "a.cpp").write_text("""#include "control.hpp"
held::~held() {}
int a() { kept(); return sign(-1) + sign(1L) + twice(1) + twice(1L) + all(1, 0, 1) + all(1, 1); }\n""", encoding="utf-8")
    (scratch / "b.cpp").write_text("""#include "control.hpp"
int a();
int main() { return a() + sign(1.0F) + sign(1.0) + twice('a') == 0; }\n""", encoding="utf-8")
    subprocess.run(["g++", "-std=c++23", "--coverage", "-Iinclude", "a.cpp", "b.cpp", "-o", "control"], cwd=scratch, check=True)
    subprocess.run(["./control"], cwd=scratch, check=True)
    lines, _ = lines_by_gcovr(str(scratch), str(scratch))
    text = (include / "control.hpp").read_text(encoding="utf-8").splitlines()
    if never_compiled(text, lines["control.hpp"]) != {15}:
        yield f"never compiled: {never_compiled(text, lines['control.hpp'])}"
    branches = branches_by_gcov(str(scratch), str(scratch), {"control.hpp": text})
    missed = {line for line, count in lines["control.hpp"].items() if count == 0}
    said = {line: taken for line, taken in branches["control.hpp"].items()}
    if missed:
        yield f"lines {missed} are missed"
    if {line: (sum(taken), len(taken)) for line, taken in said.items()} != {3: (1, 2), 6: (2, 2), 12: (1, 2), 18: (2, 2)}:
        yield f"branches {said}"
    known = [("a", "x", ""), ("a", "gone", "")]
    left, wrong = without_exceptions({"a": {1, 2, 3}}, lambda _: ["x", "y", "x"], known)
    if left != {"a": {2, 3}} or len(wrong) != 1:
        yield f"exceptions {left} {wrong}"


def main(build):
    lines, by_gcovr = lines_by_gcovr(build, str(root))
    texts = {path.relative_to(root / "include").as_posix(): path.read_text(encoding="utf-8").splitlines()
             for path in (root / "include").rglob("*.hpp")}
    branches = branches_by_gcov(build, str(root), texts)
    for file, text in texts.items():
        known = lines.setdefault(file, {})
        known.update(dict.fromkeys(never_compiled(text, known), 0))
    missed = {file: {line for line, count in counts.items() if count == 0} for file, counts in lines.items()}
    left, wrong = without_exceptions(missed, texts.__getitem__, read_exceptions(root / "tests/coverage/exceptions.txt"))

    failed = 0
    for file in sorted(lines):
        for line in missed[file] - left[file]:
            branches.get(file, {}).pop(line, None)
        not_taken = {line for line, taken in branches.get(file, {}).items() if not all(taken)}
        if not_taken:
            print(f"include/{file}: branches not taken in {ranges(not_taken)}")
        if left[file]:
            failed += 1
            print(f"include/{file}: lines not covered: {ranges(left[file])}")
            for line in sorted(left[file]):
                print(f"    {texts[file][line - 1].strip()}")
    count = sum(map(len, lines.values()))
    reached = count - sum(map(len, missed.values()))
    arms = [taken for counts in branches.values() for line in counts.values() for taken in line]
    print(f"lines: {100 * reached / count:.1f} % ({reached} of {count}; {count - reached - sum(map(len, left.values()))} excepted)")
    print(f"branches: {100 * sum(arms) / len(arms):.1f} % ({sum(arms)} of {len(arms)}); gcovr's {by_gcovr}")
    if sum(arms) < least_branches * len(arms):
        failed += 1
        print(f"branches: below {100 * least_branches:.0f} %")
    with tempfile.TemporaryDirectory(prefix="keel_coverage.") as scratch:
        checks = {"exceptions.txt": wrong, "control": list(control(pathlib.Path(scratch).resolve()))}
    for name, problems in checks.items():
        failed += bool(problems)
        for problem in problems:
            print(f"{name}: {problem}")
    print(f"{len(lines) + 1 + len(checks) - failed} passed, {failed} failed")
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
