// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A registry as text, and every status that its calls document.
//
//   export_options_init                 OK EINVAL        Export.RefusesWhatItDoesNotKnow
//   export_content_type                                  Export.NamesTheTypesOfItsContent
//   registry_write                      OK               ExportText.*
//                                       ECANCELED        Export.StopsWhenTheSinkDoes
//                                       EINVAL ENOTSUP   Export.RefusesWhatItDoesNotKnow
//   registry_print                      OK EOVERFLOW     Export.FillsABufferAsFarAsItGoes
//                                       EINVAL ENOTSUP   Export.RefusesWhatItDoesNotKnow
#include <afflux/afflux.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support/client.h"
#include "support/faults.h"
#include "support/recorder.h"
#include "support/registry.h"
#include "support/sem_guard.h"

namespace afflux_test {
namespace {

afflux_export_options export_options(std::uint32_t format, std::uint32_t flags = 0) {
  afflux_export_options o;
  EXPECT_EQ(afflux_export_options_init(&o), AFFLUX_OK);
  o.format = format;
  o.flags = flags;
  return o;
}

std::int32_t append(void* ctx, const char* text, std::size_t size) {
  static_cast<std::string*>(ctx)->append(text, size);
  return 0;
}

std::string text_of(afflux_registry* all, std::uint32_t format = AFFLUX_EXPORT_PROMETHEUS,
                    std::uint32_t flags = 0) {
  const afflux_export_options o = export_options(format, flags);
  std::string text;
  EXPECT_EQ(afflux_registry_write(all, &o, append, &text), AFFLUX_OK);
  return text;
}

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// ---- statuses

TEST(Export, RefusesWhatItDoesNotKnow) {
  const registry_guard all;
  std::string text;
  char buffer[16] = "untouched";
  std::size_t size = 99;
  const auto refused = [&](afflux_status status, const afflux_export_options& o) {
    EXPECT_EQ(afflux_registry_write(all, &o, append, &text), status);
    EXPECT_EQ(afflux_registry_print(all, &o, buffer, sizeof buffer, &size), status);
  };
  EXPECT_EQ(afflux_export_options_init(nullptr), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_write(nullptr, nullptr, append, &text), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_write(all, nullptr, nullptr, &text), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_print(nullptr, nullptr, buffer, sizeof buffer, &size), AFFLUX_EINVAL);
  EXPECT_EQ(afflux_registry_print(all, nullptr, nullptr, 1, &size), AFFLUX_EINVAL);
  refused(AFFLUX_EINVAL, export_options(AFFLUX_EXPORT_OPENMETRICS + 1));
  refused(AFFLUX_EINVAL, export_options(AFFLUX_EXPORT_PROMETHEUS, AFFLUX_EXPORT_CLIENTS << 1));
  afflux_export_options o = export_options(AFFLUX_EXPORT_PROMETHEUS);
  o.struct_size = 4;
  refused(AFFLUX_EINVAL, o);

  struct {
    afflux_export_options known;
    std::uint64_t more;
  } longer = {export_options(AFFLUX_EXPORT_PROMETHEUS), 1};
  longer.known.struct_size = sizeof longer;
  refused(AFFLUX_ENOTSUP, longer.known);
  EXPECT_TRUE(text.empty());
  EXPECT_STREQ(buffer, "untouched");
  EXPECT_EQ(size, 99u);

  longer.more = 0;
  EXPECT_EQ(afflux_registry_write(all, &longer.known, append, &text), AFFLUX_OK);
  o.struct_size = 8;  // shorter: no flags
  o.flags = ~0u;
  EXPECT_EQ(afflux_registry_write(all, &o, append, &text), AFFLUX_OK);
}

TEST(Export, NamesTheTypesOfItsContent) {
  EXPECT_STREQ(afflux_export_content_type(AFFLUX_EXPORT_PROMETHEUS),
               "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_STREQ(afflux_export_content_type(AFFLUX_EXPORT_OPENMETRICS),
               "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_STREQ(afflux_export_content_type(2), "");
}

TEST(Export, StopsWhenTheSinkDoes) {
  const registry_guard all;
  std::vector<client_guard> clients(50);
  for (const client_guard& c : clients) afflux_registry_add_client(all, c);
  const afflux_export_options o = export_options(AFFLUX_EXPORT_PROMETHEUS, AFFLUX_EXPORT_CLIENTS);
  std::vector<std::size_t> pieces;
  for (std::size_t most = 1; most <= 3; ++most) {
    struct limited {
      std::size_t left, calls;
    } sink = {most, 0};
    EXPECT_EQ(afflux_registry_write(
                  all, &o,
                  [](void* ctx, const char*, std::size_t) {
                    auto& s = *static_cast<limited*>(ctx);
                    ++s.calls;
                    return std::int32_t{--s.left == 0 ? -1 : 0};
                  },
                  &sink),
              AFFLUX_ECANCELED);
    EXPECT_EQ(sink.calls, most);
  }
}

TEST(Export, FillsABufferAsFarAsItGoes) {
  const registry_guard all;
  const sem_guard sem(sem_options());
  afflux_registry_add_sem(all, sem);
  const std::string text = text_of(all);
  std::size_t size = 0;
  EXPECT_EQ(afflux_registry_print(all, nullptr, nullptr, 0, &size), AFFLUX_EOVERFLOW);
  EXPECT_EQ(size, text.size());
  for (const std::size_t room :
       {std::size_t{1}, std::size_t{2}, text.size() / 2, text.size(), text.size() + 1}) {
    std::string buffer(room + 1, '~');
    size = 0;
    const bool fits = room == text.size() + 1;
    EXPECT_EQ(afflux_registry_print(all, nullptr, buffer.data(), room, &size),
              fits ? AFFLUX_OK : AFFLUX_EOVERFLOW);
    EXPECT_EQ(size, text.size());
    EXPECT_EQ(std::strlen(buffer.c_str()), room - 1);
    EXPECT_EQ(buffer.substr(0, room - 1), text.substr(0, room - 1));
    EXPECT_EQ(buffer[room], '~') << "written beyond its end";
  }
  std::string buffer(text.size() + 1, '~');
  EXPECT_EQ(afflux_registry_print(all, nullptr, buffer.data(), buffer.size(), nullptr), AFFLUX_OK);
  EXPECT_STREQ(buffer.c_str(), text.c_str());
}

TEST(Export, NeedsNoMemory) {
  const registry_guard all;
  afflux_sem_options o = sem_options();
  o.statistics = AFFLUX_STATS_FULL;
  const sem_guard sem(o);
  const client_guard client;
  afflux_registry_add_sem(all, sem);
  afflux_registry_add_client(all, client);
  const afflux_export_options formats[] = {
      export_options(AFFLUX_EXPORT_PROMETHEUS, AFFLUX_EXPORT_CLIENTS),
      export_options(AFFLUX_EXPORT_OPENMETRICS, AFFLUX_EXPORT_CLIENTS)};
  static char buffer[1 << 16];
  bool right = true;
  count_allocations();
  for (const afflux_export_options& format : formats) {
    right &= afflux_registry_print(all, &format, buffer, sizeof buffer, nullptr) == AFFLUX_OK;
  }
  EXPECT_EQ(allocations_counted(), 0u);
  EXPECT_TRUE(right);
}

// ---- the text

TEST(ExportText, OfASemaphoreIsThis) {
  const registry_guard all;
  afflux_sem_options o = sem_options(8);
  o.name = "disk \"a\"";
  const sem_guard sem(o);
  ASSERT_EQ(afflux_registry_add_sem(all, sem), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 6), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_try_acquire(sem, 3), AFFLUX_EAGAIN);
  ASSERT_EQ(afflux_sem_release(sem, 1), AFFLUX_OK);
  ASSERT_EQ(afflux_sem_resize(sem, 9), AFFLUX_OK);
  const std::string text = text_of(all);
  EXPECT_EQ(text.substr(0, text.find("# HELP afflux_clients ")),
            R"(# HELP afflux_semaphore_permits_limit Permits that may be held at once.
# TYPE afflux_semaphore_permits_limit gauge
afflux_semaphore_permits_limit{semaphore="disk \"a\"",id="1"} 9
# HELP afflux_semaphore_permits_held Permits that are held.
# TYPE afflux_semaphore_permits_held gauge
afflux_semaphore_permits_held{semaphore="disk \"a\"",id="1"} 5
# HELP afflux_semaphore_permits_available Permits that a newcomer could take.
# TYPE afflux_semaphore_permits_available gauge
afflux_semaphore_permits_available{semaphore="disk \"a\"",id="1"} 4
# HELP afflux_semaphore_waiters Requests that are queued.
# TYPE afflux_semaphore_waiters gauge
afflux_semaphore_waiters{semaphore="disk \"a\"",id="1"} 0
# HELP afflux_semaphore_queue_bytes Cost of the requests that are queued.
# TYPE afflux_semaphore_queue_bytes gauge
afflux_semaphore_queue_bytes{semaphore="disk \"a\"",id="1"} 0
# HELP afflux_semaphore_oldest_wait_seconds How long the request that has queued longest has waited.
# TYPE afflux_semaphore_oldest_wait_seconds gauge
afflux_semaphore_oldest_wait_seconds{semaphore="disk \"a\"",id="1"} 0
# HELP afflux_semaphore_permits_acquired_total Permits acquired, at once or after queueing.
# TYPE afflux_semaphore_permits_acquired_total counter
afflux_semaphore_permits_acquired_total{semaphore="disk \"a\"",id="1",path="fast"} 6
afflux_semaphore_permits_acquired_total{semaphore="disk \"a\"",id="1",path="queued"} 0
# HELP afflux_semaphore_permits_released_total Permits given back.
# TYPE afflux_semaphore_permits_released_total counter
afflux_semaphore_permits_released_total{semaphore="disk \"a\"",id="1"} 1
# HELP afflux_semaphore_shed_total Queued requests dropped because they had waited too long.
# TYPE afflux_semaphore_shed_total counter
afflux_semaphore_shed_total{semaphore="disk \"a\"",id="1"} 0
# HELP afflux_semaphore_requests_total Requests that have ended, by how they did.
# TYPE afflux_semaphore_requests_total counter
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="fast"} 1
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="granted"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="canceled"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="timed_out"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="rejected"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="dropped"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="closed"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="impossible"} 0
afflux_semaphore_requests_total{semaphore="disk \"a\"",id="1",outcome="try_failed"} 1
# HELP afflux_semaphore_queued_total Requests that have queued.
# TYPE afflux_semaphore_queued_total counter
afflux_semaphore_queued_total{semaphore="disk \"a\"",id="1"} 0
# HELP afflux_semaphore_resizes_total Changes of the limit.
# TYPE afflux_semaphore_resizes_total counter
afflux_semaphore_resizes_total{semaphore="disk \"a\"",id="1"} 1
)");
}

