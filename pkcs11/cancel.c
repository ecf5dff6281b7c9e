#include "call.h"

/* Ends the operations that `flags` names (PKCS#11 3.0, 5.6.10). */
CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags) {
  static const CK_FLAGS kinds[OPERATIONS] = {
      [OPERATION_ENCRYPT] = CKF_ENCRYPT,
      [OPERATION_DECRYPT] = CKF_DECRYPT,
      [OPERATION_DIGEST] = CKF_DIGEST,
      [OPERATION_SIGN] = CKF_SIGN,
      [OPERATION_SIGN_RECOVER] = CKF_SIGN_RECOVER,
      [OPERATION_VERIFY] = CKF_VERIFY,
      [OPERATION_VERIFY_RECOVER] = CKF_VERIFY_RECOVER,
      [OPERATION_MESSAGE_ENCRYPT] = CKF_MESSAGE_ENCRYPT,
      [OPERATION_MESSAGE_DECRYPT] = CKF_MESSAGE_DECRYPT,
      [OPERATION_MESSAGE_SIGN] = CKF_MESSAGE_SIGN,
      [OPERATION_MESSAGE_VERIFY] = CKF_MESSAGE_VERIFY,
  };
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  if ((flags & CKF_FIND_OBJECTS) != 0) search_end(&call.session->search);
  for (int i = 0; i < OPERATIONS; i++) {
    if ((flags & kinds[i]) != 0) operation_end(&call.session->operations[i]);
  }
  return call_end(&call, CKR_OK);
}
