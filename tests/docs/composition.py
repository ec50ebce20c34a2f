# SPDX-License-Identifier: BSL-1.0
"""Holds docs/composition.md to what a program has found out: composition.py SOURCE_DIR MATRIX_PROGRAM

There is one row for every ordered pair of policies, in the program's order; what `strict` says of the pair, and what ten
calls come to, is what the program says.
"""
import pathlib
import re
import subprocess
import sys


def rows_of(page):
    """[(line, pair, meaning, strict, the three figures)]"""
    found = []
    for number, line in enumerate(page.splitlines(), 1):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 6 and re.fullmatch(r"`\w+ \| \w+`", cells[0]):
            found.append((number, cells[0].strip("`"), cells[1], cells[2], cells[3:]))
    return found


def facts_in(printed):
    """{pair: (strict, the three figures)}, in the order in which they were printed."""
    found = {}
    for line in printed.splitlines():
        pair, strict, *figures = line.split("; ")
        found[pair] = (strict, figures)
    return found


def agrees(written, said):
    """A lint is named by some of its words."""
    if written.startswith("lint: "):
        return said.startswith("lint: ") and written.removeprefix("lint: ") in said
    return written == said


def wrong_rows(rows, facts):
    if [pair for _, pair, *_ in rows] != list(facts):
        yield 1, "the rows are not all ordered pairs, in order: " + ", ".join(facts)
    meanings = {}
    for line, pair, meaning, strict, figures in rows:
        if not meaning.endswith("."):
            yield line, f"'{pair}': a sentence says what it means"
        if meanings.setdefault(meaning, pair) != pair:
            yield line, f"'{pair}' means the same as '{meanings[meaning]}'"
        said, counted = facts.get(pair, ("", []))
        if not agrees(strict, said):
            yield line, f"'{pair}': strict says '{said}', and not '{strict}'"
        if figures != counted:
            yield line, f"'{pair}': ten calls come to | {' | '.join(counted)} |"


def controls(rows, facts):
    yield "all is well", not list(wrong_rows(rows, facts))
    line, pair, meaning, strict, figures = rows[0]
    for name, row in (
            ("a pair that is none", (line, "timeout | nothing", meaning, strict, figures)),
            ("no meaning", (line, pair, "", strict, figures)),
            ("a meaning of another pair", (line, pair, rows[1][2], strict, figures)),
            ("a lint that is none", (line, pair, meaning, "lint: nothing", figures)),
            ("a pair that compiles", (line, pair, meaning, "does not compile", figures)),
            ("a figure that is wrong", (line, pair, meaning, strict, ["11: 11 failed", *figures[1:]]))):
        yield name, list(wrong_rows([row, *rows[1:]], facts))
    yield "a row that is missing", list(wrong_rows(rows[1:], facts))


def main(source, program):
    rows = rows_of((pathlib.Path(source) / "docs" / "composition.md").read_text())
    facts = facts_in(subprocess.run([program, "--facts"], capture_output=True, text=True, check=True).stdout)
    wrong = list(wrong_rows(rows, facts))
    for line, text in wrong:
        print(f"docs/composition.md:{line}: {text}")
    passed, failed = len(facts) - len(wrong), len(wrong)
    if not wrong:
        for name, holds in controls(rows, facts):
            if not holds:
                print(f"control: {name}: was not told apart")
            passed, failed = passed + bool(holds), failed + (not holds)
    print(f"{max(passed, 0)} passed, {failed} failed")
    return 1 if failed or not facts else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
