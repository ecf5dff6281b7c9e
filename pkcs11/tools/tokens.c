/* pkcs11-tokens: the tokens of a module and what each can do. */

#include <stdio.h>
#include <stdlib.h>

#include "errors.h"
#include "objects.h"
#include "tools.h"

/* Mechanisms of algorithms that the product does not have, but other modules may (PKCS#11 header pkcs11t.h). */
enum { DSA_KEY_PAIR_GEN = 0x10, DSA = 0x11, DH_KEY_PAIR_GEN = 0x20, DH_DERIVE = 0x21, GOST_KEY_PAIR_GEN = 0x1200, GOST = 0x1201 };

#define GENERATES CKF_GENERATE_KEY_PAIR
#define SIGNS (CKF_SIGN | CKF_VERIFY)

/*
 * The operations that BIND tells apart, in the order in which it names their tokens. `bit` is theirs in "supported operations". A token
 * has an operation if it has both mechanisms; random numbers are a flag of the token.
 */
static const struct operation {
  unsigned bit;
  const char *name, *heading;
  struct need {
    CK_MECHANISM_TYPE mechanism;
    CK_FLAGS flags;
  } needs[2];
} operations[] = {
    {1, "RAND", "rand_token", {{0, 0}, {0, 0}}},
    {2, "RSA", "best_rsa_token", {{CKM_RSA_PKCS_KEY_PAIR_GEN, GENERATES}, {CKM_RSA_PKCS, SIGNS}}},
    {3, "DSA", "best_dsa_token", {{DSA_KEY_PAIR_GEN, GENERATES}, {DSA, SIGNS}}},
    {4, "DH", "best_dh_token", {{DH_KEY_PAIR_GEN, GENERATES}, {DH_DERIVE, CKF_DERIVE}}},
    {5, "DIGEST", "digest_token", {{CKM_SHA_1, CKF_DIGEST}, {CKM_SHA256, CKF_DIGEST}}},
    {6, "EC", "best_ec_token", {{CKM_EC_KEY_PAIR_GEN, GENERATES}, {CKM_ECDSA, SIGNS}}},
    {7, "GOST", "best_gost_token", {{GOST_KEY_PAIR_GEN, GENERATES}, {GOST, SIGNS}}},
    {8, "AES", "aes_token", {{CKM_AES_ECB, CKF_ENCRYPT}, {CKM_AES_ECB, CKF_ENCRYPT}}},
};

enum { OPERATIONS = sizeof operations / sizeof *operations };

struct token {
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  unsigned operations;
};

static bool has(const struct session *session, CK_SLOT_ID slot, struct need need) {
  CK_MECHANISM_INFO info;
  return session->p11->C_GetMechanismInfo(slot, need.mechanism, &info) == CKR_OK && (info.flags & need.flags) == need.flags;
}

static unsigned operations_of(const struct session *session, const struct token *token, bool verbose) {
  unsigned set = (token->info.flags & CKF_TOKEN_RNG) != 0 ? 1u << operations[0].bit : 0;
  for (int i = 1; i < OPERATIONS; i++) {
    const struct need *needs = operations[i].needs;
    bool both = has(session, token->slot, needs[0]) && has(session, token->slot, needs[1]);
    if (both) set |= 1u << operations[i].bit;
    else if (verbose)
      fprintf(stderr, "slot %lu: no %s (mechanisms 0x%lx and 0x%lx)\n", token->slot, operations[i].name,
              needs[0].mechanism, needs[1].mechanism);
  }
  return set;
}

/* The first token that can do it is the one to use. */
static void print_defaults(const struct token *tokens, size_t count) {
  printf("DEFAULTS\n");
  for (int i = 0; i < OPERATIONS; i++) {
    const struct token *best = NULL;
    for (size_t k = 0; best == NULL && k < count; k++) {
      if ((tokens[k].operations & 1u << operations[i].bit) != 0) best = &tokens[k];
    }
    printf("\t%s=%p\n", operations[i].heading, (const void *)best);
  }
}

static void print_field(const char *name, const CK_BYTE *text, CK_ULONG length) {
  printf("\t%s=", name);
  print_text(text, length);
  putchar('\n');
}

static void print_token(const struct token *token) {
  printf("\nTOKEN\n\taddress=%p\n\tslotID=%lu\n", (const void *)token, token->slot);
  print_field("label", token->info.label, sizeof token->info.label);
  print_field("manufacturerID", token->info.manufacturerID, sizeof token->info.manufacturerID);
  print_field("model", token->info.model, sizeof token->info.model);
  print_field("serialNumber", token->info.serialNumber, sizeof token->info.serialNumber);
  printf("\tsupported operations=0x%x (", token->operations);
  const char *separator = "";
  for (int i = 0; i < OPERATIONS; i++) {
    if ((token->operations & 1u << operations[i].bit) == 0) continue;
    printf("%s%s", separator, operations[i].name);
    separator = ",";
  }
  printf(")\n");
}

/* Reads the tokens. A token that does not answer is named on standard error and left out. */
static size_t read_tokens(const struct session *session, const CK_SLOT_ID *slots, CK_ULONG count, bool verbose,
                          struct token *tokens) {
  size_t read = 0;
  for (CK_ULONG i = 0; i < count; i++) {
    struct token *token = &tokens[read];
    token->slot = slots[i];
    CK_RV rv = session->p11->C_GetTokenInfo(token->slot, &token->info);
    if (rv == CKR_OK) {
      token->operations = operations_of(session, token, verbose);
      read++;
      continue;
    }
    char call[64];
    snprintf(call, sizeof call, "C_GetTokenInfo[%lu]", slots[i]);
    report(call, rv);
  }
  return read;
}

static void print_module(const struct session *session, const char *path) {
  CK_INFO info;
  if (session->p11->C_GetInfo(&info) != CKR_OK) return;
  fprintf(stderr, "%s: PKCS#11 %u.%u, %.32s\n", path, info.cryptokiVersion.major, info.cryptokiVersion.minor,
          (const char *)info.libraryDescription);
}

int tokens_run(const struct options *options) {
  struct session session;
  bool verbose = options->given['v'];
  if (!module_open(&session, options->module)) return 1;
  if (verbose) print_module(&session, options->module);
  CK_ULONG count = 0;
  CK_SLOT_ID *slots = slots_with_tokens(&session, &count);
  struct token *tokens = slots == NULL ? NULL : calloc(count + 1, sizeof *tokens);
  size_t read = 0;
  if (tokens != NULL) {
    read = read_tokens(&session, slots, count, verbose, tokens);
    print_defaults(tokens, read);
    for (size_t i = 0; i < read; i++) print_token(&tokens[i]);
  }
  if (slots != NULL && count == 0)
    fprintf(stderr, "There is no token: is the HSM running, and is its address right? (Diamond-HSM: hsm.conf)\n");
  free(tokens);
  free(slots);
  session_close(&session);
  return slots != NULL && read == count ? 0 : 1;
}
