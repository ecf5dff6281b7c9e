/* The module: table of functions, arguments, results. */

#include "binding.h"

#include <openssl/err.h>

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < count) {
    napi_throw_type_error(env, NULL, "argument missing");
    return false;
  }
  return true;
}

bool read_bytes(napi_env env, napi_value value, struct bytes *bytes) {
  napi_typedarray_type type;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, &bytes->length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "Uint8Array expected");
    return false;
  }
  bytes->data = data;
  return true;
}

struct key *read_key(napi_env env, napi_value value) {
  void *key = NULL;
  if (napi_get_value_external(env, value, &key) != napi_ok || key == NULL || ((struct key *)key)->pkey == NULL) {
    napi_throw_type_error(env, NULL, "key expected");
    return NULL;
  }
  return key;
}

napi_value answer(napi_env env, bool success) {
  if (!success) ERR_clear_error();
  napi_value value = NULL;
  napi_get_boolean(env, success, &value);
  return value;
}

napi_value undefined_value(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

#define FUNCTION(name, callback) \
  { name, NULL, callback, NULL, NULL, NULL, napi_enumerable, NULL }

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      FUNCTION("loadPrivateKey", load_private_key),
      FUNCTION("loadPublicKey", load_public_key),
      FUNCTION("destroyKey", destroy_key),
      FUNCTION("signDigest", sign_digest),
      FUNCTION("verifyDigest", verify_digest),
      FUNCTION("signMessage", sign_message),
      FUNCTION("verifyMessage", verify_message),
      FUNCTION("signOnPool", sign_on_pool),
      FUNCTION("signTogether", sign_together),
      FUNCTION("verifyRsa", verify_rsa),
      FUNCTION("checkRsaKey", check_rsa_key),
      FUNCTION("rsaPrivateExponent", rsa_private_exponent),
      FUNCTION("lmsLeaves", lms_leaves),
      FUNCTION("lmsInnerNodes", lms_inner_nodes),
      FUNCTION("lmotsSign", lmots_sign_on_pool),
      FUNCTION("lmotsCandidate", lmots_candidate_key),
      FUNCTION("evp", evp_at_once),
      FUNCTION("evpOnPool", evp_on_pool),
      FUNCTION("lockFile", lock_file),
      FUNCTION("disableDumps", disable_dumps),
      FUNCTION("lockedMemory", locked_memory),
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) != napi_ok) return NULL;
  return exports;
}
