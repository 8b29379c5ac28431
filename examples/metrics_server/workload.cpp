// SPDX-License-Identifier: MIT OR Apache-2.0
#include "workload.h"

#include <random>

namespace metrics_server {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kPatience = 250 * kMillisecond;

event_handle make_event() {
  afflux_event* event = nullptr;
  expect(afflux_event_create(1, AFFLUX_QUEUE_AUTO, &event), AFFLUX_OK, "afflux_event_create");
  return event_handle(event);
}

// Tells the client's counters what its request came to.
void account(afflux_client* client, afflux_status answer, std::uint64_t bytes) {
  unsigned code = 200;
  if (answer == AFFLUX_EREJECTED) code = 503;
  if (answer == AFFLUX_ETIMEDOUT) code = 504, afflux_client_count_timeout(client);
  afflux_client_count_response(client, code);
  if (answer == AFFLUX_OK) afflux_client_count_bytes(client, bytes);
}

}  // namespace

workload::workload(const service& measured) : running_(make_event()), stopped_(make_event()) {
  resume();
  const job jobs[] = {
      {measured.database.get(), measured.web.get(), 10, 1, 0, 8, 12},
      {measured.database.get(), measured.mobile.get(), 6, 2, 0, 8, 20},
      {measured.disk.get(), measured.batch.get(), 16, 1, 8 * 1024, 10, 30},
      {measured.uploads.get(), measured.mobile.get(), 16, 1, 0, 5, 20,
       measured.uploads_control.get()},
  };
  unsigned seed = 0;
  for (const job& each : jobs) {
    for (unsigned i = 0; i < each.threads; ++i) {
      threads_.emplace_back([this, each, number = ++seed] { work(each, number); });
    }
  }
}

workload::~workload() {
  afflux_event_notify_all(stopped_.get());
  resume();
}

void workload::work(const job& what, unsigned seed) const {
  std::minstd_rand random(seed);
  std::uniform_int_distribution<std::uint64_t> permits(1, what.most_permits);
  std::exponential_distribution<double> of_mean_one;
  const auto about = [&](double mean_ms) {
    return static_cast<std::int64_t>(of_mean_one(random) * mean_ms * kMillisecond);
  };
  while (!stopped_within(about(what.mean_pause_ms))) {
    const bool writes = random() % 4 == 0;
    afflux_client_count_requests(what.client, writes ? kWrite : kRead, 1);
    one_piece(what, permits(random), about(what.mean_work_ms));
  }
}

void workload::one_piece(const job& what, std::uint64_t permits, std::int64_t work_ns) const {
  afflux_request request;
  afflux_request_init(&request);
  request.permits = permits;
  request.cost_bytes = what.cost_bytes;
  request.client = what.client;
  afflux_permit_token permit;
  const afflux_status answer = afflux_sem_acquire_permit(what.sem, &request, kPatience, &permit);
  if (answer == AFFLUX_OK) {
    stopped_within(work_ns);
    afflux_event_wait(running_.get(), AFFLUX_FOREVER);
    if (what.control == nullptr) {
      afflux_permit_release(&permit);
    } else {
      afflux_control_release(what.control, &permit, AFFLUX_CONTROL_SERVED);
    }
  }
  account(what.client, answer, 4096 * permits);
}

bool workload::stopped_within(std::int64_t time_ns) const {
  return afflux_event_wait(stopped_.get(), time_ns) == AFFLUX_OK;
}

}  // namespace metrics_server
