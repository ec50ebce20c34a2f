# SPDX-License-Identifier: BSL-1.0
"""Finds the mutants of a header: small changes, each of which a test should notice.

Works on tokens and not on syntax, and relies on the formatting: an operator with a space on either side is binary, so
`a < b` compares and `nanos<int>` does not. What it gets wrong mostly does not compile, and then does not count.
"""
import bisect
import collections
import re

# `start` and `end` are offsets into the text; `text` takes the place of what is between.
Mutant = collections.namedtuple("Mutant", "line column change start end text")
Token = collections.namedtuple("Token", "text start end")

token = re.compile(r"""
      (?P<skip> \s+ | //[^\n]* | /\*.*?\*/ | ^[ ]*\#(?:[^\n]*\\\n)*[^\n]* )
    | (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])' )
    | (?P<word> [A-Za-z_]\w* )
    | (?P<number> 0[xX][0-9a-fA-F']+\w* | \d[\d']*(?:\.\d+)?\w* )
    | (?P<operator> <<= | >>= | <=> | -> | :: | \+\+ | -- | << | >> | <= | >= | == | != | && | \|\| | [-+*/%&|^]= | . )
    """, re.VERBOSE | re.MULTILINE | re.DOTALL)

binary = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
          "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"], "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"],
          "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="]}
anywhere = {"++": ["--"], "--": ["++"], "!": [""], "~": [""], "true": ["false"], "false": ["true"]}
orders = {"relaxed": ["seq_cst"], "acquire": ["relaxed"], "release": ["relaxed"], "acq_rel": ["acquire", "release", "relaxed"],
          "seq_cst": ["acq_rel", "relaxed"]}
comparisons = {"<", "<=", ">", ">=", "==", "!="}
calls_or_assigns = {".", "->", "(", "[", "=", "+=", "-=", "++", "--", "::"}
closing = {"(": ")", "[": "]", "{": "}"}


def tokens_of(text):
    found, position = [], 0
    while position < len(text):
        match = token.match(text, position)
        position = match.end()
        if match.lastgroup != "skip":
            found.append(Token(match.group(), match.start(), match.end()))
    return found


def partners(tokens):
    """Where each bracket's partner is."""
    partner, open_ones = {}, []
    for i, t in enumerate(tokens):
        if t.text in closing:
            open_ones.append(i)
        elif t.text in closing.values() and open_ones:
            partner[i] = open_ones.pop()
            partner[partner[i]] = i
    return partner


def neighbours(number):
    """The literals one above and one below."""
    digits = re.match(r"0[xX][0-9a-fA-F']+|[\d'.]+", number)[0]
    suffix, plain = number[len(digits):], digits.replace("'", "")
    if "." in plain:
        return [f"{float(plain) + by:g}" + suffix for by in (1, -1)]
    value = int(plain, 0)
    near = [value + 1, value - 1] if value > 0 else [1]
    return [(hex(n) if plain[:2] in ("0x", "0X") else str(n)) + suffix for n in near]


def left_alone(tokens):
    """The indices inside `static_assert(...)`, `template <...>`, `using ...;` and `operator ==`: nothing there runs."""
    alone, i = set(), 0
    while i < len(tokens):
        stop = i + 1
        if tokens[i].text == "operator":
            stop = i + 2
        elif tokens[i].text in ("static_assert", "using", "friend", "requires"):
            while stop < len(tokens) and tokens[stop].text not in (";", "{"):
                stop += 1
        elif tokens[i].text == "template":
            depth = 0
            while stop < len(tokens):
                depth += {"<": 1, ">": -1, ">>": -2}.get(tokens[stop].text, 0)
                stop += 1
                if depth <= 0:
                    break
        if stop > i + 1:
            alone.update(range(i, stop))
        i = stop
    return alone


def statements(tokens, partner):
    """First and last index of each statement that can be left out: expressions, `return`, `break` and `continue`."""
    for i, t in enumerate(tokens[1:], 1):
        before = tokens[i - 1].text
        inside = i - 1
        while inside >= 0 and tokens[inside].text not in closing:
            inside = partner.get(inside, inside) - 1  # over what is closed in between
        if inside < 1 or tokens[inside].text != "{":
            continue
        if tokens[inside - 1].text not in (")", "noexcept", "const", "else", "do", "mutable"):
            continue  # not a function's body
        head = partner.get(i - 1) if before == ")" else None
        if before == "]" and tokens[i - 2].text == "]" and tokens[partner[i - 1] - 1].text == ")":  # [[unlikely]]
            head = partner[partner[i - 1] - 1]
        controlled = head is not None and tokens[head - 1].text in ("if", "while", "for", "constexpr")
        if before not in (";", "{", "}", ":", "else") and not controlled:
            continue
        if before == ":" and not any(x.text in ("case", "default") for x in tokens[max(0, i - 6):i]):
            continue
        if not re.match(r"[A-Za-z_]|\+\+|--", t.text) or t.text in ("case", "default", "if", "while", "for", "else", "do",
                                                            "switch"):
            continue
        follows = tokens[i + 1].text
        if t.text not in ("return", "break", "continue", "++", "--") and follows not in calls_or_assigns:
            continue  # a declaration
        last = i
        while tokens[last].text != ";" and tokens[last].text not in closing.values():
            last = partner.get(last, last) + 1
        if tokens[last].text != ";":
            continue  # no statement, after all
        # `std::uint64_t n = ...;` is a declaration as well: deleted, what uses it does not compile.
        yield i, last


def mutants(text, with_orders=False):
    """All mutants of a header, in the order of its text."""
    tokens = tokens_of(text)
    partner, alone = partners(tokens), left_alone(tokens)
    lines = [0] + [m.end() for m in re.finditer(r"\n", text)]
    found = []

    def add(start, end, new, change=None):
        line = bisect.bisect_right(lines, start)
        old = " ".join(text[start:end].split())
        found.append(Mutant(line, start - lines[line - 1] + 1, change or f"`{old}` -> `{new}`", start, end, new))

    for i, t in enumerate(tokens):
        if i in alone:
            continue
        spaced = text[t.start - 1:t.start].isspace() and text[t.end:t.end + 1].isspace()
        for new in anywhere.get(t.text, []) + (binary.get(t.text, []) if spaced else []):
            add(t.start, t.end, new)
        if t.text[0].isdigit():
            for new in neighbours(t.text):
                add(t.start, t.end, new)
        if with_orders and t.text.startswith("memory_order_"):
            for new in orders.get(t.text[len("memory_order_"):], []):
                add(t.start, t.end, "memory_order_" + new)
        if t.text in ("if", "while"):
            first = i + 1 + (tokens[i + 1].text == "constexpr")
            if tokens[first].text != "(":
                continue
            last = partner[first]
            inner = [k for k in range(first + 1, last) if tokens[k].text == ";"]
            start, end = tokens[(inner[-1] if inner else first) + 1].start, tokens[last].start
            condition = text[start:end]
            simple = not any(x.text in ("&&", "||") for x in tokens[first:last])
            if simple and any(x.text in comparisons or x.text == "!" for x in tokens[first:last]):
                continue  # its operator's mutants have that one
            add(start, end, f"!({condition})", f"`{' '.join(condition.split())}` negated")
    for first, last in statements(tokens, partner):
        if first not in alone:
            start, end = tokens[first].start, tokens[last].end
            add(start, end, ";", f"`{' '.join(text[start:end].split())}` deleted")
    return sorted(found, key=lambda m: (m.start, m.end, m.change))


def mutated(text, mutant):
    return text[:mutant.start] + mutant.text + text[mutant.end:]
