/*
 * test_keys.h
 *	  Random values of every type that has keys, and what the types' own functions say of them.
 */
#ifndef TEST_KEYS_H
#define TEST_KEYS_H

#include "compat.h"

#include "access/stratnum.h"

#include "am/key.h"

#define TEST_TYPES 12

extern const Oid test_types[TEST_TYPES];

/* xorshift; the same numbers from the same seed. */
extern void random_seed(uint64 seed);
extern uint32 random_below(uint32 limit);

/* From a small pool of awkward ones, so that equal ones and prefixes are frequent. */
extern Datum random_value(Oid type);

/* As btree compares, under the collation C; the types may be two of one family. */
extern int	compare_values(Oid a_type, Datum a, Oid b_type, Datum b);

/* Whether value <operator> constant. */
extern bool apply_operator(StrategyNumber strategy, Oid type, Datum value, Oid constant_type,
						   Datum constant);

/* Text form, for messages. */
extern char *value_text(Oid type, Datum value);

#endif							/* TEST_KEYS_H */
