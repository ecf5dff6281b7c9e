/* exit MODULE: the module is called from exit handlers and destructors that run after its own would have. */

#include "module.h"

static CK_SESSION_HANDLE session;
static struct key_pair pair;
static int late;

static void finish(void) {
  OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  OK(p11->C_CloseAllSessions(0));
  OK(p11->C_Finalize(NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseSession(session));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
  puts("finished");
}

__attribute__((destructor)) static void last(void) {
  if (!late) return;
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
  puts("destructor");
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  /* Registered before the module is loaded, so it runs after everything the module might register. */
  CHECK(atexit(finish) == 0);
  load_module(argv[1], 0);
  session = start();
  pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "exit", CK_FALSE);
  late = 1;
  return 0;
}
