#include "parameters.h"

#include <string.h>

#include "xdr.h"

bool parameter_is_input(const void *bytes, CK_ULONG length, CK_ULONG max) {
  return length <= max && (bytes != NULL || length == 0);
}

bool parameter_is_digest(CK_MECHANISM_TYPE type) { return digest_of_mechanism(type) != DIGEST_NONE; }

/* The structure behind a mechanism; NULL if it has another size. */
static const void *structure(const CK_MECHANISM *given, size_t size) {
  return given->pParameter != NULL && given->ulParameterLen == size ? given->pParameter : NULL;
}

/* Program memory need not be aligned for its structure. */
#define TAKE(type, name)                                                                                               \
  type name;                                                                                                           \
  const void *name##_at = structure(given, sizeof name);                                                               \
  if (name##_at == NULL) return CKR_MECHANISM_PARAM_INVALID;                                                           \
  memcpy(&name, name##_at, sizeof name)

static bool is_mgf(CK_ULONG mgf) { return mgf >= CKG_MGF1_SHA1 && mgf <= CKG_MGF1_SHA3_512; }

static CK_RV put_iv(const struct mechanism *mechanism, const CK_MECHANISM *given, struct parameter_facts *known,
                    struct buffer *xdr) {
  CK_ULONG length = given->pParameter == NULL ? 0 : given->ulParameterLen;
  if (mechanism->parts == PARTS_BLOCKS) {
    if (length != BLOCK) return CKR_MECHANISM_PARAM_INVALID;
    memcpy(known->block, given->pParameter, BLOCK);
  } else if (length == 0) {
    /* The IV of a key wrapping is optional (RFC 3394, 2.2.3; RFC 5649, 3). */
    return given->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
  } else if (length != (mechanism->type == CKM_AES_KEY_WRAP ? 8 : 4)) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  xdr_put_opaque(xdr, given->pParameter, length);
  return CKR_OK;
}

static CK_RV put_ctr(const CK_MECHANISM *given, struct parameter_facts *known, struct buffer *xdr) {
  TAKE(CK_AES_CTR_PARAMS, params);
  if (params.ulCounterBits == 0 || params.ulCounterBits > 8 * BLOCK) return CKR_MECHANISM_PARAM_INVALID;
  memcpy(known->block, params.cb, BLOCK);
  known->counter_bits = (uint32_t)params.ulCounterBits;
  xdr_put_u32(xdr, known->counter_bits);
  xdr_put_opaque(xdr, params.cb, BLOCK);
  return CKR_OK;
}

CK_RV parameter_put_gcm(struct buffer *xdr, const CK_BYTE *iv, CK_ULONG iv_length, const CK_BYTE *aad,
                        CK_ULONG aad_length, CK_ULONG tag_bits) {
  /* SP 800-38D, 5.2.1.2: these lengths of the tag. */
  bool tag = tag_bits % 8 == 0 && tag_bits <= 128 && (tag_bits >= 96 || tag_bits == 64 || tag_bits == 32);
  if (!tag || iv_length == 0 || !parameter_is_input(iv, iv_length, PARAMETER_IV_MAX)) return CKR_MECHANISM_PARAM_INVALID;
  if (!parameter_is_input(aad, aad_length, PARAMETER_AAD_MAX)) return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_opaque(xdr, iv, iv_length);
  xdr_put_opaque(xdr, aad, aad_length);
  xdr_put_u32(xdr, (uint32_t)tag_bits);
  return CKR_OK;
}

static CK_RV put_gcm(const CK_MECHANISM *given, struct parameter_facts *known, struct buffer *xdr) {
  CK_GCM_PARAMS params = {0};
  const void *at = given->pParameter;
  if (at != NULL && given->ulParameterLen == sizeof params) {
    /* The bits of the IV stand beside its bytes, and programs leave them 0 or wrong. */
    memcpy(&params, at, sizeof params);
  } else if (at != NULL && given->ulParameterLen == sizeof(CK_GCM_PARAMS_SHORT)) {
    CK_GCM_PARAMS_SHORT brief;
    memcpy(&brief, at, sizeof brief);
    params = (CK_GCM_PARAMS){brief.pIv, brief.ulIvLen, 0, brief.pAAD, brief.ulAADLen, brief.ulTagBits};
  } else {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  known->tag_length = params.ulTagBits / 8;
  return parameter_put_gcm(xdr, params.pIv, params.ulIvLen, params.pAAD, params.ulAADLen, params.ulTagBits);
}

CK_RV parameter_put_ccm(struct buffer *xdr, CK_ULONG data_length, const CK_BYTE *nonce, CK_ULONG nonce_length,
                        const CK_BYTE *aad, CK_ULONG aad_length, CK_ULONG mac_length) {
  /* SP 800-38C, A.1. */
  bool mac = mac_length >= 4 && mac_length <= 16 && mac_length % 2 == 0;
  if (!mac || nonce == NULL || nonce_length < 7 || nonce_length > 13) return CKR_MECHANISM_PARAM_INVALID;
  if (!parameter_is_input(aad, aad_length, PARAMETER_AAD_MAX)) return CKR_MECHANISM_PARAM_INVALID;
  if (data_length > LIMIT_SIGN_INPUT || (nonce_length == 13 && data_length > 0xffff)) return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)data_length);
  xdr_put_opaque(xdr, nonce, nonce_length);
  xdr_put_opaque(xdr, aad, aad_length);
  xdr_put_u32(xdr, (uint32_t)mac_length);
  return CKR_OK;
}

static CK_RV put_ccm(const CK_MECHANISM *given, struct parameter_facts *known, struct buffer *xdr) {
  TAKE(CK_CCM_PARAMS, params);
  known->tag_length = params.ulMACLen;
  known->data_length = params.ulDataLen;
  return parameter_put_ccm(xdr, params.ulDataLen, params.pNonce, params.ulNonceLen, params.pAAD, params.ulAADLen,
                           params.ulMACLen);
}

static CK_RV put_pss(const struct mechanism *mechanism, const CK_MECHANISM *given, struct buffer *xdr) {
  TAKE(CK_RSA_PKCS_PSS_PARAMS, params);
  enum digest digest = digest_of_mechanism(params.hashAlg);
  if (digest == DIGEST_NONE || !is_mgf(params.mgf)) return CKR_MECHANISM_PARAM_INVALID;
  /* The hash of CKM_SHA256_RSA_PKCS_PSS and the like must be the one in the name. */
  if (mechanism->digest != DIGEST_NONE && mechanism->digest != digest) return CKR_MECHANISM_PARAM_INVALID;
  if (params.sLen > 1024) return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)params.hashAlg);
  xdr_put_u32(xdr, (uint32_t)params.mgf);
  xdr_put_u32(xdr, (uint32_t)params.sLen);
  return CKR_OK;
}

