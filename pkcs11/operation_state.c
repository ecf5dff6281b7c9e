/*
 * Saving and restoring operations (PKCS#11 5.6.6 and 5.6.7): digests. The state is OpenSSL's structure, or for SHA-3 and SHA-512/t
 * the data so far, if that is not too much. Operations with keys are CKR_STATE_UNSAVEABLE.
 */

#include <string.h>

#include "call.h"
#include "digest.h"

enum { TAG_SIZE = 8, NUMBER_SIZE = 8, CHECK_SIZE = 32 };

/* What a saved state begins with. The last byte is the version. */
static const uint8_t tag[TAG_SIZE] = {'D', 'K', 'S', '-', 'D', 'G', 'S', 1};

/* Tag, mechanism, 1 if parts came, running digest or data, SHA-256 of all that. */
struct layout {
  size_t plain, check, all;
};

static struct layout layout_of(size_t plain_size) {
  struct layout layout = {.plain = TAG_SIZE + 2 * NUMBER_SIZE};
  layout.check = layout.plain + plain_size;
  layout.all = layout.check + CHECK_SIZE;
  return layout;
}

static bool is_other_active(const struct session *session) {
  for (int i = 0; i < OPERATIONS; i++) {
    if (i != OPERATION_DIGEST && session->operations[i].active) return true;
  }
  return false;
}

static CK_RV save(struct session *session, uint8_t *state, CK_ULONG *length) {
  struct operation *operation = &session->operations[OPERATION_DIGEST];
  if (length == NULL) return CKR_ARGUMENTS_BAD;
  if (is_other_active(session)) return CKR_STATE_UNSAVEABLE;
  if (!operation->active) return CKR_OPERATION_NOT_INITIALIZED;
  size_t size;
  const void *plain = digest_plain(&operation->digest, &size);
  if (plain == NULL) {
    if (operation->forgotten) return CKR_STATE_UNSAVEABLE;
    plain = operation->data.bytes;
    size = operation->data.length;
  }
  struct layout layout = layout_of(size);
  CK_ULONG room = *length;
  *length = layout.all;
  if (state == NULL) return CKR_OK;
  if (room < layout.all) return CKR_BUFFER_TOO_SMALL;
  uint64_t numbers[] = {operation->mechanism->type, operation->parts};
  memcpy(state, tag, TAG_SIZE);
  memcpy(state + TAG_SIZE, numbers, sizeof numbers);
  if (size > 0) memcpy(state + layout.plain, plain, size);
  return SHA256(state, layout.check, state + layout.check) == NULL ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE hSession, CK_BYTE *pOperationState, CK_ULONG *pulOperationStateLen) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  return call_end(&call, save(call.session, pOperationState, pulOperationStateLen));
}

/* What a state says, once its check value and its fields are right. */
struct saved {
  const struct mechanism *mechanism;
  bool parts;
  struct digest_state digest;
  /* Of digests that are saved as their data. */
  const uint8_t *data;
  size_t length;
};

static CK_RV read_state(struct library *library, const uint8_t *state, CK_ULONG length, struct saved *saved) {
  uint64_t numbers[2];
  uint8_t check[CHECK_SIZE];
  size_t size, least = layout_of(0).all;
  if (length < least || length > least + DIGEST_KEPT || memcmp(state, tag, TAG_SIZE) != 0) return CKR_SAVED_STATE_INVALID;
  memcpy(numbers, state + TAG_SIZE, sizeof numbers);
  saved->mechanism = mechanism_find(numbers[0], CKF_DIGEST);
  saved->parts = numbers[1] != 0;
  if (saved->mechanism == NULL || !digest_begin(library, saved->mechanism->digest, &saved->digest))
    return CKR_SAVED_STATE_INVALID;
  void *plain = digest_plain(&saved->digest, &size);
  if (plain == NULL) size = length - least;
  struct layout layout = layout_of(size);
  if (length != layout.all || SHA256(state, layout.check, check) == NULL ||
      memcmp(check, state + layout.check, CHECK_SIZE) != 0)
    return CKR_SAVED_STATE_INVALID;
  if (plain != NULL) {
    memcpy(plain, state + layout.plain, size);
    return digest_is_sound(&saved->digest) ? CKR_OK : CKR_SAVED_STATE_INVALID;
  }
  saved->data = state + layout.plain;
  saved->length = size;
  return digest_update(&saved->digest, saved->data, size) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV restore(struct call *call, const uint8_t *state, CK_ULONG length, bool keys) {
  struct saved saved = {0};
  if (state == NULL) return CKR_ARGUMENTS_BAD;
  CK_RV rv = read_state(call->library, state, length, &saved);
  /* A digest goes on without any key. */
  if (rv == CKR_OK && keys) rv = CKR_KEY_NOT_NEEDED;
  if (rv == CKR_OK) {
    struct session *session = call->session;
    for (int i = 0; i < OPERATIONS; i++) operation_end(&session->operations[i]);
    struct operation *operation = &session->operations[OPERATION_DIGEST];
    EVP_MD_CTX *unused = operation->digest.context;
    operation->digest = saved.digest;
    saved.digest.context = unused;
    operation->mechanism = saved.mechanism;
    operation->parts = saved.parts;
    operation->forgotten = !buffer_append(&operation->data, saved.data, saved.length);
    operation->active = true;
  }
  digest_free(&saved.digest);
  return rv;
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE hSession, CK_BYTE *pOperationState, CK_ULONG ulOperationStateLen,
                          CK_OBJECT_HANDLE hEncryptionKey, CK_OBJECT_HANDLE hAuthenticationKey) {
  struct call call;
  CK_RV rv = call_begin(&call, hSession);
  if (rv != CKR_OK) return rv;
  bool keys = hEncryptionKey != 0 || hAuthenticationKey != 0;
  return call_end(&call, restore(&call, pOperationState, ulOperationStateLen, keys));
}
