/*
 * change.h
 *	  How a trie changes its shape: a slot gets another subtree.
 *
 * A change is planned without a lock, from nodes as they were met; the memory that
 * it takes is reserved; then the nodes are locked and looked at again, the new ones
 * written, and the slot is set.  Whatever can fail does so before the first lock.
 *
 * The keys that move are items: bytes behind some common place, in order.  Nodes to
 * be written are plans.  All of it is private, and lives for one operation.
 */
#ifndef ZP_CHANGE_H
#define ZP_CHANGE_H

#include "trie/descend.h"

/* Two full buckets and a key more are the most that one change looks at. */
#define ZP_CHANGE_ITEMS			(2 * ZP_BUCKET_ENTRIES + 2)
/* A full bucket and a key more the most that it spreads over several nodes. */
#define ZP_CHANGE_CHILDREN		(ZP_BUCKET_ENTRIES + 1)
#define ZP_CHANGE_PLANS			(2 * ZP_CHANGE_CHILDREN + 2)
#define ZP_CHANGE_OLD			3
/* Room for suffixes that get longer, or are put together from head and heap. */
#define ZP_CHANGE_SCRATCH		8192

/* Where an item's payload comes from, once everything is locked. */
typedef enum ZpItemSource
{
	ZP_ITEM_NEW,				/* the change's payload */
	ZP_ITEM_ENTRY,				/* an entry of old[from], a bucket */
	ZP_ITEM_TERMINAL			/* the key of old[from], an inner node */
} ZpItemSource;

typedef struct ZpItem
{
	const unsigned char *at;	/* NULL: in local */
	size_t		bytes;
	uint64_t	head;			/* of a short suffix, as it was; 0: none */
	ZpItemSource source;
	uint8_t		from;
	uint8_t		entry;
	unsigned char local[8];
} ZpItem;

typedef struct ZpPiece
{
	const unsigned char *at;
	size_t		bytes;
} ZpPiece;

static const ZpPiece zp_no_piece = {NULL, 0};

#define ZP_PATH_PIECES 3

typedef enum ZpPlanKind
{
	ZP_PLAN_BUCKET,				/* a bucket of items */
	ZP_PLAN_BRANCH,				/* a new inner node */
	ZP_PLAN_COPY				/* an inner node like another one */
} ZpPlanKind;

typedef struct ZpPlan
{
	ZpPlanKind	kind;
	ZpPiece		path[ZP_PATH_PIECES];	/* one behind the other */

	/* BUCKET: items low to high - 1, without their first `skip` bytes; or `grown`. */
	bool		grown;			/* the live entries of old[0], and change->suffix */
	int			low;
	int			high;
	size_t		skip;
	uint32_t	capacity;
	size_t		heap_end;

	/* BRANCH and COPY: children that come in, by ascending label. */
	int			added;
	unsigned char added_label[ZP_CHANGE_CHILDREN];
	uint8_t		added_plan[ZP_CHANGE_CHILDREN];
	int			terminal_item;	/* the key that ends here; -1: none */

	/* COPY: of the node `source`, and what is different. */
	ZpNode	   *source;
	uint32_t	source_word;
	bool		keep_terminal;
	int			remove;			/* position of a child that goes; -1: none */
	int			replace;		/* position of a child that gives way to... */
	int			replacement;	/* ...this plan; replace -1: none */
	int			relabel;		/* position of a child whose label becomes... */
	unsigned char new_label;	/* ...this; relabel -1: none */

	/* Filled by zp_change_apply. */
	uint32_t	word;
	size_t		bytes;
	ZpNode	   *node;
	uint32_t	slot;
} ZpPlan;

/* A node that goes, and what must still be true of it. */
typedef struct ZpOld
{
	ZpMet		met;
	uint32_t	state;			/* buckets: as it was read */
	bool		stays;			/* a bucket that is only looked at, and gets a bound */
	unsigned char bound;
} ZpOld;

