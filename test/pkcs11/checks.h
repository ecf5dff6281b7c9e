/* What the tests of operations share: buffers that end at an unmapped page, templates, keys, hexadecimal digits. */
#ifndef DKS_TEST_CHECKS_H
#define DKS_TEST_CHECKS_H

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "module.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static CK_SESSION_HANDLE session;
/* The functions of 3.0 and 3.2. */
static CK_FUNCTION_LIST_3_2 *p32;
static CK_BBOOL no = CK_FALSE;

/* `size` writable bytes in front of a page that cannot be touched: a write behind the end ends the program. */
static inline CK_BYTE *guarded(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page + 1;
  CK_BYTE *memory = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(mprotect(memory + pages * page, page, PROT_NONE) == 0);
  CK_BYTE *bytes = memory + pages * page - size;
  memset(bytes - 16, 0xa5, 16 + size);
  return bytes;
}

/* The bytes before and in the buffer are as `guarded` left them, from `from` on. */
static inline void check_untouched(const CK_BYTE *bytes, size_t from, size_t size) {
  for (size_t i = 0; i < 16; i++) CHECK(*(bytes - 16 + i) == 0xa5);
  for (size_t i = from; i < size; i++) CHECK(bytes[i] == 0xa5);
}

/* Loads the module, takes its newest list too, initializes and logs in. */
static inline void begin_checks(const char *module) {
  CK_RV (*get_interface)(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
  CK_INTERFACE *interface;
  CK_VERSION version = {3, 2};
  *(void **)&get_interface = dlsym(load_module(module, 0), "C_GetInterface");
  OK(get_interface(NULL, &version, &interface, 0));
  p32 = interface->pFunctionList;
  session = start();
}

static inline size_t unhex(const char *text, CK_BYTE *bytes) {
  size_t length = strlen(text) / 2;
  for (size_t i = 0; i < length; i++) {
    unsigned byte;
    CHECK(sscanf(text + 2 * i, "%2x", &byte) == 1);
    bytes[i] = (CK_BYTE)byte;
  }
  return length;
}

static inline void check_hex(const char *wanted, const CK_BYTE *bytes, size_t length) {
  CK_BYTE expected[1024];
  size_t size = unhex(wanted, expected);
  if (size != length || memcmp(expected, bytes, size) != 0) {
    fprintf(stderr, "wanted %s, got ", wanted);
    for (size_t i = 0; i < length; i++) fprintf(stderr, "%02x", bytes[i]);
    fputc('\n', stderr);
    exit(1);
  }
}

/* Imports a secret key that may be read again, with all usage attributes that its type can have. */
static inline CK_OBJECT_HANDLE import_secret(CK_KEY_TYPE type, const CK_BYTE *value, CK_ULONG length,
                                             CK_ATTRIBUTE *more, CK_ULONG count) {
  CK_OBJECT_CLASS class = CKO_SECRET_KEY;
  CK_OBJECT_HANDLE key;
  CK_ATTRIBUTE template[16] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_KEY_TYPE, &type, sizeof type},
                               {CKA_VALUE, (void *)value, length},
                               {CKA_TOKEN, &no, 1},
                               {CKA_SENSITIVE, &no, 1},
                               {CKA_EXTRACTABLE, &yes, 1}};
  for (CK_ULONG i = 0; i < count; i++) template[6 + i] = more[i];
  OK(p11->C_CreateObject(session, template, 6 + count, &key));
  return key;
}

static inline CK_OBJECT_HANDLE import_aes(const char *value) {
  CK_BYTE bytes[32];
  size_t length = unhex(value, bytes);
  CK_ATTRIBUTE usage[] = {{CKA_ENCRYPT, &yes, 1}, {CKA_DECRYPT, &yes, 1}, {CKA_SIGN, &yes, 1}, {CKA_VERIFY, &yes, 1}};
  return import_secret(CKK_AES, bytes, length, usage, COUNT(usage));
}

/* A key pair; the templates get CKA_TOKEN FALSE and what is given. */
static inline struct key_pair make_pair(CK_MECHANISM_TYPE type, CK_ATTRIBUTE *public, CK_ULONG public_count,
                                        CK_ATTRIBUTE *private, CK_ULONG private_count) {
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_ATTRIBUTE first[16] = {{CKA_TOKEN, &no, 1}}, second[16] = {{CKA_TOKEN, &no, 1}};
  struct key_pair pair;
  for (CK_ULONG i = 0; i < public_count; i++) first[1 + i] = public[i];
  for (CK_ULONG i = 0; i < private_count; i++) second[1 + i] = private[i];
  OK(p11->C_GenerateKeyPair(session, &mechanism, first, 1 + public_count, second, 1 + private_count, &pair.public,
                            &pair.private));
  return pair;
}

#endif