static CK_RV put_oaep_params(const CK_RSA_PKCS_OAEP_PARAMS *params, struct buffer *xdr) {
  if (!parameter_is_digest(params->hashAlg) || !is_mgf(params->mgf)) return CKR_MECHANISM_PARAM_INVALID;
  /* Programs without a label leave the source 0. */
  bool labelled = params->source == CKZ_DATA_SPECIFIED || (params->source == 0 && params->ulSourceDataLen == 0);
  if (!labelled || !parameter_is_input(params->pSourceData, params->ulSourceDataLen, PARAMETER_INPUT_MAX))
    return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)params->hashAlg);
  xdr_put_u32(xdr, (uint32_t)params->mgf);
  xdr_put_opaque(xdr, params->pSourceData, params->ulSourceDataLen);
  return CKR_OK;
}

static CK_RV put_oaep(const CK_MECHANISM *given, struct buffer *xdr) {
  TAKE(CK_RSA_PKCS_OAEP_PARAMS, params);
  return put_oaep_params(&params, xdr);
}

static CK_RV put_rsa_aes_wrap(const CK_MECHANISM *given, struct buffer *xdr) {
  TAKE(CK_RSA_AES_KEY_WRAP_PARAMS, params);
  if (params.pOAEPParams == NULL) return CKR_MECHANISM_PARAM_INVALID;
  if (params.ulAESKeyBits != 128 && params.ulAESKeyBits != 192 && params.ulAESKeyBits != 256)
    return CKR_MECHANISM_PARAM_INVALID;
  CK_RSA_PKCS_OAEP_PARAMS oaep;
  memcpy(&oaep, params.pOAEPParams, sizeof oaep);
  xdr_put_u32(xdr, (uint32_t)params.ulAESKeyBits);
  return put_oaep_params(&oaep, xdr);
}

