/*
 * pins MODULE USER_PIN SO_PIN: PIN functions. Every PIN, name and label ends at the end of its memory: what lies behind must
 * not be read. At the end the PINs are what they were.
 */

#include <sys/mman.h>
#include <unistd.h>

#include "module.h"

static CK_SESSION_HANDLE session;

struct bytes {
  CK_UTF8CHAR *at;
  CK_ULONG length;
};

/* A copy of bytes, behind which is a page that must not be touched. */
static struct bytes guarded(const void *bytes, size_t length) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (length + page - 1) / page + 1;
  char *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(mprotect(memory + (pages - 1) * page, page, PROT_NONE) == 0);
  CK_UTF8CHAR *at = (CK_UTF8CHAR *)memory + (pages - 1) * page - length;
  memcpy(at, bytes, length);
  return (struct bytes){at, length};
}

static struct bytes text(const char *value) { return guarded(value, strlen(value)); }

static CK_RV log_in_as(CK_USER_TYPE type, struct bytes pin) { return p11->C_Login(session, type, pin.at, pin.length); }

static CK_RV set_pin(struct bytes old, struct bytes new) {
  return p11->C_SetPIN(session, old.at, old.length, new.at, new.length);
}

static void expect_login(CK_USER_TYPE type, struct bytes right, struct bytes wrong) {
  EXPECT(CKR_PIN_INCORRECT, log_in_as(type, wrong));
  OK(log_in_as(type, right));
  OK(p11->C_Logout(session));
}

static CK_STATE state(void) {
  CK_SESSION_INFO info;
  OK(p11->C_GetSessionInfo(session, &info));
  return info.state;
}

static void check_set_pin(struct bytes user, struct bytes officer) {
  struct bytes other = text("another PIN, with \xc3\xbc"), empty = {NULL, 0}, short_pin = text("abc");
  static CK_UTF8CHAR large[4097];
  memset(large, 'x', sizeof large);
  struct bytes longest = guarded(large, 4096), too_long = guarded(large, 4097);
  CK_SESSION_HANDLE reading, writing = session;
  /* Nobody is logged in: the user's PIN. */
  OK(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reading));
  session = reading;
  EXPECT(CKR_SESSION_READ_ONLY, set_pin(user, other));
  session = writing;
  OK(p11->C_CloseSession(reading));
  EXPECT(CKR_PIN_INCORRECT, set_pin(other, user));
  EXPECT(CKR_PIN_INCORRECT, set_pin(empty, other));
  EXPECT(CKR_PIN_LEN_RANGE, set_pin(user, empty));
  EXPECT(CKR_PIN_LEN_RANGE, set_pin(user, short_pin));
  EXPECT(CKR_PIN_LEN_RANGE, set_pin(user, too_long));
  EXPECT(CKR_ARGUMENTS_BAD, set_pin((struct bytes){NULL, 4}, other));
  EXPECT(CKR_ARGUMENTS_BAD, set_pin(user, (struct bytes){NULL, 4}));
  EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_SetPIN(4711, user.at, user.length, other.at, other.length));
  OK(set_pin(user, longest));
  expect_login(CKU_USER, longest, user);
  OK(set_pin(longest, other));
  CHECK(state() == CKS_RW_PUBLIC_SESSION);
  /* The user is logged in, and stays so. */
  OK(log_in_as(CKU_USER, other));
  struct key_pair pair = generate(session, CKM_EC_KEY_PAIR_GEN, EC_P256, 0, "pins", CK_FALSE);
  EXPECT(CKR_PIN_INCORRECT, set_pin(user, longest));
  OK(set_pin(other, user));
  CHECK(state() == CKS_RW_USER_FUNCTIONS);
  OK(sign_and_verify(session, pair, CKM_ECDSA, "digest", 6));
  OK(p11->C_Logout(session));
  expect_login(CKU_USER, user, other);
  /* The security officer changes his own. */
  OK(log_in_as(CKU_SO, officer));
  OK(set_pin(officer, other));
  OK(p11->C_Logout(session));
  expect_login(CKU_SO, other, officer);
  OK(log_in_as(CKU_SO, other));
  OK(set_pin(other, officer));
  OK(p11->C_Logout(session));
}

