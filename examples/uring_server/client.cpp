// SPDX-License-Identifier: MIT OR Apache-2.0
#include "client.h"

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "../support/detached.h"
#include "../support/port_wait.h"
#include "http.h"
#include "worker.h"

namespace uring_server {
namespace {

// What a request needs while its call is in flight: memory that is really used.
std::unique_ptr<char[]> make_workspace(std::size_t size) {
  std::unique_ptr<char[]> made(new (std::nothrow) char[size]);
  if (made) std::memset(made.get(), 1, size);
  return made;
}

void count(tally& counted, answer what, bool sent) {
  if (!sent) {
    ++counted.unsent;
    return;
  }
  switch (what) {
    case answer::ok:
      ++counted.served;
      break;
    case answer::unavailable:
      ++counted.shed;
      break;
    case answer::timed_out:
      ++counted.timed_out;
      break;
    case answer::metrics:
      ++counted.metrics;
      break;
    case answer::bad_request:
      ++counted.malformed;
      break;
  }
}

example::detached serve(worker& owner, int fd) {
  service& shared = owner.shared();
  ring& io = owner.io();
  request_reader reader;
  for (bool open = true; open;) {
    const request_reader::found found = reader.next();
    if (found == request_reader::found::nothing) {
      const int got = co_await io.receive(fd, reader.room());
      if (got <= 0) break;
      reader.received(static_cast<std::size_t>(got));
      continue;
    }

    answer what = answer::bad_request;
    std::string metrics;
    if (found == request_reader::found::request && reader.asks_for_metrics()) {
      what = answer::metrics;
      metrics = shared.metrics_text();
    } else if (found == request_reader::found::request) {
      what = answer::unavailable;
      // Dropped by the bound of the queue, or closed: AFFLUX_EREJECTED, AFFLUX_ECLOSED.
      afflux_tenant* const tenant = shared.tenant_of(reader.tenant());
      if (co_await example::acquire(shared.permits.handle(), owner.completions(), tenant) ==
          AFFLUX_OK) {
        afflux::permit_token permit;
        shared.keep(permit, tenant);
        shared.in_flight.enter();
        afflux::outcome how = afflux::outcome::ignored;  // without memory there was no call
        if (const auto workspace = make_workspace(shared.calls.buffer_bytes())) {
          const backend::call call = shared.calls.begin();
          co_await io.sleep(call.wait);
          what = call.timed_out ? answer::timed_out : answer::ok;
          how = call.timed_out ? afflux::outcome::dropped : afflux::outcome::served;
        }
        shared.in_flight.leave();
        shared.give_back(permit, how);
      }
    }

    open = what != answer::bad_request && reader.keep_alive() && !owner.stopping();
    const std::string text = response(what, metrics, open, reader.wants_body());
    std::string_view rest = text;
    while (!rest.empty()) {
      const int sent = co_await io.send(fd, rest);
      if (sent <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    count(owner.counted(), what, rest.empty());
    open = open && rest.empty();
  }
  owner.end_client(fd);
}

}  // namespace

bool serve_client(worker& owner, int fd) { return serve(owner, fd).begun; }

}  // namespace uring_server
