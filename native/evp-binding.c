/* EVP operations for JavaScript, on the calling thread or on one of libuv's pool. */

#include "evp.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct evp_work {
  napi_async_work work;
  napi_deferred deferred;
  bool success;
  struct evp_job job;
};

static bool (*const PERFORM[OPERATIONS])(struct evp_job *) = {
    [OPERATION_SIGN] = evp_sign,
    [OPERATION_VERIFY] = evp_verify,
    [OPERATION_SIGN_MESSAGE] = evp_sign_message,
    [OPERATION_VERIFY_MESSAGE] = evp_verify_message,
    [OPERATION_ENCRYPT] = evp_encrypt,
    [OPERATION_DECRYPT] = evp_decrypt,
    [OPERATION_AGREE] = evp_agree,
    [OPERATION_ENCAPSULATE] = evp_encapsulate,
    [OPERATION_DECAPSULATE] = evp_decapsulate,
    [OPERATION_MAC] = evp_mac,
    [OPERATION_GENERATE] = evp_generate,
    [OPERATION_PUBLIC_KEY] = evp_public_key,
    [OPERATION_READ] = evp_read,
    [OPERATION_CHECK_PAIR] = evp_check_pair,
};

bool allot_result(struct evp_job *job, size_t length) {
  job->result = (struct bytes){.data = OPENSSL_malloc(length + 1), .length = length};
  return job->result.data != NULL;
}

static void clear_bytes(struct bytes *bytes) {
  OPENSSL_clear_free(bytes->data, bytes->length + 1);
  *bytes = (struct bytes){0};
}

static void free_evp(napi_env env, struct evp_work *work) {
  if (work->work != NULL) napi_delete_async_work(env, work->work);
  EVP_PKEY_free(work->job.pkey);
  for (size_t i = 0; i < MAX_EVP_PARAMETERS; i++) clear_bytes(&work->job.values[i].value);
  clear_bytes(&work->job.input);
  clear_bytes(&work->job.second);
  /* OpenSSL may have shortened the result, never lengthened it. */
  clear_bytes(&work->job.result);
  free(work);
}

/* A copy with one byte more, so that no bytes are not NULL. */
static bool copy_bytes(napi_env env, napi_value value, struct bytes *copy) {
  struct bytes bytes;
  if (!read_bytes(env, value, &bytes)) return false;
  copy->data = OPENSSL_malloc(bytes.length + 1);
  if (copy->data == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return false;
  }
  if (bytes.length > 0) memcpy(copy->data, bytes.data, bytes.length);
  copy->data[bytes.length] = 0;
  copy->length = bytes.length;
  return true;
}

static bool read_name(napi_env env, napi_value value, char *name) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, name, MAX_EVP_NAME, &length) == napi_ok) return true;
  napi_throw_type_error(env, NULL, "name expected");
  return false;
}

/* Value of a parameter: string, number or bytes. */
static bool read_value(napi_env env, napi_value value, struct evp_parameter *to, OSSL_PARAM *parameter) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_number) {
    if (napi_get_value_int32(env, value, &to->number) != napi_ok) return false;
    *parameter = OSSL_PARAM_construct_int(to->name, &to->number);
    return true;
  }
  if (type == napi_string) {
    to->value.data = OPENSSL_malloc(MAX_EVP_NAME);
    to->value.length = MAX_EVP_NAME - 1;
    if (to->value.data == NULL || !read_name(env, value, (char *)to->value.data)) return false;
    *parameter = OSSL_PARAM_construct_utf8_string(to->name, (char *)to->value.data, 0);
    return true;
  }
  if (!copy_bytes(env, value, &to->value)) return false;
  *parameter = OSSL_PARAM_construct_octet_string(to->name, to->value.data, to->value.length);
  return true;
}

