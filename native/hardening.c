/* Keeping secrets out of core files, other processes' reach and the swap. */

#define _GNU_SOURCE

#include "binding.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* No core files (also none through a core_pattern pipe), no ptrace and no /proc/PID/mem for other processes of the user. */
napi_value disable_dumps(napi_env env, napi_callback_info info) {
  (void)info;
  const struct rlimit none = {0, 0};
  bool limited = setrlimit(RLIMIT_CORE, &none) == 0;
  return answer(env, prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limited);
}

static void unmap(napi_env env, void *data, void *hint) {
  (void)env;
  size_t size = (size_t)(uintptr_t)hint;
  OPENSSL_cleanse(data, size);
  munmap(data, size);
}

/* A buffer on pages of its own that are never swapped out, dumped or inherited by a fork; undefined if memory cannot be
 * locked. */
napi_value locked_memory(napi_env env, napi_callback_info info) {
  napi_value argument, buffer;
  uint32_t size;
  if (!read_arguments(env, info, 1, &argument)) return NULL;
  if (napi_get_value_uint32(env, argument, &size) != napi_ok || size == 0) {
    napi_throw_type_error(env, NULL, "size expected");
    return NULL;
  }
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t mapped = ((size_t)size + page - 1) / page * page;
  void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return undefined_value(env);
  if (mlock(data, mapped) != 0 || madvise(data, mapped, MADV_DONTDUMP) != 0) {
    munmap(data, mapped);
    return undefined_value(env);
  }
  madvise(data, mapped, MADV_WIPEONFORK);
  if (napi_create_external_buffer(env, size, data, unmap, (void *)(uintptr_t)mapped, &buffer) != napi_ok) {
    munmap(data, mapped);
    return undefined_value(env);
  }
  return buffer;
}
