// SPDX-License-Identifier: MIT OR Apache-2.0
#include "server.h"

#include <stdexcept>
#include <string>

#include "accept.h"
#include "report.h"

namespace metrics_server {
namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr const char* kText = "text/plain; charset=utf-8";

std::int32_t append(void* ctx, const char* text, std::size_t size) {
  static_cast<std::string*>(ctx)->append(text, size);
  return 0;
}

// Without SO_REUSEPORT, the library's own choice: two servers would share a port unawares.
void may_listen_again_soon(socket_t socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

void answer_metrics(afflux_registry* registry, std::uint32_t flags, const httplib::Request& request,
                    httplib::Response& response) {
  afflux_export_options options;
  afflux_export_options_init(&options);
  options.format = format_for(request.get_header_value("Accept"));
  options.flags = flags;
  std::string text;
  expect(afflux_registry_write(registry, &options, append, &text), AFFLUX_OK,
         "afflux_registry_write");
  response.set_content(text, afflux_export_content_type(options.format));
}

void answer_health(afflux_registry* registry, httplib::Response& response) {
  const std::string unhealthy = complaints(registry);
  response.status = unhealthy.empty() ? 200 : 503;
  response.set_content(unhealthy.empty() ? "healthy\n" : unhealthy, kText);
}

}  // namespace

server::server(const options& chosen, const service& measured, workload* load) {
  http_.set_socket_options(may_listen_again_soon);
  http_.set_keep_alive_timeout(1);  // for so long an idle connection delays the end
  http_.new_task_queue = [] { return new httplib::ThreadPool(4); };
  add_routes(measured.registry.get(), chosen.clients ? AFFLUX_EXPORT_CLIENTS : 0, load);
  port_ = chosen.port;
  if (port_ == 0) {
    port_ = http_.bind_to_any_port(kHost);
  } else if (!http_.bind_to_port(kHost, port_)) {
    port_ = -1;
  }
  if (port_ <= 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(chosen.port));
  }
  thread_ = std::jthread([this] { http_.listen_after_bind(); });
  // stop() does nothing until the thread is that far: an answer shows that it is.
  if (!httplib::Client(kHost, port_).Get("/healthz")) {
    http_.stop();
    throw std::runtime_error("does not answer itself");
  }
}

server::~server() { http_.stop(); }

void server::add_routes(afflux_registry* registry, std::uint32_t flags, workload* load) {
  using httplib::Request;
  using httplib::Response;
  http_.Get("/metrics", [=](const Request& request, Response& response) {
    answer_metrics(registry, flags, request, response);
  });
  http_.Get("/healthz",
            [=](const Request&, Response& response) { answer_health(registry, response); });
  http_.Get("/debug/stats.json", [=](const Request&, Response& response) {
    response.set_content(stats_json(registry), "application/json");
  });
  for (const bool stall : {true, false}) {
    http_.Post(stall ? "/debug/stall" : "/debug/resume", [=](const Request&, Response& response) {
      response.status = load != nullptr ? 204 : 409;
      if (load != nullptr) stall ? load->stall() : load->resume();
    });
  }
}

}  // namespace metrics_server