/* An array of names, each followed by its value. */
static bool read_parameters(napi_env env, napi_value array, struct evp_job *job) {
  uint32_t length;
  if (napi_get_array_length(env, array, &length) != napi_ok || length % 2 != 0 || length / 2 > MAX_EVP_PARAMETERS) {
    napi_throw_type_error(env, NULL, "array of names and values expected");
    return false;
  }
  for (uint32_t i = 0; i < length / 2; i++) {
    napi_value name, value;
    if (napi_get_element(env, array, 2 * i, &name) != napi_ok ||
        napi_get_element(env, array, 2 * i + 1, &value) != napi_ok || !read_name(env, name, job->values[i].name) ||
        !read_value(env, value, &job->values[i], &job->parameters[i]))
      return false;
  }
  job->parameters[length / 2] = OSSL_PARAM_construct_end();
  return true;
}

static bool read_subject(napi_env env, napi_value value, struct evp_job *job) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_string) return read_name(env, value, job->name);
  struct key *key = read_key(env, value);
  if (key == NULL) return false;
  EVP_PKEY_up_ref(key->pkey);
  job->pkey = key->pkey;
  return true;
}

static bool read_job(napi_env env, const napi_value *arguments, struct evp_job *job) {
  uint32_t operation;
  if (napi_get_value_uint32(env, arguments[0], &operation) != napi_ok || operation >= OPERATIONS) {
    napi_throw_type_error(env, NULL, "operation expected");
    return false;
  }
  job->operation = (enum evp_operation)operation;
  if (!read_subject(env, arguments[1], job) || !read_parameters(env, arguments[2], job) ||
      !copy_bytes(env, arguments[3], &job->input) || !copy_bytes(env, arguments[4], &job->second))
    return false;
  bool named = operation == OPERATION_MAC || operation == OPERATION_GENERATE;
  if (named == (job->pkey == NULL)) return true;
  napi_throw_type_error(env, NULL, named ? "name of an algorithm expected" : "key expected");
  return false;
}

/* Errors stay in the queue of the thread, where Node's TLS would take them for its own. */
static bool perform(struct evp_job *job) {
  bool success = PERFORM[job->operation](job);
  if (!success) ERR_clear_error();
  return success;
}

static napi_value result_of(napi_env env, struct evp_work *work) {
  napi_value result;
  if (work->success &&
      napi_create_buffer_copy(env, work->job.result.length, work->job.result.data, NULL, &result) == napi_ok)
    return result;
  return undefined_value(env);
}

static void execute_evp(napi_env env, void *data) {
  (void)env;
  struct evp_work *work = data;
  work->success = perform(&work->job);
}

/* Back on the main thread: the bytes, or undefined. */
static void complete_evp(napi_env env, napi_status status, void *data) {
  struct evp_work *work = data;
  napi_value result = status == napi_ok ? result_of(env, work) : undefined_value(env);
  napi_deferred deferred = work->deferred;
  free_evp(env, work);
  napi_resolve_deferred(env, deferred, result);
}

static napi_value queue_evp(napi_env env, struct evp_work *work) {
  napi_value name, promise;
  if (napi_create_string_utf8(env, "evp", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute_evp, complete_evp, work, &work->work) != napi_ok ||
      napi_create_promise(env, &work->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, work->work) != napi_ok) {
    free_evp(env, work);
    napi_throw_error(env, NULL, "operation cannot be queued");
    return NULL;
  }
  return promise;
}

/* Reads operation, subject, parameters, input and second input. */
static struct evp_work *read_work(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  if (!read_arguments(env, info, 5, arguments)) return NULL;
  struct evp_work *work = calloc(1, sizeof *work);
  if (work == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  if (read_job(env, arguments, &work->job)) return work;
  free_evp(env, work);
  return NULL;
}

napi_value evp_at_once(napi_env env, napi_callback_info info) {
  struct evp_work *work = read_work(env, info);
  if (work == NULL) return NULL;
  work->success = perform(&work->job);
  napi_value result = result_of(env, work);
  free_evp(env, work);
  return result;
}

napi_value evp_on_pool(napi_env env, napi_callback_info info) {
  struct evp_work *work = read_work(env, info);
  return work == NULL ? NULL : queue_evp(env, work);
}
