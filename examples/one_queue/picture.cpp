// SPDX-License-Identifier: MIT OR Apache-2.0
#include "picture.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace one_queue {
namespace {

constexpr double kWidth = 960;
constexpr double kHeight = 240;
constexpr double kLeft = 40;
constexpr double kTop = 30;
constexpr std::array<const char*, ONE_QUEUE_SIDES> kColors = {"#4269d0", "#ff725c", "#3ca951",
                                                              "#efb118"};

std::string number(double x) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", x);
  return text.data();
}

std::string label(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" +
         text + "</text>\n";
}

}  // namespace

void history::add(double at, const shares& held) {
  const auto index = static_cast<std::size_t>(at / seconds_ * static_cast<double>(kParts));
  if (index >= kParts) return;  // the load went on for longer
  part& p = parts_[index];
  for (std::size_t side = 0; side < held.size(); ++side) p.sum[side] += held[side];
  p.count += 1;
}

bool history::draw(const char* file, const std::array<const char*, ONE_QUEUE_SIDES>& names) const {
  const auto y = [this](double permits) { return kTop + kHeight * (1 - permits / limit_); };
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1020 320\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"1020\" height=\"320\" fill=\"white\"/>\n";
  const double step = kWidth / static_cast<double>(kParts);
  // Each language's area stands on those before it. A part without a look, on a busy machine, is
  // as the one before.
  std::vector<double> bottom(kParts, 0.0);
  for (std::size_t side = 0; side < names.size(); ++side) {
    std::string upper;
    std::string lower;
    double mean = 0;
    for (std::size_t i = 0; i < kParts; ++i) {
      if (parts_[i].count != 0) mean = parts_[i].sum[side] / parts_[i].count;
      const double x = kLeft + step * static_cast<double>(i);
      const std::string from = number(x);
      const std::string to = number(x + step);
      const std::string below = number(y(bottom[i]));
      bottom[i] += mean;
      const std::string above = number(y(bottom[i]));
      upper += from + "," + above + " " + to + "," + above + " ";
      lower.insert(0, to + "," + below + " " + from + "," + below + " ");
    }
    svg +=
        "<polygon fill=\"" + std::string(kColors[side]) + "\" points=\"" + upper + lower + "\"/>\n";
    const double x = kLeft + 320 + 100 * static_cast<double>(side);
    svg += "<rect x=\"" + number(x) + "\" y=\"10\" width=\"12\" height=\"12\" fill=\"" +
           kColors[side] + "\"/>\n" + label(x + 18, 20, "start", names[side]);
  }
  svg += "<line x1=\"40\" x2=\"1000\" y1=\"30\" y2=\"30\" stroke=\"black\"/>\n";
  svg += "<line x1=\"40\" x2=\"1000\" y1=\"270\" y2=\"270\" stroke=\"black\"/>\n";
  svg += label(kLeft, 20, "start", "permits held, by language; the line is the limit");
  svg += label(kLeft - 6, 34, "end", std::to_string(static_cast<int>(limit_)));
  svg += label(kLeft - 6, 274, "end", "0");
  for (int i = 0; i <= 5; ++i) {
    svg += label(kLeft + kWidth * i / 5, 288, "middle", number(seconds_ * i / 5) + " s");
  }
  svg += "</svg>\n";

  std::FILE* const out = std::fopen(file, "w");
  if (out == nullptr) return false;
  const bool written = std::fwrite(svg.data(), 1, svg.size(), out) == svg.size();
  return std::fclose(out) == 0 && written;
}

}  // namespace one_queue
