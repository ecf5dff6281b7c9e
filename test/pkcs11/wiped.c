/*
 * wiped MODULE: reads a PIN and a new one from standard input, changes the PIN, logs in, uses a key, logs out. Then neither
 * is anywhere in the memory that this process can write to.
 */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "module.h"

enum { ROOM = 4096, PART = 1 << 20 };

/* The two lines; wiped by the caller. */
static char *lines;

/* How often the bytes occur in writable memory outside of `lines`. */
static int occurrences(const char *bytes, size_t length) {
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY), count = 0;
  char line[512], *part = mmap(NULL, PART, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(maps != NULL && memory >= 0 && part != MAP_FAILED);
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to;
    char rights[5];
    CHECK(sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3);
    if (rights[0] != 'r' || rights[1] != 'w') continue;
    for (unsigned long at = from; at < to; at += PART - ROOM) {
      /* Parts overlap: what lies across their border is seen once, or counted twice. */
      ssize_t got = pread(memory, part, to - at < PART ? to - at : PART, (off_t)at);
      for (char *found = part; got > 0; found++) {
        found = memmem(found, (size_t)(part + got - found), bytes, length);
        if (found == NULL) break;
        unsigned long place = at + (unsigned long)(found - part);
        int own = (place >= (unsigned long)lines && place < (unsigned long)lines + ROOM) ||
                   (place >= (unsigned long)part && place < (unsigned long)part + PART);
        if (!own) count++;
      }
    }
  }
  munmap(part, PART);
  close(memory);
  fclose(maps);
  return count;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  lines = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ssize_t got = 0; /* the last line has no end */
  for (ssize_t more = 1; more > 0; got += more) more = read(STDIN_FILENO, lines + got, (size_t)(ROOM - got));
  CK_UTF8CHAR *old = (CK_UTF8CHAR *)lines, *new = (CK_UTF8CHAR *)memchr(lines, '\n', (size_t)got) + 1;
  CK_ULONG old_length = (CK_ULONG)(new - old - 1), new_length = (CK_ULONG)got - old_length - 1;
  load_module(argv[1], 0);
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  OK(p11->C_SetPIN(session, old, old_length, new, new_length));
  CHECK(occurrences((char *)old, old_length) == 0);
  CHECK(occurrences((char *)new, new_length) == 0);
  OK(p11->C_Login(session, CKU_USER, new, new_length));
  /* Once, for the case of a lost connection. */
  CHECK(occurrences((char *)new, new_length) == 1);
  struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "wiped", CK_FALSE);
  OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  OK(p11->C_SetPIN(session, new, new_length, old, old_length));
  CHECK(occurrences((char *)new, new_length) == 0);
  CHECK(occurrences((char *)old, old_length) == 1);
  OK(p11->C_Logout(session));
  CHECK(occurrences((char *)old, old_length) == 0);
  OK(p11->C_Finalize(NULL));
  CHECK(occurrences((char *)old, old_length) == 0);
  return 0;
}