// Two clients, one of them removed: what it did is in the sums still, and it has no series.
TEST(ExportText, OfClientsIsTheirSumsAndEachOfThem) {
  const registry_guard all;
  afflux_client_options o = client_options();
  o.name = "kunde\n";
  o.classes[0] = "get";
  o.classes[1] = "put";
  o.classes[2] = "get";
  o.pipelines[1] = "audio";
  const client_guard client(&o), gone;
  for (const client_guard* const c : {&client, &gone}) {
    afflux_registry_add_client(all, *c);
    for (std::uint32_t i = 0; i < AFFLUX_CLIENT_CLASSES; ++i) {
      afflux_client_count_requests(*c, i, i + 1);
    }
    for (const std::uint32_t code : {404u, 404u, 599u, 200u})
      afflux_client_count_response(*c, code);
    afflux_client_count_lines(*c, 1, 8, 2);
    afflux_client_set_speed(*c, 0.5);
  }
  afflux_registry_remove_client(all, gone);
  const std::string sums = text_of(all);
  EXPECT_EQ(sums.find("afflux_client_"), std::string::npos) << "each of them is not asked for";
  const std::string text = text_of(all, AFFLUX_EXPORT_PROMETHEUS, AFFLUX_EXPORT_CLIENTS);
  EXPECT_EQ(text.substr(0, sums.size()), sums);
  for (const char* const line : {
           "# TYPE afflux_clients gauge",
           "afflux_clients 1",
           "# TYPE afflux_clients_requests_total counter",
           R"(afflux_clients_requests_total{class="0"} 2)",
           R"(afflux_clients_requests_total{class="3"} 8)",
           R"(afflux_clients_responses_total{class="4xx"} 4)",
           R"(afflux_clients_responses_total{class="5xx"} 2)",
           R"(afflux_clients_responses_total{class="other"} 2)",
           R"(afflux_clients_lines_read_total{pipeline="1"} 16)",
           R"(afflux_clients_lines_dropped_total{pipeline="1"} 4)",
           "afflux_clients_drop_ratio 0.25",
           "afflux_clients_wait_seconds_total 0",
           R"(afflux_client_requests_total{client="kunde\n",id="1",class="get"} 4)",
           R"(afflux_client_requests_total{client="kunde\n",id="1",class="put"} 2)",
           R"(afflux_client_requests_total{client="kunde\n",id="1",class="3"} 4)",
           R"(afflux_client_responses_total{client="kunde\n",id="1",code="404"} 2)",
           R"(afflux_client_responses_total{client="kunde\n",id="1",code="599"} 1)",
           R"(afflux_client_responses_total{client="kunde\n",id="1",code="other"} 1)",
           R"(afflux_client_lines_read_total{client="kunde\n",id="1",pipeline="0"} 0)",
           R"(afflux_client_lines_read_total{client="kunde\n",id="1",pipeline="audio"} 8)",
           R"(afflux_client_drop_ratio{client="kunde\n",id="1"} 0.25)",
           R"(afflux_client_speed_ratio{client="kunde\n",id="1"} 0.5)",
           R"(afflux_client_drift_seconds{client="kunde\n",id="1"} 0)",
           R"(afflux_client_stalled{client="kunde\n",id="1"} 0)",
       }) {
    EXPECT_TRUE(has(text, line)) << line;
  }
  EXPECT_EQ(text.find("id=\"2\""), std::string::npos);
  EXPECT_EQ(text.find("code=\"400\""), std::string::npos);
}

