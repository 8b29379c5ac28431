// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http.h"

#include <afflux/afflux.h>

#include <algorithm>
#include <cctype>

#include "../support/tenant_name.h"

namespace uring_server {
namespace {

constexpr std::string_view kMetricsPath = "/metrics";

// Adds a piece of a text. One character more than `most` tells that there was more.
void append(std::string& text, std::string_view piece, std::size_t most) {
  text += piece.substr(0, most + 1 - text.size());
}

bool same_header(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

struct fixed_part {
  std::string_view status;
  std::string_view type = "text/plain";
  std::string_view body = {};
};

fixed_part fixed_part_of(answer what) {
  switch (what) {
    case answer::ok:
      return {.status = "200 OK", .body = "done\n"};
    case answer::metrics:
      return {.status = "200 OK", .type = afflux_export_content_type(AFFLUX_EXPORT_PROMETHEUS)};
    case answer::unavailable:
      return {.status = "503 Service Unavailable\r\nRetry-After: 1", .body = "too busy\n"};
    case answer::timed_out:
      return {.status = "504 Gateway Timeout", .body = "too slow\n"};
    case answer::bad_request:
      break;
  }
  return {.status = "400 Bad Request", .body = "not HTTP\n"};
}

}  // namespace

request_reader::request_reader() {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

request_reader::found request_reader::next() {
  if (at_ == end_) return found::nothing;
  http_parser_settings settings{};
  settings.on_message_begin = on_begin;
  settings.on_url = on_url;
  settings.on_header_field = on_field;
  settings.on_header_value = on_value;
  settings.on_message_complete = on_complete;
  at_ += http_parser_execute(&parser_, &settings, buffer_.data() + at_, end_ - at_);
  if (HTTP_PARSER_ERRNO(&parser_) == HPE_PAUSED) {
    http_parser_pause(&parser_, 0);
    return found::request;
  }
  return HTTP_PARSER_ERRNO(&parser_) == HPE_OK ? found::nothing : found::garbage;
}

int request_reader::on_begin(http_parser* parser) {
  auto* const reader = static_cast<request_reader*>(parser->data);
  reader->path_.clear();
  reader->field_.clear();
  reader->tenant_.clear();
  reader->in_value_ = false;
  return 0;
}

// This and the next two are called for each piece that has been received.
int request_reader::on_url(http_parser* parser, const char* text, std::size_t size) {
  append(static_cast<request_reader*>(parser->data)->path_, {text, size}, kMetricsPath.size());
  return 0;
}

int request_reader::on_field(http_parser* parser, const char* text, std::size_t size) {
  auto* const reader = static_cast<request_reader*>(parser->data);
  if (reader->in_value_) reader->field_.clear();  // of the header before
  reader->in_value_ = false;
  append(reader->field_, {text, size}, example::kTenantHeader.size());
  return 0;
}

int request_reader::on_value(http_parser* parser, const char* text, std::size_t size) {
  auto* const reader = static_cast<request_reader*>(parser->data);
  const bool begins = !reader->in_value_;
  reader->in_value_ = true;
  if (!same_header(reader->field_, example::kTenantHeader)) return 0;
  // Given twice it is a list, as any header is: no name.
  if (begins && !reader->tenant_.empty()) append(reader->tenant_, ",", example::kLongestTenantName);
  append(reader->tenant_, {text, size}, example::kLongestTenantName);
  return 0;
}

// Pauses behind each request: what follows in the buffer is the next one.
int request_reader::on_complete(http_parser* parser) {
  auto* const reader = static_cast<request_reader*>(parser->data);
  // An upgrade is not done here, and what a client sends in hope of one is no HTTP.
  reader->keep_alive_ = http_should_keep_alive(parser) != 0 && parser->upgrade == 0;
  reader->wants_body_ = parser->method != HTTP_HEAD;
  reader->tenant_.erase(reader->tenant_.find_last_not_of(" \t") + 1);
  reader->asks_for_metrics_ =
      (parser->method == HTTP_GET || parser->method == HTTP_HEAD) && reader->path_ == kMetricsPath;
  http_parser_pause(parser, 1);
  return 0;
}

std::string response(answer what, std::string_view metrics, bool keep_alive, bool with_body) {
  const fixed_part fixed = fixed_part_of(what);
  const std::string_view body = what == answer::metrics ? metrics : fixed.body;
  std::string text = "HTTP/1.1 ";
  text += fixed.status;
  text += "\r\nContent-Type: ";
  text += fixed.type;
  text += "\r\nContent-Length: " + std::to_string(body.size());
  text += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  if (with_body) text += body;
  return text;
}

}  // namespace uring_server