static void check_init_pin(struct bytes user, struct bytes officer) {
  struct bytes forgotten = text("forgotten"), short_pin = text("abc");
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_InitPIN(session, user.at, user.length));
  OK(log_in_as(CKU_USER, user));
  EXPECT(CKR_USER_NOT_LOGGED_IN, p11->C_InitPIN(session, user.at, user.length));
  OK(p11->C_Logout(session));
  OK(log_in_as(CKU_SO, officer));
  CHECK(state() == CKS_RW_SO_FUNCTIONS);
  EXPECT(CKR_PIN_LEN_RANGE, p11->C_InitPIN(session, short_pin.at, short_pin.length));
  EXPECT(CKR_PIN_LEN_RANGE, p11->C_InitPIN(session, NULL, 0));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_InitPIN(session, NULL, 5));
  OK(p11->C_InitPIN(session, forgotten.at, forgotten.length));
  OK(p11->C_Logout(session));
  expect_login(CKU_USER, forgotten, user);
  OK(log_in_as(CKU_SO, officer));
  OK(p11->C_InitPIN(session, user.at, user.length));
  OK(p11->C_Logout(session));
}

static void check_init_token(struct bytes user, struct bytes officer) {
  struct bytes label = text("Cryptech Token                  ");
  CHECK(label.length == 32);
  EXPECT(CKR_SESSION_EXISTS, p11->C_InitToken(0, officer.at, officer.length, label.at));
  OK(p11->C_CloseSession(session));
  EXPECT(CKR_SLOT_ID_INVALID, p11->C_InitToken(1, officer.at, officer.length, label.at));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_InitToken(0, officer.at, officer.length, NULL));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_InitToken(0, NULL, 5, label.at));
  EXPECT(CKR_PIN_INCORRECT, p11->C_InitToken(0, NULL, 0, label.at));
  EXPECT(CKR_PIN_INCORRECT, p11->C_InitToken(0, user.at, user.length, label.at));
  OK(p11->C_InitToken(0, officer.at, officer.length, label.at));
  CK_TOKEN_INFO token;
  OK(p11->C_GetTokenInfo(0, &token));
  CHECK(memcmp(token.label, label.at, 32) == 0);
  CHECK((token.flags & CKF_TOKEN_TOKEN_INITIALIZED) != 0);
  session = open_session();
}

static void check_logins(void *handle, struct bytes user) {
  CK_RV (*login_user)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR *, CK_ULONG, CK_UTF8CHAR *, CK_ULONG);
  *(void **)&login_user = dlsym(handle, "C_LoginUser");
  struct bytes name = text("user"), with_zero = guarded(user.at, user.length);
  /* PIN, zero byte, junk: only the length counts. */
  char joined[64];
  memcpy(joined, user.at, user.length);
  memcpy(joined + user.length, "\0junk", 5);
  with_zero = guarded(joined, user.length + 1);
  EXPECT(CKR_PIN_INCORRECT, log_in_as(CKU_USER, with_zero));
  OK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)joined, user.length));
  OK(p11->C_Logout(session));
  EXPECT(CKR_ARGUMENTS_BAD, login_user(session, CKU_USER, user.at, user.length, NULL, 4));
  EXPECT(CKR_USER_TYPE_INVALID, login_user(session, 9, user.at, user.length, name.at, name.length));
  EXPECT(CKR_PIN_INCORRECT, login_user(session, CKU_USER, NULL, 0, name.at, name.length));
  OK(login_user(session, CKU_USER, user.at, user.length, name.at, name.length));
  EXPECT(CKR_USER_ALREADY_LOGGED_IN, login_user(session, CKU_USER, user.at, user.length, NULL, 0));
  OK(p11->C_Logout(session));
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, login_user(session, CKU_CONTEXT_SPECIFIC, user.at, user.length, NULL, 0));
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  void *handle = load_module(argv[1], 0);
  struct bytes user = text(argv[2]), officer = text(argv[3]);
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_InitToken(0, NULL, 0, NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_InitPIN(1, NULL, 0));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_SetPIN(1, NULL, 0, NULL, 0));
  OK(p11->C_Initialize(NULL));
  session = open_session();
  check_logins(handle, user);
  check_set_pin(user, officer);
  check_init_pin(user, officer);
  check_init_token(user, officer);
  OK(log_in_as(CKU_USER, user));
  OK(p11->C_Finalize(NULL));
  return 0;
}
