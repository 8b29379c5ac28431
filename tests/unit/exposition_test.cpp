// SPDX-License-Identifier: MIT OR Apache-2.0
#include "export/exposition.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace afflux::exporting {
namespace {

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
constexpr auto kMin = std::numeric_limits<std::int64_t>::min();

std::int32_t append(void* ctx, const char* text, std::size_t size) {
  static_cast<std::string*>(ctx)->append(text, size);
  return 0;
}

template <class Write>
std::string written(Write write) {
  std::string text;
  text_writer to(append, &text);
  write(to);
  to.flush();
  return text;
}

std::string seconds(std::int64_t ns) {
  return written([ns](text_writer& to) { to.put_seconds(ns); });
}
std::string number(double n) {
  return written([n](text_writer& to) { to.put(n); });
}
std::string escaped(const char* name) {
  return written([name](text_writer& to) { to.put_escaped(name); });
}

// ---- the writer

TEST(TextWriter, WritesSecondsExactly) {
  EXPECT_EQ(seconds(0), "0");
  EXPECT_EQ(seconds(1), "0.000000001");
  EXPECT_EQ(seconds(1'500'000'000), "1.5");
  EXPECT_EQ(seconds(2'000'000'000), "2");
  EXPECT_EQ(seconds(10'010'000'000), "10.01");
  EXPECT_EQ(seconds(-250'000'000), "-0.25");
  EXPECT_EQ(seconds(kMax), "9223372036.854775807");
  EXPECT_EQ(seconds(kMin), "-9223372036.854775808");
}

TEST(TextWriter, WritesNumbersInWhateverLocale) {
  const char* const before = std::setlocale(LC_NUMERIC, nullptr);
  const std::string old = before == nullptr ? "C" : before;
  for (const char* const name : {"C", "de_DE.UTF-8", "de_DE"}) {
    if (std::setlocale(LC_NUMERIC, name) == nullptr) continue;
    EXPECT_EQ(number(0.75), "0.75");
    EXPECT_EQ(number(1), "1");
    EXPECT_EQ(number(1.0 / 3), "0.3333333333333333");
  }
  std::setlocale(LC_NUMERIC, old.c_str());
  EXPECT_EQ(number(HUGE_VAL), "+Inf");
  EXPECT_EQ(number(-HUGE_VAL), "-Inf");
  EXPECT_EQ(number(std::nan("")), "NaN");
  EXPECT_EQ(written([](text_writer& to) { to.put(UINT64_MAX); }), "18446744073709551615");
}

// For UBSan: such a view has no address.
TEST(TextWriter, TakesNoTextAtAll) {
  EXPECT_EQ(written([](text_writer& to) { to.put(std::string_view()); }), "");
}

TEST(TextWriter, EscapesWhatLabelsMayNotHave) {
  EXPECT_EQ(escaped(""), "");
  EXPECT_EQ(escaped("plain {} # ="), "plain {} # =");
  EXPECT_EQ(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
  EXPECT_EQ(escaped("Grüße, 世界 \U0001F600"), "Grüße, 世界 \U0001F600");
}

// The examples of the Unicode standard, 3.9, tables 3-8 to 3-11.
TEST(TextWriter, ReplacesWhatIsNotUtf8) {
  const std::string r(kReplacement);
  EXPECT_EQ(escaped("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(escaped("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(escaped("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(escaped("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(escaped("cut \xE4\xB8"), "cut " + r);
  EXPECT_EQ(escaped("\xC3\"\xC3\n"), r + "\\\"" + r + "\\n");
  EXPECT_TRUE(same_text("\xFF", "\xFE"));
  EXPECT_TRUE(same_text("a", "a"));
  EXPECT_FALSE(same_text("a", "ab"));
  EXPECT_FALSE(same_text("ab", "a"));
}

TEST(TextWriter, PassesOnPiecesInOrder) {
  std::vector<std::string> pieces;
  text_writer to(
      [](void* ctx, const char* text, std::size_t size) {
        static_cast<std::vector<std::string>*>(ctx)->emplace_back(text, size);
        return std::int32_t{0};
      },
      &pieces);
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    to.put(i);
    to.put(std::string_view(","));
    expected += std::to_string(i) + ",";
  }
  to.put(std::string(10'000, 'x'));
  to.flush();
  to.flush();
  std::string all;
  for (const std::string& each : pieces) {
    EXPECT_FALSE(each.empty());
    all += each;
  }
  EXPECT_EQ(all, expected + std::string(10'000, 'x'));
  EXPECT_GT(pieces.size(), 2u);
}

TEST(TextWriter, StopsForGood) {
  int calls = 0;
  text_writer to(
      [](void* ctx, const char*, std::size_t) { return std::int32_t{++*static_cast<int*>(ctx)}; },
      &calls);
  for (int i = 0; i < 10'000; ++i) to.put(std::string_view("text"));
  to.flush();
  EXPECT_TRUE(to.stopped());
  EXPECT_EQ(calls, 1);
}

// ---- families

std::string shown(const shown_sem& sem, bool openmetrics) {
  return written([&](text_writer& to) {
    exposition text(to, openmetrics);
    show_sems(text, [&](auto see) { see(sem); });
    text.end();
  });
}

// All that is of one family.
std::string family_in(const std::string& text, const std::string& name) {
  const std::size_t begin = text.find("# HELP " + name + " ");
  if (begin == std::string::npos) return "";
  const std::size_t next = text.find("# HELP ", begin + 1);
  return text.substr(begin, (next == std::string::npos ? text.find("# EOF") : next) - begin);
}

shown_sem full_sem(const stats::histogram<native_policy>& waits,
                   const stats::histogram<native_policy>& holds) {
  shown_sem sem = {};
  sem.name = "s";
  sem.id = 7;
  sem.created = 1'700'000'000'250'999'999;
  sem.waits = &waits;
  sem.holds = &holds;
  sem.now.statistics = AFFLUX_STATS_FULL;
  return sem;
}

TEST(Exposition, HistogramsAreCumulative) {
  stats::histogram<native_policy> waits, holds;
  for (const std::uint64_t ns : {0ull, 1023ull, 1024ull, 5000ull, 1ull << 41, 1ull << 50}) {
    waits.record(ns);
  }
  const std::string text =
      family_in(shown(full_sem(waits, holds), true), "afflux_semaphore_wait_seconds");
  EXPECT_EQ(
      text,
      R"(# HELP afflux_semaphore_wait_seconds How long those requests waited that were granted after queueing.
# TYPE afflux_semaphore_wait_seconds histogram
# UNIT afflux_semaphore_wait_seconds seconds
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="1.024e-06"} 3
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="4.096e-06"} 3
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="1.6384e-05"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="6.5536e-05"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="0.000262144"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="0.001048576"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="0.004194304"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="0.016777216"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="0.067108864"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="0.268435456"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="1.073741824"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="4.294967296"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="17.179869184"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="68.719476736"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="274.877906944"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="1099.511627776"} 4
afflux_semaphore_wait_seconds_bucket{semaphore="s",id="7",le="+Inf"} 6
afflux_semaphore_wait_seconds_sum{semaphore="s",id="7"} 1128098.930105223
afflux_semaphore_wait_seconds_count{semaphore="s",id="7"} 6
afflux_semaphore_wait_seconds_created{semaphore="s",id="7"} 1700000000.25
)");
  EXPECT_NE(shown(full_sem(waits, holds), false).find("afflux_semaphore_hold_seconds_count"),
            std::string::npos);
  EXPECT_EQ(shown(full_sem(waits, holds), false).find("_created"), std::string::npos);
}

TEST(Exposition, OpenMetricsNamesFamiliesWithoutTotal) {
  stats::histogram<native_policy> none;
  shown_sem sem = full_sem(none, none);
  sem.waits = sem.holds = nullptr;
  sem.now.acquired_fast = 3;
  sem.now.oldest_wait_ns = 1'500'000;
  const std::string text = shown(sem, true);
  EXPECT_EQ(family_in(text, "afflux_semaphore_permits_acquired"),
            R"(# HELP afflux_semaphore_permits_acquired Permits acquired, at once or after queueing.
# TYPE afflux_semaphore_permits_acquired counter
afflux_semaphore_permits_acquired_total{semaphore="s",id="7",path="fast"} 3
afflux_semaphore_permits_acquired_created{semaphore="s",id="7",path="fast"} 1700000000.25
afflux_semaphore_permits_acquired_total{semaphore="s",id="7",path="queued"} 0
afflux_semaphore_permits_acquired_created{semaphore="s",id="7",path="queued"} 1700000000.25
)");
  EXPECT_EQ(
      family_in(text, "afflux_semaphore_oldest_wait_seconds"),
      R"(# HELP afflux_semaphore_oldest_wait_seconds How long the request that has queued longest has waited.
# TYPE afflux_semaphore_oldest_wait_seconds gauge
# UNIT afflux_semaphore_oldest_wait_seconds seconds
afflux_semaphore_oldest_wait_seconds{semaphore="s",id="7"} 0.0015
)");
  EXPECT_EQ(text.substr(text.size() - 6), "# EOF\n");
}

TEST(Exposition, SaysNothingOfWhatIsNotCounted) {
  shown_sem sem = {};
  sem.name = "";
  sem.id = 1;
  sem.now.statistics = AFFLUX_STATS_OFF;
  const std::string text = shown(sem, false);
  EXPECT_EQ(text.find("_total"), std::string::npos);
  EXPECT_EQ(text.find("oldest"), std::string::npos);
  EXPECT_NE(text.find("afflux_semaphore_permits_limit{semaphore=\"\",id=\"1\"} 0\n"),
            std::string::npos);
}

}  // namespace
}  // namespace afflux::exporting
