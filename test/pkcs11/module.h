/* What the test programs share: loading a module, checks that name their line, a logged-in session. */
#ifndef DKS_TEST_MODULE_H
#define DKS_TEST_MODULE_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptoki.h"

#define PIN "user-4711"

static CK_FUNCTION_LIST *p11;

#define FAIL(...)                                                                                                      \
  do {                                                                                                                 \
    fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                    \
    fprintf(stderr, __VA_ARGS__);                                                                                      \
    fputc('\n', stderr);                                                                                               \
    exit(1);                                                                                                           \
  } while (0)

#define EXPECT(expected, call)                                                                                         \
  do {                                                                                                                 \
    CK_RV got_ = (call);                                                                                               \
    if (got_ != (expected)) FAIL("%s is 0x%lx, not 0x%lx", #call, got_, (CK_RV)(expected));                            \
  } while (0)

#define OK(call) EXPECT(CKR_OK, call)

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) FAIL("%s is false", #condition);                                                                 \
  } while (0)

static inline void *load_module(const char *path, int flags) {
  void *handle = dlopen(path, RTLD_NOW | flags);
  if (handle == NULL) FAIL("%s", dlerror());
  CK_RV (*get_list)(CK_FUNCTION_LIST **);
  *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
  OK(get_list(&p11));
  return handle;
}

static inline CK_SESSION_HANDLE open_session(void) {
  CK_SESSION_HANDLE session;
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
  return session;
}

static inline void log_in(CK_SESSION_HANDLE session) {
  OK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)PIN, sizeof PIN - 1));
}

/* Initializes with NULL arguments and returns a session that is logged in. */
static inline CK_SESSION_HANDLE start(void) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  log_in(session);
  return session;
}

struct key_pair {
  CK_OBJECT_HANDLE public, private;
};

static CK_BBOOL yes = CK_TRUE;

#define EC_P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define EC_P384 "\x06\x05\x2b\x81\x04\x00\x22"
#define EC_P521 "\x06\x05\x2b\x81\x04\x00\x23"
#define EC_ED25519 "\x06\x03\x2b\x65\x70"

/* A key pair on a curve (CKA_EC_PARAMS), or an RSA pair of `bits` if `params` is NULL. */
static inline struct key_pair generate(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, const char *params,
                                       CK_ULONG bits, const char *label, CK_BBOOL token) {
  struct key_pair pair;
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_ATTRIBUTE size = {CKA_EC_PARAMS, (void *)params, params == NULL ? 0 : strlen(params)};
  /* The OID of P-384 and P-521 holds a zero byte. */
  if (params != NULL) size.ulValueLen = 2 + (CK_ULONG)(unsigned char)params[1];
  else size = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
  CK_ATTRIBUTE public[] = {size, {CKA_TOKEN, &token, 1}, {CKA_VERIFY, &yes, 1}, {CKA_LABEL, (void *)label, strlen(label)}};
  CK_ATTRIBUTE private[] = {{CKA_TOKEN, &token, 1}, {CKA_SIGN, &yes, 1}, {CKA_LABEL, (void *)label, strlen(label)}};
  OK(p11->C_GenerateKeyPair(session, &mechanism, public, 4, private, 3, &pair.public, &pair.private));
  return pair;
}

static inline struct key_pair generate_p256(CK_SESSION_HANDLE session, const char *label) {
  return generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, label, CK_TRUE);
}

/* Signs `data` and checks the signature. Returns the result of C_Sign. */
static inline CK_RV sign_and_verify(CK_SESSION_HANDLE session, struct key_pair pair, CK_MECHANISM_TYPE type,
                                    const void *data, CK_ULONG length) {
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_BYTE signature[1024];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, &mechanism, pair.private));
  CK_RV rv = p11->C_Sign(session, (CK_BYTE *)data, length, signature, &size);
  if (rv != CKR_OK) return rv;
  OK(p11->C_VerifyInit(session, &mechanism, pair.public));
  OK(p11->C_Verify(session, (CK_BYTE *)data, length, signature, size));
  signature[size / 2] ^= 1;
  OK(p11->C_VerifyInit(session, &mechanism, pair.public));
  EXPECT(CKR_SIGNATURE_INVALID, p11->C_Verify(session, (CK_BYTE *)data, length, signature, size));
  return CKR_OK;
}

#endif
