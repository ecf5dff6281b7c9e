/* Several fast signatures at once: threads of our own take them from one list together with the main thread, which returns
 * when all are made. A job of libuv's pool for each would cost more than it saves, and would wait behind RSA signatures. */

#define _GNU_SOURCE

#include "binding.h"

#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Helping threads at most; there is one fewer than there are processors. */
#define MAX_HELPERS 3

/* Microseconds of work, as measured, above which waking a helper pays. */
#define WORTH_HELP 100
#define EC_COST 20
#define EDWARDS_COST 36

struct item {
  struct key *key;
  struct bytes input;
  uint8_t *signature;
  size_t signature_length;
};

struct list {
  struct item *items;
  size_t count;
  _Atomic size_t next;
  atomic_bool failed;
};

/* The list that helpers may take from, how many of them do, and a number by which they know that it is a new one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static struct list *current;
static unsigned generation;
static unsigned busy;
static int helpers = -1;

static bool sign_item(const struct item *item) {
  if (item->key->kind == KEY_EC) {
    uint8_t der[MAX_EC_DER_BYTES];
    size_t length = sizeof der;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, item->key->pkey, NULL);
    bool made = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_sign(context, der, &length, item->input.data, item->input.length) == 1 &&
                to_halves(der, length, item->signature, item->key->size);
    EVP_PKEY_CTX_free(context);
    return made;
  }
  size_t length = item->signature_length;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool made = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, item->key->pkey) == 1 &&
              EVP_DigestSign(context, item->signature, &length, item->input.data, item->input.length) == 1 &&
              length == item->signature_length;
  EVP_MD_CTX_free(context);
  return made;
}

static void take_items(struct list *list) {
  size_t i;
  while ((i = atomic_fetch_add(&list->next, 1)) < list->count) {
    if (!sign_item(&list->items[i])) atomic_store(&list->failed, true);
  }
}

static void *help(void *unused) {
  (void)unused;
  unsigned seen = 0;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (current == NULL || generation == seen) pthread_cond_wait(&posted, &lock);
    struct list *list = current;
    seen = generation;
    busy++;
    pthread_mutex_unlock(&lock);
    take_items(list);
    pthread_mutex_lock(&lock);
    if (--busy == 0) pthread_cond_signal(&left);
  }
  return NULL;
}

/* Starts the helpers, which live as long as the process and leave all signals to Node. */
static void start_helpers(void) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  sigset_t all, before;
  helpers = 0;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (; helpers < MAX_HELPERS && helpers + 1 < processors; helpers++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, help, NULL) != 0) break;
    pthread_detach(thread);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void sign_list(struct list *list, unsigned cost) {
  if (cost >= WORTH_HELP && helpers < 0) start_helpers();
  bool helped = cost >= WORTH_HELP && helpers > 0;
  if (helped) {
    pthread_mutex_lock(&lock);
    current = list;
    generation++;
    pthread_cond_broadcast(&posted);
    pthread_mutex_unlock(&lock);
  }
  take_items(list);
  if (!helped) return;
  /* A helper that has taken an item needs no longer than for this one. */
  pthread_mutex_lock(&lock);
  current = NULL;
  while (busy > 0) pthread_cond_wait(&left, &lock);
  pthread_mutex_unlock(&lock);
}

/* Reads key, input and place number `i`; false with an exception pending. */
static bool read_item(napi_env env, const napi_value *arrays, uint32_t i, struct item *item) {
  napi_value key, input, signature;
  struct bytes out;
  if (napi_get_element(env, arrays[0], i, &key) != napi_ok || napi_get_element(env, arrays[1], i, &input) != napi_ok ||
      napi_get_element(env, arrays[2], i, &signature) != napi_ok)
    return false;
  item->key = read_key(env, key);
  if (item->key == NULL || !read_bytes(env, input, &item->input) || !read_bytes(env, signature, &out)) return false;
  if (item->key->kind == KEY_RSA || (item->key->kind == KEY_EC && out.length != 2 * item->key->size)) {
    napi_throw_type_error(env, NULL, "EC or Edwards key and a signature of its length expected");
    return false;
  }
  item->signature = out.data;
  item->signature_length = out.length;
  return true;
}

napi_value sign_together(napi_env env, napi_callback_info info) {
  napi_value arrays[3];
  uint32_t count;
  if (!read_arguments(env, info, 3, arrays)) return NULL;
  if (napi_get_array_length(env, arrays[0], &count) != napi_ok) {
    napi_throw_type_error(env, NULL, "array of keys expected");
    return NULL;
  }
  struct list list = {.items = calloc(count + 1, sizeof(struct item)), .count = count};
  if (list.items == NULL) return answer(env, false);
  unsigned cost = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!read_item(env, arrays, i, &list.items[i])) {
      free(list.items);
      return NULL;
    }
    cost += list.items[i].key->kind == KEY_EC ? EC_COST : EDWARDS_COST;
  }
  sign_list(&list, cost);
  free(list.items);
  return answer(env, !atomic_load(&list.failed));
}
