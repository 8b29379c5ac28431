// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Asio: five hundred coroutines at once on one io_context, four of them inside. What they do takes
// time, here a timer's, so that they overlap. Some do not wait long and give up; one is cancelled.
#include <afflux/asio.hpp>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <exception>

namespace {

constexpr int kJobs = 500;
constexpr int kLimit = 4;

/// One thread runs the context, so all of it is that thread's.
struct totals {
  int inside = 0;
  int peak = 0;
  int done = 0;
  int gave_up = 0;
};

asio::awaitable<void> job(asio::io_context& io, const afflux::semaphore& sem, totals& all) {
  const afflux::permit permit = co_await afflux::async_acquire(io, sem, 1, asio::use_awaitable);
  all.peak = std::max(all.peak, ++all.inside);
  asio::steady_timer work(io, std::chrono::microseconds(50));
  co_await work.async_wait(asio::use_awaitable);
  --all.inside;
  ++all.done;
}  // the permit goes back, the next one is resumed by the context

asio::awaitable<void> impatient(asio::io_context& io, const afflux::semaphore& sem, totals& all) {
  asio::error_code ec;
  const afflux::permit none =
      co_await afflux::async_acquire(io, sem.acquire(kLimit).within(std::chrono::milliseconds(1)),
                                     asio::redirect_error(asio::use_awaitable, ec));
  if (ec == afflux::status::timed_out) ++all.gave_up;
}

}  // namespace

int main() try {
  asio::io_context io;
  const afflux::semaphore sem(kLimit);
  afflux::permit busy = sem.try_acquire(kLimit);
  totals all;

  asio::co_spawn(io, impatient(io, sem, all), asio::detached);
  io.run();  // until it has given up
  io.restart();

  asio::cancellation_signal stop;
  bool stopped = false;
  afflux::async_acquire(io, sem, 1,
                        asio::bind_cancellation_slot(
                            stop.slot(), [&](asio::error_code ec, const afflux::permit& permit) {
                              stopped = ec == asio::error::operation_aborted && !permit;
                            }));
  for (int i = 0; i < kJobs; ++i) asio::co_spawn(io, job(io, sem, all), asio::detached);
  io.poll();  // all wait
  const auto waiting = sem.waiters();
  stop.emit(asio::cancellation_type::total);
  busy.release();
  io.run();

  std::printf("%d jobs, at most %d inside\n", all.done, all.peak);
  const bool right = waiting == kJobs + 1 && stopped && all.gave_up == 1 && all.done == kJobs &&
                     all.peak == kLimit && sem.held() == 0;
  return right ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 9;
}
