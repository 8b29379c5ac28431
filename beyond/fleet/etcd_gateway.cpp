// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fleet/etcd_gateway.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "fleet/base64.h"
#include "fleet/clock.h"

namespace afflux::fleet {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestAnswer = 64 << 20;  // bytes

// The canonical codes of gRPC that say that nothing was done.
enum : int {
  kInvalidArgument = 3,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnimplemented = 12,
  kUnauthenticated = 16,
};

bool is_refusal(int code) {
  return code == kInvalidArgument || code == kNotFound || code == kPermissionDenied ||
         code == kResourceExhausted || code == kFailedPrecondition || code == kUnimplemented ||
         code == kUnauthenticated;
}

// 64-bit numbers are strings there, and 0 is left out.
std::uint64_t number(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return 0;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  if (!found->is_string()) return 0;
  const auto& text = found->get_ref<const std::string&>();
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The key after all that begin with `prefix`.
std::string end_of(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

std::size_t append(char* data, std::size_t size, std::size_t n, void* to) {
  auto& text = *static_cast<std::string*>(to);
  if (size * n > kLongestAnswer - text.size()) return 0;
  text.append(data, size * n);
  return size * n;
}

const json& list_of(const json& object, const char* name) {
  static const json none = json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

}  // namespace

struct etcd_gateway::state {
  CURL* curl = curl_easy_init();
  char error[CURL_ERROR_SIZE] = {};

  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { curl_easy_cleanup(curl); }
};

namespace {

class header_lines {
 public:
  explicit header_lines(const std::string& token) {
    add("Content-Type: application/json");
    add("Expect:");  // no 100-continue
    if (!token.empty()) add(("Authorization: " + token).c_str());
  }
  header_lines(const header_lines&) = delete;
  header_lines& operator=(const header_lines&) = delete;
  ~header_lines() { curl_slist_free_all(list_); }
  curl_slist* list() const { return list_; }

 private:
  void add(const char* line) {
    if (curl_slist* const more = curl_slist_append(list_, line); more != nullptr) list_ = more;
  }
  curl_slist* list_ = nullptr;
};

}  // namespace

etcd_gateway::etcd_gateway(etcd_url url) : url_(std::move(url)) {}
etcd_gateway::~etcd_gateway() = default;

void etcd_gateway::disconnect() {
  state_.reset();
  token_.clear();
}

outcome etcd_gateway::broken(const char* path, const std::string& why) {
  outcome o{failure::unreachable, "etcd: " + url_.endpoints[endpoint_] + path + ": " + why};
  disconnect();
  endpoint_ = (endpoint_ + 1) % url_.endpoints.size();
  return o;
}

outcome etcd_gateway::post(const char* path, const std::string& body, std::int64_t deadline,
                           std::string& ret_text) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::int64_t ms = (deadline - now_ns()) / 1'000'000;
  if (ms <= 0) return broken(path, "no answer in time");
  if (state_ == nullptr) state_ = std::make_unique<state>();
  CURL* const curl = state_->curl;
  if (curl == nullptr) return broken(path, "no memory");
  const header_lines headers(token_);
  std::string text;
  const std::string where =
      (url_.is_tls ? "https://" : "http://") + url_.endpoints[endpoint_] + path;
  curl_easy_setopt(curl, CURLOPT_URL, where.c_str());
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(ms));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, state_->error);
  if (!url_.cacert.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, url_.cacert.c_str());
  if (!url_.cert.empty()) curl_easy_setopt(curl, CURLOPT_SSLCERT, url_.cert.c_str());
  if (!url_.key.empty()) curl_easy_setopt(curl, CURLOPT_SSLKEY, url_.key.c_str());
  state_->error[0] = '\0';
  const CURLcode code = curl_easy_perform(curl);
  long made = 0;
  curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &made);
  connection_ += static_cast<std::uint64_t>(made);
  if (code != CURLE_OK) {
    return broken(path, state_->error[0] != '\0' ? state_->error : curl_easy_strerror(code));
  }
  ret_text = std::move(text);
  return {};
}

