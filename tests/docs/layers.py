# SPDX-License-Identifier: BSL-1.0
"""Holds the include graph to its rules and to the table in docs/design/layers.md: layers.py SOURCE_DIR"""
import graphlib
import pathlib
import posixpath
import re
import sys


def read_graph(include):
    """({header: the headers of keel that it includes}, {header: what it includes of others})"""
    texts = {path.relative_to(include).as_posix(): path.read_text() for path in include.rglob("*.hpp")}
    inside, outside = {}, {}
    for header, text in texts.items():
        inside[header], outside[header] = set(), set()
        for spelled in re.findall(r'^#include (["<][^">]+)', text, re.MULTILINE):
            name = spelled[1:]
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(header), name))
            if spelled[0] == '"':
                inside[header].add(beside)
            elif name.startswith("keel/"):
                inside[header].add(name.removeprefix("keel/"))
            else:
                outside[header].add(name)
    return inside, outside


def read_layers(page):
    """[(layer, the headers and folders in it, the layers it includes)] from the top to the bottom."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    return [(name, re.findall(r"`([^`]+)`", members), set(filter(None, re.split(r"[,\s]+", below))))
            for name, members, below in (row for row in rows if len(row) == 3) if "`" in members]


def reached(graph, start):
    found, left = set(), [start]
    while left:
        for header in graph.get(left.pop(), ()):
            if header not in found:
                found.add(header)
                left.append(header)
    return found


def layer_of(header, layers):
    """A header that is named wins over its folder."""
    for wanted in (header, posixpath.dirname(header) + "/"):
        for name, members, _ in layers:
            if wanted in members:
                return name
    return None


def broken_rules(inside, outside, layers):
    try:
        tuple(graphlib.TopologicalSorter(inside).static_order())
    except graphlib.CycleError as error:
        yield "a cycle: " + " -> ".join(reversed(error.args[1]))
    policies = {header for header in inside if layer_of(header, layers) == "policies"}
    for header, included in sorted(inside.items()):
        for other in sorted(included):
            if other not in inside:
                yield f"{header} includes {other}, which is not there"
            if other.startswith("adapt/") and not header.startswith("adapt/"):
                yield f"{header} includes {other}: the core must not know of it"
            if header in policies and other in policies:
                yield f"{header} includes {other}: a policy must not include a policy"
            if header.startswith("sync/") and not other.startswith("sync/") and other != "detail/macros.hpp":
                yield f"{header} includes {other}: sync/ stands on nothing but detail/macros.hpp"
    for header in sorted({"keel.hpp"} | reached(inside, "keel.hpp")):
        if any(name.startswith("range/") for name in outside.get(header, ())):
            yield f"{header}, which keel.hpp pulls in, includes range-v3"


def wrong_rows(inside, layers):
    place = {name: number for number, (name, _, _) in enumerate(layers)}
    below = {name: set() for name in place}
    for header, included in sorted(inside.items()):
        mine = layer_of(header, layers)
        if mine is None:
            yield f"{header} is in no layer"
            continue
        for other in included:
            theirs = layer_of(other, layers)
            if theirs is None or theirs == mine:
                continue
            below[mine].add(theirs)
            if place[theirs] < place[mine]:
                yield f"{header} ({mine}) includes {other} ({theirs}), which is above it"
    for name, members, written in layers:
        if written != below[name]:
            yield f"{name} includes {', '.join(sorted(below[name], key=place.get)) or 'nothing'}; the table says otherwise"
        for member in members:
            if member not in inside and not (member.endswith("/") and any(h.startswith(member) for h in inside)):
                yield f"{name}: {member} is not there"


def controls():
    layers = [("face", ["keel.hpp"], {"policies"}), ("policies", ["a.hpp", "b.hpp"], {"ground"}),
              ("ground", ["sync/", "detail/"], set())]
    good = {"keel.hpp": {"a.hpp"}, "a.hpp": {"sync/x.hpp"}, "b.hpp": set(), "sync/x.hpp": {"detail/macros.hpp"},
            "detail/macros.hpp": set()}
    nothing = {header: set() for header in good}
    yield "all is well", not list(broken_rules(good, nothing, layers)) and not list(wrong_rows(good, layers))
    for name, change, said in (
            ("a cycle", {"detail/macros.hpp": {"sync/x.hpp"}}, "a cycle"),
            ("a policy in a policy", {"a.hpp": {"b.hpp"}}, "a policy must not"),
            ("an adapter in the core", {"a.hpp": {"adapt/asio.hpp"}, "adapt/asio.hpp": set()}, "must not know of it"),
            ("sync on more than macros", {"sync/x.hpp": {"detail/y.hpp"}, "detail/y.hpp": set()}, "stands on nothing but")):
        yield name, any(said in text for text in broken_rules(good | change, nothing, layers))
    yield "range-v3 in the core", list(broken_rules(good, nothing | {"a.hpp": {"range/v3/all.hpp"}}, layers))
    for name, change, said in (("a header in no layer", {"new.hpp": set()}, "new.hpp is in no layer"),
                               ("a layer above", {"detail/macros.hpp": {"b.hpp"}}, "which is above it"),
                               ("a row that is wrong", {"a.hpp": set()}, "policies includes nothing")):
        yield name, any(said in text for text in wrong_rows(good | change, layers))


def main(source):
    root = pathlib.Path(source)
    inside, outside = read_graph(root / "include" / "keel")
    layers = read_layers((root / "docs" / "design" / "layers.md").read_text())
    checks = [("the include graph", list(broken_rules(inside, outside, layers))),
              ("docs/design/layers.md", list(wrong_rows(inside, layers)))]
    checks += [(f"control: {name}", [] if holds else ["was not told apart"]) for name, holds in controls()]
    for name, wrong in checks:
        for text in wrong:
            print(f"{name}: {text}")
    failed = sum(bool(wrong) for _, wrong in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed or not inside else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
