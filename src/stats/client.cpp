// SPDX-License-Identifier: MIT OR Apache-2.0
#include "stats/client.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <new>
#include <string_view>

namespace afflux::stats {
namespace {

constexpr std::size_t kTexts = 1 + AFFLUX_CLIENT_CLASSES + AFFLUX_CLIENT_PIPELINES;
constexpr const char* kNumbers[] = {"0", "1", "2", "3"};
static_assert(std::size(kNumbers) >= AFFLUX_CLIENT_CLASSES);
static_assert(std::size(kNumbers) >= AFFLUX_CLIENT_PIPELINES);

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
  auto* const made = new (memory) client(options);
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
  set(speed_, speed + 0.0);  // -0 as 0
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

// Of all slots of a family of status codes.
std::uint64_t client::sum_all(const count* slots) noexcept {
  // Four sums, or each load waits for an addition.
  static_assert(kFamily % 4 == 0);
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  for (const count* slot = slots; slot != slots + kFamily; slot += 4) {
    a += get(slot[0]);
    b += get(slot[1]);
    c += get(slot[2]);
    d += get(slot[3]);
  }
  return a + b + c + d;
}

// Of those in use; where they are many all of them, which is cheaper than one by one.
std::uint64_t client::sum(std::size_t family) const noexcept {
  const count* const slots = responses_ + family * kFamily;
  std::uint64_t total = 0;
  int few = 16;
  for (std::size_t word = 0; word < 2; ++word) {
    for (std::uint64_t bits = get(used_[family][word]); bits != 0; bits &= bits - 1) {
      if (few-- == 0) return sum_all(slots);
      total += get(slots[64 * word + static_cast<std::size_t>(std::countr_zero(bits))]);
    }
  }
  return total;
}

// All of `dropped` before any of `read`: so the rate is never above what it has really been at
// some moment, since what the others count meanwhile only adds to the lines read.
void client::read_lines(std::uint64_t* dropped, std::uint64_t* read) const noexcept {
  static_assert(AFFLUX_CLIENT_PIPELINES == 2);
  // [lines] acquire, pairs with count_lines().
  dropped[0] = pipelines_[0].dropped.load(std::memory_order_acquire);
  dropped[1] = pipelines_[1].dropped.load(std::memory_order_acquire);
  read[0] = get(pipelines_[0].read);
  read[1] = get(pipelines_[1].read);
}

double client::drop_rate(const std::uint64_t* dropped, const std::uint64_t* read) noexcept {
  if ((dropped[0] | dropped[1]) == 0) return 0;
  const double of = static_cast<double>(read[0]) + static_cast<double>(read[1]);
  const double lost = static_cast<double>(dropped[0]) + static_cast<double>(dropped[1]);
  // A line that was read before its client was added to a registry, and dropped after, is in
  // `dropped` alone.
  return of > 0 ? std::min(lost / of, 1.0) : 0;
}

void client::raise_peak() noexcept {
  std::uint64_t dropped[AFFLUX_CLIENT_PIPELINES];
  std::uint64_t read[AFFLUX_CLIENT_PIPELINES];
  read_lines(dropped, read);
  raise(peak_, drop_rate(dropped, read));
}

void client::read(afflux_client_summary_t& into, std::int64_t now) const noexcept {
  const std::int64_t stall = get(stalled_at_);
  into.stalled = stall != kNever && (now >= stall || time::now_ns() >= stall) ? 1 : 0;
  for (std::size_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) into.requests[i] = get(requests_[i]);
  into.bytes = get(bytes_);
  into.runs = get(runs_);
  into.responses_4xx = sum(0);
  into.responses_5xx = sum(1);
  into.responses_other = get(other_);
  into.reconnections = get(reconnections_);
  into.timeouts = get(timeouts_);
  read_lines(into.lines_dropped, into.lines_read);
  into.drop_rate = drop_rate(into.lines_dropped, into.lines_read);
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