outcome etcd_gateway::call_once(const char* path, const json& question, std::int64_t deadline,
                                json& ret_answer, bool& ret_is_token_bad) {
  // A name may be of any bytes; those that are not UTF-8 are within base64.
  const std::string body = question.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string text;
  if (outcome o = post(path, body, deadline, text); !o) return o;
  json answer = json::parse(text, nullptr, false);
  const std::uint64_t code = answer.is_object() ? number(answer, "code") : 0;
  long http = 0;
  curl_easy_getinfo(state_->curl, CURLINFO_RESPONSE_CODE, &http);
  if (http == 200 && answer.is_object() && code == 0) {
    const json header = answer.value("header", json::object());
    member_ = {number(header, "cluster_id"), number(header, "raft_term"),
               number(header, "revision")};
    ret_answer = std::move(answer);
    return {};
  }
  if (!answer.is_object()) {
    if (http == 404) return {failure::refused, "etcd: no JSON gateway of version 3 there"};
    return broken(path, "not etcd's answer: HTTP " + std::to_string(http));
  }
  const std::string error = text_of(answer, "error");
  if (!is_refusal(static_cast<int>(code))) return broken(path, error);
  // It has run out, or users or roles have changed since.
  ret_is_token_bad = code == kUnauthenticated || error.find("revision of auth store") != error.npos;
  return {failure::refused, "etcd: " + error};
}

outcome etcd_gateway::authenticate(std::int64_t deadline) {
  token_.clear();
  json answer;
  bool ignored = false;
  if (outcome o =
          call_once("/v3/auth/authenticate", {{"name", url_.user}, {"password", url_.password}},
                    deadline, answer, ignored);
      !o) {
    return o;
  }
  token_ = text_of(answer, "token");
  if (token_.empty()) return {failure::refused, "etcd: no token"};
  return {};
}

outcome etcd_gateway::call(const char* path, const json& question, std::int64_t deadline,
                           json& ret_answer) {
  bool is_new = false;
  if (!url_.user.empty() && token_.empty()) {
    if (outcome o = authenticate(deadline); !o) return o;
    is_new = true;
  }
  bool is_token_bad = false;
  outcome o = call_once(path, question, deadline, ret_answer, is_token_bad);
  if (!is_token_bad || url_.user.empty() || is_new) return o;
  if (outcome again = authenticate(deadline); !again) return again;
  return call_once(path, question, deadline, ret_answer, is_token_bad);
}

outcome etcd_gateway::get(const std::string& key, std::int64_t deadline, etcd_value& ret) {
  json answer;
  if (outcome o = call("/v3/kv/range", {{"key", to_base64(key)}}, deadline, answer); !o) return o;
  etcd_value found;
  for (const json& each : list_of(answer, "kvs")) {
    found.revision = number(each, "mod_revision");
    if (!from_base64(text_of(each, "value"), found.text)) return broken("", "not base64");
  }
  ret = std::move(found);
  return {};
}

outcome etcd_gateway::swap(const std::string& key, std::uint64_t from, const std::string& text,
                           std::int64_t deadline, bool& ret_is_done) {
  const std::string name = to_base64(key);
  json answer;
  outcome o = call(
      "/v3/kv/txn",
      {{"compare", json::array({{{"key", name},
                                 {"target", "MOD"},
                                 {"result", "EQUAL"},
                                 {"mod_revision", std::to_string(from)}}})},
       {"success", json::array({{{"request_put", {{"key", name}, {"value", to_base64(text)}}}}})}},
      deadline, answer);
  if (o) ret_is_done = answer.value("succeeded", false);
  return o;
}

outcome etcd_gateway::keys(const std::string& prefix, std::int64_t deadline,
                           std::vector<std::string>& ret) {
  json answer;
  if (outcome o = call("/v3/kv/range",
                       {{"key", to_base64(prefix)},
                        {"range_end", to_base64(end_of(prefix))},
                        {"keys_only", true}},
                       deadline, answer);
      !o) {
    return o;
  }
  for (const json& each : list_of(answer, "kvs")) {
    std::string key;
    if (from_base64(text_of(each, "key"), key)) ret.push_back(std::move(key));
  }
  return {};
}

outcome etcd_gateway::applied(std::int64_t deadline, std::uint64_t& ret_index) {
  json answer;
  if (outcome o = call("/v3/maintenance/status", json::object(), deadline, answer); !o) return o;
  ret_index = number(answer, "raftAppliedIndex");
  return {};
}

}  // namespace afflux::fleet
