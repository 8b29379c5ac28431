// SPDX-License-Identifier: MIT OR Apache-2.0
//
// HTTP/1.1 as far as it concerns this server: where a request ends, and what to answer. The
// parsing is http_parser's.
#pragma once

#include <http_parser.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace uring_server {

// Headers and bodies pass by; nothing is kept but the beginnings of the path and of the tenant's
// name, so that a client costs the same memory whatever it sends.
class request_reader {
 public:
  enum class found { nothing, request, garbage };

  request_reader();
  request_reader(const request_reader&) = delete;
  request_reader& operator=(const request_reader&) = delete;

  // Takes the next request off what has been received. After `nothing` there is room for more.
  found next();
  std::span<char> room() { return buffer_; }
  void received(std::size_t size) { at_ = 0, end_ = size; }

  // Of the request found last.
  bool keep_alive() const { return keep_alive_; }
  bool wants_body() const { return wants_body_; }
  bool asks_for_metrics() const { return asks_for_metrics_; }
  // What its header X-Tenant says, or the beginning of it: of a longer one more than a name may
  // have.
  std::string_view tenant() const { return tenant_; }

 private:
  static int on_begin(http_parser* parser);
  static int on_url(http_parser* parser, const char* text, std::size_t size);
  static int on_field(http_parser* parser, const char* text, std::size_t size);
  static int on_value(http_parser* parser, const char* text, std::size_t size);
  static int on_complete(http_parser* parser);

  http_parser parser_;
  bool keep_alive_ = false;
  bool wants_body_ = true;
  bool asks_for_metrics_ = false;
  // As far as they matter.
  std::string path_;
  std::string field_;  // a header's name
  std::string tenant_;
  bool in_value_ = false;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::array<char, 2048> buffer_;
};

enum class answer { ok, metrics, bad_request, unavailable, timed_out };

// metrics: the body of answer::metrics.
std::string response(answer what, std::string_view metrics, bool keep_alive, bool with_body);

}  // namespace uring_server
