# SPDX-License-Identifier: BSL-1.0
"""Holds the pages to the code: check.py SOURCE_DIR DEFAULTS_PROGRAM QUICK_START_PROGRAM COMPILED_FILE...

Every cpp fence stands, line by line, in one of the compiled files; every default in a table is the code's; every link
leads to a file; and the first program prints what the README says that it prints.
"""
import pathlib
import re
import subprocess
import sys

languages = {"cpp", "text", "asm", "sh", "cmake", "meson"}


def lines_of(text):
    return [line.strip() for line in text.strip("\n").splitlines()]


def contains(lines, wanted):
    return any(lines[i:i + len(wanted)] == wanted for i in range(len(lines) - len(wanted) + 1))


def fences(text):
    """(line, language, code) of each fence."""
    begun = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("```"):
            if begun:
                begun[2].append(line)
        elif begun:
            yield begun[0], begun[1], "\n".join(begun[2])
            begun = None
        else:
            begun = (number, line.lstrip()[3:].strip(), [])
    if begun:
        yield begun[0], "(never closed)", ""


def wrong_fences(text, compiled):
    for line, language, code in fences(text):
        if language not in languages:
            yield line, f"a fence in the language '{language}'; known are {', '.join(sorted(languages))}"
        elif language == "cpp" and not lines_of(code):
            yield line, "an empty fence"
        elif language == "cpp" and not any(contains(lines, lines_of(code)) for lines in compiled):
            yield line, "these lines stand in no compiled file:\n" + code


def defaults_in(text):
    """{field: (line, default)} of the table whose second column is headed `default`."""
    found, inside = {}, False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 2:
            inside = False
        elif cells[1] == "default":
            inside = True
        elif inside and (field := re.match(r"`([^`]+)`", cells[0])):
            found[field[1]] = (number, cells[1].replace("`", ""))
    return found


def wrong_defaults(text, actual):
    written = defaults_in(text)
    for field, (line, default) in written.items():
        if field not in actual:
            yield line, f"the code has no '{field}'"
        elif default != actual[field]:
            yield line, f"'{field}' is {actual[field]} and not {default}"
    for field in actual.keys() - written.keys():
        yield 1, f"no table has '{field}', which is {actual[field]}"


def wrong_links(text, page):
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if fenced:
            continue
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", line):
            if "://" not in target and not (page.parent / target).exists():
                yield number, f"a link to {target}, which is not there"


def wrong_output(text, program):
    said = re.search(r"^```\n\nprints `([^`]*)`", text, re.MULTILINE)
    printed = subprocess.run([program], capture_output=True, text=True).stdout.strip()
    if not said or said[1] != printed:
        yield 1, f"the first program prints '{printed}'; the text after it says {said and said[1]}"


def actual_defaults(program):
    """{page: {field: default}}"""
    done = subprocess.run([program], capture_output=True, text=True)
    found = {}
    for line in done.stdout.splitlines():
        page, field, value = line.split(" ", 2)
        if page == "FAIL" or found.setdefault(page, {}).setdefault(field, value) != value:
            raise SystemExit(line + "\n0 passed, 1 failed")
    if done.returncode != 0:
        raise SystemExit(f"{program}: {done.returncode}\n0 passed, 1 failed")
    return found


# What must be reported: proof that each check can fail.
control_page = """
```cpp
int one = 1;
```
```cpp
int one = 1;
int three = 3;
```
```c++
int one = 1;
```
| field | default |
|---|---|
| `kept` | 1 s |
| `changed` | 2 s |
| `gone` | 3 s |

[there](README.md), [nowhere](nowhere.md)
"""
control_file = "void f() {\n    int one = 1;\n    int two = 2;\n    int three = 3;\n}\n"


def controls(root):
    page = root / "README.md"
    yield "an output that is wrong", list(wrong_output("```\n\nprints `43`", "/bin/true"))
    yield "a fence that is found", [line for line, _ in wrong_fences(control_page, [lines_of(control_file)])] == [5, 9]
    yield "a fence that is never closed", [line for line, _ in wrong_fences("```cpp\n", [])] == [1]
    actual = {"kept": "1 s", "changed": "20 s", "new": "4 s"}
    yield "a default that is wrong", sorted(line for line, _ in wrong_defaults(control_page, actual)) == [1, 15, 16]
    yield "a link that is dead", [text for _, text in wrong_links(control_page, page)] == ["a link to nowhere.md, which is not there"]


def main(source, defaults_program, quick_start, *files):
    root = pathlib.Path(source)
    compiled = {pathlib.Path(file).resolve() for file in files}
    texts = [lines_of(path.read_text()) for path in compiled]
    defaults = actual_defaults(defaults_program)
    passed = failed = 0

    def report(name, wrong):
        nonlocal passed, failed
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for line, text in wrong:
            print(f"{name}:{line}: {text}")

    for path in sorted([*root.glob("examples/*.cpp"), *root.glob("tests/docs/*.cpp")]):
        report(path.relative_to(root), [] if path.resolve() in compiled else [(1, "is not among the compiled files")])
    for path in [root / "README.md", *sorted(root.glob("docs/**/*.md"))]:
        text, name = path.read_text(), path.relative_to(root)
        report(name, list(wrong_fences(text, texts)))
        report(name, list(wrong_links(text, path)))
        if "policies" in path.parts and (path.stem in defaults or defaults_in(text)):
            report(name, list(wrong_defaults(text, defaults.pop(path.stem, {}))))
    report("README.md", list(wrong_output((root / "README.md").read_text(), quick_start)))
    for page in defaults:
        report(page, [(1, "has defaults and no page")])
    for name, holds in controls(root):
        report(f"control: {name}", [] if holds else [(1, "was not told apart")])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
