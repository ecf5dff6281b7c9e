/* A hash table of nodes that live inside other structures. The caller does the locking. */
#ifndef DKS_HASH_H
#define DKS_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_node {
  uint64_t key;
  struct hash_node *next;
};

struct hash {
  struct hash_node **buckets;
  size_t size, count;
};

/* False without memory. */
bool hash_insert(struct hash *hash, struct hash_node *node, uint64_t key);
void hash_remove(struct hash *hash, struct hash_node *node);
/* The first node with this key; `hash_again` the next one with the same key. */
struct hash_node *hash_find(const struct hash *hash, uint64_t key);
struct hash_node *hash_again(const struct hash_node *node);
/* Frees the table, not the nodes. */
void hash_free(struct hash *hash);

/* The structure that holds a node. */
#define HASH_ENTRY(node, type, member) ((type *)((char *)(node) - offsetof(type, member)))

#endif
