#pragma once
// SPDX-License-Identifier: BSL-1.0

// Every macro of keel, each with the reason why the language has no better word for it.

// The express lane must melt into its caller: one frame, no spills, constants folded. `inline` is only a hint.
#define KEEL_ALWAYS_INLINE [[gnu::always_inline]] inline

// The cold lane must stay out of the caller, or its code and its spills become part of the healthy path.
#define KEEL_COLD [[gnu::noinline, gnu::cold]]

// As KEEL_COLD, for what is off the healthy path and still has to be quick.
#define KEEL_NOINLINE [[gnu::noinline]]

// An object in a shared library reaches thread-local data through a call of __tls_get_addr unless it names the
// initial-exec model, which needs four bytes of glibc's static TLS reserve. An executable does better by itself.
#if defined(__PIC__) && !defined(__PIE__)
#define KEEL_THREAD_LOCAL [[gnu::tls_model("initial-exec"), gnu::visibility("default")]] constinit inline thread_local
#else
#define KEEL_THREAD_LOCAL KEEL_PROCESS_WIDE constinit inline thread_local
#endif

// The core compiles with -fno-exceptions, where `try` and `catch` are errors.
#if defined(__cpp_exceptions)
#define KEEL_HAS_EXCEPTIONS 1
#define KEEL_TRY try
#define KEEL_CATCH_ALL catch (...)
#define KEEL_RETHROW throw
#else
#define KEEL_HAS_EXCEPTIONS 0
#define KEEL_TRY if constexpr (true)
#define KEEL_CATCH_ALL else
#define KEEL_RETHROW static_cast<void>(0)
#endif

// One for the whole process, even where two shared libraries are built with -fvisibility=hidden.
#define KEEL_PROCESS_WIDE [[gnu::visibility("default")]]

// As KEEL_ALWAYS_INLINE, in the place where a lambda takes it.
#define KEEL_INLINE_LAMBDA __attribute__((always_inline))
