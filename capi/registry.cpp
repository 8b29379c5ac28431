// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The registry's calls: validate, convert, call.
#include "registry.h"

#include "sized.h"

using namespace afflux;
using namespace afflux::capi;
using exporting::borrowed;

namespace {

afflux_status to_c(exporting::membership answer) {
  switch (answer) {
    case exporting::membership::done:
      return AFFLUX_OK;
    case exporting::membership::already:
      return AFFLUX_EALREADY;
    default:
      return AFFLUX_ENOMEM;
  }
}

}  // namespace

extern "C" {

afflux_status afflux_registry_create(afflux_registry** ret_registry) {
  if (ret_registry == nullptr) return AFFLUX_EINVAL;
  auto* const made = policy::create<exporting::registry>();
  if (made == nullptr) return AFFLUX_ENOMEM;
  *ret_registry = reinterpret_cast<afflux_registry*>(made);
  return AFFLUX_OK;
}

afflux_registry* afflux_registry_ref(afflux_registry* registry) {
  if (registry != nullptr) from(registry)->ref();
  return registry;
}

void afflux_registry_unref(afflux_registry* registry) {
  if (registry != nullptr) from(registry)->unref();
}

afflux_status afflux_registry_add_sem(afflux_registry* registry, afflux_sem* sem) {
  if (registry == nullptr || sem == nullptr) return AFFLUX_EINVAL;
  return to_c(from(registry)->sems.add(*from(sem)));
}

afflux_status afflux_registry_remove_sem(afflux_registry* registry, afflux_sem* sem) {
  if (registry == nullptr || sem == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  return to_c(all->sems.remove(*from(sem)));
}

afflux_status afflux_registry_add_client(afflux_registry* registry, afflux_client* client) {
  if (registry == nullptr || client == nullptr) return AFFLUX_EINVAL;
  return to_c(from(registry)->clients.add(*from(client)));
}

afflux_status afflux_registry_remove_client(afflux_registry* registry, afflux_client* client) {
  if (registry == nullptr || client == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  return to_c(all->clients.remove(*from(client)));
}

afflux_status afflux_registry_summary_init(afflux_registry_summary_t* summary) {
  if (summary == nullptr) return AFFLUX_EINVAL;
  *summary = {};
  summary->struct_size = sizeof *summary;
  return AFFLUX_OK;
}

afflux_status afflux_registry_summary(afflux_registry* registry,
                                      afflux_registry_summary_t* summary) {
  if (registry == nullptr || summary == nullptr || !valid_out(*summary)) return AFFLUX_EINVAL;
  borrowed(*from(registry))->summarise(*summary);
  return AFFLUX_OK;
}

afflux_status afflux_registry_visit_clients(afflux_registry* registry, afflux_client_visitor visit,
                                            void* ctx) {
  if (registry == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  const bool ended = exporting::visit(
      all->clients, [&](stats::client& m) { return visit(ctx, to_handle(&m)) == 0; });
  return ended ? AFFLUX_OK : AFFLUX_ECANCELED;
}

afflux_status afflux_registry_visit_sems(afflux_registry* registry, afflux_sem_visitor visit,
                                         void* ctx) {
  if (registry == nullptr || visit == nullptr) return AFFLUX_EINVAL;
  const borrowed all(*from(registry));
  const bool ended =
      exporting::visit(all->sems, [&](semaphore& m) { return visit(ctx, to_handle(&m)) == 0; });
  return ended ? AFFLUX_OK : AFFLUX_ECANCELED;
}

}  // extern "C"
