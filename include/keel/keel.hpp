#pragma once
// SPDX-License-Identifier: BSL-1.0

// The core of keel in one include: chains, pipelines, policies and clocks.

// IWYU pragma: begin_exports
#include "backoff/constant.hpp"
#include "backoff/decorrelated_jitter.hpp"
#include "backoff/equal_jitter.hpp"
#include "backoff/exp_jitter.hpp"
#include "backoff/exponential.hpp"
#include "backoff/fibonacci.hpp"
#include "backoff/linear.hpp"
#include "backoff/schedule.hpp"
#include "breaker.hpp"
#include "bulkhead.hpp"
#include "chain.hpp"
#include "chaos.hpp"
#include "circuit.hpp"
#include "clock.hpp"
#include "context.hpp"
#include "error.hpp"
#include "explain.hpp"
#include "fallback.hpp"
#include "hedge.hpp"
#include "limit.hpp"
#include "named.hpp"
#include "pipeline.hpp"
#include "policy.hpp"
#include "rate/limiter.hpp"
#include "rate_limit.hpp"
#include "retry.hpp"
#include "retry_budget.hpp"
#include "strict.hpp"
#include "throttle.hpp"
#include "through.hpp"
#include "ticker.hpp"
#include "timeout.hpp"
// IWYU pragma: end_exports
