// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/agent.h"

#include <pthread.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <new>
#include <utility>

#include "fleet/clock.h"

namespace afflux::fleet {
namespace {

std::uint64_t random_number() {
  std::uint64_t n = 0;
  if (getrandom(&n, sizeof n, 0) != sizeof n) n = static_cast<std::uint64_t>(now_ns());
  return n;
}

void name_thread(const char* name) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), name);
#else
  static_cast<void>(name);
#endif
}

// Threads begin with the mask of their creator: no signal of the program is theirs.
class no_signals {
 public:
  no_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  no_signals(const no_signals&) = delete;
  no_signals& operator=(const no_signals&) = delete;
  ~no_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

constexpr std::int64_t kShortest = 1'000'000;  // between two looks

}  // namespace

agent::agent(agent_terms terms, std::unique_ptr<engine> engine, afflux_sem* sem,
             std::uint64_t reserve)
    : terms_(std::move(terms)),
      engine_(std::move(engine)),
      sem_(sem, reserve),
      lease_(terms_.lease) {}

agent::~agent() = default;

void agent::start() {
  if (terms_.is_manual) return;
  const no_signals while_starting;
  talker_ = std::thread([self = shared_from_this()] { self->talk(); });
  try {
    keeper_ = std::thread([self = shared_from_this()] { self->keep_time(); });
  } catch (...) {
    {
      const std::scoped_lock lock(mutex_);
      has_ended_ = true;
    }
    changed_.notify_all();
    talker_.join();
    throw;
  }
}

// ---- one step

// Sets the semaphore's limit. Runs completions.
void agent::allow(std::int64_t now) {
  std::uint64_t n = 0;
  {
    const std::scoped_lock lock(mutex_);
    n = lease_.usable(now);
    allowed_ = std::max(allowed_, n);  // never less than others can have
  }
  sem_.allow(n);
  const std::scoped_lock lock(mutex_);
  allowed_ = n;
}

bool agent::step(std::int64_t now) {
  allow(now);
  const local_sem::need need = sem_.look();
  bool is_due = false;
  {
    const std::scoped_lock lock(mutex_);
    lease_.sample(now, need.held, need.waiting);
    is_due = now >= lease_.due();
  }
  tell_change();
  return is_due;
}

// Just after the semaphore's limit was set. The lease ends by the clock as it is read here; what is
// in use is read after that, and can't grow meanwhile.
request agent::prepare() {
  const std::int64_t now = now_ns();
  allow(now);
  const std::uint64_t held = sem_.read().held;
  const std::scoped_lock lock(mutex_);
  request q = lease_.begin(now, held, random_number());
  q.fresh = terms_.is_fresh && lease_.epoch() == 0;  // later it knows that the limit was used
  return q;
}

agent::exchange_result agent::send(const request& q, std::int64_t deadline) {
  exchange_result r;
  const std::int64_t begun = now_ns();
  try {
    r.outcome = engine_->exchange(terms_.name, q, deadline, r.reply);
  } catch (const std::bad_alloc&) {
    engine_->disconnect();  // an answer may be under way
    r.outcome = {failure::unreachable, "no memory"};
  }
  r.took = now_ns() - begun;
  return r;
}

void agent::finish(const exchange_result& result) {
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = now_ns();
  if (!result.outcome) {
    ++counts_.failures;
    lease_.failed(now, random_number());
    try {
      failure_ = result.outcome.text;
    } catch (const std::bad_alloc&) {
      failure_.clear();
    }
    return;
  }
  ++counts_.exchanges;
  counts_.round_trip_ns = result.took;
  counts_.round_trip_max_ns = std::max(counts_.round_trip_max_ns, result.took);
  counts_.round_trip_sum_ns += result.took;
  failure_.clear();
  if (result.reply.answer == answer::done) newest_ = result.reply;
  lease_.arrived(now, result.reply);
}

std::uint32_t agent::state(std::int64_t now) const {
  if (closing_) return AFFLUX_FLEET_CLOSED;
  if (lease_.is_away()) {
    if (lease_.remaining(now) > terms_.lease.max_hold) return AFFLUX_FLEET_AWAY;
    return terms_.lease.fallback != 0 ? AFFLUX_FLEET_FALLEN_BACK : AFFLUX_FLEET_LAPSED;
  }
  if (!lease_.reached()) return AFFLUX_FLEET_STARTING;
  if (lease_.undefined()) return AFFLUX_FLEET_UNDEFINED;
  if (lease_.remaining(now) <= terms_.lease.max_hold) return AFFLUX_FLEET_LAPSED;
  return lease_.silent() ? AFFLUX_FLEET_SILENT : AFFLUX_FLEET_LEASED;
}

