// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An open limit: an afflux_shared with an owner.
#pragma once

#include <afflux/shared.h>

#include <string>
#include <vector>

namespace shared_command {

// The defaults of this command: as many handles as there can be, for each process is one.
afflux_shared_options new_options();

class limit {
 public:
  // Both throw a failure.
  explicit limit(const std::string& name);
  limit(const std::string& name, const afflux_shared_options& options);
  limit(const limit&) = delete;
  limit& operator=(const limit&) = delete;
  ~limit() { afflux_shared_unref(shared_); }

  const std::string& name() const { return name_; }
  afflux_shared* get() const { return shared_; }
  afflux_shared_stats stats() const;
  // All handles but this one.
  std::vector<afflux_shared_holder> others() const;

 private:
  std::string name_;
  afflux_shared* shared_ = nullptr;
};

}  // namespace shared_command
