# SPDX-License-Identifier: BSL-1.0
"""Puts all mutants of a header into it at once, each behind a switch: what is compiled once then runs as any of them.

A mutant is switched by text that is only inserted, so that those of one place do not exclude each other: `a < b` becomes
`a < infix<7>{} < b`, which compares as mutant 7 does where that is the one that is switched on. While the compiler
computes, all are off. What no insertion can do (see `insertions`) is left to be compiled by itself.
"""
import re

import mutator

# Which mutant is on: the environment says, once for each program. Behind it, what is inserted.
support = r"""
#pragma once
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace keel_switch {

inline const int on = [] {
    const char* said = std::getenv("KEEL_MUTANT");
    return said == nullptr ? -1 : std::atoi(said);
}();
template <int Mutant>
constexpr bool is_on() noexcept {
    if consteval {
        return false;
    } else {
        return on == Mutant;
    }
}
template <int Mutant>
constexpr bool negated(auto&& condition) noexcept {
    return static_cast<bool>(condition) != is_on<Mutant>();
}
template <int Mutant, class T, class... Others>
constexpr T literal(T plain, Others... others) noexcept {
    int which = Mutant;
    (void)((!std::is_constant_evaluated() && on == which++ ? (plain = static_cast<T>(others), true) : false) || ...);
    return plain;
}

// In front of an operand, where `->*` binds tighter than all but what is unary itself.
template <int> struct no_not {};
template <int> struct no_complement {};
template <int> struct down {};
template <int> struct up {};
template <int Mutant> constexpr bool operator->*(no_not<Mutant>, auto&& x) {
    return is_on<Mutant>() ? static_cast<bool>(x) : !static_cast<bool>(x);
}
template <int Mutant> constexpr auto operator->*(no_complement<Mutant>, auto x) { return is_on<Mutant>() ? x : ~x; }
template <int Mutant> constexpr decltype(auto) operator->*(down<Mutant>, auto&& x) { return is_on<Mutant>() ? --x : ++x; }
template <int Mutant> constexpr decltype(auto) operator->*(up<Mutant>, auto&& x) { return is_on<Mutant>() ? ++x : --x; }

// `left op infix<Mutant>{} op right`; where there are two mutants, in the order of their names.
template <int> struct infix {};
template <int, class Left> struct half { Left left; };
#define KEEL_HALF(op)                                                                                                  \
    template <class Left, int Mutant>                                                                                  \
    constexpr half<Mutant, Left&&> operator op(Left&& left, infix<Mutant>) noexcept {                                  \
        return {std::forward<Left>(left)};                                                                             \
    }
#define KEEL_ONE(op, other)                                                                                            \
    KEEL_HALF(op)                                                                                                      \
    template <int Mutant, class Left, class Right>                                                                     \
    constexpr auto operator op(half<Mutant, Left>&& h, Right&& right) {                                                \
        using result = decltype(std::forward<Left>(h.left) op std::forward<Right>(right));                             \
        if constexpr (requires { static_cast<result>(h.left other right); })                                           \
            if (is_on<Mutant>()) return static_cast<result>(h.left other right);                                       \
        return std::forward<Left>(h.left) op std::forward<Right>(right);                                               \
    }
#define KEEL_TWO(op, first, second)                                                                                    \
    KEEL_HALF(op)                                                                                                      \
    template <int Mutant, class Left, class Right>                                                                     \
    constexpr auto operator op(half<Mutant, Left>&& h, Right&& right) {                                                \
        if (is_on<Mutant>()) return std::forward<Left>(h.left) first std::forward<Right>(right);                       \
        if (is_on<Mutant + 1>()) return std::forward<Left>(h.left) second std::forward<Right>(right);                  \
        return std::forward<Left>(h.left) op std::forward<Right>(right);                                               \
    }
KEEL_TWO(<, <=, >=)
KEEL_TWO(<=, <, >)
KEEL_TWO(>, <=, >=)
KEEL_TWO(>=, <, >)
KEEL_ONE(==, !=)
KEEL_ONE(!=, ==)
KEEL_ONE(+, -)
KEEL_ONE(-, +)
KEEL_ONE(*, /)
KEEL_ONE(/, *)
KEEL_ONE(%, /)
KEEL_ONE(<<, >>)
KEEL_ONE(>>, <<)
KEEL_ONE(&, |)
KEEL_ONE(|, &)

// `left op= infix<Mutant>{} op= right`: from the right.
template <int Mutant, class Right> struct other_half { Right right; };
#define KEEL_ASSIGN(op, other)                                                                                         \
    template <int Mutant, class Right>                                                                                 \
    constexpr other_half<Mutant, Right&&> operator op(infix<Mutant>, Right&& right) noexcept {                         \
        return {std::forward<Right>(right)};                                                                           \
    }                                                                                                                  \
    template <class Left, int Mutant, class Right>                                                                     \
    constexpr Left& operator op(Left& left, other_half<Mutant, Right>&& h) {                                           \
        if (is_on<Mutant>())                                                                                           \
            left other std::forward<Right>(h.right);                                                                   \
        else                                                                                                           \
            left op std::forward<Right>(h.right);                                                                      \
        return left;                                                                                                   \
    }
KEEL_ASSIGN(+=, -=)
KEEL_ASSIGN(-=, +=)
#undef KEEL_ASSIGN
#undef KEEL_TWO
#undef KEEL_ONE
#undef KEEL_HALF

} // namespace keel_switch
"""