void agent::tell_change() {
  std::uint64_t permits = 0;
  std::uint64_t token = 0;
  std::uint32_t now_in = 0;
  {
    const std::scoped_lock lock(mutex_);
    permits = closing_ ? 0 : allowed_;
    token = lease_.token();
    now_in = state(now_ns());
    if (permits == told_permits_ && now_in == told_state_) return;
    if (permits != told_permits_) ++counts_.changes;
    told_permits_ = permits;
    told_state_ = now_in;
  }
  if (terms_.on_change != nullptr) terms_.on_change(terms_.ctx, permits, token, now_in);
}

// When to look again. `awaits`: no request can be sent before an answer.
std::int64_t agent::next_time(std::int64_t now, bool awaits) const {
  // Looks at the semaphore eight times in a refresh interval: no call tells when requests queue.
  const std::int64_t look = now + std::max(terms_.lease.refresh / 8, kShortest);
  const std::int64_t due = awaits ? kNever : lease_.due();
  return std::min({look, lease_.next_change(now), std::max(due, now + kShortest)});
}

// ---- with threads

// The answer to the request under way, if it has come.
void agent::take_answer() {
  std::unique_lock lock(mutex_);
  if (!has_result_) return;
  has_result_ = false;
  const exchange_result result = std::move(result_);
  lock.unlock();
  finish(result);
  awaits_ = false;
  if (!is_last_) return;
  left_ = static_cast<bool>(result.outcome);
  is_over_ = true;
}

// Whether it is closed, so that the next request is the last one.
bool agent::is_to_leave() {
  const std::scoped_lock lock(mutex_);
  if (!closed_ || awaits_) return closed_;
  lease_.leave();
  if (!lease_.began()) left_ = is_over_ = true;  // nothing to give back
  return true;
}

// Gives a request to the thread that talks.
void agent::post(bool is_last) {
  try {
    request q = prepare();
    const std::scoped_lock lock(mutex_);
    job_ = std::move(q);
    job_deadline_ = now_ns() + terms_.timeout;
    has_job_ = true;
  } catch (const std::bad_alloc&) {
    finish({{failure::unreachable, ""}, {}, 0});
    return;
  }
  awaits_ = true;
  is_last_ = is_last;
  changed_.notify_all();
}

void agent::keep_time() {
  name_thread("afflux-fleet");
  {
    const std::scoped_lock lock(mutex_);
    inside_ = std::this_thread::get_id();
  }
  for (std::int64_t gives_up = kNever;;) {
    take_answer();
    const bool leaves = is_to_leave();
    if (leaves && gives_up == kNever) gives_up = now_ns() + 2 * terms_.timeout;
    if (is_over_ || now_ns() >= gives_up) break;
    if ((step(now_ns()) || leaves) && !awaits_) post(leaves);
    std::unique_lock lock(mutex_);
    const std::int64_t now = now_ns();
    changed_.wait_for(lock, std::chrono::nanoseconds(next_time(now, awaits_) - now),
                      [&] { return has_result_ || closed_ != leaves; });
  }
  {
    const std::scoped_lock lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
  tell_change();
  const std::scoped_lock lock(mutex_);
  inside_ = {};
}

void agent::talk() {
  name_thread("afflux-fleet-io");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return has_job_ || has_ended_; });
    if (has_ended_) return;
    has_job_ = false;
    const request q = std::move(job_);
    const std::int64_t deadline = job_deadline_;
    lock.unlock();
    exchange_result result = send(q, deadline);
    lock.lock();
    result_ = std::move(result);
    has_result_ = true;
    changed_.notify_all();
  }
}

bool agent::on_own_thread() const {
  const std::scoped_lock lock(mutex_);
  return inside_ == std::this_thread::get_id();
}

// ---- by hand

bool agent::is_closing() const {
  const std::scoped_lock lock(mutex_);
  return closing_;
}

// Does what is due, a message included.
void agent::do_due_by_hand() {
  if (!step(now_ns())) return;
  exchange_result result;
  try {
    const request q = prepare();
    std::int64_t deadline = now_ns() + terms_.timeout;
    {
      // The semaphore's limit must fall in time; a closed one grants nothing anyway.
      const std::scoped_lock lock(mutex_);
      if (!closing_) deadline = std::min(deadline, lease_.next_change(now_ns()));
    }
    result = send(q, deadline);
  } catch (const std::bad_alloc&) {
    result.outcome = {failure::unreachable, "no memory"};
  }
  finish(result);
  step(now_ns());
}

afflux_status agent::advance(std::int64_t* ret_next_ns) {
  if (!terms_.is_manual) return AFFLUX_EINVAL;
  {
    const std::scoped_lock lock(mutex_);
    if (closing_) return AFFLUX_ECLOSED;
    if (is_inside_) return AFFLUX_EBUSY;
    is_inside_ = true;
    inside_ = std::this_thread::get_id();
  }
  do_due_by_hand();
  const bool is_abandoned = is_closing();  // by what ran within
  if (is_abandoned) {
    leave_by_hand();
    tell_change();
  }
  const std::scoped_lock lock(mutex_);
  inside_ = {};
  is_inside_ = false;
  if (is_abandoned) return AFFLUX_ECLOSED;
  const std::int64_t now = now_ns();
  if (ret_next_ns != nullptr) *ret_next_ns = next_time(now, false) - now;
  return AFFLUX_OK;
}

