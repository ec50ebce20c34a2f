// SPDX-License-Identifier: BSL-1.0
#include <keel/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <thread>

TEST_CASE("the generator is SplitMix64, to the published values") {
    keel::random_source random(1234567);
    CHECK(random() == 6457827717110365317u);
    CHECK(random() == 3203168211198807973u);
    CHECK(random() == 9817491932198370423u);
    CHECK(random() == 4593380528125082431u);
    CHECK(random() == 16408922859458223821u);
}

TEST_CASE("the same seed gives the same numbers, another seed others") {
    keel::random_source a(1), b(1), c(2);
    CHECK(a() == b());
    CHECK(a() != c());
    c.seed(1);
    c();
    c();
    CHECK(a() == c());
}

TEST_CASE("numbers that are discarded are those that would have been drawn") {
    keel::random_source all(9), some(9);
    for (int i = 0; i < 1000; ++i)
        all();
    some.discard(1000);
    CHECK(some() == all());
    some.discard(0);
    CHECK(some() == all());
}

TEST_CASE("unit is in [0, 1) and fills it evenly") {
    keel::random_source random(5);
    double low = 1, high = 0, sum = 0;
    for (int i = 0; i < 100'000; ++i) {
        const double u = random.unit();
        low = std::min(low, u);
        high = std::max(high, u);
        sum += u;
    }
    CHECK(low >= 0);
    CHECK(low < 1e-4);
    CHECK(high < 1);
    CHECK(high > 1 - 1e-4);
    CHECK(sum / 100'000 == doctest::Approx(0.5).epsilon(0.01));
}

TEST_CASE("the generator serves the standard distributions") {
    const auto least = &keel::random_source::min, most = &keel::random_source::max;
    CHECK(least() == 0);
    CHECK(most() == ~std::uint64_t{0});
    keel::random_source random(5);
    std::uniform_int_distribution<int> dice(1, 6);
    std::set<int> seen;
    for (int i = 0; i < 200; ++i)
        seen.insert(dice(random));
    CHECK(seen == std::set<int>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("each thread has a generator of its own, seeded differently until it is told to") {
    std::uint64_t mine = keel::thread_random()(), one = 0, other = 0;
    const keel::random_source* where = nullptr;
    std::thread([&] {
        one = keel::thread_random()();
        where = &keel::thread_random();
        CHECK(where == &keel::thread_random());
    }).join();
    std::thread([&] { other = keel::thread_random()(); }).join();
    CHECK(one != other);
    CHECK(one != mine);
    CHECK(where != &keel::thread_random());
    keel::thread_random().seed(9);
    mine = keel::thread_random()();
    keel::thread_random().seed(9);
    CHECK(keel::thread_random()() == mine);
}
