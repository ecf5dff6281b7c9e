/*
 * everything MODULE PIN ROUNDS [token]: generates, changes, finds, signs at once and in parts, digests, destroys. Prints `ready`
 * when it is logged in, and waits for a line. Not one call may fail, and not one object may be there twice. With `token`
 * there is no session object, which a restart of the HSM would end.
 */

#include "module.h"

enum { KEEP_EVERY = 5 };

static CK_SESSION_HANDLE session;

static CK_ULONG count_labelled(const char *label, CK_OBJECT_HANDLE *handles, CK_ULONG room) {
  CK_ATTRIBUTE template = {CKA_LABEL, (void *)label, strlen(label)};
  CK_ULONG got, total = 0;
  OK(p11->C_FindObjectsInit(session, &template, 1));
  do {
    OK(p11->C_FindObjects(session, handles + total, room - total, &got));
    total += got;
  } while (got > 0 && total < room);
  OK(p11->C_FindObjectsFinal(session));
  return total;
}

/* Signs in parts, and checks the signature in other parts. */
static void sign_in_parts(struct key_pair pair) {
  CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
  CK_BYTE data[3000], signature[64];
  CK_ULONG size = sizeof signature;
  memset(data, 0xc0, sizeof data);
  OK(p11->C_SignInit(session, &mechanism, pair.private));
  for (int i = 0; i < 3; i++) {
    CK_BYTE noise[16];
    OK(p11->C_SignUpdate(session, data + 1000 * i, 1000));
    /* Something that takes a round trip, between the parts. */
    OK(p11->C_GenerateRandom(session, noise, sizeof noise));
  }
  OK(p11->C_SignFinal(session, signature, &size));
  OK(p11->C_VerifyInit(session, &mechanism, pair.public));
  OK(p11->C_VerifyUpdate(session, data, 1));
  OK(p11->C_VerifyUpdate(session, data + 1, 2999));
  OK(p11->C_VerifyFinal(session, signature, size));
}

static void one_round(int round, struct key_pair of_session) {
  CK_OBJECT_HANDLE found[64];
  char label[32];
  snprintf(label, sizeof label, "round %d", round);
  struct key_pair pair = generate_p256(session, label);
  CHECK(count_labelled(label, found, 64) == 2);
  OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  sign_in_parts(pair);
  sign_in_parts(of_session);
  const char *renamed = round % KEEP_EVERY == 0 ? "kept" : "renamed";
  CK_ATTRIBUTE name = {CKA_LABEL, (void *)renamed, strlen(renamed)};
  OK(p11->C_SetAttributeValue(session, pair.private, &name, 1));
  OK(p11->C_SetAttributeValue(session, pair.public, &name, 1));
  CHECK(count_labelled(label, found, 64) == 0);
  if (round % KEEP_EVERY == 0) return;
  CHECK(count_labelled("renamed", found, 64) == 2);
  OK(p11->C_DestroyObject(session, pair.private));
  OK(p11->C_DestroyObject(session, pair.public));
  EXPECT(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(session, pair.public));
  CHECK(count_labelled("renamed", found, 64) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 4 || argc == 5);
  CK_BBOOL token = argc == 5;
  int rounds = atoi(argv[3]);
  load_module(argv[1], 0);
  OK(p11->C_Initialize(NULL));
  session = open_session();
  OK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)argv[2], strlen(argv[2])));
  struct key_pair of_session = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "session", token);
  printf("ready\n");
  fflush(stdout);
  char line[16];
  CHECK(fgets(line, sizeof line, stdin) != NULL);
  for (int i = 0; i < rounds; i++) {
    one_round(i, of_session);
    printf("round %d\n", i);
    fflush(stdout);
  }
  CK_OBJECT_HANDLE found[256];
  CHECK(count_labelled("session", found, 256) == 2);
  CHECK(count_labelled("kept", found, 256) == (CK_ULONG)(2 * ((rounds + KEEP_EVERY - 1) / KEEP_EVERY)));
  for (CK_ULONG left = count_labelled("kept", found, 256); left > 0; left--)
    OK(p11->C_DestroyObject(session, found[left - 1]));
  CHECK(count_labelled("kept", found, 256) == 0);
  if (token) {
    OK(p11->C_DestroyObject(session, of_session.private));
    OK(p11->C_DestroyObject(session, of_session.public));
  }
  CK_SESSION_INFO info;
  OK(p11->C_GetSessionInfo(session, &info));
  CHECK(info.state == CKS_RW_USER_FUNCTIONS);
  OK(p11->C_Logout(session));
  OK(p11->C_Finalize(NULL));
  printf("finished\n");
  return 0;
}