binary = {"<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "+=", "-="}
prefix = {"!": "no_not", "~": "no_complement", "++": "down", "--": "up"}


def enclosing(tokens, partner, i):
    """The index of the brace that the token is directly in; none: -1."""
    i -= 1
    while i >= 0 and tokens[i].text not in mutator.closing:
        i = partner.get(i, i) - 1
    return i


def is_body_of_function(tokens, partner, brace):
    """Whether what ends at its end returns nothing, though it has to."""
    before = brace - 1
    while tokens[before].text in ("noexcept", "const", "mutable"):
        before -= 1
    if tokens[before].text != ")":
        return False
    return tokens[partner[before] - 1].text not in ("if", "while", "for", "switch", "constexpr")


def insertions(text, found):
    """For each mutant of `found` (those of one header) what to insert where, numbers left open; None where it can't be.

    Left out are `&&` and `||`, for what is overloaded evaluates both sides; constants and `if constexpr`, which the
    compiler computes; declared conditions; a `return` without which nothing is returned, for that is to be rejected; and
    a literal that does not fit an int.
    """
    tokens = mutator.tokens_of(text)
    partner = mutator.partners(tokens)
    at = {t.start: i for i, t in enumerate(tokens)}
    first_of = {}  # where one place has several mutants: what is inserted is inserted with the first

    for n, m in enumerate(found):
        i = at[m.start]
        t = tokens[i].text
        old = text[m.start:m.end]
        line = text[text.rfind("\n", 0, m.start) + 1:m.start]
        if re.match(r"\s*(?:static |inline )*constexpr [^({]*=", line):
            yield None
            continue
        is_first = first_of.setdefault((m.start, m.end), n) == n
        if m.change.endswith(" deleted"):
            last = next(k for k in range(i, len(tokens)) if tokens[k].end == m.end)
            needed = t == "return" and last != i + 1 and (tokens[i - 1].text == ":" or (
                tokens[i - 1].text in (";", "{", "}") and tokens[last + 1].text == "}"
                and is_body_of_function(tokens, partner, enclosing(tokens, partner, i))))
            declares = t != "return" and re.match(r"[\w:]+(?:<[^=;]*>)? [&*]?\w+\s*[=({;]", old)
            if needed or declares:
                yield None
            else:
                yield [(m.start, "if (::keel_switch::is_on<{0}>()) {{}} else ")]
        elif m.change.endswith(" negated"):
            depth, declares = 0, False
            for x in mutator.tokens_of(old):
                depth += {"(": 1, ")": -1}.get(x.text, 0)
                declares |= x.text == "=" and depth == 0
            k = i  # over an initializer, to the parenthesis
            while tokens[k - 1].text != "(":
                k = partner.get(k - 1, k - 1)
            if tokens[k - 2].text == "constexpr" or declares:
                yield None
            else:
                yield [(m.start, "::keel_switch::negated<{0}>("), (m.end, ")")]
        elif t in binary and m.start == tokens[i].start and m.end == tokens[i].end:
            spaced = text[m.start - 1].isspace() and text[m.end].isspace()
            yield None if not spaced else [(m.end, " ::keel_switch::infix<{0}>{{}} " + t)] if is_first else []
        elif t in prefix:
            applies = tokens[i + 1].text
            destructor = t == "~" and tokens[i - 1].text in ("{", "}", ";", ":") and tokens[i + 2].text == "("
            postfix = re.match(r"\w|\)|\]", tokens[i - 1].text[-1]) and tokens[i - 1].text != "return"
            if applies == "consteval" or destructor or (t in ("++", "--") and postfix):
                yield None
            else:
                yield [(m.start, "::keel_switch::" + prefix[t] + "<{0}>{{}} ->* "), (m.start, m.end)]
        elif t in ("true", "false"):
            yield [(m.start, "::keel_switch::literal<{0}>("), (m.end, ", " + m.text + ")")]
        elif t[0].isdigit():
            digits = t.replace("'", "")
            fits = "." in t or (re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)[uU]?", digits)
                                and int(digits.rstrip("uU"), 0) < 0x7fff_ffff)
            if not fits:
                yield None
            elif is_first:
                others = [x.text for x in found if (x.start, x.end) == (m.start, m.end)]
                yield [(m.start, "::keel_switch::literal<{0}>("), (m.end, ", " + ", ".join(others) + ")")]
            else:
                yield []
        else:
            yield None


def switched(text, found, first):
    """The header with its mutants, numbered from `first`, and the numbers of those that are in it."""
    inserted, removed, numbers = [], [], set()
    for n, (m, what) in enumerate(zip(found, insertions(text, found))):
        if what is None:
            continue
        numbers.add(first + n)
        for where, new in what:
            if isinstance(new, str):
                # What wraps more is outside: opened earlier, closed later.
                width = m.end - m.start
                closes = where == m.end and new.startswith((")", ","))
                inserted.append((where, (0, width) if closes else (1, -width), new.format(first + n)))
            else:
                removed.append((where, new))
    pieces, position = [], 0
    cuts = {start: end for start, end in removed}
    for where, _, new in sorted(inserted, key=lambda x: (x[0], x[1])):
        pieces.append(cut(text, position, where, cuts))
        pieces.append(new)
        position = where
    pieces.append(cut(text, position, len(text), cuts))
    return "".join(pieces), numbers


def cut(text, start, end, cuts):
    """That part, without what is removed from it."""
    found = ""
    while start < end:
        if start in cuts:
            start = cuts[start]
            continue
        following = min([s for s in cuts if start < s < end], default=end)
        found += text[start:following]
        start = following
    return found
