// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A handle from its opening to its end: the file, the slot, and what a dead or an earlier owner
// left there.
#include <cerrno>
#include <cstring>
#include <new>

#include "attendant.h"
#include "handle.h"
#include "system_host.h"

namespace afflux::shared {

bool handle::is_same_segment(const handle& other) const noexcept {
  return file_.is_same(other.file_);
}

afflux_status handle::open(const char* name, int fd, const afflux_shared_options& options,
                           handle*& ret_handle) noexcept {
  if (const int error = attendant::prepare(); error != 0) {
    errno = error;
    return AFFLUX_EOS;
  }
  auto* const made = new (std::nothrow) handle;
  if (made == nullptr) return AFFLUX_ENOMEM;
  made->life_ = own_life();
  afflux_status status = made->life_ == 0 ? AFFLUX_ENOTSUP : made->open_file(name, fd, options);
  if (status == AFFLUX_OK) {
    made->seen_.reset(new (std::nothrow) sight[made->memory().place_count]());
    made->lives_.reset(new (std::nothrow) std::uint64_t[made->memory().slot_count]());
    if (made->seen_ == nullptr || made->lives_ == nullptr) status = AFFLUX_ENOMEM;
  }
  if (status == AFFLUX_OK) {
    attendant::lock();
    status = made->claim_slot(options);
    if (status == AFFLUX_OK) {
      made->bury_earlier_images();
      attendant::add(*made);
    }
    attendant::unlock();
  }
  if (status != AFFLUX_OK) {
    const int saved = errno;
    delete made;
    errno = saved;
    return status;
  }
  system_host system;
  {
    const turn at(made->lock_);
    made->memory()
        .slot(made->slot_)
        .recovered.fetch_add(bury_the_dead(*made->sem_, system), std::memory_order_relaxed);
    made->sem_->serve();
  }
  ret_handle = made;
  return AFFLUX_OK;
}

afflux_status handle::open_file(const char* name, int fd,
                                const afflux_shared_options& options) noexcept {
  spaces here;
  if (!read_spaces(here)) return AFFLUX_ENOTSUP;
  const creation is{options.permits, options.mode, options.max_handles, options.max_waiters};
  if (fd >= 0) return file_.open_fd(fd, here);
  if (name == nullptr) return file_.create_unnamed(here, is);
  if (name[0] == '/') ++name;
  // Another may create it, or remove it, between the two looks.
  for (;;) {
    if ((options.flags & AFFLUX_SHARED_EXCLUSIVE) == 0) {
      const afflux_status opened = file_.open_named(name, here);
      const bool absent = opened == AFFLUX_EOS && errno == ENOENT;
      if (!absent || (options.flags & AFFLUX_SHARED_CREATE) == 0) return opened;
    }
    const afflux_status created = file_.create_named(name, here, is);
    if (created != AFFLUX_EALREADY || (options.flags & AFFLUX_SHARED_EXCLUSIVE) != 0)
      return created;
  }
}

// The attendant's lock is held.
afflux_status handle::claim_slot(const afflux_shared_options& options) noexcept {
  const segment<policy>& all = memory();
  bool claimed = false;
  for (std::uint32_t i = 0; i < all.slot_count && !claimed; ++i) {
    std::uint64_t free = 0;
    // acq_rel: whoever freed it has left nothing in it (SH6); observers see whose it is.
    claimed = all.slots[i].life.compare_exchange_strong(free, life_, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed);
    if (claimed) slot_ = i;
  }
  system_host system;
  if (!claimed && !take_over(system)) return AFFLUX_EREJECTED;
  if (sem_ == nullptr) sem_ = new (room_) semaphore<policy, bell>(all, slot_, bell_);
  // [opened] seq_cst; with knows_all_lives(): who gets in line behind this handle sees it.
  all.common->opened.fetch_add(1, std::memory_order_seq_cst);
  slot_record<policy>& own = all.slots[slot_];
  own.flags.store((options.flags & AFFLUX_SHARED_KEEP_OVER_EXEC) != 0 ? kKeepOverExec : 0,
                  std::memory_order_relaxed);
  own.opened_ns.store(static_cast<std::uint64_t>(now_ns()), std::memory_order_relaxed);
  char tag[kTagSize] = {};
  if (options.tag != nullptr) {
    std::size_t length = strnlen(options.tag, kTagSize);
    // Cut, it ends with a whole character.
    if (length == kTagSize)
      for (--length; length != 0 && (options.tag[length] & 0xc0) == 0x80;) --length;
    std::memcpy(tag, options.tag, length);
  }
  for (std::size_t i = 0; i < std::size(own.tag); ++i) {
    std::uint64_t part = 0;
    std::memcpy(&part, tag + i * sizeof part, sizeof part);
    own.tag[i].store(part, std::memory_order_relaxed);
  }
  return AFFLUX_OK;
}

// All slots are in use. One of the dead becomes this process' own as it is, and is emptied then.
bool handle::take_over(host& processes) noexcept {
  const segment<policy>& all = memory();
  for (std::uint32_t i = 0; i < all.slot_count; ++i) {
    std::uint64_t life = all.slots[i].life.load(std::memory_order_acquire);
    if (life == 0 || processes.is_alive(life)) continue;
    if (!all.slots[i].life.compare_exchange_strong(life, life_, std::memory_order_acq_rel,
                                                   std::memory_order_relaxed))
      continue;
    slot_ = i;
    sem_ = new (room_) semaphore<policy, bell>(all, slot_, bell_);
    const turn at(lock_);
    clear_places(*sem_, slot_, life_, life_word::as_alive(life));
    const std::uint64_t n = sem_->recover(slot_, life_);
    all.slots[i].recovered.fetch_add(n, std::memory_order_relaxed);
    sem_->serve();
    return true;
  }
  return false;
}

// What this process has here and does not know of: from before an exec(). The attendant's lock is
// held.
void handle::bury_earlier_images() noexcept {
  const segment<policy>& all = memory();
  for (std::uint32_t i = 0; i < all.slot_count; ++i) {
    if (i == slot_ || all.slots[i].life.load(std::memory_order_acquire) != life_) continue;
    if ((all.slots[i].flags.load(std::memory_order_relaxed) & kKeepOverExec) != 0) continue;
    bool known = false;
    for (const handle* each = attendant::first(); each != nullptr; each = each->next)
      known = known || (each->slot_ == i && each->is_same_segment(*this));
    if (known) continue;
    // Not marked as dead: others would help, and this process is alive, and may claim the slot
    // again.
    const turn at(lock_);
    clear_places(*sem_, i, life_, 0);
    sem_->recover(i, life_);
    std::uint64_t left = life_;
    // [freed] acq_rel; pairs with the claim.
    all.slots[i].life.compare_exchange_strong(left, 0, std::memory_order_acq_rel,
                                              std::memory_order_relaxed);
    sem_->serve();
  }
}

void handle::ref() noexcept {
  // relaxed: the caller has one.
  refs_.fetch_add(1, std::memory_order_relaxed);
}

void handle::unref() noexcept {
  // acq_rel: the last one happens after all that the others did.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (!is_foreign() && requests_.end([](handle& of) {
        of.detach();
        delete &of;
      }))
    return;
  detach();
  delete this;
}

void handle::detach() noexcept {
  attendant::remove(*this);
  if (is_foreign()) return;
  const turn at(lock_);
  auto& life = memory().slot(slot_).life;
  sem_->recover(slot_, life_);
  sem_->serve();
  // The last: from here on the slot may be another's, and with it the words of its transactions
  // (J2). [freed] acq_rel; pairs with the claim.
  std::uint64_t expected = life_;
  life.compare_exchange_strong(expected, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

handle::~handle() {
  if (sem_ != nullptr) sem_->~semaphore();
}

}  // namespace afflux::shared
