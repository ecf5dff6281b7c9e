/*
 * maker MODULE PREFIX: makes keys and signs in several threads until standard input ends. Reports what the library has
 * acknowledged, a line each:
 *
 *   key LABEL                a key pair was made
 *   signatures NUMBER        so many signatures were made and verified
 *   failed CALL 0xRV         a call failed; it is tried again
 */

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "module.h"

enum { PAUSE_US = 4000, AFTER_FAILURE_US = 50000 };

static const char *prefix;
static _Atomic int stopping;
static _Atomic unsigned long signatures;

struct kind {
  const char *name;
  CK_MECHANISM_TYPE generation, signature;
  const char *params;
  CK_ULONG bits;
};

static const struct kind kinds[] = {
    {"p256", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, EC_P256, 0},
    {"p384", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, EC_P384, 0},
    {"ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, EC_ED25519, 0},
    {"rsa1024", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, NULL, 1024},
    {"rsa2048", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, NULL, 2048},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static CK_RV make(CK_SESSION_HANDLE session, const struct kind *kind, const char *label, struct key_pair *pair) {
  CK_MECHANISM mechanism = {kind->generation, NULL, 0};
  CK_ULONG bits = kind->bits;
  CK_ATTRIBUTE size = {CKA_MODULUS_BITS, &bits, sizeof bits};
  if (kind->params != NULL)
    size = (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)kind->params, 2 + (CK_ULONG)(unsigned char)kind->params[1]};
  CK_ATTRIBUTE name = {CKA_LABEL, (void *)label, strlen(label)};
  CK_ATTRIBUTE public[] = {size, {CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1}, name};
  CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, 1}, {CKA_SIGN, &yes, 1}, name};
  return p11->C_GenerateKeyPair(session, &mechanism, public, 4, private, 3, &pair->public, &pair->private);
}

static CK_RV sign(CK_SESSION_HANDLE session, const struct kind *kind, struct key_pair pair, unsigned long number) {
  CK_MECHANISM mechanism = {kind->signature, NULL, 0};
  CK_BYTE data[32] = {0}, signature[512];
  CK_ULONG size = sizeof signature;
  memcpy(data, &number, sizeof number);
  CK_RV rv = p11->C_SignInit(session, &mechanism, pair.private);
  if (rv == CKR_OK) rv = p11->C_Sign(session, data, sizeof data, signature, &size);
  if (rv != CKR_OK) return rv;
  rv = p11->C_VerifyInit(session, &mechanism, pair.public);
  return rv == CKR_OK ? p11->C_Verify(session, data, sizeof data, signature, size) : rv;
}

static void failed(const char *call, CK_RV rv) {
  if (stopping) return;
  printf("failed %s 0x%lx\n", call, rv);
  usleep(AFTER_FAILURE_US);
}

static void *make_keys(void *argument) {
  const struct kind *kind = argument;
  CK_SESSION_HANDLE session = open_session();
  for (int i = 0; !stopping; i++) {
    char label[64];
    struct key_pair pair;
    snprintf(label, sizeof label, "%s-%s-%d", prefix, kind->name, i);
    CK_RV rv = make(session, kind, label, &pair);
    if (rv == CKR_OK) printf("key %s\n", label);
    else failed("C_GenerateKeyPair", rv);
    usleep(PAUSE_US);
  }
  return NULL;
}

struct signer {
  const struct kind *kind;
  struct key_pair pair;
};

static void *make_signatures(void *argument) {
  const struct signer *signer = argument;
  CK_SESSION_HANDLE session = open_session();
  for (unsigned long i = 0; !stopping; i++) {
    CK_RV rv = sign(session, signer->kind, signer->pair, i);
    if (rv == CKR_OK) signatures++;
    else failed("C_Sign", rv);
    usleep(PAUSE_US);
  }
  return NULL;
}

static void *report(void *argument) {
  unsigned long told = 0;
  while (!stopping) {
    unsigned long now = signatures;
    if (now != told) printf("signatures %lu\n", now);
    told = now;
    usleep(10000);
  }
  return argument;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  prefix = argv[2];
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  load_module(argv[1], 0);
  CK_SESSION_HANDLE session = start();

  static struct signer signers[KINDS];
  pthread_t threads[2 * KINDS + 1];
  int count = 0;
  for (int i = 0; i < KINDS; i++) {
    char label[64];
    snprintf(label, sizeof label, "%s-signer-%s", prefix, kinds[i].name);
    signers[i].kind = &kinds[i];
    OK(make(session, &kinds[i], label, &signers[i].pair));
    printf("key %s\n", label);
    CHECK(pthread_create(&threads[count++], NULL, make_signatures, &signers[i]) == 0);
    CHECK(pthread_create(&threads[count++], NULL, make_keys, (void *)&kinds[i]) == 0);
  }
  CHECK(pthread_create(&threads[count++], NULL, report, NULL) == 0);

  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  stopping = 1;
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  printf("signatures %lu\n", signatures);
  OK(p11->C_Finalize(NULL));
  return 0;
}
