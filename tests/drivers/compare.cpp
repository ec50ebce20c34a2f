// SPDX-License-Identifier: BSL-1.0
#include "compare.hpp"

#include "account.hpp"

#include <algorithm>
#include <cstddef>

namespace drivers {
namespace {

std::string text_of(const std::vector<time>& times) {
    std::string text;
    for (const time t : times)
        text += (text.empty() ? "" : " ") + drivers::text_of(t);
    return text.empty() ? "never" : text;
}
std::string text_of(const std::vector<told_failure>& told) {
    std::string text;
    for (const told_failure& t : told)
        text += drivers::text_of(t.at) + " " + drivers::text_of(t.why) + "; ";
    return text;
}

class differences {
  public:
    template <class T>
    void compare(const char* what, const T& expected, const T& seen) {
        if (expected == seen) return;
        text_ += "  " + where_ + what + " " + text_in(seen) + ", and not " + text_in(expected) + "\n";
    }
    void in(std::size_t call) { where_ = "call " + std::to_string(call) + ": "; }
    void in_all() { where_.clear(); }
    void said(const std::string& words) { text_ += "  " + where_ + words + "\n"; }
    const std::string& text() const { return text_; }

  private:
    static std::string text_in(const std::string& words) { return '"' + words + '"'; }
    static std::string text_in(const auto& what) {
        using drivers::text_of;
        return text_of(what);
    }
    static std::string text_in(const std::vector<time>& times) { return text_of(times); }
    static std::string text_in(const std::vector<told_failure>& told) { return text_of(told); }

    std::string text_;
    std::string where_;
};

std::size_t count(const std::vector<call>& calls) {
    std::size_t all = calls.size();
    for (const call& c : calls) {
        for (const attempt& a : c.attempts)
            all += count(a.calls);
    }
    return all;
}

} // namespace

std::string difference(const story& expected, const seen& s) {
    differences d;
    std::size_t n = 0;
    for (const seen_call& c : s.calls) {
        d.in(++n);
        if (!c.with) {
            d.said("has not ended");
            continue;
        }
        d.compare("was tried at", c.of->tried, c.tried);
        if (!c.of->due.empty()) d.compare("was due at", c.of->due, c.due);
        for (std::size_t i = 0; i < c.numbers.size(); ++i) {
            if (c.numbers[i] != i + 1) d.said("was told another number of its attempt");
        }
        d.compare("ended at", c.of->ended, c.ended);
        d.compare("ended with", s.cancels ? c.of->where_cancelled.value_or(c.of->with) : c.of->with, *c.with);
    }
    d.in_all();
    if (n != count(expected.calls)) d.said("of the calls " + std::to_string(n) + " were made");
    d.compare("the policies say", expected.account, s.account);
    d.compare("fallbacks were told", expected.told, s.told);
    d.compare("of the guests were let in", expected.let_in, s.let_in);
    return d.text();
}

std::string difference(const seen& one, const seen& other) {
    differences d;
    for (std::size_t n = 0; n < std::min(one.calls.size(), other.calls.size()); ++n) {
        d.in(n + 1);
        const seen_call &a = one.calls[n], &b = other.calls[n];
        if (a.of != b.of || !a.with || !b.with) {
            d.said("is another one");
            return d.text();
        }
        d.compare("was tried at", a.tried, b.tried);
        d.compare("was due at", a.due, b.due);
        d.compare("ended at", a.ended, b.ended);
        if (!a.of->where_cancelled) d.compare("ended with", *a.with, *b.with);
        d.compare("left the policies saying", a.account, b.account);
        if (!d.text().empty()) return d.text(); // what follows is a consequence
    }
    d.in_all();
    if (one.calls.size() != other.calls.size()) d.said("there are more or fewer calls");
    d.compare("the policies say", one.account, other.account);
    d.compare("fallbacks were told", one.told, other.told);
    d.compare("of the guests were let in", one.let_in, other.let_in);
    return d.text();
}

} // namespace drivers
