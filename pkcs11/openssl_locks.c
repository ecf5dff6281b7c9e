#include "openssl_locks.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* Added to the number of the process in which a lock is being made anew. */
static const uint32_t REPAIRING = UINT32_C(1) << 31;

struct lock {
  /* First, because OpenSSL's own functions may be handed the lock (CRYPTO_atomic_add on some processors). */
  pthread_rwlock_t lock;
  /* Counts forks: what `generation` was when the lock was made. */
  _Atomic uint32_t generation;
};

static _Atomic uint32_t generation = 1;

void openssl_locks_forked(void) { atomic_fetch_add(&generation, 1); }

/* Makes a lock anew that a parent process has left behind. */
static pthread_rwlock_t *in_this_process(CRYPTO_RWLOCK *handle) {
  struct lock *lock = (struct lock *)handle;
  uint32_t now = atomic_load(&generation), seen = atomic_load(&lock->generation);
  while (seen != now) {
    if (seen == (now | REPAIRING)) {
      sched_yield();
      seen = atomic_load(&lock->generation);
    } else if (atomic_compare_exchange_strong(&lock->generation, &seen, now | REPAIRING)) {
      pthread_rwlock_init(&lock->lock, NULL);
      atomic_store(&lock->generation, now);
      seen = now;
    }
  }
  return &lock->lock;
}

CRYPTO_RWLOCK *__wrap_CRYPTO_THREAD_lock_new(void) {
  struct lock *lock = calloc(1, sizeof *lock);
  if (lock == NULL) return NULL;
  if (pthread_rwlock_init(&lock->lock, NULL) != 0) {
    free(lock);
    return NULL;
  }
  lock->generation = generation;
  return lock;
}

int __wrap_CRYPTO_THREAD_read_lock(CRYPTO_RWLOCK *lock) { return pthread_rwlock_rdlock(in_this_process(lock)) == 0; }

int __wrap_CRYPTO_THREAD_write_lock(CRYPTO_RWLOCK *lock) { return pthread_rwlock_wrlock(in_this_process(lock)) == 0; }

int __wrap_CRYPTO_THREAD_unlock(CRYPTO_RWLOCK *lock) { return pthread_rwlock_unlock(in_this_process(lock)) == 0; }

void __wrap_CRYPTO_THREAD_lock_free(CRYPTO_RWLOCK *lock) {
  if (lock == NULL) return;
  pthread_rwlock_destroy(in_this_process(lock));
  free(lock);
}
