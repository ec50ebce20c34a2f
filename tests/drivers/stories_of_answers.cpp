// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/fallback.hpp>
#include <keel/named.hpp>
#include <keel/policy.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <string>
#include <system_error>

using keel::errc;

namespace drivers {
namespace {

constexpr auto opens = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10ms});
constexpr auto is_rejection = [](errc) { return true; };

// Policies of a user's own.

using keel::operator|;

/// Lets in so many calls at a time. No fast hooks.
struct at_most {
    int calls;

    template <class Clock>
    struct state {
        int inside = 0;
        explicit state(const at_most&) {}
        std::string account() const { return std::to_string(inside) + " at most"; }
    };
    keel::admission admit(auto& s, keel::call&, auto&) const {
        if (s.inside == calls) return keel::refuse(errc::refused, 3ms);
        ++s.inside;
        return keel::proceed;
    }
    keel::verdict settle(auto& s, keel::call&, auto&, keel::outcome&) const {
        --s.inside;
        return keel::verdict::keep();
    }
    void abandon(auto& s, keel::call&, auto&) const noexcept { --s.inside; }
};

/// Has each call wait twice before it lets it in.
struct slow_to_let_in {
    struct frame {
        int asked = 0;
    };
    keel::admission admit(keel::call&, frame& f) const {
        return ++f.asked <= 2 ? keel::ask_again_after(4ms) : keel::proceed;
    }
    static keel::verdict settle(keel::call&, frame& f, keel::outcome&) {
        f = {};
        return keel::verdict::keep();
    }
};

/// Wants every result twice, and then changes its mind about it.
struct hard_to_please {
    struct frame {
        bool has_seen = false;
    };
    static keel::admission admit(keel::call&, frame& f) {
        f = {};
        return keel::proceed;
    }
    static keel::verdict settle(keel::call&, frame& f, keel::outcome& o) {
        if (!std::exchange(f.has_seen, true)) return keel::verdict::again_after(2ms);
        o.reject(errc::refused);
        return keel::verdict::keep();
    }
};

/// Answers for itself, without asking further in.
struct know_all {
    template <class R>
    bool answer(keel::call& c, auto&, keel::outcome_of<R>& o) const {
        if (c.now() > keel::time_point(5ms)) return false;
        o.refuse(errc::refused);
        return true;
    }
    static keel::admission admit(keel::call&, auto&) { return keel::proceed; }
    static keel::verdict settle(keel::call&, auto&, keel::outcome&) { return keel::verdict::keep(); }
};

} // namespace

