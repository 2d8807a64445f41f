-- Who may do what.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS zipora;
RESET client_min_messages;

SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_zipora_owner, regress_zipora_member, regress_zipora_reader, regress_zipora_writer,
	regress_zipora_group, regress_zipora_nobody, regress_zipora_monitor;
RESET client_min_messages;
CREATE ROLE regress_zipora_owner;
CREATE ROLE regress_zipora_member IN ROLE regress_zipora_owner;
CREATE ROLE regress_zipora_reader;
CREATE ROLE regress_zipora_group;
CREATE ROLE regress_zipora_writer IN ROLE regress_zipora_group;
CREATE ROLE regress_zipora_nobody;
CREATE ROLE regress_zipora_monitor IN ROLE pg_read_all_stats;

SET ROLE regress_zipora_owner;
SELECT zipora_create('mine', 'bigint');
SELECT zipora_insert('mine', 'k', 1);
SELECT trie, owner, keys FROM zipora_tries;

-- nobody else, until granted: not even whether a key is there
SET ROLE regress_zipora_nobody;
SELECT zipora_lookup('mine', 'k');
SELECT zipora_lookup_bigint('mine', 'k');
SELECT zipora_contains('mine', 'k');
SELECT zipora_count('mine');
SELECT * FROM zipora_scan('mine');
SELECT * FROM zipora_prefix('mine', 'k');
SELECT * FROM zipora_longest_prefix('mine', 'k');
SELECT * FROM zipora_prefixes_of('mine', 'k');
SELECT zipora_insert('mine', 'l', 1);
SELECT zipora_upsert('mine', 'k', 2);
SELECT zipora_increment('mine', 'k');
SELECT zipora_delete('mine', 'k');
SELECT zipora_load('mine', 'SELECT ''x'', 1');
SELECT zipora_grant('mine', 'regress_zipora_nobody', 'write');
SELECT zipora_revoke('mine', 'regress_zipora_owner', 'read');
SELECT zipora_check('mine');
SELECT zipora_drop('mine');
SELECT zipora_drop('mine', if_exists => true);
SELECT zipora_create('mine');

-- that it is there and whose it is, everybody sees; its figures not
SELECT trie, owner, keys, used_bytes, pending_frees FROM zipora_tries;
SELECT object, level, reserved_bytes, blocks FROM zipora_pool_stats;
SET ROLE regress_zipora_monitor;
SELECT trie, owner, keys, pending_frees FROM zipora_tries;
SELECT object, blocks > 0 AS blocks FROM zipora_pool_stats;
SELECT zipora_lookup('mine', 'k');

-- members of the owner, and superusers
SET ROLE regress_zipora_member;
SELECT zipora_increment('mine', 'k');
RESET ROLE;
SELECT zipora_increment('mine', 'k');

-- reading
SET ROLE regress_zipora_owner;
SELECT zipora_grant('mine', 'regress_zipora_reader', 'read');
SET ROLE regress_zipora_reader;
SELECT zipora_lookup('mine', 'k'), zipora_count('mine');
SELECT * FROM zipora_scan('mine');
SELECT zipora_insert('mine', 'l', 1);
SELECT zipora_delete('mine', 'k');
SELECT zipora_grant('mine', 'regress_zipora_nobody', 'read');
SELECT zipora_drop('mine');
SELECT trie, keys FROM zipora_tries;

-- writing, through a group
SET ROLE regress_zipora_owner;
SELECT zipora_grant('mine', 'regress_zipora_group', 'write');
SET ROLE regress_zipora_writer;
SELECT zipora_insert('mine', 'l', 1), zipora_lookup('mine', 'l'), zipora_delete('mine', 'l');
SELECT zipora_drop('mine');

-- a right that is taken away in the same session, the same statement prepared
SET ROLE regress_zipora_owner;
PREPARE look AS SELECT zipora_lookup('mine', 'k');
EXECUTE look;
SET ROLE regress_zipora_writer;
EXECUTE look;
RESET ROLE;
SELECT zipora_revoke('mine', 'regress_zipora_group', 'write');
SET ROLE regress_zipora_writer;
EXECUTE look;
SELECT zipora_insert('mine', 'l', 1);
RESET ROLE;
SELECT zipora_grant('mine', 'regress_zipora_group', 'write');
SELECT zipora_revoke('mine', 'regress_zipora_group', 'read');
SET ROLE regress_zipora_writer;
EXECUTE look;
SELECT zipora_insert('mine', 'l', 1);

-- membership given up within a transaction
RESET ROLE;
SELECT zipora_grant('mine', 'regress_zipora_group', 'read');
BEGIN;
SET LOCAL ROLE regress_zipora_writer;
EXECUTE look;
RESET ROLE;
REVOKE regress_zipora_group FROM regress_zipora_writer;
SET LOCAL ROLE regress_zipora_writer;
EXECUTE look;
ROLLBACK;
SET ROLE regress_zipora_writer;
EXECUTE look;

-- public
SET ROLE regress_zipora_owner;
SELECT zipora_grant('mine', 'public', 'read');
SET ROLE regress_zipora_nobody;
SELECT zipora_lookup('mine', 'k');
SELECT zipora_insert('mine', 'l', 1);
SET ROLE regress_zipora_owner;
SELECT zipora_revoke('mine', 'public', 'read');
SET ROLE regress_zipora_nobody;
SELECT zipora_lookup('mine', 'k');

-- a security definer function lends its owner's rights
SET ROLE regress_zipora_owner;
CREATE FUNCTION pg_temp.lent() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT zipora_lookup('mine', 'k') $$;
SET ROLE regress_zipora_nobody;
SELECT pg_temp.lent();
SELECT zipora_lookup('mine', 'k');

-- bad words
RESET ROLE;
SELECT zipora_grant('mine', 'regress_zipora_nobody', 'all');
SELECT zipora_grant('mine', 'regress_zipora_unknown', 'read');
SELECT zipora_revoke('mine', 'regress_zipora_nobody', '');
-- taking what was never given
SELECT zipora_revoke('mine', 'regress_zipora_nobody', 'write');
SELECT zipora_lookup('mine', 'k'), zipora_count('mine');

-- dropped and made anew by another: the old grants are gone
SELECT zipora_grant('mine', 'regress_zipora_nobody', 'write');
SELECT zipora_drop('mine');
SELECT zipora_create('mine', 'bigint');
SET ROLE regress_zipora_nobody;
SELECT zipora_lookup('mine', 'k');
SET ROLE regress_zipora_owner;
SELECT zipora_drop('mine');
RESET ROLE;
SELECT zipora_drop('mine');
DROP FUNCTION pg_temp.lent();
DROP ROLE regress_zipora_owner, regress_zipora_member, regress_zipora_reader, regress_zipora_writer,
	regress_zipora_group, regress_zipora_nobody, regress_zipora_monitor;
