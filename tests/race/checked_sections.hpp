#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "checked_atomics.hpp"

#include <cstdint>

namespace race {

struct waiting_checked_atomics {
    template <class T>
    using atomic = race::atomic<T>;
    static void yield(where w = where::current()) { race::wait(w); }
    static std::uintptr_t this_thread() noexcept { return thread_slot() + 1; }
};

/// Sections and an act that watch one another. `Sections` is keel's, or has its members.
template <class Sections, int Threads>
struct watched_sections {
    static constexpr int threads = Threads;
    static constexpr std::uint64_t finished = 100; // boundaries are numbered

    Sections it;
    // What somebody has said before he wanted the act, what acts have done, and what the sections of each thread have.
    // All of it is relaxed: it is for `it` to make it seen.
    atomic<std::uint64_t> told{0}, of_acts{0}, of_sections[4]{};
    struct {
        std::uint64_t inside[4]{}, sections[4]{}, steps[4]{};
        std::uint64_t told = 0, heard = 0, acts = 0, is_acting = 0, is_closed = 0;
    } ghost;

    void want(int i) {
        next(i);
        ++ghost.told;
        told.fetch_add(1, order::relaxed);
        it.want(true, act_of(i));
    }
    void section(int i) {
        section(i, [] {});
    }
    template <class Inside>
    void section(int i, const Inside& inside) {
        next(i);
        it.enter();
        begins(i);
        inside();
        ends(i);
        it.leave(act_of(i));
    }
    void close(int i) {
        section(i, [this] {
            it.close();
            ghost.is_closed = 1;
        });
    }
    /// Everybody who wanted the act was heard.
    void require_all_heard() { require(ghost.heard == ghost.told, "a cancellation is lost"); }

  private:
    auto act_of(int i) {
        return [this, i] { act(i); };
    }
    void next(int i) { boundary(++ghost.steps[i], 0); }
    void begins(int i) {
        require(of_acts.load(order::relaxed) == ghost.acts, "a section does not see what a cancellation did");
        require(ghost.acts == 0 || it.was_noted(), "a section does not know that it is cancelled");
        ++ghost.inside[i];
    }
    void ends(int i) {
        require(ghost.is_acting == 0, "a section runs beside a cancellation");
        of_sections[i].store(++ghost.sections[i], order::relaxed);
        --ghost.inside[i];
    }
    void act(int i) {
        require(ghost.is_closed == 0, "a cancellation begins after the gate is closed");
        require(ghost.is_acting == 0, "two cancellations at a time");
        ghost.is_acting = 1;
        for (int other = 0; other < Threads; ++other) {
            require(ghost.inside[other] == 0, "a cancellation begins beside a section");
            require(of_sections[other].load(order::relaxed) == ghost.sections[other],
                    "a cancellation does not see what a section did");
        }
        ghost.heard = told.load(order::relaxed);
        nested(i);
        of_acts.store(ghost.acts + 1, order::relaxed);
        ++ghost.acts;
        ghost.is_acting = 0;
    }
    // The coroutine may go on within its cancellation, and ask for another one.
    void nested(int i) {
        if (!nests || ghost.acts != 0) return;
        it.enter();
        it.leave(act_of(i));
        ++ghost.told;
        told.fetch_add(1, order::relaxed);
        it.want(false, act_of(i));
    }

  protected:
    bool nests = false;
};

} // namespace race