std::vector<story> stories_of_answers() {
    return {
        {.name = "a fallback answers for failures, and not for successes",
         .chain = [](auto&) { return keel::fallback(answer{7}); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = succeeded(7)},
                   {.attempts = {throws(1ms)}, .tried = {1ms}, .ended = 2ms, .with = succeeded(7)},
                   {.attempts = {{.ends = succeeded(5)}}, .tried = {2ms}, .ended = 2ms, .with = succeeded(5)}}},
        {.name = "a fallback does not answer for what is cancelled",
         .chain = [](auto&) { return keel::fallback(answer{7}); },
         .calls = {{.attempts = {is_cancelled(1ms)}, .tried = {0ms}, .ended = 1ms, .with = cancelled}}},
        {.name = "the function of a fallback is told the failure",
         .chain = [](auto& in) { return keel::fallback(in.noting({7})) | opens; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = succeeded(7)},
                   {.at = 2ms, .ended = 2ms, .with = succeeded(7)}},
         .account = "open@1ms, 1 failed, 1 rejected",
         .told = {{1ms, failed()}, {2ms, rejected(errc::circuit_open, 9ms)}}},
        {.name = "the function of a fallback is told an exception",
         .chain = for_exceptions([](auto& in) { return keel::fallback(in.noting({7})); }),
         .calls = {{.attempts = {throws(1ms)}, .tried = {0ms}, .ended = 1ms, .with = succeeded(7)}},
         .told = {{1ms, threw}}},
        {.name = "the function of a fallback may fail, too",
         .chain =
             [](auto& in) { return keel::fallback(in.noting({.why = make_error_code(std::errc::host_unreachable)})); },
         .calls =
             {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed(std::errc::host_unreachable)}},
         .told = {{1ms, failed()}}},
        {.name = "a fallback for rejections answers for no failure of the callee",
         .chain = [](auto&) { return keel::fallback(answer{7}).failing_if(is_rejection) | opens; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.at = 2ms, .ended = 2ms, .with = succeeded(7)}},
         .account = "open@1ms, 1 failed, 1 rejected"},
        {.name = "a fallback answers for a value that comes too late",
         .chain = [](auto& in) { return keel::fallback(in.noting({7})) | keel::timeout(5ms); },
         .calls = {{.attempts = {succeeds(6ms)}, .tried = {0ms}, .ended = 6ms, .with = succeeded(7)}},
         .told = {{6ms, rejected(errc::timed_out)}}},
        {.name = "outside a retry a fallback answers for the last failure",
         .chain = [](auto& in) { return keel::fallback(in.noting({7})) | keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(1ms), fails(1ms), fails(1ms, std::errc::timed_out)},
                    .tried = {0ms, 11ms, 22ms},
                    .ended = 23ms,
                    .with = succeeded(7)}},
         .told = {{23ms, failed(std::errc::timed_out)}}},
        {.name = "inside a retry the function of a fallback answers for each attempt",
         .chain =
             [](auto& in) {
                 return keel::retry<keel::constant> |
                        keel::fallback(in.noting({.why = make_error_code(std::errc::host_unreachable)}));
             },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms}},
         .told = {{1ms, failed()}}},
        {.name = "inside a circuit what a fallback answers is a success",
         .chain = [](auto&) { return opens | keel::fallback(answer{7}); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = succeeded(7)}},
         .account = "closed"},
        {.name = "a fallback answers for a call that gets no permit in time",
         .chain = [](auto&) { return keel::fallback(answer{7}) | keel::bulkhead({.permits = 1, .max_wait = 2ms}); },
         .calls = {{.at = 1ms, .ended = 3ms, .with = succeeded(7)}},
         .guests = {{.from = 13us, .to = 5013us}},
         .let_in = "i"},
        {.name = "policies with names work as without",
         .chain =
             [](auto&) {
                 return keel::named<"time">(keel::timeout(50ms)) |
                        keel::named<"again">(keel::retry<keel::constant>({.backoff = {.every = 5ms}})) |
                        keel::named<"callee">(opens) | keel::named<"permits">(keel::bulkhead({.permits = 1}));
             },
         .calls = {{.attempts = {fails(1ms)},
                    .tried = {0ms},
                    .ended = 6ms,
                    .with = rejected(errc::circuit_open, 5ms),
                    .due = {50ms}}},
         .account = "open@1ms, 1 failed, 1 rejected"},
        {.name = "a policy of a user's own refuses",
         .chain = [](auto&) { return at_most{1}; },
         .calls = {{.attempts = {{.ends = failed(),
                                  .calls = {{.at = 1ms, .ended = 1ms, .with = rejected(errc::refused, 3ms)}}}},
                    .tried = {0ms},
                    .ended = 1ms,
                    .with = failed()},
                   {.at = 3ms, .ended = 3ms, .with = rejected(errc::refused, 3ms)},
                   {.at = 5ms, .tried = {5ms}, .ended = 5ms}},
         .guests = {{.from = 2013us, .to = 4013us, .ends = guest::end::dropped}},
         .account = "0 at most",
         .let_in = "i"},
        {.name = "a policy of a user's own composes with keel's",
         .chain = [](auto&) { return keel::timeout(20ms) | keel::retry<keel::constant> | at_most{1} | opens; },
         .calls = {{.at = 1ms, .attempts = {succeeds(1ms)}, .tried = {11ms}, .ended = 12ms, .due = {21ms}}},
         .guests = {{.from = 13us, .to = 5013us}},
         .account = "0 at most; closed",
         .let_in = "i"},
        {.name = "a policy of a user's own has calls wait",
         .chain = [](auto&) { return keel::timeout(20ms) | slow_to_let_in{}; },
         .calls = {{.attempts = {succeeds(1ms)}, .tried = {8ms}, .ended = 9ms, .due = {20ms}}}},
        {.name = "who waits by a policy of a user's own holds what was taken before",
         .chain = [](auto&) { return at_most{1} | slow_to_let_in{}; },
         .calls = {{.attempts = {succeeds(1ms)}, .tried = {8ms}, .ended = 9ms}},
         .guests = {{.from = 2013us, .to = 3013us}},
         .account = "0 at most",
         .let_in = "o"},
        {.name = "a policy of a user's own repeats attempts, and replaces their outcome",
         .chain = [](auto&) { return keel::fallback(answer{7}).failing_if(is_rejection) | hard_to_please{}; },
         .calls = {{.attempts = {succeeds(1ms), fails(1ms)}, .tried = {0ms, 3ms}, .ended = 4ms, .with = succeeded(7)}}},
        {.name = "a policy of a user's own answers calls",
         .chain = [](auto&) { return at_most{1} | know_all{} | opens; },
         .calls = {{.with = rejected(errc::refused)}, {.at = 6ms, .tried = {6ms}, .ended = 6ms}},
         .account = "0 at most; closed"},
    };
}

} // namespace drivers
