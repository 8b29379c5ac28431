/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What main.cpp and the four sides (languages) tell each other. Each side has a function that is
 * given the host and fills the table of its own functions. All may be called on any thread. */
#ifndef ONE_QUEUE_H
#define ONE_QUEUE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct afflux_sem;

enum { ONE_QUEUE_CPP, ONE_QUEUE_RUST, ONE_QUEUE_GO, ONE_QUEUE_PYTHON, ONE_QUEUE_SIDES };

/* What main.cpp offers. */
typedef struct one_queue_host {
  struct afflux_sem *sem; /* borrowed; lives as long as the process */
  /* The request of this ticket has its permit; its line is in the ledger. */
  void (*granted)(uint32_t ticket);
  /* Under load: a side has got permits; it is about to give them back; it gave a request up. */
  void (*enter)(uint32_t side, uint32_t permits);
  void (*leave)(uint32_t side, uint32_t permits);
  void (*gave_up)(uint32_t side);
  int32_t (*is_over)(void); /* whether the load is to end */
  void (*fail)(const char *what);
} one_queue_host;

/* What a side offers. */
typedef struct one_queue_side {
  const char *version; /* what afflux_version_string() answers to this side: one address for all */
  /* The baton. A ticket asks for one permit, and keeps it until finish(). */
  void (*arrive)(uint32_t ticket, int32_t may_be_cancelled);
  void (*cancel)(uint32_t ticket);
  void (*finish)(uint32_t ticket);
  /* The load: `workers` that acquire, hold, release and at times cancel, until is_over(). */
  void (*load)(uint32_t workers);
  void (*join)(void);
  /* The end of the threads of this side; nothing is under way. */
  void (*stop)(void);
} one_queue_side;

void one_queue_cpp(const one_queue_host *host, one_queue_side *ret_side);
void one_queue_rust(const one_queue_host *host, one_queue_side *ret_side);
void one_queue_go(one_queue_host *host, one_queue_side *ret_side);
void one_queue_python(const one_queue_host *host, one_queue_side *ret_side);

const char *one_queue_cpp_loop(void); /* "io_uring", or what the port is */

#ifdef __cplusplus
}
#endif

#endif