TEST(ExportText, OfTwoWithOneNameIsTwo) {
  const registry_guard all;
  afflux_sem_options o = sem_options();
  o.name = "same";
  const sem_guard a(o), b(o);
  afflux_registry_add_sem(all, a);
  afflux_registry_add_sem(all, b);
  const std::string text = text_of(all);
  EXPECT_TRUE(has(text, R"(afflux_semaphore_permits_limit{semaphore="same",id="1"} 4)"));
  EXPECT_TRUE(has(text, R"(afflux_semaphore_permits_limit{semaphore="same",id="2"} 4)"));
}

TEST(ExportText, TellsWhenThingsWereCreated) {
  const registry_guard all;
  const client_guard client;
  afflux_registry_add_client(all, client);
  const std::string text = text_of(all, AFFLUX_EXPORT_OPENMETRICS, AFFLUX_EXPORT_CLIENTS);
  const std::string again = text_of(all, AFFLUX_EXPORT_OPENMETRICS, AFFLUX_EXPORT_CLIENTS);
  EXPECT_EQ(text, again) << "the times of creation stay the same";
  EXPECT_NE(text.find("\nafflux_clients_bytes_created "), std::string::npos);
  EXPECT_NE(text.find("\nafflux_client_bytes_created{client=\"\",id=\"1\"} "), std::string::npos);
}

