// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What went wrong, in words for the person at the keyboard.
#pragma once

#include <afflux/shared.h>

#include <stdexcept>
#include <string>

namespace shared_command {

class failure : public std::runtime_error {
 public:
  failure(const std::string& words, afflux_status status = AFFLUX_EOS)
      : std::runtime_error(words), status_(status) {}
  afflux_status status() const { return status_; }

 private:
  afflux_status status_;
};

// Why a limit could not be opened, made or removed.
failure why_not_open(const std::string& name, afflux_status status);

// Why a call on an open limit failed.
failure why_not(const std::string& name, afflux_status status);

// A name that is one; ends with a failure otherwise.
void require_name(const std::string& name);

// Whether the file in /dev/shm is a limit, by its first bytes. False also where it can't be read.
bool has_magic(const std::string& path);

// The file behind a name.
std::string path_of(const std::string& name);

// The text with "?" for bytes that a terminal would obey: a tag is another program's.
std::string harmless(std::string text);

}  // namespace shared_command