typedef struct ZpChange
{
	ZpTrieSession *session;
	ZpPlace		place;			/* the slot that changes */
	uint64_t	payload;		/* of the new item */

	/* Old nodes.  None: the slot is empty. */
	ZpOld		old[ZP_CHANGE_OLD];
	int			old_count;
	int			parent;			/* which of them holds the others and is locked first; -1: none */

	/*
	 * Children of old[0] that must be inner nodes (or a bucket), or the ranges that
	 * the plan counts on are not what they were; -1: none.
	 */
	int			inner_at;
	int			bucket_at;

	/* Of a bucket that grows: the suffix that comes in. */
	ZpSuffix	suffix;

	ZpItem		items[ZP_CHANGE_ITEMS];
	ZpItem	   *sorted[ZP_CHANGE_ITEMS];
	int			item_count;
	unsigned char scratch[ZP_CHANGE_SCRATCH];
	size_t		scratch_used;

	ZpPlan		plans[ZP_CHANGE_PLANS];
	int			plan_count;
	int			top;			/* what the slot gets; -1: nothing */
	bool		ascending;		/* the new key is the last of keys that came in order */
	uint32_t	least_capacity;	/* of the bucket where it goes then */
	bool		exact;			/* buckets have no room for more than their items */
} ZpChange;

extern void zp_change_begin(ZpChange *change, ZpTrieSession *session, ZpPlace place);

/* Adds an old node; returns its number. */
extern int	zp_change_add_old(ZpChange *change, const ZpMet *met);

/* Adds the node that holds the other old nodes: it is its slot that changes. */
extern void zp_change_add_parent(ZpChange *change, const ZpMet *met);

/*
 * Adds a live bucket's keys (old[from], which gets its state here) as items, in
 * order, behind those that there are: the path from byte path_from on, and the
 * suffix.  False: there is no room for such items, and none was added.
 */
extern bool zp_change_add_bucket(ZpChange *change, int from, size_t path_from);

/* Adds the key that ends in old[from], an inner node, as an empty item. */
extern void zp_change_add_terminal(ZpChange *change, int from);

/* Adds a new key among the items, where it belongs; they do not have it. */
extern void zp_change_add_key(ZpChange *change, const unsigned char *at, size_t bytes,
							  uint64_t payload);

/*
 * Plans nodes for items low to high - 1, which share their first `skip` bytes: a
 * bucket if one is enough, else inner nodes and buckets.  The path is a and b and
 * what the items share.  Returns the plan.
 */
extern int	zp_plan_subtree(ZpChange *change, ZpPiece a, ZpPiece b, int low, int high,
							size_t skip);

/*
 * Plans a larger bucket with the path and the keys of old[0], a bucket that is the only
 * old node, and one suffix more.  -1: they are too many, or too long, for one bucket.
 */
extern int	zp_plan_grown(ZpChange *change, const ZpSuffix *suffix, uint64_t payload);

/* Whether all items fit in one bucket, with paths behind so many of their bytes. */
extern bool zp_items_fit(const ZpChange *change, int low, int high, size_t skip);

/* Bytes, behind the first `skip`, that items low to high - 1 share. */
extern size_t zp_items_common(const ZpChange *change, int low, int high, size_t skip);

/*
 * Plans children of an inner node for items low to high - 1, which share their first
 * `skip` bytes, the node's path among them, and go on: as few as can be.
 */
extern void zp_plan_children(ZpChange *change, int plan, int low, int high, size_t skip);

/* Bytes of the block that a plan's node will take. */
extern size_t zp_plan_bytes(ZpChange *change, int plan);

extern const unsigned char *zp_item_at(const ZpItem *item);

/* A plan of an inner node without children, and one of a copy of `source`. */
extern int	zp_plan_branch(ZpChange *change, ZpPiece a, ZpPiece b);
extern int	zp_plan_copy(ZpChange *change, ZpNode *source, uint32_t source_word);

/* A child of a branch or copy; labels come in ascending order. */
extern void zp_plan_add_child(ZpPlan *plan, unsigned char label, int child);

/*
 * Reserves, locks, looks, writes, sets the slot, retires.  ZP_OK; ZP_BUSY: something
 * was not as it was met, nothing was done, begin again; ZP_CANCELLED, ZP_OUT_OF_MEMORY,
 * ZP_OVER_LIMIT, ZP_MAP_FAILED: nothing was done.
 */
extern ZpStatus zp_change_apply(ZpChange *change);

/* Retires a block of the trie that was unlinked. */
extern void zp_retire_block(ZpTrieSession *session, ZpRef ref, size_t bytes);

/* Retires the value of a BLOCK payload that was unlinked. */
extern void zp_retire_payload(ZpTrieSession *session, uint64_t payload);

/* The end of every operation that writes: leaves, and frees in bulk when it is time. */
extern void zp_end_write(ZpTrieSession *session);

#endif							/* ZP_CHANGE_H */
