/*
 * support.c
 *	  Strings that grow, and random numbers that a seed decides.
 */
#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t random_state;

void *
allocate(size_t bytes)
{
	void	   *memory = calloc(1, bytes > 0 ? bytes : 1);

	if (memory == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return memory;
}

void *
reallocate(void *old, size_t bytes)
{
	void	   *memory = realloc(old, bytes);

	if (memory == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return memory;
}

static void
text_reserve(Text *text, size_t more)
{
	size_t		needed = text->length + more + 1;

	if (needed > text->room)
	{
		text->room = needed < 64 ? 64 : needed * 2;
		text->data = reallocate(text->data, text->room);
	}
}

void
text_add(Text *text, const char *format,...)
{
	va_list		arguments;
	int			length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	text_reserve(text, (size_t) length);
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t) length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t) length;
}

void
text_add_bytes(Text *text, const char *bytes, size_t length)
{
	text_reserve(text, length);
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
text_add_byte(Text *text, char byte)
{
	text_add_bytes(text, &byte, 1);
}

void
text_clear(Text *text)
{
	text->length = 0;
	if (text->data != NULL)
		text->data[0] = '\0';
}

void
text_free(Text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

const char *
text_of(const Text *text)
{
	return text->data != NULL ? text->data : "";
}

void
text_add_quoted(Text *text, const char *value)
{
	text_add_byte(text, '\'');
	for (const char *at = value; *at != '\0'; at++)
	{
		if (*at == '\'')
			text_add_byte(text, '\'');
		text_add_byte(text, *at);
	}
	text_add_byte(text, '\'');
}

/* splitmix64, by Sebastiano Vigna, public domain */
uint64_t
random_bits(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

void
random_seed(uint64_t seed, uint64_t place)
{
	random_state = seed;
	random_state = random_bits() ^ place;
	random_state = random_bits();
}

uint64_t
random_save(void)
{
	return random_state;
}

void
random_restore(uint64_t state)
{
	random_state = state;
}

int
random_below(int bound)
{
	return (int) (random_bits() % (uint64_t) bound);
}

int
random_between(int low, int high)
{
	return low + random_below(high - low + 1);
}

bool
random_chance(int percent)
{
	return random_below(100) < percent;
}

double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}