// Nobody can call advance() meanwhile, so the lease is prolonged here.
afflux_status agent::wait_idle_by_hand(std::int64_t timeout_ns) {
  const std::int64_t begun = now_ns();
  for (;;) {
    do_due_by_hand();
    const std::int64_t now = now_ns();
    std::int64_t wait = 0;
    {
      const std::scoped_lock lock(mutex_);
      wait = next_time(now, false) - now;
    }
    const bool is_last = timeout_ns != AFFLUX_FOREVER && timeout_ns - (now - begun) <= wait;
    if (is_last) wait = std::max<std::int64_t>(timeout_ns - (now - begun), 0);
    const afflux_status s = afflux_sem_wait_idle(sem_.handle(), wait);
    if (s != AFFLUX_ETIMEDOUT || is_last) return s;
  }
}

afflux_status agent::leave_by_hand() {
  {
    const std::scoped_lock lock(mutex_);
    if (!lease_.began()) return AFFLUX_OK;
    lease_.leave();
  }
  exchange_result result;
  try {
    result = send(prepare(), now_ns() + terms_.timeout);
  } catch (const std::bad_alloc&) {
    result.outcome = {failure::unreachable, "no memory"};
  }
  finish(result);
  return result.outcome ? AFFLUX_OK : AFFLUX_EAGAIN;
}

// ---- the end

void agent::join() {
  if (keeper_.joinable()) keeper_.join();
  if (talker_.joinable()) talker_.join();
}

afflux_status agent::close(std::int64_t timeout_ns) {
  if (on_own_thread()) return AFFLUX_EBUSY;
  {
    const std::scoped_lock lock(mutex_);
    if (closing_) return AFFLUX_EALREADY;
    if (is_inside_) return AFFLUX_EBUSY;
    closing_ = true;
    if (terms_.is_manual) {
      is_inside_ = true;
      inside_ = std::this_thread::get_id();
    }
  }
  afflux_sem_close(sem_.handle());
  sem_.give_up_reserve();
  afflux_status idle = AFFLUX_OK;
  afflux_status left = AFFLUX_OK;
  if (terms_.is_manual) {
    idle = afflux_sem_wait_idle(sem_.handle(), 0);
    if (idle == AFFLUX_ETIMEDOUT && timeout_ns != 0) idle = wait_idle_by_hand(timeout_ns);
    left = leave_by_hand();
    tell_change();
    const std::scoped_lock lock(mutex_);
    inside_ = {};
    is_inside_ = false;
  } else {
    idle = afflux_sem_wait_idle(sem_.handle(), timeout_ns);
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    join();
    left = left_ ? AFFLUX_OK : AFFLUX_EAGAIN;
  }
  return idle == AFFLUX_OK ? left : AFFLUX_ETIMEDOUT;
}

void agent::abandon() {
  if (!on_own_thread()) {
    close(0);
    return;
  }
  // Within its own thread: it ends when the function that let go has returned. By hand the call
  // that runs it, advance(), gives back what is leased.
  {
    const std::scoped_lock lock(mutex_);
    if (closing_) return;
    closing_ = true;
  }
  afflux_sem_close(sem_.handle());
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  if (keeper_.joinable()) keeper_.detach();
  if (talker_.joinable()) talker_.detach();
}

// ---- reading

void agent::read(afflux_fleet_fence& ret) const {
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = now_ns();
  ret.state = state(now);
  ret.token = lease_.token();
  ret.tenure = lease_.tenure();
  ret.floor = lease_.floor();
  ret.remaining_ns = lease_.remaining(now);
}

void agent::read(afflux_fleet_stats& ret) const {
  const local_sem::reading sem = sem_.read();
  const std::scoped_lock lock(mutex_);
  const std::int64_t now = now_ns();
  const std::uint32_t size = ret.struct_size;
  ret = counts_;
  ret.struct_size = size;
  ret.state = state(now);
  ret.permits = closing_ ? 0 : allowed_;
  ret.leased = lease_.permits();
  ret.target = lease_.target();
  ret.demand = lease_.demand();
  ret.held = sem.held;
  ret.waiters = sem.waiters;
  ret.limit = lease_.limit();
  ret.version = lease_.version();
  ret.fleet_leased = newest_.total;
  ret.fleet_holders = newest_.holders;
  ret.lease_remaining_ns = lease_.remaining(now);
  ret.lapses = lease_.lapses();
  ret.epochs = lease_.epochs();
}

std::string agent::last_failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

std::string agent::id() const {
  const std::scoped_lock lock(mutex_);
  return lease_.holder();
}

void agent::note_failure(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  failure_ = text;
}

}  // namespace afflux::fleet
