/*
 * What the programs of these tests share besides module.h: named tests, output buffers that notice a byte too many,
 * reading attributes, and OpenSSL as the judge of what the token made.
 */
#ifndef DKS_TEST_FIELD_H
#define DKS_TEST_FIELD_H

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "module.h"
#include "numbers.h"

/* The status of a test that needs a mechanism which the token does not list. */
enum { SKIPPED = 77, GUARD = 16 };

#define SO_PIN "so-4711"

struct test {
  const char *name;
  void (*body)(void);
  struct test *next;
};
static struct test *tests;
/* Whatever else stands on the command line. */
__attribute__((unused)) static char **arguments;

#define PART(name)                                                                                                     \
  static void name(void);                                                                                              \
  __attribute__((constructor)) static void register_##name(void) {                                                     \
    static struct test test = {#name, name, NULL};                                                                     \
    test.next = tests;                                                                                                 \
    tests = &test;                                                                                                     \
  }                                                                                                                    \
  static void name(void)

/* A test with its behaviour in words. The driver reads the names from here; a PART is started by a driver of its own.
 */
#define TEST(name, behaviour) PART(name)

/* One of several results is right. */
#define ONE_OF(call, ...)                                                                                              \
  do {                                                                                                                 \
    CK_RV allowed_[] = {__VA_ARGS__}, rv_ = (call);                                                                    \
    bool found_ = false;                                                                                               \
    for (size_t i_ = 0; i_ < sizeof allowed_ / sizeof allowed_[0]; i_++) found_ |= rv_ == allowed_[i_];                \
    if (!found_) FAIL("%s is 0x%lx, none of %s", #call, rv_, #__VA_ARGS__);                                            \
  } while (0)

/* Bad input is refused, and not as if the device were broken. */
#define REFUSED(call) refused(__LINE__, #call, call)

static inline void refused(int line, const char *call, CK_RV rv) {
  if (rv == CKR_OK || rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_ERROR ||
      rv == CKR_DEVICE_REMOVED || rv == CKR_HOST_MEMORY) {
    fprintf(stderr, "line %d: %s is 0x%lx\n", line, call, rv);
    exit(1);
  }
}

#define ATTRIBUTE(type, value) {type, &(value), sizeof(value)}
#define TEXT(type, text) {type, (void *)(text), sizeof(text) - 1}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MECHANISM(type) (&(CK_MECHANISM){type, NULL, 0})

__attribute__((unused)) static CK_BBOOL no = CK_FALSE;

/* A buffer that ends where memory ends, with guard bytes before it. */
static inline CK_BYTE *canary(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (size + GUARD + page - 1) / page * page;
  CK_BYTE *area = mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED && mprotect(area + used, page, PROT_NONE) == 0);
  memset(area, 0xa5, used);
  return area + used - size;
}

static inline CK_BYTE *canary_of(const void *bytes, size_t size) {
  CK_BYTE *buffer = canary(size);
  if (size > 0) memcpy(buffer, bytes, size);
  return buffer;
}

static inline void check_canary(const CK_BYTE *buffer) {
  for (int i = 1; i <= GUARD; i++) CHECK(buffer[-i] == 0xa5);
}

/* Mechanisms the token lists. */
static inline bool lists(CK_MECHANISM_TYPE type) {
  static CK_MECHANISM_TYPE types[1024];
  static CK_ULONG count;
  if (count == 0) {
    count = COUNT(types);
    OK(p11->C_GetMechanismList(0, types, &count));
  }
  for (CK_ULONG i = 0; i < count; i++)
    if (types[i] == type) return true;
  return false;
}

static inline void needs(CK_MECHANISM_TYPE type, const char *name) {
  if (lists(type)) return;
  printf("the token does not list %s\n", name);
  exit(SKIPPED);
}
#define NEEDS(type) needs(type, #type)

struct bytes {
  CK_ULONG length;
  CK_BYTE at[4096];
};

/* Reads one attribute in the way of two calls. */
static inline CK_RV read_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                                   struct bytes *value) {
  CK_ATTRIBUTE attribute = {type, NULL, 0};
  value->length = 0;
  CK_RV rv = p11->C_GetAttributeValue(session, object, &attribute, 1);
  if (rv != CKR_OK) {
    CHECK(attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || rv == CKR_OBJECT_HANDLE_INVALID);
    return rv;
  }
  CHECK(attribute.ulValueLen <= sizeof value->at);
  attribute.pValue = value->at;
  rv = p11->C_GetAttributeValue(session, object, &attribute, 1);
  value->length = attribute.ulValueLen;
  return rv;
}

static inline struct bytes get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  struct bytes value;
  CK_RV rv = read_attribute(session, object, type, &value);
  if (rv != CKR_OK) FAIL("attribute 0x%lx: 0x%lx", type, rv);
  return value;
}

static inline bool is(struct bytes value, const void *expected, size_t length) {
  return value.length == length && memcmp(value.at, expected, length) == 0;
}

static inline bool get_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  struct bytes value = get(session, object, type);
  CHECK(value.length == 1 && value.at[0] <= 1);
  return value.at[0];
}

