/*
 * support.h
 *	  Strings that grow, and random numbers that a seed decides.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string that grows.  All zeros is an empty one. */
typedef struct Text
{
	char	   *data;			/* ends with a zero byte; NULL until something is added */
	size_t		length;
	size_t		room;
} Text;

extern void text_add(Text *text, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void text_add_bytes(Text *text, const char *bytes, size_t length);
extern void text_add_byte(Text *text, char byte);
extern void text_clear(Text *text);
extern void text_free(Text *text);

/* The string, also where nothing was added yet. */
extern const char *text_of(const Text *text);

/* value as an SQL string, quotes included */
extern void text_add_quoted(Text *text, const char *value);

/*
 * Random numbers.  What follows a random_seed depends on the seed and the place alone, so
 * that a phase, and within it a step, can be had again without those before it.
 */
extern void random_seed(uint64_t seed, uint64_t place);
extern uint64_t random_bits(void);
extern int	random_below(int bound);	/* 0 .. bound - 1 */
extern int	random_between(int low, int high);	/* both included */
extern bool random_chance(int percent);

/* The state, to come back to after a random_seed. */
extern uint64_t random_save(void);
extern void random_restore(uint64_t state);

extern void *allocate(size_t bytes);	/* zeros; ends the program if there is no memory */
extern void *reallocate(void *old, size_t bytes);
extern double seconds_now(void);		/* by a clock that only goes forward */

#endif							/* SUPPORT_H */
