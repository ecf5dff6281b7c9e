/* Parameters of key derivation: ECDH, HKDF, PBKDF2, SP 800-108. */

#include <string.h>

#include "library.h"
#include "parameters.h"
#include "xdr.h"

#define TAKE(type, name)                                                                                               \
  type name;                                                                                                           \
  if (given->pParameter == NULL || given->ulParameterLen != sizeof name) return CKR_MECHANISM_PARAM_INVALID;           \
  memcpy(&name, given->pParameter, sizeof name)

enum { PUBLIC_DATA_MAX = 1024, KDF_PARTS_MAX = 64, KDF_BYTES_MAX = 4096, KDF_IV_MAX = 1024 };

static CK_RV put_ecdh(const CK_MECHANISM *given, struct buffer *xdr) {
  TAKE(CK_ECDH1_DERIVE_PARAMS, params);
  bool x963 = params.kdf == CKD_SHA1_KDF || (params.kdf >= CKD_SHA224_KDF && params.kdf <= CKD_SHA512_KDF) ||
              (params.kdf >= CKD_SHA3_224_KDF && params.kdf <= CKD_SHA3_512_KDF);
  if (params.kdf != CKD_NULL && !x963) return CKR_MECHANISM_PARAM_INVALID;
  if (params.kdf == CKD_NULL && params.ulSharedDataLen > 0) return CKR_MECHANISM_PARAM_INVALID;
  if (!parameter_is_input(params.pSharedData, params.ulSharedDataLen, PARAMETER_INPUT_MAX) ||
      !parameter_is_input(params.pPublicData, params.ulPublicDataLen, PUBLIC_DATA_MAX) || params.ulPublicDataLen == 0)
    return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)params.kdf);
  xdr_put_opaque(xdr, params.pSharedData, params.ulSharedDataLen);
  xdr_put_opaque(xdr, params.pPublicData, params.ulPublicDataLen);
  return CKR_OK;
}

static CK_RV put_hkdf(struct library *library, const CK_MECHANISM *given, struct buffer *xdr) {
  TAKE(CK_HKDF_PARAMS, params);
  if (params.bExtract > CK_TRUE || params.bExpand > CK_TRUE || (!params.bExtract && !params.bExpand))
    return CKR_MECHANISM_PARAM_INVALID;
  if (!parameter_is_digest(params.prfHashMechanism)) return CKR_MECHANISM_PARAM_INVALID;
  if (!parameter_is_input(params.pInfo, params.ulInfoLen, PARAMETER_INPUT_MAX / 2)) return CKR_MECHANISM_PARAM_INVALID;
  bool data = params.ulSaltType == CKF_HKDF_SALT_DATA, key = params.ulSaltType == CKF_HKDF_SALT_KEY;
  /* The salt counts only where something is extracted. */
  if (params.bExtract && !data && !key && params.ulSaltType != CKF_HKDF_SALT_NULL) return CKR_MECHANISM_PARAM_INVALID;
  if (data && !parameter_is_input(params.pSalt, params.ulSaltLen, PARAMETER_INPUT_MAX / 2))
    return CKR_MECHANISM_PARAM_INVALID;
  struct object_view view;
  if (key && !object_table_look_up(library, params.hSaltKey, &view)) return CKR_KEY_HANDLE_INVALID;
  if (key) facts_release(view.facts);
  xdr_put_u32(xdr, params.bExtract);
  xdr_put_u32(xdr, params.bExpand);
  xdr_put_u32(xdr, (uint32_t)params.prfHashMechanism);
  xdr_put_u32(xdr, data || key ? (uint32_t)params.ulSaltType : CKF_HKDF_SALT_NULL);
  xdr_put_opaque(xdr, data ? params.pSalt : NULL, data ? params.ulSaltLen : 0);
  xdr_put_opaque(xdr, key ? view.uuid : NULL, key ? sizeof view.uuid : 0);
  xdr_put_opaque(xdr, params.pInfo, params.ulInfoLen);
  return CKR_OK;
}

/*
 * CK_PKCS5_PBKD2_PARAMS, as 2.40 has it, holds a pointer to the length of the password where CK_PKCS5_PBKD2_PARAMS2 holds the
 * length. Both have the same size: no password is as long as a pointer is large.
 */
static CK_ULONG password_length(CK_ULONG given) {
  CK_ULONG length = given;
  if (given > LIMIT_OWN_MESSAGE && given % sizeof length == 0) memcpy(&length, (const void *)given, sizeof length);
  return length;
}

static CK_RV put_pbkdf2(const CK_MECHANISM *given, struct buffer *xdr) {
  TAKE(CK_PKCS5_PBKD2_PARAMS2, params);
  CK_ULONG length = password_length(params.ulPasswordLen);
  if (params.saltSource != CKZ_SALT_SPECIFIED || params.iterations == 0 || params.iterations > UINT32_MAX ||
      params.prf < CKP_PKCS5_PBKD2_HMAC_SHA1 || params.prf > CKP_PKCS5_PBKD2_HMAC_SHA512_256 || params.ulPrfDataLen > 0)
    return CKR_MECHANISM_PARAM_INVALID;
  if (!parameter_is_input(params.pSaltSourceData, params.ulSaltSourceDataLen, PARAMETER_INPUT_MAX / 2) ||
      !parameter_is_input(params.pPassword, length, PARAMETER_INPUT_MAX / 2))
    return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)params.prf);
  xdr_put_opaque(xdr, params.pSaltSourceData, params.ulSaltSourceDataLen);
  xdr_put_u32(xdr, (uint32_t)params.iterations);
  xdr_put_opaque(xdr, params.pPassword, length);
  return CKR_OK;
}

