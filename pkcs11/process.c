#include "process.h"

#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "openssl_locks.h"

enum phase { IDLE, STARTING, READY, STOPPING };
enum { STOP_MS = 5000, PAGE = 4096 };

struct process {
  _Atomic uint32_t phase;
  /* Calls that are running. */
  _Atomic uint32_t calls;
  /* C_Initialize was called in this process. */
  _Atomic bool started;
  /* For kernels that cannot wipe the page: the process it belongs to, 0 if the kernel does it. */
  _Atomic pid_t owner;
};

/* Never freed: calls may come after the exit handlers of the host. */
static _Atomic(struct process *) page;
static _Atomic(struct library *) library;

/* A child of a kernel without MADV_WIPEONFORK empties the page itself. */
static void check_owner(struct process *process) {
  pid_t owner = atomic_load(&process->owner);
  if (owner == 0 || owner == getpid()) return;
  if (atomic_compare_exchange_strong(&process->owner, &owner, getpid())) {
    atomic_store(&process->calls, 0);
    atomic_store(&process->started, false);
    atomic_store(&process->phase, IDLE);
  }
}

static struct process *get_page(void) {
  struct process *process = atomic_load(&page);
  if (process == NULL) {
    process = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (process == MAP_FAILED) return NULL;
    if (madvise(process, PAGE, MADV_WIPEONFORK) != 0) process->owner = getpid();
    struct process *expected = NULL;
    if (!atomic_compare_exchange_strong(&page, &expected, process)) {
      munmap(process, PAGE);
      process = expected;
    }
  }
  check_owner(process);
  return process;
}

static void pause_shortly(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

CK_RV process_start(void) {
  struct process *process = get_page();
  if (process == NULL) return CKR_HOST_MEMORY;
  uint32_t phase = IDLE;
  while (!atomic_compare_exchange_strong(&process->phase, &phase, STARTING)) {
    if (phase == READY) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    pause_shortly(); /* another thread starts or stops the library */
    phase = IDLE;
  }
  log_open();
  /* The first time, or in a child, whose page is empty. */
  if (!atomic_exchange(&process->started, true)) {
    openssl_locks_forked();
    library_forget_context();
  }
  /* Left over from the parent process: its locks may be held for ever, so it is not freed. */
  struct library *inherited = atomic_exchange(&library, NULL);
  if (inherited != NULL) library_abandon(inherited);
  CK_RV rv;
  atomic_store(&library, library_new(&rv));
  atomic_store(&process->phase, rv == CKR_OK ? READY : IDLE);
  return rv;
}

CK_RV process_stop(void) {
  struct process *process = atomic_load(&page);
  uint32_t phase = READY;
  if (process == NULL) return CKR_CRYPTOKI_NOT_INITIALIZED;
  check_owner(process);
  if (!atomic_compare_exchange_strong(&process->phase, &phase, STOPPING)) return CKR_CRYPTOKI_NOT_INITIALIZED;
  struct library *stopped = atomic_exchange(&library, NULL);
  library_stop(stopped);
  int64_t deadline = clock_ms() + STOP_MS;
  while (atomic_load(&process->calls) > 0 && clock_ms() < deadline) pause_shortly();
  /* A call that does not end keeps its memory. */
  if (atomic_load(&process->calls) == 0) library_free(stopped);
  atomic_store(&process->phase, IDLE);
  return CKR_OK;
}

struct library *process_enter(void) {
  struct process *process = atomic_load(&page);
  if (process == NULL) return NULL;
  check_owner(process);
  atomic_fetch_add(&process->calls, 1);
  struct library *current = atomic_load(&process->phase) == READY ? atomic_load(&library) : NULL;
  if (current == NULL) atomic_fetch_sub(&process->calls, 1);
  return current;
}

void process_leave(void) { atomic_fetch_sub(&atomic_load(&page)->calls, 1); }
