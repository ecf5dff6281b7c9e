/*
 * reload MODULE CYCLES [deepbind]: loads, uses, finalizes and unloads again and again; descriptors, threads and memory stay
 * as they are.
 */

#include <dirent.h>
#include <unistd.h>

#include "module.h"

static int entries(const char *folder) {
  DIR *directory = opendir(folder);
  int count = 0;
  CHECK(directory != NULL);
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count;
}

static long resident_kib(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &pages, &resident) == 2);
  fclose(file);
  return resident * sysconf(_SC_PAGESIZE) / 1024;
}

int main(int argc, char **argv) {
  CHECK(argc >= 3);
  int cycles = atoi(argv[2]), descriptors = 0;
  int flags = argc > 3 && strcmp(argv[3], "deepbind") == 0 ? RTLD_DEEPBIND : 0;
  long memory = 0;
  for (int i = 0; i < cycles; i++) {
    void *handle = load_module(argv[1], flags);
    CK_SESSION_HANDLE session = start();
    struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "reload", CK_FALSE);
    OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
    /* Every other cycle leaves everything open. */
    if (i % 2 == 0) OK(p11->C_CloseSession(session));
    OK(p11->C_Finalize(NULL));
    CHECK(dlclose(handle) == 0);
    CHECK(entries("/proc/self/task") == 3);
    if (i == cycles / 2) {
      descriptors = entries("/proc/self/fd");
      memory = resident_kib();
    }
  }
  CHECK(entries("/proc/self/fd") == descriptors);
  long growth = resident_kib() - memory;
  printf("grew by %ld KiB\n", growth);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  /* valgrind keeps freed memory back. */
  if (getenv("DKS_VALGRIND") == NULL) CHECK(growth < 1024);
#endif
  /* Unloaded without C_Finalize: nothing runs that is gone. */
  void *handle = load_module(argv[1], flags);
  start();
  CHECK(dlclose(handle) == 0);
  return 0;
}
