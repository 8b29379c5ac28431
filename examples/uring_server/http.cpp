// SPDX-License-Identifier: MIT OR Apache-2.0
#include "http.h"

#include <string_view>

namespace uring_server {

request_reader::request_reader() {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

request_reader::found request_reader::next() {
  if (at_ == end_) return found::nothing;
  http_parser_settings settings{};
  settings.on_message_complete = on_complete;
  at_ += http_parser_execute(&parser_, &settings, buffer_.data() + at_, end_ - at_);
  if (HTTP_PARSER_ERRNO(&parser_) == HPE_PAUSED) {
    http_parser_pause(&parser_, 0);
    return found::request;
  }
  return HTTP_PARSER_ERRNO(&parser_) == HPE_OK ? found::nothing : found::garbage;
}

// Pauses behind each request: what follows in the buffer is the next one.
int request_reader::on_complete(http_parser* parser) {
  auto* const reader = static_cast<request_reader*>(parser->data);
  // An upgrade is not done here, and what a client sends in hope of one is no HTTP.
  reader->keep_alive_ = http_should_keep_alive(parser) != 0 && parser->upgrade == 0;
  reader->wants_body_ = parser->method != HTTP_HEAD;
  http_parser_pause(parser, 1);
  return 0;
}

std::string response(answer what, bool keep_alive, bool with_body) {
  std::string_view line = "200 OK";
  std::string_view body = "done\n";
  if (what == answer::bad_request) line = "400 Bad Request", body = "not HTTP\n";
  if (what == answer::unavailable) {
    line = "503 Service Unavailable\r\nRetry-After: 1", body = "too busy\n";
  }
  std::string text = "HTTP/1.1 ";
  text += line;
  text += "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size());
  text += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  if (with_body) text += body;
  return text;
}

}  // namespace uring_server
