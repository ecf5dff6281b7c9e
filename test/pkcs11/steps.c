/*
 * steps MODULE STEP...: makes the calls that the steps name, and prints the step and the CK_RV of each.
 * A step may end in `*N` (so many times, ends at the first failure) and `=TEXT` (its argument).
 * `wait` prints and waits for a line on standard input. Two PINs or a PIN and a label are separated by a colon.
 */

#include <time.h>

#include "module.h"

static CK_SESSION_HANDLE session;
static struct key_pair pair;
static CK_ULONG found;

static CK_RV find(CK_ATTRIBUTE *template, CK_ULONG count) {
  CK_OBJECT_HANDLE handles[2];
  CK_ULONG got;
  CK_RV rv = p11->C_FindObjectsInit(session, template, count);
  found = 0;
  if (rv != CKR_OK) return rv;
  do {
    rv = p11->C_FindObjects(session, handles, 2, &got);
    found += got;
  } while (rv == CKR_OK && got > 0);
  CK_RV final = p11->C_FindObjectsFinal(session);
  return rv == CKR_OK ? final : rv;
}

static CK_RV generate_key(CK_BBOOL token, CK_BBOOL always) {
  CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, EC_P256, 10}, {CKA_TOKEN, &token, 1}, {CKA_VERIFY, &yes, 1}};
  CK_ATTRIBUTE private[] = {{CKA_TOKEN, &token, 1}, {CKA_SIGN, &yes, 1}, {CKA_ALWAYS_AUTHENTICATE, &always, 1}};
  return p11->C_GenerateKeyPair(session, &mechanism, public, 3, private, always ? 3 : 2, &pair.public, &pair.private);
}

static CK_RV sign(void) {
  CK_BYTE digest[32] = "digest";
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  CK_RV rv = p11->C_SignInit(session, &mechanism, pair.private);
  if (rv != CKR_OK) return rv;
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  rv = p11->C_Sign(session, digest, sizeof digest, signature, &size);
  if (rv != CKR_OK) return rv;
  OK(p11->C_VerifyInit(session, &mechanism, pair.public));
  return p11->C_Verify(session, digest, sizeof digest, signature, size);
}

static CK_RV sign_begin(void) {
  return p11->C_SignInit(session, &(CK_MECHANISM){CKM_ECDSA, NULL, 0}, pair.private);
}

static CK_RV sign_end(void) {
  CK_BYTE digest[32] = "digest", signature[64];
  CK_ULONG size = sizeof signature;
  return p11->C_Sign(session, digest, sizeof digest, signature, &size);
}

static CK_RV get_random(void) {
  CK_BYTE bytes[40000];
  return p11->C_GenerateRandom(session, bytes, sizeof bytes);
}

static CK_RV wait_for_line(void) {
  char line[16];
  printf("waiting\n");
  fflush(stdout);
  return fgets(line, sizeof line, stdin) == NULL ? CKR_GENERAL_ERROR : CKR_OK;
}

static CK_RV slots(CK_BBOOL present) {
  CK_SLOT_ID ids[4];
  found = 4;
  return p11->C_GetSlotList(present, ids, &found);
}

/* Two texts of a step. */
static CK_RV with_two(const char *name, const char *argument) {
  const char *colon = argument == NULL ? NULL : strchr(argument, ':');
  CHECK(colon != NULL);
  CK_UTF8CHAR *first = (CK_UTF8CHAR *)argument, *second = (CK_UTF8CHAR *)colon + 1, label[32];
  CK_ULONG length = (CK_ULONG)(colon - argument);
  if (strcmp(name, "set-pin") == 0) return p11->C_SetPIN(session, first, length, second, strlen(colon + 1));
  memset(label, ' ', sizeof label);
  memcpy(label, second, strlen(colon + 1));
  return p11->C_InitToken(0, first, length, label);
}

static CK_RV one_step(const char *name, const char *argument) {
  CK_TOKEN_INFO token;
  CK_SESSION_INFO info;
  CK_UTF8CHAR *pin = (CK_UTF8CHAR *)argument;
  CK_ULONG pin_length = argument == NULL ? 0 : strlen(argument);
  CK_ATTRIBUTE label = {CKA_LABEL, (void *)argument, pin_length};
  CK_RV rv;
  if (strcmp(name, "init") == 0) return p11->C_Initialize(NULL);
  if (strcmp(name, "finalize") == 0) return p11->C_Finalize(NULL);
  if (strcmp(name, "slots") == 0) return slots(CK_FALSE);
  if (strcmp(name, "present") == 0) return slots(CK_TRUE);
  if (strcmp(name, "token") == 0) return p11->C_GetTokenInfo(0, &token);
  if (strcmp(name, "open") == 0) return p11->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
  if (strcmp(name, "open-ro") == 0) return p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session);
  if (strcmp(name, "close") == 0) return p11->C_CloseSession(session);
  if (strcmp(name, "close-all") == 0) return p11->C_CloseAllSessions(0);
  if (strcmp(name, "login") == 0) return p11->C_Login(session, CKU_USER, pin, pin_length);
  if (strcmp(name, "so-login") == 0) return p11->C_Login(session, CKU_SO, pin, pin_length);
  if (strcmp(name, "set-pin") == 0 || strcmp(name, "init-token") == 0) return with_two(name, argument);
  if (strcmp(name, "init-pin") == 0) return p11->C_InitPIN(session, pin, pin_length);
  if (strcmp(name, "logout") == 0) return p11->C_Logout(session);
  if (strcmp(name, "state") == 0) {
    rv = p11->C_GetSessionInfo(session, &info);
    if (rv == CKR_OK) found = info.state;
    return rv;
  }
  if (strcmp(name, "generate") == 0) return generate_key(CK_TRUE, CK_FALSE);
  if (strcmp(name, "generate-session") == 0) return generate_key(CK_FALSE, CK_FALSE);
  if (strcmp(name, "generate-always") == 0) return generate_key(CK_TRUE, CK_TRUE);
  if (strcmp(name, "context-login") == 0) return p11->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pin_length);
  if (strcmp(name, "sign-begin") == 0) return sign_begin();
  if (strcmp(name, "sign-end") == 0) return sign_end();
  if (strcmp(name, "destroy") == 0) return p11->C_DestroyObject(session, pair.private);
  if (strcmp(name, "find") == 0) return find(NULL, 0);
  if (strcmp(name, "find-label") == 0) return find(&label, 1);
  if (strcmp(name, "set-label") == 0) return p11->C_SetAttributeValue(session, pair.private, &label, 1);
  if (strcmp(name, "sign") == 0) return sign();
  if (strcmp(name, "random") == 0) return get_random();
  if (strcmp(name, "wait") == 0) return wait_for_line();
  FAIL("unknown step %s", name);
}

int main(int argc, char **argv) {
  CHECK(argc >= 2);
  load_module(argv[1], 0);
  for (int i = 2; i < argc; i++) {
    char *name = argv[i], *argument = strchr(name, '='), *times = strchr(name, '*');
    if (argument != NULL) *argument++ = '\0';
    if (times != NULL) *times++ = '\0';
    CK_RV rv = CKR_OK;
    found = 0;
    for (int left = times == NULL ? 1 : atoi(times); left > 0 && rv == CKR_OK; left--) rv = one_step(name, argument);
    printf("%s 0x%lx", name, rv);
    if (strncmp(name, "find", 4) == 0 || strcmp(name, "slots") == 0 || strcmp(name, "present") == 0 ||
        strcmp(name, "state") == 0)
      printf(" %lu", found);
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
