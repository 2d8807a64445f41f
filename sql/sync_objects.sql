-- Counters, flags, futexes: what each function says, who may do what.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
DROP ROLE IF EXISTS regress_zipora_sync_owner, regress_zipora_sync_other, regress_zipora_sync_monitor;
RESET client_min_messages;

-- a counter is there from the first addition on
SELECT zipora_counter_get('c'), zipora_counter_reset('c');
SELECT zipora_counter_add('c');
SELECT zipora_counter_add('c', 41), zipora_counter_get('c');
SELECT zipora_counter_add('c', -50);
SELECT zipora_counter_add('zero', 0), zipora_counter_get('zero');
SELECT zipora_counter_reset('c'), zipora_counter_get('c'), zipora_counter_reset('c');
-- not transactional
BEGIN;
SELECT zipora_counter_add('c', 5);
ROLLBACK;
SELECT zipora_counter_get('c');
-- the ends of bigint, both; nothing changes
SELECT zipora_counter_add('end', 9223372036854775807);
SELECT zipora_counter_add('end', 1);
SELECT zipora_counter_get('end');
SELECT zipora_counter_add('end', -9223372036854775807), zipora_counter_add('end', -9223372036854775808);
SELECT zipora_counter_add('end', -1);
SELECT zipora_counter_get('end'), zipora_counter_add('end', 9223372036854775807);
-- many names in one statement
SELECT sum(zipora_counter_add('many' || i % 7, i)) FROM generate_series(1, 1000) i;
SELECT n, zipora_counter_get('many' || n) = (SELECT sum(i) FROM generate_series(1, 1000) i WHERE i % 7 = n) AS exact
FROM generate_series(0, 6) n;
SELECT count(zipora_counter_drop('many' || n)) FROM generate_series(0, 6) n;

-- a flag
SELECT zipora_flag_test('f'), zipora_flag_clear('f'), zipora_flag_test('f');
SELECT zipora_flag_set('f'), zipora_flag_set('f'), zipora_flag_test('f');
SELECT zipora_flag_clear('f'), zipora_flag_clear('f'), zipora_flag_test('f');

-- a futex: 32 bits, all of them
SELECT zipora_futex_load('x');
SELECT zipora_futex_wait('x', 0);
SELECT zipora_futex_wake('x');
SELECT zipora_futex_store('x', 7), zipora_futex_load('x');
SELECT zipora_futex_store('x', -2147483648), zipora_futex_store('x', 2147483647), zipora_futex_load('x');
SELECT zipora_futex_wait('x', 7);
SELECT zipora_futex_wait('x', 7, '1 hour'), zipora_futex_wait('x', 7, '0'), zipora_futex_wait('x', 7, NULL);
SELECT zipora_futex_wait('x', 2147483647, '0'), zipora_futex_wait('x', 2147483647, '20 ms');
SELECT clock_timestamp() - now() BETWEEN '0.25 s' AND '0.6 s' AS as_long_as_said
FROM (SELECT zipora_futex_wait('x', 2147483647, '0.25 s') OFFSET 0) w;
SELECT zipora_futex_wait('x', 7, '-1 ms');
SELECT zipora_futex_wait('x', 7, '1 month -31 days');
SELECT zipora_futex_wait('x', 7, '178000000 years');
SELECT zipora_futex_wake('x'), zipora_futex_wake('x', 0), zipora_futex_wake('x', NULL);
SELECT zipora_futex_wake('x', -1);

-- kinds have names of their own
SELECT zipora_create('c', 'bigint');
SELECT zipora_counter_add('x', 3), zipora_flag_set('x'), zipora_futex_load('x');
SELECT object, kind, owner = current_user AS own, value, waiters, created <= now() AS created
FROM zipora_sync_objects ORDER BY kind COLLATE "C", object COLLATE "C";
SELECT count(*) FROM zipora_tries WHERE trie = 'x';
SELECT zipora_drop('c');
SELECT zipora_counter_get('c');

-- NULL and names
SELECT zipora_counter_add(NULL, 1);
SELECT zipora_counter_add('c', NULL);
SELECT zipora_counter_get(NULL), zipora_counter_reset(NULL), zipora_flag_test(NULL), zipora_flag_clear(NULL), zipora_futex_load(NULL);
SELECT zipora_flag_set(NULL);
SELECT zipora_futex_store(NULL, 1);
SELECT zipora_futex_store('x', NULL);
SELECT zipora_futex_wait(NULL, 1);
SELECT zipora_futex_wait('x', NULL);
SELECT zipora_futex_wake(NULL);
SELECT zipora_counter_drop(NULL);
SELECT zipora_counter_add('');
SELECT zipora_flag_set(repeat('n', 63)), zipora_flag_drop(repeat('n', 63));
SELECT zipora_flag_set(repeat('n', 64));

-- dropping; what a session knows is looked up anew
PREPARE add AS SELECT zipora_counter_add('c', 1);
EXECUTE add;
SELECT zipora_counter_drop('c');
EXECUTE add;
SELECT zipora_counter_drop('c');
SELECT zipora_counter_drop('c');
SELECT zipora_counter_drop('c', if_exists => true);
SELECT zipora_flag_drop('nothing');
SELECT zipora_futex_drop('nothing', true);
SELECT zipora_counter_drop('zero'), zipora_counter_drop('end'), zipora_counter_drop('x'), zipora_flag_drop('f'),
	zipora_flag_drop('x'), zipora_futex_drop('x');
