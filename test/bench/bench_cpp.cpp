/*
 * bench_cpp.cpp
 *	  absl::btree_map and std::unordered_map behind the benchmark's face.
 *
 * The driver puts a mutex around what is not safe by itself; unordered_map stands
 * for "a hash table under a mutex", so its readers are locked too.
 */
#include <cstring>
#include <string>
#include <unordered_map>

#include <absl/container/btree_map.h>
#include <absl/strings/string_view.h>

#include "bench_map.h"

namespace
{

uint64_t
as_word(const BenchKey *key)
{
	uint64_t	word;

	memcpy(&word, key->bytes, 8);
	return __builtin_bswap64(word);
}

absl::string_view
as_view(const BenchKey *key)
{
	return absl::string_view(key->bytes, key->length);
}

struct BtreeMap
{
	bool		integers;
	absl::btree_map<uint64_t, uint64_t> words;
	absl::btree_map<std::string, uint64_t> strings;
};

template <typename Map, typename Key>
uint64_t
count_from(const Map &map, const Key *from, uint64_t limit)
{
	uint64_t	seen = 0;
	volatile uint64_t sink = 0;

	for (auto at = from ? map.lower_bound(*from) : map.begin();
		 at != map.end() && seen < limit; ++at, ++seen)
		sink = at->second;
	(void) sink;
	return seen;
}

void *
btree_create(bool integers)
{
	return new BtreeMap{integers, {}, {}};
}

void
btree_destroy(void *map)
{
	delete static_cast<BtreeMap *>(map);
}

bool
btree_insert(void *opaque, void *, const BenchKey *key, uint64_t value)
{
	auto	   *map = static_cast<BtreeMap *>(opaque);

	if (map->integers)
		return map->words.emplace(as_word(key), value).second;
	return map->strings.try_emplace(as_view(key), value).second;
}

bool
btree_lookup(void *opaque, void *, const BenchKey *key, uint64_t *value)
{
	auto	   *map = static_cast<BtreeMap *>(opaque);

	if (map->integers)
	{
		auto		at = map->words.find(as_word(key));

		if (at == map->words.end())
			return false;
		*value = at->second;
		return true;
	}
	auto		at = map->strings.find(as_view(key));

	if (at == map->strings.end())
		return false;
	*value = at->second;
	return true;
}

uint64_t
btree_scan(void *opaque, void *, const BenchKey *from, uint64_t limit)
{
	auto	   *map = static_cast<BtreeMap *>(opaque);

	if (map->integers)
	{
		uint64_t	word = from ? as_word(from) : 0;

		return count_from(map->words, from ? &word : nullptr, limit);
	}
	std::string	text = from ? std::string(as_view(from)) : std::string();

	return count_from(map->strings, from ? &text : nullptr, limit);
}

struct UnorderedMap
{
	bool		integers;
	std::unordered_map<uint64_t, uint64_t> words;
	std::unordered_map<std::string, uint64_t> strings;
};

void *
unordered_create(bool integers)
{
	return new UnorderedMap{integers, {}, {}};
}

void
unordered_destroy(void *map)
{
	delete static_cast<UnorderedMap *>(map);
}

bool
unordered_insert(void *opaque, void *, const BenchKey *key, uint64_t value)
{
	auto	   *map = static_cast<UnorderedMap *>(opaque);

	if (map->integers)
		return map->words.emplace(as_word(key), value).second;
	return map->strings.emplace(std::string(as_view(key)), value).second;
}

bool
unordered_lookup(void *opaque, void *, const BenchKey *key, uint64_t *value)
{
	auto	   *map = static_cast<UnorderedMap *>(opaque);

	if (map->integers)
	{
		auto		at = map->words.find(as_word(key));

		if (at == map->words.end())
			return false;
		*value = at->second;
		return true;
	}
	auto		at = map->strings.find(std::string(as_view(key)));

	if (at == map->strings.end())
		return false;
	*value = at->second;
	return true;
}

}								/* namespace */

extern "C" const BenchMap bench_btree = {
	"absl::btree_map", true, true, false, false,
	btree_create, btree_destroy, nullptr, nullptr,
	btree_insert, btree_lookup, btree_scan, nullptr
};

extern "C" const BenchMap bench_unordered = {
	"unordered_map+mutex", true, true, false, true,
	unordered_create, unordered_destroy, nullptr, nullptr,
	unordered_insert, unordered_lookup, nullptr, nullptr
};
