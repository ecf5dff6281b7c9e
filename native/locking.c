/* A file as a lock between processes, which node cannot do: the kernel ends it with the process, however that ends. */

#define _GNU_SOURCE

#include "binding.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

/* Takes the lock of the file at a path, which is made if missing: the descriptor that holds it, or a negative errno;
 * -EWOULDBLOCK if another process has it. Programs that this process starts do not inherit it. */
napi_value lock_file(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  char path[PATH_MAX];
  size_t length;
  if (!read_arguments(env, info, 1, &argument)) return NULL;
  if (napi_get_value_string_utf8(env, argument, path, sizeof path, &length) != napi_ok || length + 1 >= sizeof path) {
    napi_throw_type_error(env, NULL, "path expected");
    return NULL;
  }
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  int answer = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? fd : -errno;
  if (answer < 0 && fd >= 0) close(fd);
  return napi_create_int32(env, answer, &result) == napi_ok ? result : NULL;
}
