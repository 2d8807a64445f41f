/*
 * node_build.h
 *	  New nodes: leaves, branches, and changed copies of others.
 *
 * A plan says what a node will be; its size is known before anything is locked,
 * and it is built once the nodes that it copies from are locked.
 */
#ifndef ZP_NODE_BUILD_H
#define ZP_NODE_BUILD_H

#include "trie/node.h"

#define ZP_NO_LABEL (-1)

typedef struct ZpNodePlan
{
	/* The path: lead, then joint (unless ZP_NO_LABEL), then source's path from tail_from on. */
	const unsigned char *lead;
	size_t		lead_bytes;
	int			joint;
	ZpNode	   *source;			/* NULL: nothing to copy */
	uint32_t	source_word;
	size_t		tail_from;

	/* The key that ends here: the source's if keep_payload, else payload if terminal. */
	bool		terminal;
	bool		keep_payload;
	uint64_t	payload;

	/* The source's children, less one, and up to two others. */
	int			remove_label;
	int			added;			/* how many of label[], child[] are used */
	unsigned char label[2];		/* ascending; not among the source's */
	ZpRef		child[2];

	/* Filled by zp_plan_node. */
	uint32_t	word;
	size_t		bytes;
} ZpNodePlan;

/* A plan for an exact copy of source; change it, then zp_plan_node. */
extern ZpNodePlan zp_plan_copy(ZpNode *source, uint32_t source_word);

/* A plan for a node without a source. */
extern ZpNodePlan zp_plan_new(const unsigned char *path, size_t path_bytes);

/* Chooses the node's shape and computes its size. */
extern void zp_plan_node(ZpNodePlan *plan, size_t payload_bytes);

/*
 * Writes the node.  The source is locked.  ZP_BUSY if a direct source has got or
 * lost children since the plan, so that the node would have another shape: plan again.
 */
extern ZpStatus zp_build_node(const ZpNodePlan *plan, ZpNode *node, size_t payload_bytes);

#endif							/* ZP_NODE_BUILD_H */
