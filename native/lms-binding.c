/* LMS for JavaScript: what takes long works on libuv's thread pool. See src/crypto/native.ts. */

#include "binding.h"
#include "lms.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* Leaves of one job: the pool's threads are shared with RSA signatures, which shall not wait for long. */
#define MAX_LEAVES 4096

struct lms_work {
  napi_async_work work;
  napi_deferred deferred;
  uint8_t id[LMS_ID];
  uint8_t seed[LMS_HASH];
  struct lmots key;
  /* Leaves of the tree and of this job; 0 if a message is to be signed. */
  uint32_t leaves;
  uint32_t count;
  size_t result_length;
  uint8_t *result;
  size_t message_length;
  uint8_t message[];
};

static void execute_lms(napi_env env, void *data) {
  (void)env;
  struct lms_work *work = data;
  if (work->count == 0) {
    lmots_sign(&work->key, work->seed, work->message, work->message_length, work->result);
    return;
  }
  struct lmots key = work->key;
  for (uint32_t i = 0; i < work->count; i++, key.q++) lms_leaf(&key, work->seed, work->leaves, work->result + i * LMS_HASH);
}

static void free_lms(napi_env env, struct lms_work *work) {
  if (work->work != NULL) napi_delete_async_work(env, work->work);
  OPENSSL_cleanse(work->seed, sizeof work->seed);
  free(work->result);
  free(work);
}

/* Back on the main thread: the bytes, or undefined. */
static void complete_lms(napi_env env, napi_status status, void *data) {
  struct lms_work *work = data;
  napi_value result = NULL;
  if (status != napi_ok || napi_create_buffer_copy(env, work->result_length, work->result, NULL, &result) != napi_ok)
    result = undefined_value(env);
  napi_deferred deferred = work->deferred;
  free_lms(env, work);
  napi_resolve_deferred(env, deferred, result);
}

static napi_value queue_lms(napi_env env, struct lms_work *work) {
  napi_value name, promise;
  work->result = malloc(work->result_length);
  if (work->result == NULL || napi_create_string_utf8(env, "lms", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute_lms, complete_lms, work, &work->work) != napi_ok ||
      napi_create_promise(env, &work->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, work->work) != napi_ok) {
    free_lms(env, work);
    napi_throw_error(env, NULL, "hash-based signature cannot be queued");
    return NULL;
  }
  return promise;
}

static bool read_number(napi_env env, napi_value value, uint32_t *number) {
  if (napi_get_value_uint32(env, value, number) == napi_ok) return true;
  napi_throw_type_error(env, NULL, "number expected");
  return false;
}

static bool read_fixed(napi_env env, napi_value value, size_t length, struct bytes *bytes) {
  if (!read_bytes(env, value, bytes)) return false;
  if (bytes->length == length) return true;
  napi_throw_type_error(env, NULL, "wrong number of bytes");
  return false;
}

/* Identifier, seed, w and q, the first four arguments of both jobs. */
static struct lms_work *read_work(napi_env env, const napi_value *arguments, struct bytes message) {
  struct bytes id, seed;
  uint32_t w, q;
  if (!read_fixed(env, arguments[0], LMS_ID, &id) || !read_fixed(env, arguments[1], LMS_HASH, &seed) ||
      !read_number(env, arguments[2], &w) || !read_number(env, arguments[3], &q))
    return NULL;
  struct lms_work *work = lmots_chains(w) == 0 ? NULL : calloc(1, sizeof *work + message.length);
  if (work == NULL) {
    napi_throw_error(env, NULL, "unknown w, or out of memory");
    return NULL;
  }
  memcpy(work->id, id.data, LMS_ID);
  memcpy(work->seed, seed.data, LMS_HASH);
  work->key = (struct lmots){.id = work->id, .q = q, .w = w};
  work->message_length = message.length;
  if (message.length > 0) memcpy(work->message, message.data, message.length);
  return work;
}

napi_value lms_leaves(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  uint32_t height, count;
  if (!read_arguments(env, info, 6, arguments) || !read_number(env, arguments[4], &height) ||
      !read_number(env, arguments[5], &count))
    return NULL;
  struct lms_work *work = read_work(env, arguments, (struct bytes){NULL, 0});
  if (work == NULL) return NULL;
  if (height > 25 || count == 0 || count > MAX_LEAVES || count > 1U << height || work->key.q > (1U << height) - count) {
    free_lms(env, work);
    napi_throw_type_error(env, NULL, "these leaves do not exist");
    return NULL;
  }
  work->leaves = 1U << height;
  work->count = count;
  work->result_length = (size_t)count * LMS_HASH;
  return queue_lms(env, work);
}

napi_value lmots_sign_on_pool(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  struct bytes message;
  if (!read_arguments(env, info, 5, arguments) || !read_bytes(env, arguments[4], &message)) return NULL;
  struct lms_work *work = read_work(env, arguments, message);
  if (work == NULL) return NULL;
  work->result_length = (lmots_chains(work->key.w) + 1) * LMS_HASH;
  return queue_lms(env, work);
}

napi_value lms_inner_nodes(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct bytes id, nodes;
  if (!read_arguments(env, info, 2, arguments) || !read_fixed(env, arguments[0], LMS_ID, &id) ||
      !read_bytes(env, arguments[1], &nodes))
    return NULL;
  const size_t count = nodes.length / LMS_HASH;
  if (count < 4 || nodes.length % LMS_HASH != 0 || (count & (count - 1)) != 0 || count > (1U << 26)) {
    napi_throw_type_error(env, NULL, "a whole tree expected");
    return NULL;
  }
  for (uint32_t r = (uint32_t)(count / 2) - 1; r > 0; r--) {
    lms_inner_node(id.data, r, nodes.data + (size_t)r * 2 * LMS_HASH, nodes.data + (size_t)r * LMS_HASH);
  }
  return undefined_value(env);
}

napi_value lmots_candidate_key(napi_env env, napi_callback_info info) {
  napi_value arguments[5], result = NULL;
  struct bytes id, message, signature;
  uint32_t w, q;
  if (!read_arguments(env, info, 5, arguments) || !read_fixed(env, arguments[0], LMS_ID, &id) ||
      !read_number(env, arguments[1], &w) || !read_number(env, arguments[2], &q) ||
      !read_bytes(env, arguments[3], &message) ||
      !read_fixed(env, arguments[4], (lmots_chains(w) + 1) * LMS_HASH, &signature))
    return NULL;
  if (lmots_chains(w) == 0) {
    napi_throw_type_error(env, NULL, "unknown w");
    return NULL;
  }
  const struct lmots key = {.id = id.data, .q = q, .w = w};
  uint8_t candidate[LMS_HASH];
  lmots_candidate(&key, signature.data, message.data, message.length, candidate);
  if (napi_create_buffer_copy(env, sizeof candidate, candidate, NULL, &result) != napi_ok) return NULL;
  return result;
}