// Objects come and go with every piece that is written: the text is that of its beginning.
TEST(ExportText, IsOfThoseThatWereThereAtItsBeginning) {
  struct state {
    registry_guard all;
    std::vector<client_guard> there{40};
    std::vector<client_guard> later{40};
    std::size_t pieces = 0;
    std::string text;
  } s;
  for (const client_guard& c : s.there) afflux_registry_add_client(s.all, c);
  const afflux_export_options o = export_options(AFFLUX_EXPORT_OPENMETRICS, AFFLUX_EXPORT_CLIENTS);
  EXPECT_EQ(afflux_registry_write(
                s.all, &o,
                [](void* ctx, const char* text, std::size_t size) {
                  auto& in = *static_cast<state*>(ctx);
                  in.text.append(text, size);
                  if (in.pieces < in.there.size()) {
                    EXPECT_EQ(afflux_registry_remove_client(in.all, in.there[in.pieces]),
                              AFFLUX_OK);
                    EXPECT_EQ(afflux_registry_add_client(in.all, in.later[in.pieces]), AFFLUX_OK);
                    in.there[in.pieces].reset();
                  }
                  ++in.pieces;
                  return std::int32_t{0};
                },
                &s),
            AFFLUX_OK);
  EXPECT_GT(s.pieces, s.there.size()) << "all were removed before the end";
  const auto series = [&s](const std::string& name, std::size_t id) {
    return s.text.find("\n" + name + "{client=\"\",id=\"" + std::to_string(id) + "\"} ") !=
           std::string::npos;
  };
  for (std::size_t id = 1; id <= 40; ++id) {
    EXPECT_TRUE(series("afflux_client_bytes_total", id)) << id;
    EXPECT_TRUE(series("afflux_client_drift_seconds", id)) << id;
  }
  EXPECT_FALSE(series("afflux_client_drift_seconds", 41));
  EXPECT_TRUE(has(text_of(s.all), "afflux_clients 40"));
}

}  // namespace
}  // namespace afflux_test
