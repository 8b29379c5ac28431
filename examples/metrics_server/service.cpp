// SPDX-License-Identifier: MIT OR Apache-2.0
#include "service.h"

namespace metrics_server {
namespace {

afflux_sem_options plain(const char* name, std::uint64_t permits) {
  afflux_sem_options options;
  afflux_sem_options_init(&options);
  options.name = name;
  options.permits = permits;
  return options;
}

sem_handle create(const afflux_sem_options& options) {
  afflux_sem* sem = nullptr;
  expect(afflux_sem_create(&options, &sem), AFFLUX_OK, "afflux_sem_create");
  return sem_handle(sem);
}

sem_handle make_database() {
  afflux_sem_options options = plain("database", 4);
  options.max_waiters = 8;
  options.overflow = AFFLUX_OVERFLOW_DROP_NEWEST;
  options.statistics = AFFLUX_STATS_FULL;
  return create(options);
}

sem_handle make_disk() {
  afflux_sem_options options = plain("disk", 2);
  options.max_queue_bytes = 64 * 1024;
  options.overflow = AFFLUX_OVERFLOW_DROP_OLDEST;
  return create(options);
}

sem_handle make_uploads() {
  afflux_sem_options options = plain("uploads", 4);
  // With SUSPEND nobody is refused: the limit is what afflux_sem_health() compares with.
  options.max_waiters = 8;
  options.overflow = AFFLUX_OVERFLOW_SUSPEND;
  return create(options);
}

control_handle make_control(afflux_sem* sem) {
  afflux_control_options options;
  afflux_control_options_init(&options);
  options.min = options.max = afflux_sem_limit(sem);
  afflux_control* control = nullptr;
  expect(afflux_control_create(sem, &options, &control), AFFLUX_OK, "afflux_control_create");
  return control_handle(control);
}

client_handle make_client(const char* name) {
  afflux_client_options options;
  afflux_client_options_init(&options);
  options.name = name;
  options.classes[kRead] = "read";
  options.classes[kWrite] = "write";
  afflux_client* client = nullptr;
  expect(afflux_client_create(&options, &client), AFFLUX_OK, "afflux_client_create");
  return client_handle(client);
}

registry_handle make_registry() {
  afflux_registry* registry = nullptr;
  expect(afflux_registry_create(&registry), AFFLUX_OK, "afflux_registry_create");
  return registry_handle(registry);
}

}  // namespace

service::service()
    : database(make_database()),
      disk(make_disk()),
      uploads(make_uploads()),
      uploads_control(make_control(uploads.get())),
      web(make_client("web")),
      mobile(make_client("mobile")),
      batch(make_client("batch")),
      registry(make_registry()) {
  for (const sem_handle* sem : {&database, &disk, &uploads}) {
    expect(afflux_registry_add_sem(registry.get(), sem->get()), AFFLUX_OK,
           "afflux_registry_add_sem");
  }
  for (const client_handle* client : {&web, &mobile, &batch}) {
    expect(afflux_registry_add_client(registry.get(), client->get()), AFFLUX_OK,
           "afflux_registry_add_client");
  }
}

}  // namespace metrics_server
