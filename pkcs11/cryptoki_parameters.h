/* The structures of mechanism parameters (PKCS#11 3.2, header pkcs11t.h). Part of cryptoki.h. */
#ifndef DKS_CRYPTOKI_PARAMETERS_H
#define DKS_CRYPTOKI_PARAMETERS_H

typedef struct {
  CK_MECHANISM_TYPE hashAlg;
  CK_ULONG mgf, source;
  void *pSourceData;
  CK_ULONG ulSourceDataLen;
} CK_RSA_PKCS_OAEP_PARAMS;

typedef struct {
  CK_MECHANISM_TYPE hashAlg;
  CK_ULONG mgf, sLen;
} CK_RSA_PKCS_PSS_PARAMS;

typedef struct {
  CK_ULONG ulAESKeyBits;
  CK_RSA_PKCS_OAEP_PARAMS *pOAEPParams;
} CK_RSA_AES_KEY_WRAP_PARAMS;

typedef struct {
  CK_ULONG kdf, ulSharedDataLen;
  CK_BYTE *pSharedData;
  CK_ULONG ulPublicDataLen;
  CK_BYTE *pPublicData;
} CK_ECDH1_DERIVE_PARAMS;

typedef struct {
  CK_BBOOL phFlag;
  CK_ULONG ulContextDataLen;
  CK_BYTE *pContextData;
} CK_EDDSA_PARAMS;

typedef struct {
  CK_ULONG ulCounterBits;
  CK_BYTE cb[16];
} CK_AES_CTR_PARAMS;

typedef struct {
  CK_BYTE *pIv;
  CK_ULONG ulIvLen, ulIvBits;
  CK_BYTE *pAAD;
  CK_ULONG ulAADLen, ulTagBits;
} CK_GCM_PARAMS;

/* As PKCS#11 2.40 printed it first, and many programs still have it. */
typedef struct {
  CK_BYTE *pIv;
  CK_ULONG ulIvLen;
  CK_BYTE *pAAD;
  CK_ULONG ulAADLen, ulTagBits;
} CK_GCM_PARAMS_SHORT;

typedef struct {
  CK_BYTE *pIv;
  CK_ULONG ulIvLen, ulIvFixedBits, ivGenerator;
  CK_BYTE *pTag;
  CK_ULONG ulTagBits;
} CK_GCM_MESSAGE_PARAMS;

typedef struct {
  CK_BYTE *pIv;
  CK_ULONG ulIvLen, ulIvFixedBits, ivGenerator;
  CK_BYTE *pAAD;
  CK_ULONG ulAADLen, ulTagBits;
} CK_GCM_WRAP_PARAMS;

typedef struct {
  CK_ULONG ulDataLen;
  CK_BYTE *pNonce;
  CK_ULONG ulNonceLen;
  CK_BYTE *pAAD;
  CK_ULONG ulAADLen, ulMACLen;
} CK_CCM_PARAMS;

typedef struct {
  CK_ULONG ulDataLen;
  CK_BYTE *pNonce;
  CK_ULONG ulNonceLen, ulNonceFixedBits, nonceGenerator;
  CK_BYTE *pMAC;
  CK_ULONG ulMACLen;
} CK_CCM_MESSAGE_PARAMS;

typedef struct {
  CK_ULONG ulDataLen;
  CK_BYTE *pNonce;
  CK_ULONG ulNonceLen, ulNonceFixedBits, nonceGenerator;
  CK_BYTE *pAAD;
  CK_ULONG ulAADLen, ulMACLen;
} CK_CCM_WRAP_PARAMS;

typedef struct {
  CK_BBOOL bExtract, bExpand;
  CK_MECHANISM_TYPE prfHashMechanism;
  CK_ULONG ulSaltType;
  CK_BYTE *pSalt;
  CK_ULONG ulSaltLen;
  CK_OBJECT_HANDLE hSaltKey;
  CK_BYTE *pInfo;
  CK_ULONG ulInfoLen;
} CK_HKDF_PARAMS;

typedef struct {
  CK_ULONG saltSource;
  void *pSaltSourceData;
  CK_ULONG ulSaltSourceDataLen, iterations, prf;
  void *pPrfData;
  CK_ULONG ulPrfDataLen;
  CK_UTF8CHAR *pPassword;
  CK_ULONG ulPasswordLen;
} CK_PKCS5_PBKD2_PARAMS2;

typedef struct {
  CK_ULONG type;
  void *pValue;
  CK_ULONG ulValueLen;
} CK_PRF_DATA_PARAM;

typedef struct {
  CK_BBOOL bLittleEndian;
  CK_ULONG ulWidthInBits;
} CK_SP800_108_COUNTER_FORMAT;

typedef struct {
  CK_ULONG dkmLengthMethod;
  CK_BBOOL bLittleEndian;
  CK_ULONG ulWidthInBits;
} CK_SP800_108_DKM_LENGTH_FORMAT;

typedef struct {
  CK_MECHANISM_TYPE prfType;
  CK_ULONG ulNumberOfDataParams;
  CK_PRF_DATA_PARAM *pDataParams;
  CK_ULONG ulAdditionalDerivedKeys;
  void *pAdditionalDerivedKeys;
} CK_SP800_108_KDF_PARAMS;

typedef struct {
  CK_MECHANISM_TYPE prfType;
  CK_ULONG ulNumberOfDataParams;
  CK_PRF_DATA_PARAM *pDataParams;
  CK_ULONG ulIVLen;
  CK_BYTE *pIV;
  CK_ULONG ulAdditionalDerivedKeys;
  void *pAdditionalDerivedKeys;
} CK_SP800_108_FEEDBACK_KDF_PARAMS;

typedef struct {
  CK_ULONG hedgeVariant;
  CK_BYTE *pContext;
  CK_ULONG ulContextLen;
} CK_SIGN_ADDITIONAL_CONTEXT;

typedef struct {
  CK_ULONG hedgeVariant;
  CK_BYTE *pContext;
  CK_ULONG ulContextLen;
  CK_MECHANISM_TYPE hash;
} CK_HASH_SIGN_ADDITIONAL_CONTEXT;

#endif
