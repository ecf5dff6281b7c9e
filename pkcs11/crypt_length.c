/* Lengths of ciphertexts and plaintexts, so that length queries need no request. */

#include "counter.h"
#include "crypt.h"
#include "key_sizes.h"

static CK_RV out_of_range(bool decrypt) { return decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE; }

/* RFC 8017, 7: PKCS#1 v1.5 padding takes 11 bytes, OAEP two hashes and 2 bytes (which the appliance checks). */
static CK_RV rsa_length(const struct operation *operation, bool decrypt, size_t length, struct crypt_length *result) {
  size_t modulus = modulus_length(operation->facts);
  CK_MECHANISM_TYPE type = operation->mechanism->type;
  *result = (struct crypt_length){modulus, !decrypt || type == CKM_RSA_X_509};
  if (decrypt) return length == modulus ? CKR_OK : CKR_ENCRYPTED_DATA_LEN_RANGE;
  size_t padding = type == CKM_RSA_PKCS ? 11 : 0;
  return length + padding > modulus ? CKR_DATA_LEN_RANGE : CKR_OK;
}

static CK_RV aead_length(const struct operation *operation, bool decrypt, size_t length, struct crypt_length *result) {
  size_t tag = operation->tag_length;
  if (decrypt && length < tag) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  size_t plain = decrypt ? length - tag : length;
  *result = (struct crypt_length){decrypt ? plain : plain + tag, true};
  /* CCM is told the length of the data before it comes. */
  if (operation->mechanism->type == CKM_AES_CCM && plain != operation->data_length) return out_of_range(decrypt);
  return CKR_OK;
}

CK_RV crypt_result_length(const struct operation *operation, bool decrypt, size_t length, struct crypt_length *result) {
  size_t whole = length - length % BLOCK;
  *result = (struct crypt_length){length, true};
  switch (operation->mechanism->type) {
    case CKM_AES_GCM:
    case CKM_AES_CCM:
      return aead_length(operation, decrypt, length, result);
    case CKM_AES_CTR:
      return counter_suffices(&operation->chain, length) ? CKR_OK : out_of_range(decrypt);
    case CKM_AES_ECB:
    case CKM_AES_CBC:
      return whole == length ? CKR_OK : out_of_range(decrypt);
    case CKM_AES_CBC_PAD:
      *result = (struct crypt_length){decrypt ? length : whole + BLOCK, !decrypt};
      return !decrypt || (length > 0 && whole == length) ? CKR_OK : CKR_ENCRYPTED_DATA_LEN_RANGE;
    default:
      return rsa_length(operation, decrypt, length, result);
  }
}

/*
 * The padding of CKM_AES_CBC_PAD is in the last block alone, so the blocks before it are decrypted with CKM_AES_CBC. A key that
 * is not allowed to do that, and a key whose uses are limited, gets all data in one request.
 */
static bool may_stream(const struct operation *operation, bool decrypt) {
  const struct attribute *allowed = facts_find(operation->facts, CKA_ALLOWED_MECHANISMS);
  if (facts_find(operation->facts, CKA_DKS_USE_LIMIT) != NULL) return false;
  return operation->mechanism->type != CKM_AES_CBC_PAD || !decrypt || allowed == NULL || allowed->length == 0;
}

bool crypt_is_streamed(const struct operation *operation, bool decrypt) {
  return operation->mechanism->parts == PARTS_BLOCKS && may_stream(operation, decrypt);
}

size_t crypt_update_length(const struct operation *operation, bool decrypt, size_t length) {
  if (!crypt_is_streamed(operation, decrypt)) return 0;
  if (operation->mechanism->type == CKM_AES_CTR) return length;
  size_t all = operation->data.length + length;
  /* The last block is held back where it may be padding. */
  if (operation->mechanism->type == CKM_AES_CBC_PAD && decrypt && all > 0) all--;
  return all - all % BLOCK;
}