/* One input of an SP 800-108 function; a counter's format crosses the wire as words. */
static CK_RV put_kdf_part(const CK_PRF_DATA_PARAM *part, struct buffer *xdr) {
  uint32_t words[3];
  size_t count = 0;
  if (!parameter_is_input(part->pValue, part->ulValueLen, KDF_BYTES_MAX)) return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)part->type);
  switch (part->type) {
    case CK_SP800_108_BYTE_ARRAY:
      xdr_put_opaque(xdr, part->pValue, part->ulValueLen);
      return part->ulValueLen > 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
    case CK_SP800_108_ITERATION_VARIABLE:
      /* Without a format in the modes that feed their output back. */
      if (part->ulValueLen == 0) break;
      /* fall through */
    case CK_SP800_108_COUNTER: {
      CK_SP800_108_COUNTER_FORMAT format;
      if (part->ulValueLen != sizeof format) return CKR_MECHANISM_PARAM_INVALID;
      memcpy(&format, part->pValue, sizeof format);
      if (format.ulWidthInBits > 64) return CKR_MECHANISM_PARAM_INVALID;
      words[count++] = format.bLittleEndian != CK_FALSE;
      words[count++] = (uint32_t)format.ulWidthInBits;
      break;
    }
    case CK_SP800_108_DKM_LENGTH: {
      CK_SP800_108_DKM_LENGTH_FORMAT format;
      if (part->ulValueLen != sizeof format) return CKR_MECHANISM_PARAM_INVALID;
      memcpy(&format, part->pValue, sizeof format);
      if (format.ulWidthInBits > 64 || format.dkmLengthMethod > CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS)
        return CKR_MECHANISM_PARAM_INVALID;
      words[count++] = (uint32_t)format.dkmLengthMethod;
      words[count++] = format.bLittleEndian != CK_FALSE;
      words[count++] = (uint32_t)format.ulWidthInBits;
      break;
    }
    default:
      return CKR_MECHANISM_PARAM_INVALID;
  }
  xdr_put_u32(xdr, (uint32_t)(4 * count));
  for (size_t i = 0; i < count; i++) xdr_put_u32(xdr, words[i]);
  return CKR_OK;
}

static CK_RV put_kdf108(const struct mechanism *mechanism, const CK_MECHANISM *given, struct buffer *xdr) {
  CK_SP800_108_FEEDBACK_KDF_PARAMS params = {0};
  if (mechanism->type == CKM_SP800_108_FEEDBACK_KDF) {
    TAKE(CK_SP800_108_FEEDBACK_KDF_PARAMS, feedback);
    params = feedback;
  } else {
    TAKE(CK_SP800_108_KDF_PARAMS, plain);
    params = (CK_SP800_108_FEEDBACK_KDF_PARAMS){.prfType = plain.prfType,
                                                .ulNumberOfDataParams = plain.ulNumberOfDataParams,
                                                .pDataParams = plain.pDataParams,
                                                .ulAdditionalDerivedKeys = plain.ulAdditionalDerivedKeys};
  }
  const struct mechanism *prf = mechanism_find(params.prfType, CKF_SIGN);
  if (prf == NULL || mechanism_mac_length(prf) == 0 || prf->parameter != PARAMETER_NONE) return CKR_MECHANISM_PARAM_INVALID;
  /* One call makes one key. */
  if (params.ulAdditionalDerivedKeys > 0) return CKR_MECHANISM_PARAM_INVALID;
  if (params.ulNumberOfDataParams == 0 || params.ulNumberOfDataParams > KDF_PARTS_MAX || params.pDataParams == NULL ||
      !parameter_is_input(params.pIV, params.ulIVLen, KDF_IV_MAX))
    return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)params.prfType);
  xdr_put_opaque(xdr, params.pIV, params.ulIVLen);
  xdr_put_u32(xdr, (uint32_t)params.ulNumberOfDataParams);
  for (CK_ULONG i = 0; i < params.ulNumberOfDataParams; i++) {
    CK_RV rv = put_kdf_part(&params.pDataParams[i], xdr);
    if (rv != CKR_OK) return rv;
  }
  return CKR_OK;
}

CK_RV parameter_encode_derivation(struct library *library, const struct mechanism *mechanism, const CK_MECHANISM *given,
                                  struct buffer *xdr) {
  switch (mechanism->parameter) {
    case PARAMETER_ECDH:
      return put_ecdh(given, xdr);
    case PARAMETER_HKDF:
      return put_hkdf(library, given, xdr);
    case PARAMETER_PBKDF2:
      return put_pbkdf2(given, xdr);
    case PARAMETER_KDF108:
      return put_kdf108(mechanism, given, xdr);
    default:
      return CKR_MECHANISM_PARAM_INVALID;
  }
}
