// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A list through its nodes' own links.
#ifndef AFFLUX_DETAIL_LIST_HPP
#define AFFLUX_DETAIL_LIST_HPP

#include <afflux/detail/config.hpp>

namespace afflux::detail {

template <class Node>
class list;

/// What a node derives from.
template <class Node>
class list_node {
  friend class list<Node>;

  Node* prev_ = nullptr;
  Node* next_ = nullptr;
};

template <class Node>
class list {
 public:
  void push(Node& x) noexcept {
    links(x).prev_ = last_;
    links(x).next_ = nullptr;
    (last_ != nullptr ? links(*last_).next_ : first_) = &x;
    last_ = &x;
  }
  void remove(Node& x) noexcept {
    (links(x).prev_ != nullptr ? links(*links(x).prev_).next_ : first_) = links(x).next_;
    (links(x).next_ != nullptr ? links(*links(x).next_).prev_ : last_) = links(x).prev_;
  }
  /// The first, taken off; nullptr: there is none.
  [[nodiscard]] Node* pop() noexcept {
    Node* const x = first_;
    if (x != nullptr) remove(*x);
    return x;
  }
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

 private:
  static list_node<Node>& links(Node& x) noexcept { return x; }

  Node* first_ = nullptr;
  Node* last_ = nullptr;
};

}  // namespace afflux::detail

#endif  // AFFLUX_DETAIL_LIST_HPP
