#include "hash.h"

#include <stdlib.h>

static size_t place(uint64_t key, size_t size) { return (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (size - 1); }

static bool grow(struct hash *hash) {
  size_t size = hash->size == 0 ? 64 : 2 * hash->size;
  struct hash_node **buckets = calloc(size, sizeof *buckets);
  if (buckets == NULL) return hash->size > 0; /* a full table is slow, not wrong */
  for (size_t i = 0; i < hash->size; i++) {
    struct hash_node *node = hash->buckets[i];
    while (node != NULL) {
      struct hash_node *next = node->next, **bucket = &buckets[place(node->key, size)];
      node->next = *bucket;
      *bucket = node;
      node = next;
    }
  }
  free(hash->buckets);
  hash->buckets = buckets;
  hash->size = size;
  return true;
}

bool hash_insert(struct hash *hash, struct hash_node *node, uint64_t key) {
  if (hash->count >= hash->size && !grow(hash)) return false;
  struct hash_node **bucket = &hash->buckets[place(key, hash->size)];
  node->key = key;
  node->next = *bucket;
  *bucket = node;
  hash->count++;
  return true;
}

void hash_remove(struct hash *hash, struct hash_node *node) {
  if (hash->size == 0) return;
  for (struct hash_node **at = &hash->buckets[place(node->key, hash->size)]; *at != NULL; at = &(*at)->next) {
    if (*at != node) continue;
    *at = node->next;
    hash->count--;
    return;
  }
}

struct hash_node *hash_find(const struct hash *hash, uint64_t key) {
  if (hash->size == 0) return NULL;
  struct hash_node *node = hash->buckets[place(key, hash->size)];
  while (node != NULL && node->key != key) node = node->next;
  return node;
}

struct hash_node *hash_again(const struct hash_node *node) {
  struct hash_node *next = node->next;
  while (next != NULL && next->key != node->key) next = next->next;
  return next;
}

void hash_free(struct hash *hash) {
  free(hash->buckets);
  *hash = (struct hash){0};
}
