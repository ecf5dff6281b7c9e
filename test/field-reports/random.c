/* random: bytes in any number, for everybody, and never the same twice (PKCS#11 5.19). */

#include <pthread.h>
#include <sys/wait.h>

#include "field.h"

static const CK_ULONG RANDOM_SIZES[] = {1, 15, 32, 4095, 65535, 65536, 65537, 1048576};

static void check_random(CK_SESSION_HANDLE session) {
  for (size_t i = 0; i < COUNT(RANDOM_SIZES); i++) {
    CK_ULONG size = RANDOM_SIZES[i], counts[256] = {0};
    CK_BYTE *buffer = canary(size);
    OK(p11->C_GenerateRandom(session, buffer, size));
    check_canary(buffer);
    if (size < 65535) continue;
    for (CK_ULONG j = 0; j < size; j++) counts[buffer[j]]++;
    /* Each value is there about as often as it should; the end is filled as the rest is. */
    for (int value = 0; value < 256; value++) CHECK(counts[value] > size / 256 / 2 && counts[value] < size / 256 * 2);
    for (CK_ULONG j = size - 64; j < size - 8; j++)
      CHECK(memcmp(buffer + j, "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5", 8) != 0 &&
            memcmp(buffer + j, "\0\0\0\0\0\0\0\0", 8) != 0);
    munmap((void *)((uintptr_t)buffer & ~4095UL), size);
  }
  OK(p11->C_GenerateRandom(session, (CK_BYTE *)"", 0));
  ONE_OF(p11->C_GenerateRandom(session, NULL, 0), CKR_OK, CKR_ARGUMENTS_BAD);
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GenerateRandom(session, NULL, 16));
}

TEST(random_sizes, "random bytes come in any number, without login too, and fill the buffer exactly (5.19)") {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  check_random(session);
  log_in(session);
  check_random(session);
  static CK_BYTE seed[1 << 20];
  const CK_ULONG lengths[] = {1, 0, sizeof seed};
  for (size_t i = 0; i < COUNT(lengths); i++)
    ONE_OF(p11->C_SeedRandom(session, seed, lengths[i]), CKR_OK, CKR_RANDOM_SEED_NOT_SUPPORTED);
}

enum { DRAWS = 100, CHILDREN = 4, DRAWERS = 4 };
static CK_BYTE (*drawn)[32];

static void draw(CK_BYTE (*into)[32]) {
  CK_SESSION_HANDLE session = open_session();
  for (int i = 0; i < DRAWS; i++) OK(p11->C_GenerateRandom(session, into[i], 32));
}

static void *draw_in_thread(void *argument) {
  draw(drawn + (CHILDREN + (long)argument) * DRAWS);
  return NULL;
}

static int compare(const void *a, const void *b) { return memcmp(a, b, 32); }

TEST(random_twice, "no two draws are the same, in threads and in forked children (5.19)") {
  CK_ULONG total = (CHILDREN + DRAWERS) * DRAWS;
  drawn = mmap(NULL, total * 32, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  OK(p11->C_Initialize(NULL));
  open_session();
  for (int i = 0; i < CHILDREN; i++) {
    if (fork() != 0) continue;
    OK(p11->C_Initialize(NULL));
    draw(drawn + i * DRAWS);
    _exit(0);
  }
  pthread_t threads[DRAWERS];
  for (long i = 0; i < DRAWERS; i++) CHECK(pthread_create(&threads[i], NULL, draw_in_thread, (void *)i) == 0);
  for (int i = 0; i < DRAWERS; i++) pthread_join(threads[i], NULL);
  int status;
  for (int i = 0; i < CHILDREN; i++) CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  qsort(drawn, total, 32, compare);
  CHECK(memcmp(drawn[0], (CK_BYTE[32]){0}, 32) != 0);
  for (CK_ULONG i = 1; i < total; i++) CHECK(memcmp(drawn[i - 1], drawn[i], 32) != 0);
}
