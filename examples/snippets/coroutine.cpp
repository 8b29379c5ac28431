// SPDX-License-Identifier: MIT OR Apache-2.0
#include <afflux/afflux.hpp>
#include <exception>

struct task {  // the least that a coroutine type needs: starts at once, frees itself
  struct promise_type {
    task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

task job(const afflux::semaphore& sem, int& done) {
  const afflux::permit permit = co_await sem.acquire().within(std::chrono::seconds(9));
  if (permit) ++done;
}  // the permit goes back, the next job is resumed

int main() {
  const afflux::semaphore sem(2);
  afflux::permit busy = sem.try_acquire(2);
  int done = 0;
  for (int i = 0; i < 5; ++i) job(sem, done);  // all wait
  busy.release();                              // all run here, as permits come back
  return done == 5 ? 0 : 1;
}
