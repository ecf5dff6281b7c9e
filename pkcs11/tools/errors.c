#include "errors.h"

#include <stdio.h>

#define UNREACHABLE "the HSM is not reachable: is it running, and is its address right? (Diamond-HSM: hsm.conf)"
#define NOT_ALLOWED "the token does not allow such a key: see the size, -e and -P"
#define NO_SUCH_KEYS "the token does not make keys of this kind"
#define READ_ONLY "the token cannot be written to"

static const char *name_of(CK_RV rv) {
  static const struct {
    CK_RV rv;
    const char *name;
  } names[] = {
#define NAME(number) {number, #number},
      CKR_TABLE(NAME)
#undef NAME
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].rv == rv) return names[i].name;
  }
  return "no code of PKCS#11";
}

static const char *advice_on(CK_RV rv) {
  switch (rv) {
    case CKR_PIN_INCORRECT: return "the PIN is wrong";
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE: return "the PIN is too short, too long, or has characters that the token does not take";
    case CKR_PIN_EXPIRED: return "the PIN has to be changed first";
    case CKR_PIN_LOCKED: return "the PIN is locked after too many wrong ones: the security officer has to set a new one";
    case CKR_USER_PIN_NOT_INITIALIZED:
      return "no user PIN was ever set (Diamond-HSM: `set pin user` in dks_setup_console)";
    case CKR_DEVICE_ERROR:
      return "the HSM does not work now: is it unlocked, and is its master key set? (Diamond-HSM: log in with dks_setup_console)";
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT: return UNREACHABLE;
    case CKR_GENERAL_ERROR: return "the module cannot work: is its configuration there and readable? (Diamond-HSM: hsm.conf)";
    case CKR_DEVICE_MEMORY: return "the token is full: destroy objects that are not needed, or give it more room";
    case CKR_HOST_MEMORY: return "out of memory";
    case CKR_TOKEN_NOT_RECOGNIZED: return "the token is not initialised";
    case CKR_MECHANISM_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
    case CKR_DOMAIN_PARAMS_INVALID: return NO_SUCH_KEYS;
    case CKR_KEY_SIZE_RANGE: return "the token does not make keys of this size";
    case CKR_ATTRIBUTE_TYPE_INVALID:
    case CKR_ATTRIBUTE_VALUE_INVALID:
    case CKR_ATTRIBUTE_READ_ONLY:
    case CKR_TEMPLATE_INCOMPLETE:
    case CKR_TEMPLATE_INCONSISTENT: return NOT_ALLOWED;
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_SESSION_READ_ONLY: return READ_ONLY;
    case CKR_ACTION_PROHIBITED: return "the object must not be destroyed (CKA_DESTROYABLE)";
    case CKR_OBJECT_HANDLE_INVALID: return "the object is not there any more";
    case CKR_USER_NOT_LOGGED_IN: return "the login was lost: the PIN was changed meanwhile, or the HSM restarted; try again";
    case CKR_SESSION_COUNT: return "too many sessions are open";
    case CKR_FUNCTION_FAILED: return "the module does not say why";
    default: return NULL;
  }
}

void report(const char *function, CK_RV rv) {
  const char *advice = advice_on(rv);
  fprintf(stderr, "%s: Error = 0x%.8lX (%s)%s%s\n", function, rv, name_of(rv), advice == NULL ? "" : ": ",
          advice == NULL ? "" : advice);
}

void report_initialization(const char *function, CK_RV rv) {
  fputs("Unrecoverable error initializing PKCS#11: ", stderr);
  report(function, rv);
}
