// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Uses every template of the C++ headers once: compiled, not run, with the warnings that a strict
// user has on, by cpp_compile_test.py.
#include <afflux/afflux.hpp>
#include <afflux/error_code.hpp>

#include <chrono>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

using namespace std::chrono_literals;

namespace {

struct task {
  struct promise_type {
    task get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

struct posting {
  void operator()(std::coroutine_handle<> h) { h.resume(); }
  void discard(std::coroutine_handle<>) {}
};

const auto kSoon = std::chrono::system_clock::now() + 1h;

task acquires(const afflux::semaphore& sem, const afflux::client& c, const afflux::port& loop) {
  posting executor;
  const afflux::permit a =
      co_await sem.acquire(2).priority(afflux::priority::high).cost(3).within(1.5s);
  const afflux::permit b = co_await sem.acquire().account_to(c).until(kSoon).wait_for_resize();
  const afflux::permit d = co_await sem.acquire().resume_on(std::ref(executor)).or_throw();
  const afflux::permit e = co_await sem.acquire().resume_on(loop);
  (void)co_await sem.wait_idle().within(1ms);
}

task waits(const afflux::semaphore& sem, const afflux::event& ev, const afflux::wait_queue& q,
           const afflux::port& loop) {
  posting executor;
  (void)co_await ev.wait().until(kSoon).resume_on(loop);
  (void)co_await q.wait_unless([] { return true; }).resume_on(std::ref(executor));
  (void)co_await loop.enter();
  const auto [index, won] = co_await afflux::any(sem.acquire(), ev.wait()).resume_on(loop);
  const auto [one, two] = co_await afflux::all(sem.acquire(), sem.acquire(2));
  const auto both = co_await afflux::all(sem.acquire(), ev.wait()).resume_on(std::ref(executor));
  (void)index;
}

void blocks(const afflux::semaphore& sem, const afflux::client& c) {
  const auto a = sem.acquire_blocking_for(1ms, 2);
  const auto b = sem.acquire_blocking_until(kSoon);
  const auto d = std::make_unique<afflux::permit_token>(sem, 1s, 2, "tag");
  const afflux::permit_token e(sem, {.permits = 2, .account_to = &c});
  const auto f = sem.acquire_token_for(2min, 1, "tag");
  const auto g = sem.acquire_token_until(kSoon, {.tag = "tag"});
  (void)sem.wait_idle_blocking_for(1ms);
  (void)sem.visit_holders([](const afflux::holder& h) { return h.permits != 0; });
  (void)sem.health({.max_wait = 1s}).has(afflux::health_reason::wait);
}

void conditions() {
  afflux::condition_variable_any changed;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  const auto holds = [] { return true; };
  changed.wait(lock, holds);
  changed.wait_for(lock, 1ms);
  changed.wait_for(lock, 1ms, holds);
  changed.wait_until(lock, kSoon);
  changed.wait_until(lock, kSoon, holds);
#ifdef __cpp_lib_jthread
  changed.wait(lock, std::stop_token(), holds);
  changed.wait_for(lock, std::stop_token(), 1ms, holds);
  changed.wait_until(lock, std::stop_token(), kSoon, holds);
#endif
}

void tells(const afflux::registry& all) {
  (void)all.visit_semaphores([](const afflux::semaphore&) {});
  (void)all.visit_clients([](const afflux::client&) { return false; });
  (void)all.write([](std::string_view) {}, {.clients = true});
  (void)all.text();
}

}  // namespace

int main() {
  const afflux::semaphore sem({.permits = 4, .ledger = 8, .slow_wait_after = 1s});
  const afflux::client tenant;
  const afflux::port loop;
  acquires(sem, tenant, loop);
  waits(sem, afflux::event(), afflux::wait_queue(), loop);
  blocks(sem, tenant);
  conditions();
  tells(afflux::registry());
  return afflux::make_error_code(afflux::status::ok) ? 1 : 0;
}