SELECT count(*) FROM zipora_sync_objects;

-- rights
CREATE ROLE regress_zipora_sync_owner;
CREATE ROLE regress_zipora_sync_other;
CREATE ROLE regress_zipora_sync_monitor IN ROLE pg_read_all_stats;
SET ROLE regress_zipora_sync_owner;
SELECT zipora_counter_add('c', 10), zipora_flag_set('f'), zipora_futex_store('x', 3);
SET ROLE regress_zipora_sync_other;
SELECT zipora_counter_add('c', 1);
SELECT zipora_counter_get('c');
SELECT zipora_counter_reset('c');
SELECT zipora_counter_drop('c');
SELECT zipora_flag_set('f');
SELECT zipora_flag_clear('f');
SELECT zipora_flag_test('f');
SELECT zipora_flag_drop('f', if_exists => true);
SELECT zipora_futex_store('x', 1);
SELECT zipora_futex_load('x');
SELECT zipora_futex_wait('x', 3, '1 ms');
SELECT zipora_futex_wake('x');
SELECT zipora_futex_drop('x');
SELECT zipora_grant('c', 'regress_zipora_sync_other', 'write', kind => 'counter');
SELECT object, kind, owner, value, waiters FROM zipora_sync_objects ORDER BY 1;
SET ROLE regress_zipora_sync_monitor;
SELECT object, kind, owner, value, waiters FROM zipora_sync_objects ORDER BY 1;
SELECT zipora_counter_get('c');

-- granted, kind by kind
SET ROLE regress_zipora_sync_owner;
SELECT zipora_grant('c', 'regress_zipora_sync_other', 'read', 'counter'),
	zipora_grant('f', 'regress_zipora_sync_other', 'read', 'flag'),
	zipora_grant('x', 'public', 'read', 'futex');
SET ROLE regress_zipora_sync_other;
SELECT zipora_counter_get('c'), zipora_flag_test('f'), zipora_futex_load('x'), zipora_futex_wait('x', 3, '1 ms');
SELECT zipora_counter_add('c', 1);
SELECT zipora_counter_reset('c');
SELECT zipora_flag_set('f');
SELECT zipora_flag_clear('f');
SELECT zipora_futex_store('x', 4);
SELECT zipora_futex_wake('x');
SELECT object, kind, value, waiters FROM zipora_sync_objects ORDER BY 1;
SET ROLE regress_zipora_sync_owner;
SELECT zipora_grant('c', 'regress_zipora_sync_other', 'write', 'counter'),
	zipora_grant('f', 'regress_zipora_sync_other', 'write', 'flag'),
	zipora_grant('x', 'regress_zipora_sync_other', 'write', 'futex');
SET ROLE regress_zipora_sync_other;
PREPARE other_add AS SELECT zipora_counter_add('c', 1);
EXECUTE other_add;
SELECT zipora_flag_clear('f'), zipora_futex_store('x', 4), zipora_futex_wake('x');
SELECT zipora_counter_drop('c');
SET ROLE regress_zipora_sync_owner;
SELECT zipora_revoke('c', 'regress_zipora_sync_other', 'write', 'counter');
SET ROLE regress_zipora_sync_other;
EXECUTE other_add;
SELECT zipora_counter_get('c');
SET ROLE regress_zipora_sync_owner;
SELECT zipora_revoke('c', 'regress_zipora_sync_other', 'read', 'counter');
SET ROLE regress_zipora_sync_other;
SELECT zipora_counter_get('c');
RESET ROLE;
SELECT zipora_grant('c', 'regress_zipora_sync_other', 'read', 'sequence');
SELECT zipora_grant('c', 'regress_zipora_sync_other', 'read', 'pool');
SELECT zipora_grant('c', 'regress_zipora_sync_other', 'read');
SELECT zipora_grant('nothing', 'regress_zipora_sync_other', 'read', 'flag');
-- dropped and made anew: the grants are gone, and it is theirs who made it
SELECT zipora_flag_drop('f'), zipora_flag_set('f');
SET ROLE regress_zipora_sync_other;
SELECT zipora_flag_test('f');
RESET ROLE;
SELECT zipora_counter_drop('c'), zipora_flag_drop('f'), zipora_futex_drop('x');

-- what the session keeps
SELECT slot, slots, cache, sessions > 0 AS used, entries > 0 AS entries, bytes > 0 AS bytes, hits > 0 AS hits, misses > 0 AS misses
FROM zipora_local_storage ORDER BY slot;
SELECT entries AS before FROM zipora_local_storage WHERE cache = 'handles' \gset
SELECT count(zipora_counter_add('cached' || i)) FROM generate_series(1, 300) i;
SELECT entries - :before AS more FROM zipora_local_storage WHERE cache = 'handles';
-- dropped ones are closed, and forgotten when there are many
SELECT count(zipora_counter_drop('cached' || i)) FROM generate_series(1, 300) i;
SELECT count(zipora_counter_add('again' || i)) FROM generate_series(1, 300) i;
SELECT entries - :before < 400 AS forgotten FROM zipora_local_storage WHERE cache = 'handles';
SELECT count(zipora_counter_drop('again' || i)) FROM generate_series(1, 300) i;
SELECT count(*) FROM zipora_sync_objects;

DROP ROLE regress_zipora_sync_owner, regress_zipora_sync_other, regress_zipora_sync_monitor;
