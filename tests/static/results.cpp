// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <expected>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>

// What a pipeline returns for what the function returns.

using namespace keel;

namespace {
template <auto Chain>
using pipe = static_pipeline<Chain>;
template <auto Chain, class R>
using result = decltype(std::declval<pipe<Chain>&>()(std::declval<R (&)()>()));
template <auto Chain, class R>
using attempted = decltype(std::declval<pipe<Chain>&>().attempt(std::declval<R (&)()>()));
template <class... T>
constexpr bool same = (std::is_same_v<T, std::tuple_element_t<0, std::tuple<T...>>> && ...);

constexpr auto card = timeout | retry<> | breaker<>;
struct own {};
struct from_errc {
    from_errc(errc) {}
};

// Anything that is no expected: itself.
static_assert(same<result<card, int>, int> && !same<result<card, int>, long>);
static_assert(same<result<card, void>, void> && !same<result<card, void>, int>);
static_assert(same<result<card, int&>, int&> && !same<result<card, int&>, int>);
static_assert(same<result<card, const std::string&>, const std::string&>);
static_assert(same<result<card, std::unique_ptr<int>>, std::unique_ptr<int>>);
static_assert(same<result<card, std::string>, std::string> && !same<result<card, std::string>, const std::string&>);
static_assert(same<result<card, const char*>, const char*>);

// An expected whose error can be made from errc, and an error code: itself.
static_assert(same<result<card, std::expected<int, std::error_code>>, std::expected<int, std::error_code>>);
static_assert(same<result<card, std::expected<void, std::error_code>>, std::expected<void, std::error_code>>);
static_assert(same<result<card, std::expected<int, errc>>, std::expected<int, errc>>);
static_assert(same<result<card, std::expected<int, from_errc>>, std::expected<int, from_errc>>);
static_assert(same<result<card, std::error_code>, std::error_code>);

// Another expected: widened by exactly the rejections of this chain, in its order.
template <class T, errc... Rejections>
using widened = std::expected<T, error_of<own, Rejections...>>;
using plain = std::expected<int, own>;
static_assert(same<result<card, plain>, widened<int, errc::timed_out, errc::circuit_open>>);
static_assert(!same<result<card, plain>, widened<int, errc::circuit_open, errc::timed_out>>);
static_assert(!same<result<card, plain>, widened<int, errc::timed_out>> && !same<result<card, plain>, plain>);
static_assert(same<result<breaker<> | timeout, plain>, widened<int, errc::circuit_open, errc::timed_out>>);
static_assert(same<result<timeout | retry<>, plain>, widened<int, errc::timed_out>>);
static_assert(same<result<retry<> | retry<>, plain>, widened<int>>);
static_assert(same<result<breaker<> | retry<> | breaker<>, plain>, widened<int, errc::circuit_open>>);
// Of chaos, by what it injects.
static_assert(same<result<chaos.latency(nanos(1)).fault() | breaker<>, plain>,
                   widened<int, errc::timed_out, errc::injected, errc::circuit_open>>);
static_assert(same<result<chaos.behavior([] {}).result(0), plain>, widened<int>>);
// Rejections that a fallback answers for are still named: which ones those are, a predicate decides.
static_assert(same<result<fallback(0) | card, plain>, widened<int, errc::timed_out, errc::circuit_open>>);
static_assert(same<result<fallback(0), plain>, widened<int>>);
static_assert(same<result<card, std::expected<void, own>>, widened<void, errc::timed_out, errc::circuit_open>>);
static_assert(same<result<retry<>, std::expected<std::unique_ptr<int>, own>>, widened<std::unique_ptr<int>>>);

struct refuses {
    static constexpr errc rejections[] = {errc::refused, errc::timed_out};
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct refuses_by_default {
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
static_assert(same<result<timeout | refuses{}, plain>, widened<int, errc::timed_out, errc::refused>>);
static_assert(same<result<refuses{} | timeout, plain>, widened<int, errc::refused, errc::timed_out>>);
static_assert(same<result<retry<> | refuses_by_default{}, plain>, widened<int, errc::refused>>);

// attempt(): never the type itself, and always the same whatever the chain.
static_assert(same<attempted<card, int>, std::expected<int, failure>> && !same<attempted<card, int>, int>);
static_assert(same<attempted<card, void>, std::expected<void, failure>>);
static_assert(same<attempted<card, int&>, std::expected<int*, failure>>);
static_assert(same<attempted<card, const int&>, std::expected<const int*, failure>>);
static_assert(same<attempted<card, std::unique_ptr<int>>, std::expected<std::unique_ptr<int>, failure>>);
static_assert(same<attempted<card, plain>, std::expected<int, basic_failure<own>>>);
static_assert(same<attempted<card, std::expected<void, own>>, std::expected<void, basic_failure<own>>>);
static_assert(same<attempted<card, std::error_code>, std::expected<void, basic_failure<std::error_code>>>);
static_assert(
    same<attempted<card, std::expected<int, std::error_code>>, std::expected<int, basic_failure<std::error_code>>>);
static_assert(same<attempted<retry<>, plain>, attempted<card, plain>>);
static_assert(same<failure, basic_failure<void>, basic_failure<>>);

// What a function may take, and a pipeline with it.
template <class F>
concept callable = requires(pipe<card>& p, F f) { p(f); };
template <class F>
concept attemptable = requires(pipe<card>& p, F f) { p.attempt(f); };
static_assert(callable<int (*)()> && callable<int (*)(const context&)> && callable<int (*)(context)>);
static_assert(!callable<int (*)(int)> && !callable<int (*)(context&)> && !callable<int> && !callable<decltype(card)>);
static_assert(attemptable<int (*)()> && !attemptable<int (*)(int)>);
static_assert(std::invocable<pipe<card>&, int (*)()> && std::invocable<pipe<card>&, const context&, int (*)()>);
static_assert(!std::invocable<const pipe<card>&, int (*)()>);

// wrap(): the function's parameters and result.
using wrapped = decltype(std::declval<pipe<card>&>().wrap(std::declval<int (*)(int, const std::string&)>()));
static_assert(std::is_invocable_r_v<int, const wrapped&, int, const char*>);
static_assert(!std::invocable<const wrapped&> && !std::invocable<const wrapped&, std::string>);
// Its arguments are the same in each attempt, so none is moved from.
using consuming = decltype(std::declval<pipe<card>&>().wrap(std::declval<void (*)(std::string&&)>()));
using looking = decltype(std::declval<pipe<card>&>().wrap(std::declval<void (*)(const std::string&)>()));
static_assert(!std::invocable<const consuming&, std::string> && std::invocable<const looking&, std::string>);
} // namespace

int main() {}
