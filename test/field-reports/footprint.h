/* What a process holds: descriptors, threads and memory. */
#ifndef DKS_TEST_FOOTPRINT_H
#define DKS_TEST_FOOTPRINT_H

#include <dirent.h>

#include "field.h"

/* Names in a folder, such as /proc/self/fd or /proc/self/task. */
static inline int entries(const char *path) {
  DIR *folder = opendir(path);
  int count = 0;
  CHECK(folder != NULL);
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

static inline long resident_kib(void) {
  long size, pages;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &pages) == 2);
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#endif
