// SPDX-License-Identifier: MIT OR Apache-2.0
#include "stats/client.h"

#include <array>
#include <cstring>
#include <new>
#include <string_view>

namespace afflux::stats {
namespace {

constexpr std::size_t kTexts = 1 + AFFLUX_CLIENT_CLASSES + AFFLUX_CLIENT_PIPELINES;
constexpr const char* kNumbers[] = {"0", "1", "2", "3"};

std::array<std::string_view, kTexts> texts_of(const afflux_client_options& options) {
  std::array<std::string_view, kTexts> texts;
  std::size_t next = 0;
  const auto put = [&](const char* given, const char* otherwise) {
    texts[next++] = given != nullptr ? given : otherwise;
  };
  put(options.name, "");
  for (std::size_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) put(options.classes[i], kNumbers[i]);
  for (std::size_t i = 0; i < AFFLUX_CLIENT_PIPELINES; ++i) put(options.pipelines[i], kNumbers[i]);
  return texts;
}

}  // namespace

client* client::create(const afflux_client_options& options) noexcept {
  static_assert(sizeof(client) == 32 * kLine);
  const auto texts = texts_of(options);
  std::size_t size = sizeof(client);
  for (const std::string_view t : texts) size += t.size() + 1;
  void* const memory = ::operator new (size, std::align_val_t{alignof(client)}, std::nothrow);
  if (memory == nullptr) return nullptr;
  auto* const made = new (memory) client(options, time::now_ns());
  auto* to = static_cast<char*>(memory) + sizeof(client);
  for (const std::string_view t : texts) {
    std::memcpy(to, t.data(), t.size());
    to += t.size();
    *to++ = '\0';
  }
  return made;
}

void client::destroy() noexcept {
  this->~client();
  ::operator delete (static_cast<void*>(this), std::align_val_t{alignof(client)});
}

const char* client::text(std::size_t index) const noexcept {
  const char* found = reinterpret_cast<const char*>(this) + sizeof(client);
  for (; index > 0; --index) found += std::strlen(found) + 1;
  return found;
}

void client::begin_run() noexcept {
  add(runs_, 1);
  set(run_bytes_, std::uint64_t{0});  // bytes_ keeps those of the run before
  set(begun_, time::now_ns());
  set(speed_, 0.0);
  set(stalled_at_, kNever);
  set(drift_, std::int64_t{0});
  set(max_drift_, std::int64_t{0});
}

void client::set_speed(double speed) noexcept {
  set(speed_, speed);
  if (!(speed < stall_speed_)) {
    set(stalled_at_, kNever);
  } else if (get(stalled_at_) == kNever) {
    set(stalled_at_, time::deadline_after(stall_after_));
  }
}

void client::set_position(std::int64_t position_ns) noexcept {
  // Neither is negative, nor is the time that has passed.
  const std::int64_t drift = time::now_ns() - get(begun_) - position_ns;
  set(drift_, drift);
  raise(max_drift_, drift);
}

std::uint64_t client::sum(std::size_t family) const noexcept {
  const count* const slots = responses_ + family * kFamily;
  const std::uint64_t used[] = {get(used_[family][0]), get(used_[family][1])};
  std::uint64_t total = 0;
  if (std::popcount(used[0]) + std::popcount(used[1]) > 32) {
    for (std::size_t i = 0; i < kFamily; ++i) total += get(slots[i]);  // cheaper than bit by bit
    return total;
  }
  for (std::size_t word = 0; word < 2; ++word) {
    for (std::uint64_t bits = used[word]; bits != 0; bits &= bits - 1) {
      total += get(slots[64 * word + static_cast<std::size_t>(std::countr_zero(bits))]);
    }
  }
  return total;
}

// In this order it is never above what the rate has really been at some moment: what the others
// count meanwhile only adds to the lines read.
double client::drop_rate() const noexcept {
  double dropped = 0;
  double read = 0;
  // [lines] acquire, pairs with count_lines().
  for (const lines& l : pipelines_) {
    dropped += static_cast<double>(l.dropped.load(std::memory_order_acquire));
  }
  for (const lines& l : pipelines_) read += static_cast<double>(get(l.read));
  return dropped > 0 ? dropped / read : 0;
}

void client::read(afflux_client_summary_t& into, std::int64_t now) const noexcept {
  into.stalled = now >= get(stalled_at_) ? 1 : 0;
  for (std::size_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) into.requests[i] = get(requests_[i]);
  into.bytes = get(bytes_);
  into.runs = get(runs_);
  into.responses_4xx = sum(0);
  into.responses_5xx = sum(1);
  into.responses_other = get(other_);
  into.reconnections = get(reconnections_);
  into.timeouts = get(timeouts_);
  for (std::size_t i = 0; i < AFFLUX_CLIENT_PIPELINES; ++i) {
    // [lines] acquire, pairs with count_lines().
    into.lines_dropped[i] = pipelines_[i].dropped.load(std::memory_order_acquire);
    into.lines_read[i] = get(pipelines_[i].read);
  }
  into.drop_rate = drop_rate();
  into.peak_drop_rate = get(peak_);
  // Who counts raises the rate first and the peak then.
  if (into.peak_drop_rate < into.drop_rate) into.peak_drop_rate = into.drop_rate;
  into.speed = get(speed_);
  into.drift_ns = get(drift_);
  into.max_drift_ns = get(max_drift_);
  into.acquired = get(acquired_);
  into.waits = get(waits_);
  into.wait_sum_ns = get(wait_sum_);
  into.wait_max_ns = get(wait_max_);
  into.rejected = get(rejected_);
  into.timed_out = get(timed_out_);
  into.canceled = get(canceled_);
  into.uptime_ns = now - created_;
}

}  // namespace afflux::stats
