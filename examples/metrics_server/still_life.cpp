// SPDX-License-Identifier: MIT OR Apache-2.0
#include "still_life.h"

namespace metrics_server {
namespace {

void nothing(void* /*ctx*/, afflux_status /*status*/) {}

afflux_request request_of(afflux_client* client) {
  afflux_request request;
  afflux_request_init(&request);
  request.client = client;
  request.wake = nothing;
  return request;
}

}  // namespace

still_life::still_life(const service& measured) {
  at_the_database(measured.database.get(), measured.web.get());
  at_the_disk(measured.disk.get(), measured.batch.get());
  at_the_uploads(measured.uploads.get());
  clients_alone(measured);
}

still_life::~still_life() {
  for (afflux_waiter& waiter : waiters_) afflux_waiter_cancel(&waiter);
}

// Ends with all 4 permits held and one waiter.
void still_life::at_the_database(afflux_sem* sem, afflux_client* client) {
  afflux_permit_token permit;
  afflux_request whole = request_of(client);
  for (whole.permits = 1; whole.permits <= 4; ++whole.permits) {
    expect(afflux_sem_acquire_permit(sem, &whole, 0, &permit), AFFLUX_OK, "acquire_permit");
    expect(afflux_permit_release(&permit), AFFLUX_OK, "permit_release");
  }
  whole.permits = 4;
  expect(afflux_sem_acquire_permit(sem, &whole, 0, &permit), AFFLUX_OK, "acquire_permit");
  expect(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN, "try_acquire");
  expect(afflux_sem_acquire(sem, 1, 1'000'000), AFFLUX_ETIMEDOUT, "acquire");
  for (int i = 0; i < 8; ++i) expect(ask(sem, client, 1, 0), AFFLUX_PENDING, "acquire_async");
  expect(ask(sem, client, 1, 0), AFFLUX_EREJECTED, "acquire_async");
  for (const std::size_t i : {0U, 1U}) {
    expect(afflux_waiter_cancel(&waiters_[i]), AFFLUX_OK, "waiter_cancel");
  }
  expect(afflux_permit_release(&permit), AFFLUX_OK, "permit_release");  // grants four
  expect(afflux_sem_release(sem, 1), AFFLUX_OK, "release");             // grants one
  expect(afflux_sem_resize(sem, 4), AFFLUX_OK, "resize");
}

// Ends with one permit held, the other too little for the first in line, and 64 KiB queued; the
// oldest has been dropped.
void still_life::at_the_disk(afflux_sem* sem, afflux_client* client) {
  expect(afflux_sem_try_acquire(sem, 1), AFFLUX_OK, "try_acquire");
  for (int i = 0; i < 5; ++i) {
    expect(ask(sem, client, 2, 16 * 1024), AFFLUX_PENDING, "acquire_async");
  }
}

// Ends with three permits held and two free.
void still_life::at_the_uploads(afflux_sem* sem) {
  expect(afflux_sem_try_acquire(sem, 3), AFFLUX_OK, "try_acquire");
  expect(ask(sem, nullptr, 4, 0), AFFLUX_PENDING, "acquire_async");
  expect(afflux_sem_resize(sem, 2), AFFLUX_OK, "resize");  // four are impossible now
  expect(afflux_sem_resize(sem, 5), AFFLUX_OK, "resize");
}

void still_life::clients_alone(const service& measured) {
  afflux_client_count_requests(measured.web.get(), kRead, 40);
  afflux_client_count_requests(measured.web.get(), kWrite, 2);
  afflux_client_count_requests(measured.mobile.get(), kRead, 7);
  afflux_client_count_bytes(measured.web.get(), 123'456);
  for (unsigned code : {200U, 200U, 404U, 503U}) {
    afflux_client_count_response(measured.mobile.get(), code);
  }
  afflux_client_count_timeout(measured.mobile.get());
  afflux_client_count_reconnection(measured.batch.get());
  afflux_client_count_lines(measured.batch.get(), 0, 100, 3);
}

afflux_status still_life::ask(afflux_sem* sem, afflux_client* client, std::uint64_t permits,
                              std::uint64_t cost_bytes) {
  afflux_request request = request_of(client);
  request.permits = permits;
  request.cost_bytes = cost_bytes;
  waiters_.push_back({});
  return afflux_sem_acquire_async(sem, &request, &waiters_.back());
}

}  // namespace metrics_server