static inline CK_ULONG get_number(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  struct bytes value = get(session, object, type);
  CK_ULONG number;
  CHECK(value.length == sizeof number);
  memcpy(&number, value.at, sizeof number);
  return number;
}

static inline CK_RV set(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const void *value,
                        CK_ULONG length) {
  CK_ATTRIBUTE attribute = {type, (void *)value, length};
  return p11->C_SetAttributeValue(session, object, &attribute, 1);
}

/* Everything a search finds, at most `room` objects. */
static inline CK_ULONG find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *found,
                            CK_ULONG room) {
  CK_ULONG total = 0, got;
  OK(p11->C_FindObjectsInit(session, template, count));
  do {
    CHECK(total < room);
    OK(p11->C_FindObjects(session, found + total, room - total, &got));
    total += got;
  } while (got > 0);
  OK(p11->C_FindObjectsFinal(session));
  return total;
}

static inline CK_ULONG count_of(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count) {
  static CK_OBJECT_HANDLE found[4096];
  return find(session, template, count, found, COUNT(found));
}

static inline CK_RV sign_raw(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const void *data,
                             CK_ULONG length, CK_BYTE *signature, CK_ULONG *size) {
  CK_RV rv = p11->C_SignInit(session, mechanism, key);
  return rv != CKR_OK ? rv : p11->C_Sign(session, (CK_BYTE *)data, length, signature, size);
}

static inline CK_RV verify_raw(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                               const void *data, CK_ULONG length, const CK_BYTE *signature, CK_ULONG size) {
  CK_RV rv = p11->C_VerifyInit(session, mechanism, key);
  return rv != CKR_OK ? rv : p11->C_Verify(session, (CK_BYTE *)data, length, (CK_BYTE *)signature, size);
}

static inline CK_RV generate_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_ATTRIBUTE *public,
                                  CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
                                  struct key_pair *pair) {
  return p11->C_GenerateKeyPair(session, MECHANISM(type), public, public_count, private, private_count, &pair->public,
                                &pair->private);
}

static inline struct key_pair session_p256(CK_SESSION_HANDLE session) {
  return generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "p256", CK_FALSE);
}

static inline struct key_pair session_rsa(CK_SESSION_HANDLE session, CK_ULONG bits) {
  return generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, bits, "rsa", CK_FALSE);
}

/* A public key on a curve, for verifying, from its point as bytes. */
static inline CK_OBJECT_HANDLE import_point(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const char *params,
                                            CK_ULONG params_size, const CK_BYTE *point, CK_ULONG size) {
  CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
  CK_BYTE der[160] = {4, (CK_BYTE)size};
  CK_ULONG header = 2;
  if (size > 127) {
    der[1] = 0x81;
    der[2] = (CK_BYTE)size;
    header = 3;
  }
  memcpy(der + header, point, size);
  CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_CLASS, class),
                             ATTRIBUTE(CKA_KEY_TYPE, type),
                             ATTRIBUTE(CKA_VERIFY, yes),
                             {CKA_EC_PARAMS, (void *)params, params_size},
                             {CKA_EC_POINT, der, header + size}};
  CK_OBJECT_HANDLE object;
  OK(p11->C_CreateObject(session, template, 5, &object));
  return object;
}

#include "judge.h"
#include "other-slot.h"

/* Of NULL: no bytes. */
static inline struct bytes unhex(const char *text) {
  struct bytes value = {0};
  size_t size;
  if (text == NULL || *text == '\0') return value;
  CHECK(OPENSSL_hexstr2buf_ex(value.at, sizeof value.at, &size, text, '\0') == 1);
  value.length = size;
  return value;
}

/* Whatever a test did: a new session signs, and the signature is right. */
static inline void probe(void) {
  ONE_OF(p11->C_Initialize(NULL), CKR_OK, CKR_CRYPTOKI_ALREADY_INITIALIZED);
  CK_SESSION_HANDLE session = open_session();
  ONE_OF(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1), CKR_OK, CKR_USER_ALREADY_LOGGED_IN);
  struct key_pair pair = session_p256(session);
  CK_BYTE digest[32] = {7}, signature[64];
  CK_ULONG size = sizeof signature;
  OK(sign_raw(session, MECHANISM(CKM_ECDSA), pair.private, digest, 32, signature, &size));
  EVP_PKEY *key = software_key(session, pair.public);
  CHECK(size == 64 && ecdsa_verifies(key, digest, 32, signature, size));
  EVP_PKEY_free(key);
  OK(p11->C_CloseSession(session));
  OK(p11->C_Finalize(NULL));
}

/* PROGRAM MODULE NAME [ARGUMENT]... */
int main(int argc, char **argv) {
  CHECK(argc >= 3);
  load_module(argv[1], 0);
  if (getenv("DKS_TEST_OTHER_SLOT") != NULL) map_slots();
  arguments = argv + 3;
  for (struct test *test = tests; test != NULL; test = test->next) {
    if (strcmp(test->name, argv[2]) != 0) continue;
    test->body();
    probe();
    return 0;
  }
  FAIL("no test %s", argv[2]);
}

#endif