static CK_RV put_eddsa(const CK_MECHANISM *given, struct buffer *xdr) {
  if (given->ulParameterLen == 0) return CKR_OK;
  TAKE(CK_EDDSA_PARAMS, params);
  if (!parameter_is_input(params.pContextData, params.ulContextDataLen, 255) || params.phFlag > CK_TRUE)
    return CKR_MECHANISM_PARAM_INVALID;
  /* Without prehash and context it is pure EdDSA, which programs also ask for by an empty structure. */
  if (!params.phFlag && params.ulContextDataLen == 0) return CKR_OK;
  xdr_put_u32(xdr, params.phFlag);
  xdr_put_opaque(xdr, params.pContextData, params.ulContextDataLen);
  return CKR_OK;
}

/* CK_SIGN_ADDITIONAL_CONTEXT is optional; CKM_HASH_ML_DSA and CKM_HASH_SLH_DSA need to be told the hash. */
static CK_RV put_signature(const struct mechanism *mechanism, const CK_MECHANISM *given, struct buffer *xdr) {
  CK_HASH_SIGN_ADDITIONAL_CONTEXT params = {0};
  bool hashed = mechanism->type == CKM_HASH_ML_DSA || mechanism->type == CKM_HASH_SLH_DSA;
  size_t size = hashed ? sizeof params : sizeof(CK_SIGN_ADDITIONAL_CONTEXT);
  if (!hashed && given->ulParameterLen == 0) return CKR_OK;
  if (given->pParameter == NULL || given->ulParameterLen != size) return CKR_MECHANISM_PARAM_INVALID;
  memcpy(&params, given->pParameter, size);
  if (params.hedgeVariant > CKH_DETERMINISTIC_REQUIRED || (hashed && !parameter_is_digest(params.hash)) ||
      !parameter_is_input(params.pContext, params.ulContextLen, 255))
    return CKR_MECHANISM_PARAM_INVALID;
  xdr_put_u32(xdr, (uint32_t)params.hedgeVariant);
  xdr_put_opaque(xdr, params.pContext, params.ulContextLen);
  xdr_put_u32(xdr, (uint32_t)params.hash);
  return CKR_OK;
}

static CK_RV put_mac_length(const struct mechanism *mechanism, const CK_MECHANISM *given, struct parameter_facts *known,
                            struct buffer *xdr) {
  TAKE(CK_ULONG, length);
  if (length == 0 || length > mechanism_mac_length(mechanism)) return CKR_MECHANISM_PARAM_INVALID;
  known->tag_length = length;
  xdr_put_u32(xdr, (uint32_t)length);
  return CKR_OK;
}

CK_RV parameter_encode(struct library *library, const struct mechanism *mechanism, const CK_MECHANISM *given,
                       struct parameter_facts *known, struct buffer *xdr) {
  *known = (struct parameter_facts){0};
  switch (mechanism->parameter) {
    case PARAMETER_NONE:
      /* Not looked at: some programs leave garbage there. */
      return CKR_OK;
    case PARAMETER_IV:
      return put_iv(mechanism, given, known, xdr);
    case PARAMETER_CTR:
      return put_ctr(given, known, xdr);
    case PARAMETER_GCM:
      return put_gcm(given, known, xdr);
    case PARAMETER_CCM:
      return put_ccm(given, known, xdr);
    case PARAMETER_PSS:
      return put_pss(mechanism, given, xdr);
    case PARAMETER_OAEP:
      return put_oaep(given, xdr);
    case PARAMETER_RSA_AES_WRAP:
      return put_rsa_aes_wrap(given, xdr);
    case PARAMETER_EDDSA:
      return put_eddsa(given, xdr);
    case PARAMETER_SIGNATURE:
      return put_signature(mechanism, given, xdr);
    case PARAMETER_MAC_LENGTH:
      return put_mac_length(mechanism, given, known, xdr);
    default:
      return parameter_encode_derivation(library, mechanism, given, xdr);
  }
}
