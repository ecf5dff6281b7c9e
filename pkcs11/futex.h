/* Waiting for a word of memory (Linux futex), and condition variables on the monotonic clock. */
#ifndef DKS_FUTEX_H
#define DKS_FUTEX_H

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while `*word` is `value`, at most `ms`; may return early. */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t ms) {
  if (ms <= 0) return;
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &time, NULL, 0);
}

/* Wakes the one thread that sleeps on `word`. */
static inline void futex_wake(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void condition_init(pthread_cond_t *condition) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

/* Waits until `deadline` (clock_ms); false when it has passed. */
static inline bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline) {
  struct timespec time = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
  return pthread_cond_timedwait(condition, lock, &time) == 0;
}

#endif
