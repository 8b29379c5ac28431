// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A static object that is there before the first static initialiser and after the
// last destructor: threads may still be inside it while the process exits.
//
//   static constinit immortal<thing> object;  object.value.use();
#pragma once

namespace afflux::time {

template <class T>
union immortal {
  constexpr immortal() noexcept : value() {}
  constexpr ~immortal() {}  // leaves the value alone
  immortal(const immortal&) = delete;
  immortal& operator=(const immortal&) = delete;

  T value;
};

}  // namespace afflux::time
