/*
 * node_build.c
 *	  New nodes: leaves, branches, and changed copies of others.
 *
 * The new node is private until its ref is stored into a slot with release, so
 * everything here is a plain (or relaxed) store.
 */
#include "trie/node_build.h"

#include <string.h>

ZpNodePlan
zp_plan_copy(ZpNode *source, uint32_t source_word)
{
	ZpNodePlan	plan = {0};

	plan.joint = ZP_NO_LABEL;
	plan.remove_label = ZP_NO_LABEL;
	plan.source = source;
	plan.source_word = source_word;
	plan.terminal = zp_word_is_terminal(source_word);
	plan.keep_payload = plan.terminal;
	return plan;
}

ZpNodePlan
zp_plan_new(const unsigned char *path, size_t path_bytes)
{
	ZpNodePlan	plan = {0};

	plan.joint = ZP_NO_LABEL;
	plan.remove_label = ZP_NO_LABEL;
	plan.lead = path;
	plan.lead_bytes = path_bytes;
	return plan;
}

void
zp_plan_node(ZpNodePlan *plan, size_t payload_bytes)
{
	size_t		path_bytes = plan->lead_bytes + (plan->joint == ZP_NO_LABEL ? 0 : 1);
	uint32_t	children = (uint32_t) plan->added;
	bool		was_direct = false;
	bool		direct;

	if (plan->source != NULL)
	{
		path_bytes += zp_word_path_bytes(plan->source_word) - plan->tail_from;
		children += zp_node_count_children(plan->source, plan->source_word);
		if (plan->remove_label != ZP_NO_LABEL)
			children--;
		was_direct = zp_word_is_direct(plan->source_word);
	}
	direct = children > ZP_SPARSE_MAX_CHILDREN ||
		(was_direct && children >= ZP_DIRECT_MIN_CHILDREN);
	plan->word = zp_node_make_word(plan->terminal, direct, direct ? 0 : children, path_bytes);
	plan->bytes = zp_word_node_bytes(plan->word, payload_bytes);
}

/* Where the next child goes. */
typedef struct ChildWriter
{
	unsigned char *labels;		/* sparse; NULL: direct */
	ZpAtomicU32 *children;
	uint32_t	count;
} ChildWriter;

static inline void
write_child(ChildWriter *writer, unsigned char label, ZpRef child)
{
	if (writer->labels != NULL)
	{
		writer->labels[writer->count] = label;
		zp_store_relaxed_u32(&writer->children[writer->count], child);
	}
	else
		zp_store_relaxed_u32(&writer->children[label], child);
	writer->count++;
}

/* A sparse source: its children in order, merged with what is added. */
static void
copy_sparse_children(const ZpNodePlan *plan, ChildWriter *writer)
{
	uint32_t	count = zp_word_children(plan->source_word);
	const unsigned char *labels = zp_node_labels(plan->source, plan->source_word);
	ZpAtomicU32 *children = zp_node_children(plan->source, plan->source_word);
	int			added = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		while (added < plan->added && plan->label[added] < labels[i])
		{
			write_child(writer, plan->label[added], plan->child[added]);
			added++;
		}
		if (labels[i] != plan->remove_label)
			write_child(writer, labels[i], zp_load_relaxed_u32(&children[i]));
	}
	for (; added < plan->added; added++)
		write_child(writer, plan->label[added], plan->child[added]);
}

static void
copy_direct_children(const ZpNodePlan *plan, ChildWriter *writer)
{
	ZpAtomicU32 *children = zp_node_children(plan->source, plan->source_word);
	int			added = 0;

	for (int label = 0; label < 256; label++)
	{
		ZpRef		child = zp_load_relaxed_u32(&children[label]);

		if (added < plan->added && plan->label[added] == label)
			write_child(writer, (unsigned char) label, plan->child[added++]);
		else if (child != ZP_NULL_REF && label != plan->remove_label)
			write_child(writer, (unsigned char) label, child);
	}
}

ZpStatus
zp_build_node(const ZpNodePlan *plan, ZpNode *node, size_t payload_bytes)
{
	unsigned char *path = zp_node_path(node);
	ChildWriter writer;

	if (plan->source != NULL && zp_word_is_direct(plan->source_word))
	{
		ZpNodePlan	now = *plan;

		zp_plan_node(&now, payload_bytes);
		if (now.word != plan->word)
			return ZP_BUSY;
	}

	zp_store_relaxed_u32(&node->word, plan->word);
	if (plan->lead_bytes > 0)
		memcpy(path, plan->lead, plan->lead_bytes);
	path += plan->lead_bytes;
	if (plan->joint != ZP_NO_LABEL)
		*path++ = (unsigned char) plan->joint;
	if (plan->source != NULL)
		memcpy(path, zp_node_path(plan->source) + plan->tail_from,
			   zp_word_path_bytes(plan->source_word) - plan->tail_from);

	writer.children = zp_node_children(node, plan->word);
	writer.count = 0;
	if (zp_word_is_direct(plan->word))
	{
		writer.labels = NULL;
		for (int label = 0; label < 256; label++)
			zp_store_relaxed_u32(&writer.children[label], ZP_NULL_REF);
	}
	else
		writer.labels = zp_node_labels(node, plan->word);

	if (plan->source == NULL)
	{
		for (int i = 0; i < plan->added; i++)
			write_child(&writer, plan->label[i], plan->child[i]);
	}
	else if (zp_word_is_direct(plan->source_word))
		copy_direct_children(plan, &writer);
	else
		copy_sparse_children(plan, &writer);
	if (zp_word_is_direct(plan->word))
		zp_store_relaxed_u32(zp_node_direct_count(node, plan->word), writer.count);

	if (plan->terminal && payload_bytes != 0)
	{
		uint64_t	payload = plan->payload;

		if (plan->keep_payload)
			payload = zp_load_relaxed_u64(zp_node_payload(plan->source, plan->source_word));
		zp_store_relaxed_u64(zp_node_payload(node, plan->word), payload);
	}
	return ZP_OK;
}
